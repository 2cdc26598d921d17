"""A line a request on stderr: written by a thread of its own, so that no call waits for it.

A line holds neither body, headers nor query, in which credentials stand; what a client wrote in it commands no terminal.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from queue import SimpleQueue
from threading import Thread
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.console import Console
from lab.clocks import real_micros, wall_nanos
from lab.core.clock import Millis
from lab.core.journal.fact import ClockRestarted, ClockRewound, Fact, LedgerCleared
from lab.core.journal.holds import ExchangeReleased
from lab.core.journal.shell import RequestMalformed
from lab.core.logtext import harmless_text
from lab.core.observe import Noted, Replied, Requested
from lab.jobs.callbacks import CallbackAnswered
from lab.mock.service import Service
from lab.server.backlog import Backlog, Kept
from lab.server.labs import Labs, ServedLab

LogForm: TypeAlias = Literal["text", "json"]
MOST_WAITING = 20_000
"""Records that wait where they are written slowly, and a batch; of what comes beyond only the number is told."""
_PATIENCE = 1.0
"""Seconds for which the end of the lab waits for the last ones."""
_MOST_OPEN = 10_000
"""Requests without a reply that are remembered: a reset of the lab leaves some that never get one."""
_LONGEST = 200
"""Characters of a path or a method that are shown."""
PIPE_PART = 4_096
"""Bytes that no system writes into a pipe in parts; a line is far shorter."""


class LogRecord(Struct, gc=False):
    """What a line says, in the order of its members; what is None it doesn't: a request and how its reply ended, what came
    over a connection and was none (`malformed`), a call of the lab's own (`callback`), or what was done to a tenant or to the lab without a name (`command`)."""

    t: Millis
    """When it came, on the lab's clock."""
    w: int
    """The same on the wall's, in milliseconds since 1970."""
    x: int | None = None
    """A request's ordinal in its mock, as in a recording."""
    scenario: str | None = None
    """That which its client chose; None: none."""
    tenant: str | None = None
    """Whom it was for; None: the one without a name."""
    method: str | None = None
    path: str | None = None
    route: str | None = None
    trace: str | None = None
    """Its trace id, which its client may have sent (W3C Trace Context)."""
    status: int | None = None
    """0: no status line left."""
    ms: Millis | None = None
    """From the whole request to the last byte of the reply, on the lab's clock."""
    malformed: str | None = None
    """What is wrong with what was no request, in the parser's word."""
    bytes: int | None = None
    """Of the reply's body, or of what was no request."""
    cut: str | None = None
    """How the reply ended before it was whole."""
    callback: str | None = None
    """Of a try to tell a receiver of a job its id and number; `status` is what it was answered, `cut` why it wasn't."""
    hold: str | None = None
    """How somebody let it go that had held it at a breakpoint."""
    command: str | None = None
    """begin: a tenant is served here from now on; end: it is so no longer; reset."""


