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


class MockMeter:
    """Counts what becomes of one mock."""

    def __init__(self, lab: ServedLab, most_open: int, of_all: CallTotals) -> None:
        """`of_all` counts it too, with the mocks of other tenants that clients choose by its name."""
        self.own = CallTotals()
        self._lab, self._most_open, self._totals = lab, most_open, (self.own, of_all)
        self._open: dict[int, tuple[str, int]] = {}
        """Calls without a reply, some of which never get one: their route, and when they were whole."""
        self._counting: asyncio.Task[Samples] | None = None
        self._backlog = Backlog.of(lab.service)
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
        self._backlog.hand_on()
        return self.own.samples(self._lab.scenario or "")

    async def jobs(self) -> Samples:
        """How many jobs have each status; nothing if so many have to be looked at that it takes too long.

        Counting goes on then, so that there is less to do the next time.
        """
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count())
        await asyncio.wait((self._counting,), timeout=COUNTS_WITHIN / 1_000)
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
        self._backlog.leave(self._take)


class Meters:
    """What is counted of a process: of each of its mocks, and of all tenants. Without the library nobody can ask for it."""

    def __init__(self, server: MockServer) -> None:
        self.installed = find_spec(METRICS_LIBRARY) is not None
        self._server, self._labs = server, server.labs
        self.of: dict[ServedLab, MockMeter] = {}
        self._totals: dict[str, CallTotals] = {}
        """By the names by which clients choose a mock, those of tenants that were ended included."""
        if self.installed:
            for lab in server.labs:
                self._begun(lab)
            server.labs.watchers.append(self._begun)
            server.labs.leavers.append(self._ended)

    def _begun(self, lab: ServedLab) -> None:
        of_all = self._totals.setdefault(lab.scenario or "", CallTotals())
        self.of[lab] = MockMeter(lab, self._server.limits.connections, of_all)

    def _ended(self, lab: ServedLab) -> None:
        if (meter := self.of.pop(lab, None)) is not None:
            meter.close()

    def close(self) -> None:
        """Count no more."""
        for lab in tuple(self.of):
            self._ended(lab)

    async def scraped(self, labs: Sequence[ServedLab], accept: str) -> tuple[bytes, str]:
        """What is counted of a lab and, if it is a tenant's usual one, of what clients chose there, as a scraper accepts it.

        Of the lab itself: of all tenants, and what is there once. The text, and its Content-Type.
        """
        jobs = [await self.of[lab].jobs() for lab in labs]
        others = await self.of_others(labs[0])
        usual = labs[0] is self._labs.usual
        own = (
            await self._of_process()
            if usual
            else _together((*(self.of[each].samples() for each in labs), _of_ledger(labs[0])))
        )
        found = {"" if self._server.workers is None else str(FIRST_WORKER): _together((own, *jobs)), **others}
        return await asyncio.to_thread(_exposition, found, accept)

    async def of_others(self, lab: ServedLab) -> dict[str, Samples | None]:
        """What each of the other workers counted of the tenant, of the lab if it has no name; None: a worker doesn't answer, for it may be just starting."""
        workers = self._server.workers
        answers = {} if workers is None else await workers.ask((lab.name or "").encode())
        return {
            str(number): None if answer is None else msgspec.json.decode(answer, type=Samples)
            for number, answer in answers.items()
        }

    async def answer(self, question: bytes) -> bytes:
        """The counts; the question is the name of a tenant, or nothing. Of one that isn't here there is nothing to tell."""
        lab, found = self._labs.named.get(question.decode()), Samples()
        if not question:
            found = await self._of_process()
        elif lab in self.of:
            found = _together((self.of[lab].samples(), _of_ledger(lab)))
        return await asyncio.to_thread(msgspec.json.encode, found)

    async def _of_process(self) -> Samples:
        """The calls of all tenants, and what is there of a process once, whichever mock is called."""
        for meter in self.of.values():
            meter.samples()
        server, calls = self._server, self._labs.usual.calls
        once: dict[str, float] = {
            CONNECTIONS: server.connections,
            "lab_connections_opened": server.opened_connections,
            "lab_tenants": len(self._labs.named),
            **({"lab_ledger_up": float(calls.trouble is None)} if calls.shared else {}),
        }
        if self.installed:
            families = await asyncio.to_thread(system_families)
            once |= {family.name: sample.value for family in families for sample in family.samples}
        sums = (each.samples(name) for name, each in self._totals.items())
        return _together((*sums, _of_ledger(self._labs.usual), {name: [((), (n,))] for name, n in once.items()}))


def _together(parts: Iterable[Samples]) -> Samples:
    found: Samples = {}
    for part in parts:
        for name, series in part.items():
            found.setdefault(name, []).extend(series)
    return found


def _of_ledger(lab: ServedLab) -> Samples:
    counts = lab.calls.counts
    return {} if counts is None else {f"lab_ledger_{name}": [((), (n,))] for name, n in asdict(counts).items()}


# With the library


def system_families() -> "Iterable[Metric]":
    """What the library can tell of this process: its memory, CPU time, start and descriptors. Nothing without /proc."""
    from prometheus_client import ProcessCollector

    return ProcessCollector(registry=None).collect()


class _Scrape:
    """The families of one scrape, by the numbers of workers, or of the one process that there is, by nothing."""

    def __init__(self, processes: Mapping[str, Samples | None]) -> None:
        self._processes = processes

    def collect(self) -> "Iterator[Metric]":
        """Each family once, with the series of all processes."""
        from prometheus_client import core

        counter, gauge = core.CounterMetricFamily, core.GaugeMetricFamily
        worker = () if "" in self._processes else ("worker",)
        calls = "From a whole request to the last byte of its reply, in real time; code 0: no status line left."
        yield core.InfoMetricFamily("lab", "The version of the lab.", value={"version": __version__})
        for family in (
            core.HistogramMetricFamily(CALLS, calls, labels=(*worker, "scenario", "route", "code")),
            counter(STRUCK, "Calls that a fault struck.", labels=(*worker, "scenario", "route")),
            counter(MALFORMED, "What came and was no HTTP request.", labels=(*worker, "scenario")),
            counter("lab_ledger_commits", "Batches of calls whose facts the store took.", labels=worker),
            counter(
                "lab_ledger_conflicts",
                "Batches that were run again: another process had committed before.",
                labels=worker,
            ),
            counter("lab_ledger_errors", "Times that the store couldn't be asked, or didn't answer.", labels=worker),
            gauge(CONNECTIONS, "Connections that are open, whichever mock is called.", labels=worker),
            counter("lab_connections_opened", "Connections that were opened.", labels=worker),
            gauge("lab_tenants", "Tenants that were called at the process.", labels=worker),
            gauge("lab_ledger_up", "Whether the shared ledger can be reached.", labels=worker),
            # all processes know the same ones
            gauge(JOBS, "Jobs that are not forgotten, by status.", labels=("scenario", "status")),
            *(
                (counter if each.type == "counter" else gauge)(each.name, each.documentation, labels=worker)
                for each in system_families()
            ),
        ):
            for number, found in self._processes.items():
                for labels, values in (found or {}).get(family.name, ()):
                    labels = (number, *labels) if worker and family.name != JOBS else labels
                    if isinstance(family, core.HistogramMetricFamily):
                        buckets = zip((*map(str, BOUNDS), "+Inf"), values[:-1], strict=True)
                        family.add_metric(labels, list(buckets), values[-1])
                    else:
                        family.add_metric(labels, values[0])
            if family.samples or family.name in (CALLS, STRUCK, MALFORMED, JOBS):
                yield family
        if worker:
            up = gauge("lab_worker_up", "Whether a worker told what it counted.", labels=worker)
            for number in sorted(self._processes, key=int):
                up.add_metric((number,), self._processes[number] is not None)
            yield up


def _exposition(processes: Mapping[str, Samples | None], accept: str) -> tuple[bytes, str]:
    """The text, and its Content-Type: as the client's library words both for a scraper that accepts that."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry(auto_describe=False)  # the library's own one is everybody's in the process
    registry.register(_Scrape(processes))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind
