"""A recording driven through the mock again: its requests and decisions, at their instants (recordings.md §6).

What comes of it is taped, so a replay gives a whole recording that can be compared, or kept.
"""

from collections import ChainMap

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Response
from lab.core.journal.fact import LedgerCleared
from lab.core.observe import Noted, Replied
from lab.faults.model import left_of
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.alias import HERE, named
from lab.recording.anew import made_anew
from lab.recording.bodies import Blob
from lab.recording.codec import fact_of
from lab.recording.lines import Entry, Recording, Req, Res
from lab.recording.match import class_of
from lab.recording.rebuild import Rebuild
from lab.recording.tape import Tape


def secrets_of(config: Config) -> dict[str, str]:
    """What the aliases of clients, users and the lab's own origin stand for."""
    users = {named("user", account.name): account.password for account in config.accounts}
    own = {HERE: config.own} if config.own else {}
    return {named("client", client.id): client.secret for client in config.clients} | users | own


def feed(service: Service, line: Entry, rebuild: Rebuild) -> None:
    """Give the mock an input fact that came from elsewhere than an exchange."""
    fact = fact_of(rebuild.fact(line))
    if isinstance(fact, LedgerCleared):
        service.reset(line.instant)
    elif fact is not None:
        service.note(fact)


class Drive:
    """One mock, one tape in memory, and the values that aliases stand for this time."""

    def __init__(self, recording: Recording, config: Config, blob: Blob | None = None) -> None:
        self.skipped = 0
        self._recording = recording
        self._by_shell = {line.x for line in recording.lines if isinstance(line, Res) and line.by == "shell"}
        self._written: list[bytes] = []
        self._service = Service(config)
        pairs = [(client.id, client.secret) for client in config.clients]
        header = replace(recording.header, more={})
        self._long: dict[str, bytes] = {}
        blobs = self._long.__setitem__ if "blob" in header.features else None
        self._tape = Tape(self._service, self._written.append, header, clients=pairs, blobs=blobs)
        self._service.observers.append(self._tape)
        redactor = self._tape.redactor
        self._values = ChainMap(redactor.values(), secrets_of(config))
        self._rebuild = Rebuild(
            config.clients, self._values, redactor.bind, blob, made_anew(recording, config), config.accounts
        )
        self._x = 0
        self._replies: dict[int, tuple[Response, Millis]] = {}

    def run(self) -> bytes:
        """The whole recording of this time."""
        for line in self._recording.lines:
            match line:
                case Req():
                    self._request(line)
                case Res():
                    self._reply(line)
                case Entry():
                    self._fact(line)
                case _:
                    continue
        end = self._recording.end
        self._tape.close(self._recording.until, end.reason if end else "closed")
        return b"".join(self._written)

    def _request(self, line: Req) -> None:
        # what only the shell decides isn't handed over, but keeps its number
        if line.cut is not None or line.listener is not None or line.x in self._by_shell:
            self.skipped += 1
            return
        while self._x < line.x - 1:
            self._x = self._service.next_exchange()
        reply = self._service.serve(self._rebuild.request(line), line.t, c=line.c, took=line.took)
        self._x = reply.x
        self._replies[line.x] = (reply.whole(line.t)[0], reply.held)

    def _reply(self, line: Res) -> None:
        found = self._replies.pop(line.x, None)
        if found is not None:
            response, held = found
            if line.cut is not None:
                response = left_of(response, line.status, line.sent)
            self._service.tell(
                Replied(line.t, line.x, response, held, line.first, line.by, line.cut, line.sent)
            )  # fmt: skip

    def _fact(self, line: Entry) -> None:
        kind = class_of(line)
        if kind == "shell" and (fact := fact_of(line)) is not None:
            self._service.tell(Noted(line.t, fact, line.x))
        if kind != "input" or line.x is not None:
            return
        feed(self._service, line, self._rebuild)
