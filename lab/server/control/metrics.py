"""What is counted of a lab in Prometheus' text format: `GET /_lab/metrics` (control-plane.md §3.10).

Nothing is named but what is the lab's own: routes of its table, statuses, scenarios that clients may choose. What
a scrape tells is made text in a thread, so that no call waits for it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import accumulate
from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.version import __version__
from lab.language.document import Status
from lab.server.control.access import CommandRefused
from lab.server.control.tallies import BOUNDS, CallTally, JobTally
from lab.server.mock_server import MockServer
from lab.server.mounts import Mount
from lab.server.shared.calls import LedgerCounts

if TYPE_CHECKING:
    from prometheus_client import Metric

_LIBRARY = "prometheus_client"
_LABELS = ("scenario", "route", "code")
_OF_LEDGER = {
    "commits": "Batches of calls whose facts the store took.",
    "conflicts": "Batches that were run again, because another process had committed before.",
    "errors": "Times that the store couldn't be asked, or didn't answer.",
}
_HEADERS = {"cache-control": "no-store", "server": "lab"}


class MockCounts(Struct, frozen=True):
    """What was counted of one mock, as it was at one moment."""

    scenario: str
    """By which clients choose it; empty: by none."""
    durations: Mapping[tuple[str, int], tuple[Sequence[int], Millis]]
    """By route and HTTP status: how many calls in each bucket, and the sum."""
    struck: Mapping[str, int]
    malformed: int
    jobs: Mapping[Status, int]


class ProcessCounts(Struct, frozen=True):
    """What was counted whichever mock was called."""

    connections: int
    """Open now."""
    opened: int
    ledger: LedgerCounts | None
    """Of a ledger that other processes share."""


class MockMeter:
    """Counts what becomes of one mock, if somebody may ask for it: without the library nobody can."""

    def __init__(self, server: MockServer, mount: Mount) -> None:
        self.installed = find_spec(_LIBRARY) is not None
        self._jobs = JobTally(mount.service, mount.clock)
        self.calls = CallTally(server.limits.connections, self._jobs.note)
        self.mount = mount
        """What is counted."""
        self._observer = self.calls.observer()
        if self.installed:
            mount.service.observers.append(self._observer)

    async def counts(self) -> MockCounts:
        """As it is now."""
        jobs = await self._jobs.count()
        durations = {kind: (tuple(accumulate(each.buckets)), each.total) for kind, each in self.calls.durations.items()}
        return MockCounts(self.mount.name or "", durations, dict(self.calls.struck), self.calls.malformed, jobs)

    def close(self) -> None:
        """Observe no more."""
        if self.installed:
            self.mount.service.observers.remove(self._observer)


class MetricsRoute:
    """The handler about one mock; of the usual one also about `others`, those that clients chose."""

    def __init__(self, server: MockServer, meter: MockMeter, others: Callable[[], Iterable[MockMeter]]) -> None:
        self._server, self._meter, self._others = server, meter, others

    async def scrape(self, request: web.Request) -> web.Response:
        """All series; CommandRefused 501 without the library."""
        if not self._meter.installed:
            hint = "pip install 'invoke-async-lab[observe]'"
            raise CommandRefused(501, "Metrics need prometheus-client, which is not installed.", hint)
        mocks = [await meter.counts() for meter in (self._meter, *self._others())]
        counts = self._meter.mount.tenant.calls.counts
        process = ProcessCounts(self._server.connections, self._server.opened_connections, counts and replace(counts))
        body, kind = await asyncio.to_thread(exposition, mocks, process, request.headers.get("accept", ""))
        return web.Response(body=body, headers={"content-type": kind, **_HEADERS})


class _Collector:
    """The families of one scrape."""

    def __init__(self, mocks: Sequence[MockCounts], process: ProcessCounts) -> None:
        self._mocks, self._process = mocks, process

    def collect(self) -> "Iterator[Metric]":
        """Each family once, with the series of all mocks."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("lab", "The version of the lab.", value={"version": __version__})
        yield self._durations()
        jobs = GaugeMetricFamily("lab_jobs", "Jobs that are not forgotten, by status.", labels=("scenario", "status"))
        struck = CounterMetricFamily("lab_faults_struck", "Calls that a fault struck.", labels=("scenario", "route"))
        malformed = CounterMetricFamily(
            "lab_malformed_requests", "What came and was no HTTP request.", labels=("scenario",)
        )
        for mock in self._mocks:
            malformed.add_metric((mock.scenario,), mock.malformed)
            for status, count in mock.jobs.items():
                jobs.add_metric((mock.scenario, str(status)), count)
            for route, count in mock.struck.items():
                struck.add_metric((mock.scenario, route), count)
        yield from (jobs, struck, malformed)
        process, ledger = self._process, self._process.ledger
        connections = "Connections that are open, whichever mock is called."
        yield GaugeMetricFamily("lab_connections", connections, process.connections)
        yield CounterMetricFamily("lab_connections_opened", "Connections that were opened.", process.opened)
        for name, help_ in _OF_LEDGER.items() if ledger is not None else ():
            yield CounterMetricFamily(f"lab_ledger_{name}", help_, getattr(ledger, name))

    def _durations(self) -> "Metric":
        from prometheus_client.core import HistogramMetricFamily

        bounds = [*(str(bound / 1000) for bound in BOUNDS), "+Inf"]
        help_ = "From a whole request to the last byte of its reply, on the lab's clock; code 0: no status line left."
        family = HistogramMetricFamily("lab_request_duration_seconds", help_, labels=_LABELS)
        for mock in self._mocks:
            for (route, code), (counts, total) in mock.durations.items():
                buckets = list(zip(bounds, counts, strict=True))
                family.add_metric((mock.scenario, route, str(code)), buckets, total / 1000)
        return family


def exposition(mocks: Sequence[MockCounts], process: ProcessCounts, accept: str) -> tuple[bytes, str]:
    """The text, and its Content-Type: as the client's library words both for a scraper that accepts that."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry(auto_describe=False)  # the library's own one is everybody's in the process
    registry.register(_Collector(mocks, process))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind
