"""A recording driven through the mock again: its requests and decisions, at their instants (recording.md §6).

What comes of it is taped, so a replay gives a whole recording that can be compared, or kept.
"""

from base64 import b64encode
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote_plus, urlencode

from lab.core.clock import Millis
from lab.core.exchange import Headers, Request, Response
from lab.core.journal import JobAccepted, LedgerCleared
from lab.core.oauth import Client
from lab.core.observe import Noted, Replied
from lab.core.service import Config, Service
from lab.core.service.views import UNMATCHED
from lab.recording.alias import aliases, fill, named
from lab.recording.bodies import bytes_of, filled
from lab.recording.codec import fact_of
from lab.recording.lines import Entry, Recording, Req, Res
from lab.recording.match import class_of
from lab.recording.tape import Tape

Blob = Callable[[str], bytes]


class Drive:
    """One mock, one tape in memory, and the values that aliases stand for this time."""

    def __init__(self, recording: Recording, config: Config, blob: Blob | None = None) -> None:
        self.made_up: list[str] = []
        self.skipped = 0
        self._recording = recording
        self._by_shell = {line.x for line in recording.lines if isinstance(line, Res) and line.by == "shell"}
        self._blob = blob
        self._written: list[bytes] = []
        self._service = Service(config)
        pairs = [(client.id, client.secret) for client in config.clients]
        header = replace(recording.header, extra=())
        self._long: dict[str, bytes] = {}
        blobs = self._long.__setitem__ if "blob" in header.features else None
        self._tape = Tape(self._service, self._written.append, header, clients=pairs, blobs=blobs)
        self._service.observers.append(self._tape)
        self._clients = {named("client", client.id): client for client in config.clients}
        secrets = {alias: client.secret for alias, client in self._clients.items()}
        self._values: Mapping[str, str] = ChainMap(self._tape.redactor.values(), secrets)
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
        reply = self._service.serve(self._rebuilt(line), line.t, c=line.c, took=line.took)
        self._x = reply.x
        self._replies[line.x] = (reply.response, reply.held)

    def _reply(self, line: Res) -> None:
        found = self._replies.pop(line.x, None)
        if found is not None:
            response, held = found
            self._service.tell(
                Replied(line.t, line.x, response, held, line.first, line.by, line.cut, line.sent)
            )  # fmt: skip

    def _fact(self, line: Entry) -> None:
        kind = class_of(line)
        if kind == "shell" and (fact := fact_of(line)) is not None:
            self._service.tell(Noted(line.t, fact, line.x))
        if kind != "input" or line.x is not None:
            return
        for name, value in line.members:
            self._know(str(value), f"fact {name}")
        told = tuple((name, filled(value, self._values)) for name, value in line.members)
        fact = fact_of(replace(line, members=told))
        if isinstance(fact, LedgerCleared):
            self._service.reset(line.instant)
        elif fact is not None:
            self._service.note(fact)
        if isinstance(fact, JobAccepted):
            # a job told again keeps its ordinal, so the next one must not get it
            counter = f"job/{fact.client}/{fact.scenario or UNMATCHED.name}"
            while self._service.ledger.take(counter) < fact.ordinal:
                continue

    # Requests

    def _rebuilt(self, line: Req) -> Request:
        for text in (line.path, *(value for _, value in line.query), *(value for _, value in line.headers)):
            self._know(text, text.partition(" ")[0].lower())
        if line.body.value is not None:
            self._know(str(line.body.value), "body")
        values = self._values
        return Request(
            line.method,
            fill(line.path, values),
            urlencode([(fill(name, values), fill(value, values)) for name, value in line.query]),
            self._headers(line),
            bytes_of(line.body, values, self._blob),
        )

    def _headers(self, line: Req) -> Headers:
        return tuple((name, self._header(name, value, line.flags)) for name, value in line.headers)

    def _header(self, name: str, value: str, flags: tuple[str, ...]) -> str:
        scheme, _, rest = value.partition(" ")
        client = self._clients.get(rest)
        if name == "authorization" and client is not None and scheme.lower() == "basic":
            return f"{scheme} {_basic(client, raw='basic_raw' in flags)}"
        return fill(value, self._values)

    def _know(self, text: str, where: str) -> None:
        """Make up a value for each alias that nothing has given yet, wrong in the same way where it was wrong."""
        for alias in aliases(text) if "«" in text else ():
            if alias not in self._values:
                self._tape.redactor.bind(_made_up(alias, where), alias)
                self.made_up.append(alias)


def _basic(client: Client, *, raw: bool) -> str:
    pair = f"{client.id}:{client.secret}" if raw else f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
    return b64encode(pair.encode()).decode()


def _made_up(alias: str, where: str) -> str:
    name = alias.strip("«»").replace(":", "-")
    if "malformed" in alias:
        return name
    if where == "basic":
        return b64encode(f"{name}:{name}".encode()).decode()
    if where in ("bearer", "fact token"):
        return f"eyJhbGciOiJub25lIn0.eyJzdWIiOiI.{name}"
    return name