class RequestLog:
    """The log of what a lab serves, in every mock behind its listener, those too that clients choose later."""

    def __init__(self, form: LogForm, console: Console, nanos: Callable[[], int] = wall_nanos) -> None:
        """`nanos` is the wall's time."""
        self._line, self._console, self._nanos = _json_line if form == "json" else _text_line, console, nanos
        self._backlogs: dict[Backlog, None] = {}
        """Of the mocks that are there still."""
        self._batches: SimpleQueue[Sequence[LogRecord]] = SimpleQueue()
        """Each wakes the thread, which so is woken once for many records. An empty one ends it."""
        self._given = self._written = self._left_out = 0
        """Records that the thread was given, has written, and that there was no room for. Of two threads that add to a
        number one addition may be lost: so each has a thread of its own."""
        self._thread = Thread(target=self._write, name="request log", daemon=True)
        self._thread.start()

    def follow(self, labs: Labs) -> None:
        """Look on at all; the beginning and the end of a tenant have a line."""
        for lab in labs:
            self._begin(lab)
        labs.watchers.append(self._begin)
        labs.leavers.append(self._end)

    def look(self) -> None:
        """Have written what was told since the last time."""
        for backlog in tuple(self._backlogs):
            backlog.hand_on()

    def close(self) -> None:
        """Write what is left, for as long as the end of the lab may wait for it."""
        self.look()
        self._batches.put(())
        self._thread.join(_PATIENCE)

    def _begin(self, lab: ServedLab) -> None:
        backlog = self.observe(lab.service, lab.scenario, lab.name)

        def note_way_back(facts: Iterable[Fact]) -> None:
            """Resets of which observers aren't told, but journals."""
            backlog.hand_on()
            for fact in facts:
                if isinstance(fact, ClockRewound | ClockRestarted):
                    self._give([self._command(fact.at, lab.name, "reset")])

        if lab.scenario is None:
            lab.service.journals.append(note_way_back)
            if lab.name is not None:
                self._give([self._command(lab.clock.now(), lab.name, "begin")])

    def _end(self, lab: ServedLab) -> None:
        backlog = Backlog.of(lab.service)
        backlog.hand_on()
        self._backlogs.pop(backlog, None)
        if lab.scenario is None:
            self._give([self._command(lab.clock.now(), lab.name, "end")])

    def observe(self, service: Service, scenario: str | None = None, tenant: str | None = None) -> Backlog:
        """Log the requests to one mock."""
        begun: dict[int, LogRecord] = {}
        """Those without a reply: nothing of a body waits with them."""
        read: dict[int, str] = {}
        """By connection how a request was let go that was held before it had a number."""

        def take(batch: Sequence[Kept]) -> None:
            ahead, trace_of = self._nanos() // 1_000 - real_micros(), service.config.trace_of
            ended: list[LogRecord] = []
            for each in batch:
                seen, wall = each.observation, (each.micros + ahead) // 1_000
                if isinstance(seen, Requested):
                    if len(begun) >= _MOST_OPEN:
                        del begun[next(iter(begun))]
                    where = scenario, tenant, seen.request.method, seen.request.path, seen.route, trace_of(seen)
                    begun[seen.x] = LogRecord(seen.at, wall, seen.x, *where, hold=read.pop(seen.c, None))
                elif isinstance(seen, Replied):
                    if (record := begun.pop(seen.x, None)) is not None:
                        response, record.ms, record.cut = seen.response, seen.at - record.t, seen.cut
                        record.status = response.status
                        record.bytes = len(response.body) if seen.sent is None else seen.sent
                        ended.append(record)
                elif isinstance(seen, Noted):
                    fact = seen.fact
                    if isinstance(fact, RequestMalformed):
                        ended.append(LogRecord(fact.at, wall, malformed=fact.what, bytes=fact.bytes))
                    elif isinstance(fact, CallbackAnswered):
                        each_try = f"{fact.callback} try {fact.number}"
                        record = LogRecord(fact.at, wall, None, scenario, tenant, status=fact.status, cut=fact.why)
                        ended.append(replace(record, callback=each_try))
                    elif isinstance(fact, ExchangeReleased) and seen.x is None:
                        read[fact.c] = fact.how
                    elif isinstance(fact, ExchangeReleased) and seen.x in begun:
                        begun[seen.x].hold = fact.how
                    elif isinstance(fact, LedgerCleared) and scenario is None:
                        ended.append(self._command(fact.at, tenant, "reset"))
            if ended:
                self._give(ended)

        backlog = Backlog.of(service)
        backlog.hand_to(take)
        self._backlogs[backlog] = None
        return backlog

    def _command(self, at: Millis, tenant: str | None, command: str) -> LogRecord:
        return LogRecord(at, self._nanos() // 1_000_000, tenant=tenant, command=command)

    def _give(self, records: Sequence[LogRecord]) -> None:
        if self._given - self._written < MOST_WAITING:
            self._given += len(records)
            self._batches.put(records)
        else:
            self._left_out += len(records)

    def _write(self) -> None:
        """In the thread: each batch, and behind the last that waits how many were left out."""
        reported, going_on = 0, True
        while going_on:
            going_on = bool(records := self._batches.get())
            for lines in _pieces(map(self._line, records)):
                self._console.err(lines)
            self._written += len(records)
            if self._left_out > reported and self._batches.empty():
                count, reported = self._left_out - reported, self._left_out
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
    if piece:
        yield "\n".join(piece)


def _text_line(record: LogRecord) -> str:
    at = f"{record.t / 1_000:10.3f}"
    if record.command is not None:
        return f"{at} {f'tenant {record.tenant}' if record.tenant else 'lab'}: {record.command}"
    if record.malformed is not None:
        return f"{at} malformed: {record.malformed}, {record.bytes} B"
    if record.callback is not None:
        return (
            f"{at} callback {_shown(record.callback)} {record.status or '---'}{f' {record.cut}' if record.cut else ''}"
        )
    where = (f" {record.tenant}" if record.tenant else "") + (f" {record.scenario}" if record.scenario else "")
    status, cut = record.status or "---", f" cut: {record.cut}" if record.cut else ""
    hold = f" hold: {record.hold}" if record.hold else ""
    said = f"{status} {record.ms} ms {record.bytes} B{cut}{hold} trace {record.trace}"
    return f"{at}{where} #{record.x} {_shown(record.method)} {_shown(record.path)} {said}"


def _json_line(record: LogRecord) -> str:
    members = {name: value for name in record.__struct_fields__ if (value := getattr(record, name)) is not None}
    if record.x is not None:
        members |= {"method": _shown(record.method), "path": _shown(record.path)}
    return json.dumps(members, separators=(",", ":"))


@lru_cache(maxsize=1024)
def _shown(text: str | None) -> str:
    text = text or ""
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return text if text.isprintable() else harmless_text(text)
