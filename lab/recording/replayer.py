"""A recording asked of the mock again: its requests and decisions, at their instants (recordings.md §6).

There is one loop, and two ways to go through it. `TapedReplay` tapes what comes of it, so it gives a whole recording that
can be compared or kept. `FastReplay` (in `fast_replay`) compares line by line, and writes nothing.
"""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import assert_never

from msgspec.structs import replace

from lab.core.exchange import Response
from lab.core.journal.fact import LedgerCleared
from lab.core.observe import Noted, Replied
from lab.core.reply import Reply
from lab.faults.model import left_of
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.alias import HERE, named
from lab.recording.bodies import Blob
from lab.recording.codec import fact_of
from lab.recording.lines import Entry, Other, Recording, Req, Res
from lab.recording.match import class_of
from lab.recording.rebuild import RequestBuilder
from lab.recording.redact import redactor_of
from lab.recording.tape import Tape


def configured_secrets(config: Config) -> dict[str, str]:
    """What the aliases of clients, users and the lab's own origin stand for."""
    users = {named("user", account.name): account.password for account in config.accounts}
    own = {HERE: config.own} if config.own else {}
    return {named("client", client.id): client.secret for client in config.clients} | users | own


class Replayer:
    """One mock, asked what the recording asks."""

    def __init__(
        self, recording: Recording, config: Config, blob: Blob | None,
        values: Mapping[str, str], bind: Callable[[str, str], object],
    ) -> None:  # fmt: skip
        """`values` is what aliases stand for this time; `bind` takes a value and the alias that is to stand for it."""
        self.recording = recording
        self.service = Service(config)
        self.skipped = 0
        """Requests that weren't asked: only the shell can decide them."""
        self._builder = RequestBuilder(recording, config, values, bind, blob)
        self._by_shell = {line.x for line in recording.lines if isinstance(line, Res) and line.by == "shell"}
        self._replies: dict[int, tuple[Reply, Response]] = {}

    def replay(self) -> bool:
        """Go through the recording; False as soon as `reply` or `fact` says that this is enough."""
        for line in self.recording.lines:
            match line:
                case Req():
                    self._ask(line)
                case Res():
                    if not self.reply(line, *self._replies.pop(line.x, (None, None))):
                        return False
                case Entry():
                    if not self.fact(line):
                        return False
                case Other():
                    continue
                case _:
                    assert_never(line)
        return True

    def reply(self, line: Res, reply: Reply | None, response: Response | None) -> bool:
        """A reply was recorded, and this is the mock's now, with all of its body; None: it wasn't asked."""
        raise NotImplementedError

    def fact(self, line: Entry) -> bool:
        """A fact was recorded."""
        raise NotImplementedError

    def _ask(self, line: Req) -> None:
        # what only the shell decides isn't handed over, but keeps its number
        if line.cut is not None or line.listener is not None or line.x in self._by_shell:
            self.skipped += 1
            return
        while self.service.exchanges < line.x - 1:
            self.service.next_exchange()
        reply = self.service.serve(self._builder.request(line), line.t, c=line.c, took=line.took)
        self._replies[line.x] = reply, self._builder.explained(line.x, reply.whole(line.t)[0])

    def feed(self, line: Entry) -> None:
        """Give the mock an input fact that came from elsewhere than an exchange."""
        fact = fact_of(self._builder.fact(line))
        if isinstance(fact, LedgerCleared):
            self.service.reset(line.instant)
        elif fact is not None:
            self.service.note(fact)


class TapedReplay(Replayer):
    """Tapes what comes of it, in memory."""

    def __init__(self, recording: Recording, config: Config, blob: Blob | None = None) -> None:
        redactor = redactor_of(config)
        values = ChainMap(redactor.values, configured_secrets(config))
        super().__init__(recording, config, blob, values, redactor.bind)
        self._written: list[bytes] = []
        header = replace(recording.header, more={})
        long: dict[str, bytes] = {}
        blobs = long.__setitem__ if "blob" in header.features else None
        self._tape = Tape(self.service, self._written.append, header, blobs=blobs, redactor=redactor)
        self.service.observers.append(self._tape)

    def run(self) -> bytes:
        """The whole recording of this time."""
        self.replay()
        end = self.recording.end
        self._tape.close(self.recording.until, end.reason if end else "closed")
        return b"".join(self._written)

    def reply(self, line: Res, reply: Reply | None, response: Response | None) -> bool:
        """Tape the mock's reply, cut where the recorded one was."""
        if reply is not None and response is not None:
            if line.cut is not None:
                response = left_of(response, line.status, line.sent)
            observation = Replied(line.t, line.x, response, reply.latency, line.first, line.by, line.cut, line.sent)
            self.service.tell(observation)
        return True

    def fact(self, line: Entry) -> bool:
        """Tape what the shell said; take what came from outside."""
        kind = class_of(line)
        if kind == "shell" and (fact := fact_of(line)) is not None:
            self.service.tell(Noted(line.t, fact, line.x))
        if kind == "input" and line.x is None:
            self.feed(line)
        return True
