"""What is counted of each mock, at this process and at other workers: sums that a scrape makes text of (metrics.py)."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import asdict

from lab.clocks import breathe
from lab.core.clock import Millis
from lab.core.journal.shell import RequestMalformed
from lab.core.observe import Noted, Replied, Requested
from lab.faults.facts import FaultStruck
from lab.program.words import Status
from lab.server.backlog import Backlog, Kept
from lab.server.call_totals import CallTotals, Samples
from lab.server.labs import ServedLab
from lab.server.mock_server import MockServer

if TYPE_CHECKING:
    from prometheus_client import Metric

METRICS_LIBRARY = "prometheus_client"
JOBS, CONNECTIONS = "lab_jobs", "lab_connections"
_SLICE = 16
"""Jobs looked at, or let go on, before the mock has its turn."""


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


def together(parts: Iterable[Samples]) -> Samples:
    found: Samples = {}
    for part in parts:
        for name, series in part.items():
            found.setdefault(name, []).extend(series)
    return found


async def of_lab(server: MockServer, totals: Mapping[str, CallTotals]) -> Samples:
    """The calls of all tenants, and what is there of a process once, whichever mock is called."""
    for lab in server.labs:
        Backlog.of(lab.service).hand_on()
    calls = server.labs.usual.calls
    once: Samples = {
        CONNECTIONS: [((), (server.connections,))],
        "lab_connections_opened": [((), (server.opened_connections,))],
        "lab_tenants": [((), (len(server.labs.named),))],
    }
    if calls.shared:
        once["lab_ledger_up"] = [((), (float(calls.trouble is None),))]
    system = await asyncio.to_thread(_of_system)
    sums = (each.samples(name) for name, each in totals.items())
    return together((*sums, of_ledger(server.labs.usual), once, system))


def of_ledger(lab: ServedLab) -> Samples:
    counts = lab.calls.counts
    return {} if counts is None else {f"lab_ledger_{name}": [((), (n,))] for name, n in asdict(counts).items()}


def system_families() -> "Iterable[Metric]":
    """What the library can tell of this process: its memory, CPU time, start and descriptors. Nothing without /proc."""
    from prometheus_client import ProcessCollector

    return ProcessCollector(registry=None).collect()


def _of_system() -> Samples:
    if find_spec(METRICS_LIBRARY) is None:
        return {}
    return {family.name: [((), (sample.value,)) for sample in family.samples] for family in system_families()}


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
            found = await of_lab(self._server, self._totals)
        elif lab is not None:
            found = together((self._meters[lab].samples(), of_ledger(lab)))
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
