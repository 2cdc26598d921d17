"""What is counted of a process that serves a lab, and how the first of several workers comes by the counts of the others."""

import asyncio
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import accumulate

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.language.document import Status
from lab.server.control.tallies import CallTally, JobTally
from lab.server.mock_server import MockServer
from lab.server.mounts import Mount, Tenant
from lab.server.shared.calls import LedgerCounts

METRICS_LIBRARY = "prometheus_client"
FIRST_WORKER = 1
"""The number of the worker that has the control plane."""


class CallCounts(Struct, frozen=True):
    """The calls of one route that were answered with one HTTP status."""

    route: str
    code: int
    up_to: tuple[int, ...]
    """How many lasted no longer than each of the bounds; at last all."""
    total: Millis
    """How long they lasted, all together."""


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
    connections: int
    """Open now, whichever mock is called."""
    opened: int
    ledger: LedgerCounts | None
    """Of a ledger that other processes share."""


class MockMeter:
    """Counts what becomes of one mock, if somebody may ask for it: without the library nobody can."""

    def __init__(self, server: MockServer, mount: Mount) -> None:
        self.installed = find_spec(METRICS_LIBRARY) is not None
        self._jobs = JobTally(mount.service, mount.clock)
        self.calls = CallTally(server.limits.connections, self._jobs.note)
        self._mount = mount
        self._observer = self.calls.observer()
        if self.installed:
            mount.service.observers.append(self._observer)

    def counts(self) -> MockCounts:
        """As it is now, but for the jobs."""
        tally = self.calls
        calls = tuple(
            CallCounts(route, code, tuple(accumulate(each.buckets)), each.total)
            for (route, code), each in tally.durations.items()
        )
        return MockCounts(self._mount.name or "", calls, dict(tally.struck), tally.malformed, {})

    async def counts_with_jobs(self, within: Millis) -> MockCounts:
        """As it is now; without jobs if counting them takes more than so many real milliseconds."""
        jobs = await self._jobs.count(within)
        return replace(self.counts(), jobs=jobs or {})

    def close(self) -> None:
        """Observe no more."""
        self._jobs.close()
        if self.installed:
            self._mount.service.observers.remove(self._observer)


def process_counts(server: MockServer, mocks: Sequence[MockCounts], ledger: LedgerCounts | None) -> ProcessCounts:
    """What was counted of this process, of the mocks of one tenant, and of its ledger if other processes share that."""
    return ProcessCounts(tuple(mocks), server.connections, server.opened_connections, ledger and replace(ledger))


class WorkerMeters:
    """Counts what becomes of the mocks of a worker that has no control plane, and tells the one that has."""

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self._meters = {tenant: MockMeter(server, tenant.main) for tenant in server.tenants}
        server.tenants.watchers.append(self._begun)
        server.tenants.leavers.append(self._ended)

    async def answer(self, question: bytes) -> bytes:
        """The counts; the question is the name of a tenant, or nothing. Of one that isn't here there is nothing to tell."""
        tenants = self._server.tenants
        tenant = tenants.named.get(question.decode()) if question else tenants.usual
        mocks = [] if tenant is None else [self._meters[tenant].counts()]
        counts = process_counts(self._server, mocks, None if tenant is None else tenant.calls.counts)
        return await asyncio.to_thread(msgspec.json.encode, counts)

    def _begun(self, tenant: Tenant) -> None:
        self._meters[tenant] = MockMeter(self._server, tenant.main)

    def _ended(self, tenant: Tenant) -> None:
        self._meters.pop(tenant).close()


async def counts_of_others(server: MockServer, tenant: Tenant) -> dict[int, ProcessCounts | None]:
    """What was counted of each of the other workers, if there are any; None: it doesn't answer, for it may be just starting."""
    if server.workers is None:
        return {}
    answers = await server.workers.ask((tenant.name or "").encode())
    return {number: _decoded(answer) for number, answer in answers.items()}


def _decoded(answer: bytes | None) -> ProcessCounts | None:
    return None if answer is None else msgspec.json.decode(answer, type=ProcessCounts)
