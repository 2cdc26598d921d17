"""What is counted of a lab in Prometheus' text format: `GET /_lab/metrics` (control-plane.md §3.10).

Nothing is named but what is the lab's own: routes of its table, statuses, scenarios that clients may choose, the
numbers of workers. No tenant is: the lab's own page has the sums of all of them, for a name is a client's choice. Each
worker has series of its own: one that is started again counts from 0, which Prometheus can tell of a series, and not of
a sum. The library is loaded when somebody scrapes; what a scrape tells is made text in a thread, so that no call waits.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from lab.clocks import breathe
from lab.core.clock import Millis
from lab.core.journal.shell import RequestMalformed
from lab.core.observe import Noted, Replied, Requested
from lab.core.version import __version__
from lab.faults.facts import FaultStruck
from lab.program.words import Status
from lab.server.backlog import Backlog, Kept
from lab.server.call_totals import BOUNDS, CALLS, MALFORMED, STRUCK, CallTotals, Samples
from lab.server.labs import ServedLab
from lab.server.mock_server import MockServer

if TYPE_CHECKING:
    from prometheus_client import Metric

METRICS_LIBRARY = "prometheus_client"
FIRST_WORKER = 1
"""The number of the worker that has the control plane."""
COUNTS_WITHIN: Millis = 1_000
"""For so long, in real milliseconds, a scrape waits for the jobs of each mock to be counted."""
_SLICE = 16
"""Jobs looked at, or let go on, before the mock has its turn."""
JOBS, CONNECTIONS = "lab_jobs", "lab_connections"


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


class MockMeter:
    """Counts what becomes of one mock, if somebody may ask for it: without the library nobody can."""

    def __init__(self, server: MockServer, lab: ServedLab, totals: dict[str, CallTotals]) -> None:
        """`totals` count it too, by its name, with the mocks of other tenants."""
        self.installed = find_spec(METRICS_LIBRARY) is not None
        self.own = CallTotals()
        self._lab, self._most_open = lab, server.limits.connections
        self._totals = (self.own, totals.setdefault(lab.scenario or "", CallTotals()))
        self._open: dict[int, tuple[str, int]] = {}
        """Calls without a reply, some of which never get one: their route, and when they were whole."""
        self._counting: asyncio.Task[Samples] | None = None
        self._backlog = Backlog.of(lab.service) if self.installed else None
        if self._backlog is not None:
            self._backlog.hand_to(self._take)

    def _take(self, batch: Sequence[Kept]) -> None:
        ended: dict[tuple[str, int], list[int]] = {}
        for each in batch:
            observation = each.observation
            if isinstance(observation, Requested):
                # a request may be told long after it came, where a store has to take it first
                self._open[observation.x] = observation.route, observation.came or each.micros
                if len(self._open) > self._most_open:
                    del self._open[next(iter(self._open))]
            elif isinstance(observation, Replied):
                if (call := self._open.pop(observation.x, None)) is not None:
                    ended.setdefault((call[0], observation.response.status), []).append(each.micros - call[1])
            elif isinstance(observation, Noted):
                fact = observation.fact
                for total in self._totals if isinstance(fact, RequestMalformed) else ():
                    total.malformed += 1
                if isinstance(fact, FaultStruck) and (call := self._open.get(observation.x or 0)) is not None:
                    for total in self._totals:
                        total.struck[call[0]] += 1
        for lasted in ended.values():
            lasted.sort()
        for total in self._totals:
            total.add(ended)

    def samples(self) -> Samples:
        """As it is now, but for the jobs."""
        if self._backlog is not None:
            self._backlog.hand_on()
        return self.own.samples(self._lab.scenario or "")

    async def jobs(self, within: Millis) -> Samples:
        """How many jobs have each status; nothing if many have to be looked at, for longer than so many real ms.

        Counting goes on then, so that there is less to do the next time.
        """
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count())
        await asyncio.wait((self._counting,), timeout=within / 1_000)
        done = self._counting.done() and not self._counting.cancelled()
        return self._counting.result() if done else {}

    async def _count(self) -> Samples:
        service, clock, scenario = self._lab.service, self._lab.clock, self._lab.scenario or ""
        for step, _ in enumerate(service.job_steps(clock.now), 1):
            if step % _SLICE == 0:
                await breathe()
        return {JOBS: [((scenario, str(status)), (service.job_counts[status],)) for status in Status]}

    def close(self) -> None:
        """Observe no more."""
        if self._counting is not None:
            self._counting.cancel()
        if self._backlog is not None:
            self._backlog.leave(self._take)


def _together(parts: Iterable[Samples]) -> Samples:
    found: Samples = {}
    for part in parts:
        for name, series in part.items():
            found.setdefault(name, []).extend(series)
    return found


async def _of_process(server: MockServer, totals: Mapping[str, CallTotals]) -> Samples:
    """The calls of all tenants, and what is there of a process once, whichever mock is called."""
    for lab in server.labs:
        Backlog.of(lab.service).hand_on()
    calls = server.labs.usual.calls
    once: dict[str, float] = {
        CONNECTIONS: server.connections,
        "lab_connections_opened": server.opened_connections,
        "lab_tenants": len(server.labs.named),
        **({"lab_ledger_up": float(calls.trouble is None)} if calls.shared else {}),
    }
    if find_spec(METRICS_LIBRARY) is not None:
        families = await asyncio.to_thread(system_families)
        once |= {family.name: sample.value for family in families for sample in family.samples}
    sums = (each.samples(name) for name, each in totals.items())
    return _together((*sums, _of_ledger(server.labs.usual), {name: [((), (n,))] for name, n in once.items()}))


def _of_ledger(lab: ServedLab) -> Samples:
    counts = lab.calls.counts
    return {} if counts is None else {f"lab_ledger_{name}": [((), (n,))] for name, n in asdict(counts).items()}


def system_families() -> "Iterable[Metric]":
    """What the library can tell of this process: its memory, CPU time, start and descriptors. Nothing without /proc."""
    from prometheus_client import ProcessCollector

    return ProcessCollector(registry=None).collect()


class WorkerMeters:
    """Counts what becomes of the mocks of a worker that has no control plane, and tells the one that has."""

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self._totals: dict[str, CallTotals] = {}
        self._meters = {lab: MockMeter(server, lab, self._totals) for lab in server.labs}
        server.labs.watchers.append(self._begun)
        server.labs.leavers.append(lambda lab: self._meters.pop(lab).close())

    def _begun(self, lab: ServedLab) -> None:
        self._meters[lab] = MockMeter(self._server, lab, self._totals)

    async def answer(self, question: bytes) -> bytes:
        """The counts; the question is the name of a tenant, or nothing. Of one that isn't here there is nothing to tell."""
        lab, found = self._server.labs.named.get(question.decode()), Samples()
        if not question:
            found = await _of_process(self._server, self._totals)
        elif lab is not None:
            found = _together((self._meters[lab].samples(), _of_ledger(lab)))
        return await asyncio.to_thread(msgspec.json.encode, found)


async def counts_of_others(server: MockServer, lab: ServedLab) -> dict[str, Samples | None]:
    """What each of the other workers counted of the tenant, of the lab if it has no name; None: a worker doesn't answer, for it may be just starting."""
    if server.workers is None:
        return {}
    answers = await server.workers.ask((lab.name or "").encode())
    return {
        str(number): None if answer is None else msgspec.json.decode(answer, type=Samples)
        for number, answer in answers.items()
    }


async def scraped(server: MockServer, meters: Sequence[MockMeter], lab: ServedLab, accept: str) -> tuple[bytes, str]:
    """What is counted of a lab, by its meter and, if it is a tenant's usual one, by those of what clients chose there.

    Of the lab itself: of all tenants, and what is there once. The text, and its Content-Type.
    """
    jobs = [await meter.jobs(COUNTS_WITHIN) for meter in meters]
    others = await counts_of_others(server, lab)
    if lab is server.labs.usual:
        own = await _of_process(server, server.totals)
    else:
        own = _together((*(meter.samples() for meter in meters), _of_ledger(lab)))
    found = {"" if server.workers is None else str(FIRST_WORKER): _together((own, *jobs)), **others}
    return await asyncio.to_thread(_exposition, found, accept)


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
