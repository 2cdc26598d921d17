"""A line a request on stderr: written by a thread of its own, in batches, so that no call waits for it.

A line holds neither body, headers nor query, in which credentials stand; what a client wrote in it commands no terminal.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from lab.cli.console import Console
from lab.cli.logs.background import BackgroundWriter
from lab.cli.logs.exchange_log import ExchangeLog, paired
from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.core.journal.shell import RequestMalformed
from lab.core.logtext import harmless_text
from lab.core.observe import Observer, Replied, Requested
from lab.server.mounts import Mount

LogForm: TypeAlias = Literal["text", "json"]
_LONGEST = 200
"""Characters of a path or a method that are shown."""
PIPE_PART = 4_096
"""Bytes that no system writes into a pipe in parts; a line is far shorter."""


class LogEntry(Struct):
    """One request and how its reply ended."""

    t: Millis
    """When it came, on the lab's clock."""
    x: int
    """Its ordinal in its mock, as in a recording."""
    scenario: str | None
    """That which its client chose; None: none."""
    tenant: str | None
    """Whom it was for; None: the one without a name."""
    method: str
    path: str
    route: str
    trace: str
    """Its trace id, which its client may have sent (W3C Trace Context)."""
    status: int = 0
    """0: no status line left."""
    ms: Millis = 0
    """From the whole request to the last byte of the reply, on the lab's clock."""
    bytes: int = 0
    """Of the reply's body."""
    cut: str | None = None
    """How the reply ended before it was whole."""


class MalformedEntry(Struct):
    """What came over a connection and was no request."""

    t: Millis
    malformed: str
    """What is wrong with it, in the parser's word."""
    bytes: int


class RequestLog(ExchangeLog):
    """The log of what a lab serves, in every mock behind its listener."""

    def __init__(self, form: LogForm, console: Console) -> None:
        self._form = form
        self._console = console
        self._writer = BackgroundWriter("request log", self._write, self._tell_left_out)
        self.look = self._writer.look

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

    def _observe(self, mount: Mount) -> None:
        service = mount.service
        service.observers.append(
            self.observer(mount.name, lambda each: service.config.trace_of(each), mount.tenant.name)
        )

    def observer(self, scenario: str | None, trace: Callable[[Requested], str], tenant: str | None = None) -> Observer:
        """What is to be told of the requests to one mock; `trace` gives the trace id of each."""

        def begin(requested: Requested) -> LogEntry:
            sent = requested.request
            where = scenario, tenant, sent.method, sent.path, requested.route
            return LogEntry(requested.at, requested.x, *where, trace(requested))

        return paired(begin, self._end, self._note)

    def _end(self, entry: LogEntry, replied: Replied) -> None:
        response = replied.response
        entry.status, entry.ms, entry.cut = response.status, replied.at - entry.t, replied.cut
        entry.bytes = len(response.body) if replied.sent is None else replied.sent
        self._writer.add(entry)

    def _note(self, fact: Fact, _: LogEntry | None) -> None:
        if isinstance(fact, RequestMalformed):
            self._writer.add(MalformedEntry(fact.at, fact.what, fact.bytes))

    def _write(self, batch: list[LogEntry | MalformedEntry]) -> None:
        for lines in _pieces(map(_json_line if self._form == "json" else _text_line, batch)):
            self._console.err(lines)

    def _tell_left_out(self, count: int) -> None:
        self._console.err(f"note: stderr is read slowly: {count} requests were not logged.")


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """The same in pieces that a pipe takes as a whole each, however many processes write to it."""
    piece: list[str] = []
    size = 0
    for each in lines:
        size += len(each.encode()) + 1
        if size > PIPE_PART and piece:
            yield "\n".join(piece)
            piece, size = [], len(each.encode()) + 1
        piece.append(each)
    yield "\n".join(piece)


def _text_line(entry: LogEntry | MalformedEntry) -> str:
    if isinstance(entry, MalformedEntry):
        return f"{entry.t / 1_000:10.3f} malformed: {entry.malformed}, {entry.bytes} B"
    where = "".join(f" {name}" for name in (entry.tenant, entry.scenario) if name)
    status, cut = entry.status or "---", f" cut: {entry.cut}" if entry.cut else ""
    said = f"{status} {entry.ms} ms {entry.bytes} B{cut} trace {entry.trace}"
    return f"{entry.t / 1_000:10.3f}{where} #{entry.x} {_shown(entry.method)} {_shown(entry.path)} {said}"


def _json_line(entry: LogEntry | MalformedEntry) -> str:
    members = {name: getattr(entry, name) for name in entry.__struct_fields__}
    if isinstance(entry, LogEntry):
        members |= {"method": _shown(entry.method), "path": _shown(entry.path)}
    return json.dumps({name: value for name, value in members.items() if value is not None}, separators=(",", ":"))


def _shown(text: str) -> str:
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return text if text.isprintable() else harmless_text(text)
