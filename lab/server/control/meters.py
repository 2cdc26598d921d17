"""What is counted of a process that serves a lab, and how the first of several workers comes by the counts of the others."""

import asyncio
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.program.words import Status
from lab.server.call_totals import CallTotals
from lab.server.control.tallies import CallTally, JobTally
from lab.server.labs import Lab
from lab.server.mock_server import MockServer
from lab.server.shared.calls import LedgerCounts

if TYPE_CHECKING:
    from prometheus_client import Metric

METRICS_LIBRARY = "prometheus_client"
FIRST_WORKER = 1
"""The number of the worker that has the control plane."""


class CallCounts(Struct, frozen=True):
    """The calls of one route that were answered with one HTTP status."""

    route: str
    code: int
    up_to: tuple[int, ...]
    """How many lasted no longer than each of the bounds; at last all."""
    total: int
    """How long they lasted, all together, in real microseconds."""


class MockCounts(Struct, frozen=True):
    """What was counted of one mock, as it was at one moment."""

    scenario: str
    """By which clients choose it; empty: by none."""
    calls: tuple[CallCounts, ...]
    struck: Mapping[str, int]
    malformed: int
    jobs: Mapping[Status, int]
    """Empty, where another process counts them, and while that takes long."""


class ProcessCounts(Struct, frozen=True):
    """What was counted of one process."""

    mocks: tuple[MockCounts, ...]
    ledger: LedgerCounts | None
    """Of a ledger that other processes share."""
    lab: "LabCounts | None" = None
    """None: a tenant was asked for, or one mock."""


class LabCounts(Struct, frozen=True):
    """What is there of a process once, whichever mock is called."""

    connections: int
    """Open now."""
    opened: int
    tenants: int
    """With a name, that were called here."""
    ledger_up: bool | None
    """Whether the ledger that other processes share can be reached."""
    system: Mapping[str, float]
    """What the system says of the process, by the names of the library's families; nothing where it can't be read."""


class MockMeter:
    """Counts what becomes of one mock, if somebody may ask for it: without the library nobody can."""

    def __init__(self, server: MockServer, lab: Lab, totals: dict[str, CallTotals]) -> None:
        """`totals` count it too, by its name, with the mocks of other tenants."""
        self.installed = find_spec(METRICS_LIBRARY) is not None
        self._jobs = JobTally(lab.service, lab.clock)
        together = totals.setdefault(lab.scenario or "", CallTotals())
        self.calls = CallTally(server.limits.connections, self._jobs.note, server.arrivals, (together,))
        self._lab = lab
        self._observer = self.calls.observer()
        if self.installed:
            lab.service.observers.append(self._observer)

    def counts(self) -> MockCounts:
        """As it is now, but for the jobs."""
        return _mock_counts(self._lab.scenario or "", self.calls.own)

    async def counts_with_jobs(self, within: Millis) -> MockCounts:
        """As it is now; without jobs if counting them takes more than so many real milliseconds."""
        jobs = await self._jobs.count(within)
        return replace(self.counts(), jobs=jobs or {})

    def close(self) -> None:
        """Observe no more."""
        self._jobs.close()
        if self.installed:
            self._lab.service.observers.remove(self._observer)


def _mock_counts(scenario: str, totals: CallTotals) -> MockCounts:
    calls = tuple(
        CallCounts(route, code, tuple(accumulate(each.buckets)), each.total)
        for (route, code), each in totals.durations.items()
    )
    return MockCounts(scenario, calls, dict(totals.struck), totals.malformed, {})


async def counts_of_lab(
    server: MockServer, totals: Mapping[str, CallTotals], nameless: Iterable[MockCounts] = ()
) -> ProcessCounts:
    """What was counted of this process: the calls of all tenants, and of the mocks of the nameless one their jobs."""
    system = await asyncio.to_thread(_of_system)
    jobs = {mock.scenario: mock.jobs for mock in nameless}
    mocks = tuple(replace(_mock_counts(name, together), jobs=jobs.get(name, {})) for name, together in totals.items())
    calls = server.labs.usual.calls
    up = calls.trouble is None if calls.shared else None
    lab = LabCounts(server.connections, server.opened_connections, len(server.labs.named), up, system)
    return ProcessCounts(mocks, calls.counts and replace(calls.counts), lab)


def counts_of_tenant(lab: Lab, mocks: Iterable[MockCounts]) -> ProcessCounts:
    """What was counted here of mocks of one tenant, and of its ledger if other processes share that."""
    return ProcessCounts(tuple(mocks), lab.calls.counts and replace(lab.calls.counts))


def system_families() -> "Iterable[Metric]":
    """What the library can tell of this process: its memory, CPU time, start and descriptors. Nothing without /proc."""
    from prometheus_client import ProcessCollector

    return ProcessCollector(registry=None).collect()


def _of_system() -> Mapping[str, float]:
    if find_spec(METRICS_LIBRARY) is None:
        return {}
    return {family.name: sample.value for family in system_families() for sample in family.samples}


class WorkerMeters:
    """Counts what becomes of the mocks of a worker that has no control plane, and tells the one that has."""

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self._totals: dict[str, CallTotals] = {}
        self._meters = {lab: MockMeter(server, lab, self._totals) for lab in server.labs}
        server.labs.watchers.append(self._begun)
        server.labs.leavers.append(self._ended)

    async def answer(self, question: bytes) -> bytes:
        """The counts; the question is the name of a tenant, or nothing. Of one that isn't here there is nothing to tell."""
        named = self._server.labs.named
        if not question:
            counts = await counts_of_lab(self._server, self._totals)
        elif (lab := named.get(question.decode())) is None:
            counts = ProcessCounts((), None)
        else:
            counts = counts_of_tenant(lab, [self._meters[lab].counts()])
        return await asyncio.to_thread(msgspec.json.encode, counts)

    def _begun(self, lab: Lab) -> None:
        self._meters[lab] = MockMeter(self._server, lab, self._totals)

    def _ended(self, lab: Lab) -> None:
        self._meters.pop(lab).close()


async def counts_of_others(server: MockServer, lab: Lab) -> dict[int, ProcessCounts | None]:
    """What each of the other workers counted of the tenant, of the lab if it has no name; None: a worker doesn't answer, for it may be just starting."""
    if server.workers is None:
        return {}
    answers = await server.workers.ask((lab.name or "").encode())
    return {number: _decoded(answer) for number, answer in answers.items()}


def _decoded(answer: bytes | None) -> ProcessCounts | None:
    return None if answer is None else msgspec.json.decode(answer, type=ProcessCounts)
