"""A line a request on stderr: written by a thread of its own, in batches, so that no call waits for it.

A line holds neither body, headers nor query, in which credentials stand; what a client wrote in it commands no terminal.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Literal, TypeAlias

from msgspec import Struct

from lab.cli.console import Console
from lab.cli.logs.background import BackgroundWriter
from lab.clocks import real_micros, wall_nanos
from lab.core.clock import Millis
from lab.core.journal.fact import ClockRestarted, ClockRewound, Fact, LedgerCleared
from lab.core.journal.shell import RequestMalformed
from lab.core.logtext import harmless_text
from lab.core.observe import Noted, Replied, Requested
from lab.mock.service import Service
from lab.server.backlog import Backlog, Kept
from lab.server.labs import Labs, ServedLab

LogForm: TypeAlias = Literal["text", "json"]
_MOST_OPEN = 10_000
"""Requests without a reply that are remembered: a reset of the lab leaves some that never get one."""
_CLEARED = (LedgerCleared,)
_BACK_IN_TIME = ClockRewound, ClockRestarted
"""Resets of which observers aren't told, but journals."""
_MILLI = 1_000_000
"""Nanoseconds in a millisecond."""
_LONGEST = 200
"""Characters of a path or a method that are shown."""
PIPE_PART = 4_096
"""Bytes that no system writes into a pipe in parts; a line is far shorter."""


class LogEntry(Struct):
    """One request and how its reply ended."""

    t: Millis
    """When it came, on the lab's clock."""
    w: int
    """The same on the wall's, in milliseconds since 1970."""
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
    w: int
    malformed: str
    """What is wrong with it, in the parser's word."""
    bytes: int


class CommandEntry(Struct):
    """What the control plane did to a tenant, or to the lab without a name."""

    t: Millis
    w: int
    tenant: str | None
    command: str
    """begin: it is served here from now on; end: it is so no longer; reset."""


LoggedLine: TypeAlias = LogEntry | MalformedEntry | CommandEntry


class RequestLog:
    """The log of what a lab serves, in every mock behind its listener, those too that clients choose later."""

    def __init__(self, form: LogForm, console: Console, nanos: Callable[[], int] = wall_nanos) -> None:
        """`nanos` is the wall's time."""
        self._form, self._nanos = form, nanos
        self._console = console
        self._writer = BackgroundWriter("request log", self._write, self._tell_left_out)
        self._backlogs: dict[Backlog, None] = {}
        """Of the mocks that are there still."""

    def follow(self, labs: Labs) -> None:
        """Look on at all; the beginning and the end of a tenant have a line."""
        for lab in labs:
            self._observe(lab)
        labs.watchers.append(self._observe)
        labs.leavers.append(self._left)

    def _left(self, lab: ServedLab) -> None:
        backlog = Backlog.of(lab.service)
        backlog.hand_on()
        self._backlogs.pop(backlog, None)
        if lab.scenario is None:
            self._add_command(lab.clock.now(), lab.name, "end")

    def close(self) -> None:
        """Write what is left, for as long as the end of the lab may wait for it."""
        self.look()
        self._writer.close()

    def _observe(self, lab: ServedLab) -> None:
        service = lab.service
        self.observe(service, lab.scenario, lambda each: service.config.trace_of(each), lab.name)
        if lab.scenario is None:
            service.journals.append(partial(self._note_way_back, Backlog.of(service), lab.name))
            if lab.name is not None:
                self._add_command(lab.clock.now(), lab.name, "begin")

    def look(self) -> None:
        """Hand what has ended since the last time over to the thread."""
        for backlog in tuple(self._backlogs):
            backlog.hand_on()
        self._writer.look()

    def observe(
        self, service: Service, scenario: str | None, trace: Callable[[Requested], str], tenant: str | None = None
    ) -> None:
        """Log the requests to one mock; `trace` gives the trace id of each."""
        backlog = Backlog.of(service)
        backlog.hand_to(partial(self._take, (scenario, tenant), trace, {}))
        self._backlogs[backlog] = None

    def _take(
        self,
        whose: tuple[str | None, str | None],
        trace: Callable[[Requested], str],
        begun: dict[int, LogEntry],
        batch: Sequence[Kept],
    ) -> None:
        """`begun` are the requests without a reply: nothing of a body waits with them."""
        ahead = self._nanos() // 1_000 - real_micros()
        for each in batch:
            observation = each.observation
            if isinstance(observation, Requested):
                if len(begun) >= _MOST_OPEN:
                    del begun[next(iter(begun))]
                sent, wall = observation.request, (each.micros + ahead) // 1_000
                where = *whose, sent.method, sent.path, observation.route, trace(observation)
                begun[observation.x] = LogEntry(observation.at, wall, observation.x, *where)
            elif isinstance(observation, Replied):
                if (entry := begun.pop(observation.x, None)) is not None:
                    self._end(entry, observation)
            elif isinstance(observation, Noted):
                fact, (scenario, tenant) = observation.fact, whose
                if isinstance(fact, RequestMalformed):
                    self._writer.add(MalformedEntry(fact.at, (each.micros + ahead) // 1_000, fact.what, fact.bytes))
                elif scenario is None:
                    self._note_resets(tenant, _CLEARED, (fact,))

    def _end(self, entry: LogEntry, replied: Replied) -> None:
        response = replied.response
        entry.status, entry.ms, entry.cut = response.status, replied.at - entry.t, replied.cut
        entry.bytes = len(response.body) if replied.sent is None else replied.sent
        self._writer.add(entry)

    def _note_way_back(self, backlog: Backlog, tenant: str | None, facts: Iterable[Fact]) -> None:
        backlog.hand_on()
        self._note_resets(tenant, _BACK_IN_TIME, facts)

    def _note_resets(self, tenant: str | None, kinds: tuple[type[Fact], ...], facts: Iterable[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, kinds):
                self._add_command(fact.at, tenant, "reset")

    def _add_command(self, at: Millis, tenant: str | None, command: str) -> None:
        self._writer.add(CommandEntry(at, self._wall(), tenant, command))

    def _wall(self) -> int:
        return self._nanos() // _MILLI

    def _write(self, batch: list[LoggedLine]) -> None:
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


def _text_line(entry: LoggedLine) -> str:
    if isinstance(entry, CommandEntry):
        return f"{entry.t / 1_000:10.3f} {f'tenant {entry.tenant}' if entry.tenant else 'lab'}: {entry.command}"
    if isinstance(entry, MalformedEntry):
        return f"{entry.t / 1_000:10.3f} malformed: {entry.malformed}, {entry.bytes} B"
    where = (f" {entry.tenant}" if entry.tenant else "") + (f" {entry.scenario}" if entry.scenario else "")
    status, cut = entry.status or "---", f" cut: {entry.cut}" if entry.cut else ""
    said = f"{status} {entry.ms} ms {entry.bytes} B{cut} trace {entry.trace}"
    return f"{entry.t / 1_000:10.3f}{where} #{entry.x} {_shown(entry.method)} {_shown(entry.path)} {said}"


def _json_line(entry: LoggedLine) -> str:
    members = {name: getattr(entry, name) for name in entry.__struct_fields__}
    if isinstance(entry, LogEntry):
        members |= {"method": _shown(entry.method), "path": _shown(entry.path)}
    return json.dumps({name: value for name, value in members.items() if value is not None}, separators=(",", ":"))


@lru_cache(maxsize=1024)
def _shown(text: str) -> str:
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return text if text.isprintable() else harmless_text(text)
