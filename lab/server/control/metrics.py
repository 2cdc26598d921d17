"""What is counted of a lab in Prometheus' text format: `GET /_lab/metrics` (control-plane.md §3.10).

Nothing is named but what is the lab's own: routes of its table, statuses, scenarios that clients may choose, the
numbers of workers. No tenant is: the lab's own page has the sums of all of them, for a name is a client's choice. Each
worker has series of its own: one that is started again counts from 0, which Prometheus can tell of a series, and not of
a sum. The library is loaded when somebody scrapes; what a scrape tells is made text in a thread, so that no call waits.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import Struct

from lab.control import ScrapeMetrics
from lab.core.clock import Millis
from lab.core.version import __version__
from lab.server.call_totals import BOUNDS, CALLS, MALFORMED, STRUCK, Samples
from lab.server.control.meters import (
    CONNECTIONS,
    JOBS,
    counts_of_others,
    of_lab,
    of_ledger,
    system_families,
    together,
)
from lab.server.control.observed import RouteContext
from lab.server.control.reading import CommandRefused

if TYPE_CHECKING:
    from prometheus_client import Metric

FIRST_WORKER = 1
"""The number of the worker that has the control plane."""
COUNTS_WITHIN: Millis = 1_000
"""For so long, in real milliseconds, a scrape waits for the jobs of each mock to be counted."""
_HEADERS = {"cache-control": "no-store", "server": "lab"}


class Family(Struct, frozen=True):
    kind: str
    help: str
    labels: tuple[str, ...] = ()


_FAMILIES: Mapping[str, Family] = {
    CALLS: Family(
        "Histogram",
        "From a whole request to the last byte of its reply, in real time; code 0: no status line left.",
        ("scenario", "route", "code"),
    ),
    STRUCK: Family("Counter", "Calls that a fault struck.", ("scenario", "route")),
    MALFORMED: Family("Counter", "What came and was no HTTP request.", ("scenario",)),
    "lab_ledger_commits": Family("Counter", "Batches of calls whose facts the store took."),
    "lab_ledger_conflicts": Family("Counter", "Batches that were run again: another process had committed before."),
    "lab_ledger_errors": Family("Counter", "Times that the store couldn't be asked, or didn't answer."),
    CONNECTIONS: Family("Gauge", "Connections that are open, whichever mock is called."),
    "lab_connections_opened": Family("Counter", "Connections that were opened."),
    "lab_tenants": Family("Gauge", "Tenants that were called at the process."),
    "lab_ledger_up": Family("Gauge", "Whether the shared ledger can be reached."),
    JOBS: Family("Gauge", "Jobs that are not forgotten, by status.", ("scenario", "status")),
}


async def scrape_metrics(context: RouteContext, command: ScrapeMetrics) -> web.Response:
    """Of the usual lab of a tenant also about what clients chose there; of the lab itself about all tenants, and what is there once."""
    observed, lab, server = context.observed, context.lab, context.server
    if not observed.meter.installed:
        hint = "pip install 'invoke-async-lab[observe]'"
        raise CommandRefused(501, "Metrics need prometheus-client, which is not installed.", hint)
    meters = (observed.meter, *(each.meter for each in context.others()))
    jobs = [await meter.jobs(COUNTS_WITHIN) for meter in meters]
    others = await counts_of_others(server, lab)
    if lab is server.labs.usual:
        own = await of_lab(server, server.totals)
    else:
        own = together((*(meter.samples() for meter in meters), of_ledger(lab)))
    found = {"" if server.workers is None else str(FIRST_WORKER): together((own, *jobs)), **others}
    body, kind = await asyncio.to_thread(_exposition, found, context.request.headers.get("accept", ""))
    return web.Response(body=body, headers={"content-type": kind, **_HEADERS})


class _Collector:
    """The families of one scrape, by the numbers of workers, or of the one process that there is, by nothing."""

    def __init__(self, processes: Mapping[str, Samples | None]) -> None:
        self._processes = processes

    def collect(self) -> "Iterator[Metric]":
        """Each family once, with the series of all processes."""
        from prometheus_client import core

        yield core.InfoMetricFamily("lab", "The version of the lab.", value={"version": __version__})
        worker = () if "" in self._processes else ("worker",)
        families = {
            **_FAMILIES,
            **{each.name: Family(each.type.title(), each.documentation) for each in system_families()},
        }
        for name, family in families.items():
            own = () if name == JOBS else worker  # of jobs all processes know the same
            metric = getattr(core, f"{family.kind}MetricFamily")(name, family.help, labels=(*own, *family.labels))
            for number, found in self._processes.items():
                for labels, values in (found or {}).get(name, ()):
                    labels = (*(number for _ in own), *labels)
                    if family.kind == "Histogram":
                        buckets = zip((*map(str, BOUNDS), "+Inf"), values[:-1], strict=True)
                        metric.add_metric(labels, list(buckets), values[-1])
                    else:
                        metric.add_metric(labels, values[0])
            if metric.samples or name in (CALLS, STRUCK, MALFORMED, JOBS):
                yield metric
        if worker:
            up = core.GaugeMetricFamily("lab_worker_up", "Whether a worker told what it counted.", labels=worker)
            for number in sorted(self._processes, key=int):
                up.add_metric((number,), self._processes[number] is not None)
            yield up


def _exposition(processes: Mapping[str, Samples | None], accept: str) -> tuple[bytes, str]:
    """The text, and its Content-Type: as the client's library words both for a scraper that accepts that."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry(auto_describe=False)  # the library's own one is everybody's in the process
    registry.register(_Collector(processes))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind
