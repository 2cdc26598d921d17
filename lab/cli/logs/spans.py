"""A span for each exchange, as OpenTelemetry has them, made in a thread and exported in batches (commands.md §6).

A span's trace is the one that `--log` and the journal name, its parent the client's own span. It names what is the
lab's own: routes of its table, scenarios, faults; never a job, a user, a tenant, or what somebody sent.
"""

import logging
from threading import Thread

from msgspec import Struct
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.trace.status import Status, StatusCode

from lab.cli.console import Console
from lab.cli.logs.background import BackgroundWriter
from lab.cli.logs.exchange_log import ExchangeLog, paired
from lab.clocks import wall_nanos
from lab.core.journal.fact import Fact
from lab.core.logtext import harmless_text
from lab.core.observe import Observer, Replied, Requested
from lab.core.trace import TraceParent, trace_parent
from lab.core.version import __version__
from lab.dialects.router import ROUTER
from lab.faults.facts import FaultStruck
from lab.server.mounts import Mount

_MILLI = 1_000_000
_PATIENCE = 1.0
"""Seconds for which the end of the lab waits for a collector that doesn't answer."""
_METHODS = frozenset("CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE".split())
_LONGEST = 200
"""Characters of a complaint that are shown."""


class EndedExchange(Struct):
    """An exchange of which a span is to be made; times in nanoseconds since 1970, as the wall has them."""

    start: int
    end: int
    route: str
    method: str
    path: str
    trace: str
    parent: TraceParent | None
    origin: str
    """What URLs in answers start with."""
    scenario: str | None
    """That which its client chose; None: none."""
    fault: str | None = None
    status: int = 0
    """0: no status line left."""
    cut: str | None = None
    """How the reply ended before it was whole."""


class _TraceIds(RandomIdGenerator):
    """Gives a span without a parent the trace that the lab has for its exchange."""

    trace = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def is_trace_id_random(self) -> bool:
        return False  # it is drawn by its name


class ExchangeSpans(ExchangeLog):
    """Makes spans of what a lab serves, in every mock behind its listener, and has them exported."""

    def __init__(self, exporter: SpanExporter, console: Console, *, named: bool = False) -> None:
        """`named`: the environment names the service, which the SDK reads there."""
        self._console = console
        _tell_complaints(console)
        self._ids = _TraceIds()
        self._provider = TracerProvider(
            resource=Resource.create({} if named else {SERVICE_NAME: "invoke-async-lab"}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("lab", __version__)
        self._writer = BackgroundWriter("spans", self._make_spans, self._tell_left_out)
        self.look = self._writer.look

    def close(self) -> None:
        """Export what is left."""
        self._writer.close()
        # the SDK waits for half a minute, and longer for a collector that takes the connection and doesn't answer
        ending = Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(_PATIENCE)

    def _observe(self, mount: Mount) -> None:
        mount.service.observers.append(self.observer(mount))

    def observer(self, mount: Mount) -> Observer:
        """What is to be told of the requests to one mock: it only remembers what a span is made of later."""
        service = mount.service

        def begin(requested: Requested) -> EndedExchange:
            sent, start = requested.request, wall_nanos() - requested.took * _MILLI
            what = requested.route, sent.method, sent.path, service.config.trace_of(requested)
            return EndedExchange(start, start, *what, trace_parent(sent.headers), service.config.origin, mount.name)

        return paired(begin, self._end, _note)

    def _end(self, exchange: EndedExchange, replied: Replied) -> None:
        exchange.end = max(exchange.start, wall_nanos())
        exchange.status, exchange.cut = replied.response.status, replied.cut
        self._writer.add(exchange)

    def _make_spans(self, batch: list[EndedExchange]) -> None:
        for ended in batch:
            attributes = _attributes(ended)
            route = attributes.get("http.route")
            method = ended.method if ended.method in _METHODS else "HTTP"
            self._ids.trace = int(ended.trace, 16)
            span = self._tracer.start_span(
                method if route is None else f"{method} {route}",
                _context(ended.parent),
                SpanKind.SERVER,
                attributes,
                start_time=ended.start,
            )
            if "error.type" in attributes:
                span.set_status(Status(StatusCode.ERROR))
            span.end(ended.end)

    def _tell_left_out(self, count: int) -> None:
        self._console.err(f"note: spans are made slowly: {count} exchanges have none.")


def _note(fact: Fact, exchange: EndedExchange | None) -> None:
    if exchange is not None and isinstance(fact, FaultStruck):
        exchange.fault = fact.fault


def _context(parent: TraceParent | None) -> Context:
    """Where the span belongs: to the client's own, or to nothing."""
    if parent is None:
        return Context()
    flags = TraceFlags(int(parent.flags, 16))
    above = SpanContext(int(parent.trace, 16), int(parent.span, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(above), Context())


def _attributes(ended: EndedExchange) -> dict[str, str | int]:
    """By the conventions for HTTP; a path is told as its template, for ids stand in it, and of an unknown one nothing."""
    found: dict[str, str | int] = {
        "http.request.method": ended.method if ended.method in _METHODS else "_OTHER",
        "url.scheme": ended.origin.partition(":")[0],
    }
    if ended.scenario is not None:
        found["lab.scenario"] = ended.scenario
    match = ROUTER.at(ended.path)
    if match is not None and match.name == ended.route:
        found["http.route"] = found["url.path"] = match.route.path
    if ended.status:
        found["http.response.status_code"] = ended.status
    if ended.cut is not None or ended.status >= 500:
        found["error.type"] = ended.cut or str(ended.status)
    if ended.fault is not None:
        found["lab.fault"] = ended.fault
    return found


class _Complaints(logging.Handler):
    """What the exporter complains of, each thing once, in one line: a collector that is gone stays so for a while."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console
        self._known: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg) not in self._known:
            self._known.add(str(record.msg))
            why = f" {record.exc_info[1]}" if record.exc_info else ""
            text = " ".join(f"{record.getMessage()}{why}".split())
            self._console.err(f"note: spans: {harmless_text(text[:_LONGEST])}")


def _tell_complaints(console: Console) -> None:
    library = logging.getLogger("opentelemetry")
    library.propagate = False
    library.handlers[:] = [_Complaints(console)]
