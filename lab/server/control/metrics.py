"""What is counted of a lab in Prometheus' text format: `GET /_lab/metrics` (control-plane.md §3.10).

Nothing is named but what is the lab's own: routes of its table, statuses, scenarios that clients may choose, the
numbers of workers. No tenant is: the lab's own page has the sums of all of them, for a name is a client's choice. Each
worker has series of its own: one that is started again counts from 0, which Prometheus can tell of a series, and not of
a sum. What a scrape tells is made text in a thread, so that no call waits for it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from lab.core.clock import Millis
from lab.core.version import __version__
from lab.server.call_totals import BOUNDS
from lab.server.control.access import CommandRefused
from lab.server.control.meters import (
    FIRST_WORKER,
    LabCounts,
    MockMeter,
    ProcessCounts,
    counts_of_lab,
    counts_of_others,
    counts_of_tenant,
    system_families,
)
from lab.server.labs import Lab
from lab.server.mock_server import MockServer

if TYPE_CHECKING:
    from prometheus_client import Metric

_OF_LEDGER = {
    "commits": "Batches of calls whose facts the store took.",
    "conflicts": "Batches that were run again, because another process had committed before.",
    "errors": "Times that the store couldn't be asked, or didn't answer.",
}
COUNTS_WITHIN: Millis = 1_000
"""For so long, in real milliseconds, a scrape waits for the jobs of each mock to be counted."""
_HEADERS = {"cache-control": "no-store", "server": "lab"}


class MetricsRoute:
    """The handler about one mock; about the usual one of a tenant also about `others`, those that clients chose there.

    About that of the lab it tells of the whole lab: of the calls of all tenants, and of what is there once.
    """

    def __init__(
        self, server: MockServer, lab: Lab, meter: MockMeter, others: Callable[[], Iterable[MockMeter]]
    ) -> None:
        self._server, self._lab, self._meter, self._others = server, lab, meter, others

    async def scrape(self, request: web.Request) -> web.Response:
        """All series; CommandRefused 501 without the library."""
        if not self._meter.installed:
            hint = "pip install 'invoke-async-lab[observe]'"
            raise CommandRefused(501, "Metrics need prometheus-client, which is not installed.", hint)
        mocks = [await meter.counts_with_jobs(COUNTS_WITHIN) for meter in (self._meter, *self._others())]
        others = await counts_of_others(self._server, self._lab)
        whole = self._lab is self._server.labs.usual
        own = (
            await counts_of_lab(self._server, self._server.totals, mocks)
            if whole
            else counts_of_tenant(self._lab, mocks)
        )
        found = {"": own} if self._server.workers is None else {str(FIRST_WORKER): own}
        found |= {str(number): counts for number, counts in others.items() if counts is not None}
        missing = [str(number) for number, counts in others.items() if counts is None]
        collector = _Collector(found, missing)
        body, kind = await asyncio.to_thread(collector.exposition, request.headers.get("accept", ""))
        return web.Response(body=body, headers={"content-type": kind, **_HEADERS})


class _Collector:
    """The families of one scrape."""

    def __init__(self, processes: Mapping[str, ProcessCounts], missing: Iterable[str]) -> None:
        """By the numbers of workers, or the one process that there is, by nothing; `missing` are workers that didn't answer."""
        self._processes, self._missing = processes, missing
        self._label = () if "" in processes else ("worker",)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The text, and its Content-Type: as the client's library words both for a scraper that accepts that."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder

        registry = CollectorRegistry(auto_describe=False)  # the library's own one is everybody's in the process
        registry.register(self)
        encode, kind = choose_encoder(accept)
        return encode(registry), kind

    def collect(self) -> "Iterator[Metric]":
        """Each family once, with the series of all processes and mocks."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("lab", "The version of the lab.", value={"version": __version__})
        yield from self._of_mocks()
        yield from self._of_ledger()
        yield from self._of_lab()
        jobs = GaugeMetricFamily("lab_jobs", "Jobs that are not forgotten, by status.", labels=("scenario", "status"))
        for process in self._processes.values():
            for mock in process.mocks:
                for status, count in mock.jobs.items():
                    jobs.add_metric((mock.scenario, str(status)), count)
        yield jobs
        if self._label:
            up = GaugeMetricFamily("lab_worker_up", "Whether a worker told what it counted.", labels=self._label)
            for worker in sorted((*self._processes, *self._missing), key=int):
                up.add_metric((worker,), worker in self._processes)
            yield up

    def _of_mocks(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        help_ = "From a whole request to the last byte of its reply, in real time; code 0: no status line left."
        labels = (*self._label, "scenario", "route", "code")
        durations = HistogramMetricFamily("lab_request_duration_seconds", help_, labels=labels)
        bounds = [*(str(bound / 1000) for bound in BOUNDS), "+Inf"]
        labels = (*self._label, "scenario", "route")
        struck = CounterMetricFamily("lab_faults_struck", "Calls that a fault struck.", labels=labels)
        labels = (*self._label, "scenario")
        malformed = CounterMetricFamily("lab_malformed_requests", "What came and was no HTTP request.", labels=labels)
        for worker, process in self._processes.items():
            for mock in process.mocks:
                of_mock = (*self._of(worker), mock.scenario)
                for calls in mock.calls:
                    buckets = list(zip(bounds, calls.up_to, strict=True))
                    durations.add_metric((*of_mock, calls.route, str(calls.code)), buckets, calls.total / 1_000_000)
                for route, count in mock.struck.items():
                    struck.add_metric((*of_mock, route), count)
                malformed.add_metric(of_mock, mock.malformed)
        yield from (durations, struck, malformed)

    def _of_ledger(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily

        for name, help_ in _OF_LEDGER.items():
            family = CounterMetricFamily(f"lab_ledger_{name}", help_, labels=self._label)
            for worker, process in self._processes.items():
                if process.ledger is not None:
                    family.add_metric(self._of(worker), getattr(process.ledger, name))
            if family.samples:
                yield family

    def _of_lab(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        labs = {self._of(worker): each.lab for worker, each in self._processes.items() if each.lab is not None}
        if not labs:
            return
        help_ = "Connections that are open, whichever mock is called."
        connections = GaugeMetricFamily("lab_connections", help_, labels=self._label)
        opened = CounterMetricFamily("lab_connections_opened", "Connections that were opened.", labels=self._label)
        tenants = GaugeMetricFamily("lab_tenants", "Tenants that were called at the process.", labels=self._label)
        up = GaugeMetricFamily("lab_ledger_up", "Whether the shared ledger can be reached.", labels=self._label)
        for worker, lab in labs.items():
            connections.add_metric(worker, lab.connections)
            opened.add_metric(worker, lab.opened)
            tenants.add_metric(worker, lab.tenants)
            if lab.ledger_up is not None:
                up.add_metric(worker, lab.ledger_up)
        yield from (connections, opened, tenants)
        yield from (up,) if up.samples else ()
        yield from self._of_system(labs)

    def _of_system(self, labs: Mapping[tuple[str, ...], LabCounts]) -> "Iterator[Metric]":
        """The library's own families, in which a worker has a label as in ours."""
        for family in system_families():
            (name,) = {sample.name for sample in family.samples}
            family.samples.clear()
            for worker, lab in labs.items():
                if (value := lab.system.get(family.name)) is not None:
                    family.add_sample(name, dict(zip(self._label, worker, strict=True)), value)
            yield family

    def _of(self, worker: str) -> tuple[str, ...]:
        return (worker,) if self._label else ()
