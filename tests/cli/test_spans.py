"""Spans of exchanges: by the conventions, in the client's trace, with nobody's ids; and no call waits for them."""

import gzip
import io
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import pytest

from lab.cli.console import Console
from lab.clocks import ManualClock
from lab.core.exchange import Request
from lab.core.observe import Replied
from lab.core.trace import own_trace
from lab.mock.service import Service
from lab.server.mounts import Mount, Tenant
from tests.cli.test_serve import HOW, fetch, listening, serving
from tests.conftest import Lab
from tests.wire_peer import invoke, service, status, token, token_request

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra [observe]")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from lab.cli.logs.spans import ExchangeSpans

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = ("traceparent", f"00-{TRACE}-{PARENT}-01")
STATUS = "/api/fusion-ai/orchestrator/agent/v2/{code}/status/{job}"
SECRETS = ("lab-secret", "Taxi", "jane", "ann")


def spans_of(exporter: SpanExporter, err: io.StringIO | None = None) -> tuple[ExchangeSpans, Service]:
    mock = service()
    spans = ExchangeSpans(exporter, Console(io.StringIO(), err or io.StringIO()))
    spans.follow(Tenant(Mount(mock, ManualClock()), name="ann"))
    return spans, mock


def serve(mock: Service, request: Request, now: int = 0, *headers: tuple[str, str], cut: str | None = None) -> str:
    """A call whose reply left; the job that it made."""
    sent = Request(request.method, request.path, request.query, (*request.headers, *headers), request.body)
    reply = mock.serve(sent, now)
    mock.tell(Replied(now, reply.x, reply.deliver(now).response, cut=cut))
    return str(reply.job)


def test_a_span_says_which_route_was_called_and_how_that_ended_and_names_nobody() -> None:
    exporter = InMemorySpanExporter()
    spans, mock = spans_of(exporter)
    bearer = token(mock)
    serve(mock, token_request("client_credentials"), 0, TRACEPARENT)
    job = serve(mock, invoke(bearer, {"message": "Taxi 42"}))
    mock.arm({"route": "status", "calls": "2", "answer": 503}, 0)
    for cut in (None, None, "reset"):
        serve(mock, status(bearer, job), 5, cut=cut)
    serve(mock, Request("BREW", f"/{job}"))
    spans.close()
    granted, accepted, polled, struck, reset, unknown = exporter.get_finished_spans()
    assert granted.name == "POST /oauth2/v1/token" and granted.kind is SpanKind.SERVER
    assert accepted.attributes == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/api/fusion-ai/orchestrator/agent/v2/{code}/invokeAsync",
        "url.path": "/api/fusion-ai/orchestrator/agent/v2/{code}/invokeAsync",
        "http.response.status_code": 202,
    }
    assert (polled.name, polled.status.status_code) == (f"GET {STATUS}", StatusCode.UNSET)
    assert struck.attributes is not None and struck.status.status_code is StatusCode.ERROR
    assert (struck.attributes["error.type"], struck.attributes["http.response.status_code"]) == ("503", 503)
    assert struck.attributes["lab.fault"] == mock.faults()[0].name
    assert reset.attributes is not None and reset.attributes["error.type"] == "reset"
    assert unknown.name == "HTTP" and unknown.attributes is not None
    assert unknown.attributes["http.request.method"] == "_OTHER" and "url.path" not in unknown.attributes
    text = "".join(each.to_json() for each in exporter.get_finished_spans())
    assert not [secret for secret in (*SECRETS, job, bearer) if secret in text]


def test_a_span_is_in_its_clients_trace_or_in_the_one_that_the_log_names() -> None:
    exporter = InMemorySpanExporter()
    spans, mock = spans_of(exporter)
    serve(mock, token_request("client_credentials"), 0, TRACEPARENT)
    serve(mock, token_request("client_credentials"), 0, ("traceparent", "nonsense"))
    serve(mock, token_request("client_credentials"), 0, ("traceparent", f"00-{TRACE}-{PARENT}-00"))
    spans.close()
    client, own = exporter.get_finished_spans()  # the third client doesn't want its trace to be recorded
    assert client.context is not None and client.parent is not None and own.context is not None
    assert f"{client.context.trace_id:032x}" == TRACE and f"{client.parent.span_id:016x}" == PARENT
    assert own.parent is None
    assert f"{own.context.trace_id:032x}" == own_trace(mock.config.seed, "", 2)


def test_a_span_lasts_from_the_first_byte_to_the_last_in_real_time() -> None:
    exporter = InMemorySpanExporter()
    spans, mock = spans_of(exporter)
    before = time.time_ns()
    reply = mock.serve(token_request("client_credentials"), 0, took=250)
    mock.tell(Replied(0, reply.x, reply.response))
    spans.close()
    (span,) = exporter.get_finished_spans()
    assert span.start_time is not None and span.end_time is not None
    assert before - 250_000_000 <= span.start_time <= span.end_time - 250_000_000
    assert span.end_time <= time.time_ns()


class Broken(SpanExporter):
    """One that fails, whatever it is given."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise OSError("no \x1b[2J route")


class Stuck(SpanExporter):
    """One whose collector takes the spans and says nothing."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.free.wait(20)
        return SpanExportResult.SUCCESS


def test_an_exporter_that_fails_is_told_of_once_and_hurts_no_call() -> None:
    err = io.StringIO()
    spans, mock = spans_of(Broken(), err)
    for _ in range(3):
        serve(mock, token_request("client_credentials"))
        spans.look()
    spans.close()
    for port in (1, 2):
        logging.getLogger("opentelemetry.exporter").warning("Nobody at %s", port)
    line, other = err.getvalue().splitlines()
    assert other == "note: spans: Nobody at 1"
    assert line.startswith("note: spans: Exception while exporting Span") and line.endswith("[2J route")
    assert "\x1b" not in line


@pytest.mark.long
def test_one_that_waits_holds_the_end_of_the_lab_up_for_a_moment_only() -> None:
    exporter = Stuck()
    spans, mock = spans_of(exporter)
    serve(mock, token_request("client_credentials"))
    begun = time.monotonic()
    spans.close()
    assert time.monotonic() - begun < 5
    exporter.free.set()


@contextmanager
def collector() -> Iterator[tuple[str, "Queue[ExportTraceServiceRequest]"]]:
    """What takes spans by OTLP over HTTP, and its URL."""
    received: Queue[ExportTraceServiceRequest] = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                received.put(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", received
        server.shutdown()


def test_serve_sends_spans_to_the_collector_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector() as (url, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        with serving("item-comparison", "--json", "--traces", "--log", "json", cwd=tmp_path) as process:
            base = listening(process)["base_url"]
            fetch(f"{base}/.well-known/openid-configuration", dict([TRACEPARENT]))
            fetch(f"{base}/scenario/item-comparison/.well-known/openid-configuration", {})
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
        (sent,) = received.get(timeout=10).resource_spans
    assert [each.value.string_value for each in sent.resource.attributes if each.key == "service.name"] == [
        "invoke-async-lab"
    ]
    first, second = (span for scope in sent.scope_spans for span in scope.spans)
    assert (first.trace_id.hex(), first.parent_span_id.hex(), first.kind) == (TRACE, PARENT, Span.SPAN_KIND_SERVER)
    assert first.name == second.name == "GET /.well-known/openid-configuration"
    assert first.status.code == Status.STATUS_CODE_UNSET
    assert "lab.scenario" in {each.key for each in second.attributes}


@pytest.mark.long
def test_a_collector_that_is_not_there_is_told_of_and_hurts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    with serving("item-comparison", "--json", "--traces", cwd=tmp_path) as process:
        base = listening(process)["base_url"]
        fetch(f"{base}/.well-known/openid-configuration", {})
        assert process.stderr is not None
        lines = [process.stderr.readline()]
        fetch(f"{base}/.well-known/openid-configuration", {})
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert lines[0].startswith("note: spans: ")


@pytest.mark.parametrize("beside", [(), ("--workers", "2", "--ledger", "redis://127.0.0.1:1")], ids=["one", "workers"])
def test_without_the_libraries_the_option_says_how_to_install_them(
    beside: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    done = lab(*HOW, "item-comparison", "--traces", *beside)
    assert done.code == 2 and "pip install 'invoke-async-lab[observe]'" in done.err
