"""What `lab serve` tells of each exchange as it ends: a line, a span, both or nothing."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from lab.cli.console import Console
from lab.cli.logs.exchange_log import ExchangeLog
from lab.cli.logs.request_log import LogForm, RequestLog
from lab.core.errors import UsageError
from lab.settings import Flags, Settings

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    from lab.cli.logs.spans import ExchangeSpans


class LogSettings(Settings, frozen=True):
    """What is told of each exchange as it ends. Where spans go, OpenTelemetry's own variables say, which its SDK reads."""

    log: LogForm | None = None
    """How requests are logged; None: as text where a terminal shows stderr, else not."""
    traces: bool = False
    """Whether spans are exported."""
    named: bool = False
    """Whether the environment names the service of which they are."""

    READ: ClassVar[Mapping[str, Callable[[Flags], object]]] = {
        "named": lambda flags: bool(
            flags.variable("OTEL_SERVICE_NAME") or "service.name=" in (flags.variable("OTEL_RESOURCE_ATTRIBUTES") or "")
        )
    }


def exchange_logs(settings: LogSettings, console: Console) -> Iterator[ExchangeLog]:
    """What logs requests, as asked for, else as text if somebody sees stderr; what makes spans of them, if asked for."""
    form = settings.log or ("text" if console.remarks_shown else "none")
    if form != "none":
        yield RequestLog(form, console)
    if settings.traces:
        exporter, spans = span_classes()
        yield spans(exporter(), console, named=settings.named)


def span_classes() -> tuple["type[OTLPSpanExporter]", "type[ExchangeSpans]"]:
    """What exports spans, by what the environment says, and what makes them; UsageError without the libraries."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        from lab.cli.logs.spans import ExchangeSpans  # no other start waits for it
    except ImportError as missing:
        hint = "pip install 'invoke-async-lab[observe]'"
        raise UsageError(f"--traces needs OpenTelemetry, which is not installed: {missing}.", hint=hint) from missing
    return OTLPSpanExporter, ExchangeSpans
