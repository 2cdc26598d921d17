"""Tenants of a lab that several processes serve: each is one lab at all of them, and none of the others'."""

import asyncio
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.serve.shared_lab import SharedTenants
from lab.cli.setup import Setup, make_clock
from lab.clocks import ManualClock
from lab.core.exchange import Json, Request
from lab.core.journal.shared import SharedStore
from lab.core.observe import Replied
from lab.dialects.router import ROUTER
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.records import TokenRecord
from lab.mock.batches import BatchedService
from lab.server.control.plane import ControlPlane
from lab.server.labs import LabWish, ServedLab
from lab.server.mock_server import MockServer
from lab.server.shared import batch_loop, refused_writes
from lab.server.shared.batch_loop import BatchLoop, LabCalls
from lab.server.shared.lab_time import LabTime
from lab.stores.address import store_address
from lab.stores.redis_log import RedisLog, open_store
from tests.cli.test_tenants import DISCOVERY, TEAM, Lab, loaded, made_by_commands, nothing_is_left
from tests.conftest import examples
from tests.server.conftest import SCOPE, TOKEN, Peer, control_request
from tests.server.test_faults import until
from tests.stores.memory_store import START_WALL, MemoryStore
from tests.stores.redis_server import RedisServer

_NUMBERS = count()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is gone is given up soon."""
    monkeypatch.setattr(batch_loop, "ANSWERED_WITHIN", 30)


@pytest.fixture
def shared() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with RedisServer() as server:
        yield server.url


class InRedis:
    """What processes share in a Redis, each by a link of its own."""

    def __init__(self, *stores: RedisLog) -> None:
        self._stores = list(stores)

    def process(self) -> SharedStore:
        """Another process's access."""
        return self._stores.pop()


@asynccontextmanager
async def in_redis(url: str) -> AsyncIterator[InRedis]:
    prefix = f"lab{next(_NUMBERS)}"
    stores = [await open_store(store_address(url), prefix) for _ in range(2)]
    try:
        yield InRedis(*stores)
    finally:
        for store in stores:
            await store.close()


@asynccontextmanager
async def serving(setup: Setup, store: SharedStore, most: int = 0) -> AsyncIterator[Lab]:
    """One of the processes, whose calls may make so many tenants."""
    number = next(_NUMBERS)
    setup = replace(setup, make_service=BatchedService, clock=make_clock(setup.settings.clock))
    service, loop = BatchedService(setup.config), BatchLoop(store, f"process-{number}")
    calls = LabCalls(loop, service, LabTime(setup.clock, START_WALL))
    console = Console(io.StringIO(), io.StringIO())

    def tenants(usual: ServedLab) -> SharedTenants:
        return SharedTenants(setup, console, usual, most=most)

    server = MockServer(service, setup.clock, setup.limits, calls, labs=tenants)
    plane = ControlPlane(server, TOKEN)
    origins = await server.start(), await plane.start()
    lab = Lab(server, plane, *(int(each.rpartition(":")[2]) for each in origins))
    try:
        async with asyncio.timeout(30):
            yield lab
    finally:
        for peer in lab.peers:
            await peer.close()
        await plane.stop()
        await server.stop(0)
        await loop.stop()


@asynccontextmanager
async def two(folder: Path, shared: MemoryStore | InRedis, most: int = 0) -> AsyncIterator[tuple[Lab, Lab]]:
    setup = loaded(folder)
    async with serving(setup, shared.process(), most) as one, serving(setup, shared.process(), most) as other:
        yield one, other


def loop_of(lab: Lab) -> BatchLoop:
    """What runs the calls of a process."""
    return cast("LabCalls", lab.server.labs.usual.calls).loop


async def test_two_processes_that_make_the_same_at_once_have_one(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 2) as labs:
        granted = await asyncio.gather(*(each.token("/t/ann") for each in (*labs, *labs)))
        assert {each.status for each in granted} == {200}
        found = await asyncio.gather(*(each.control("POST", "tenants", {"name": "ann"}) for each in labs))
        for member in ("seed", "scenarios", "control_token"):
            assert found[0].json[member] == found[1].json[member]
        wished = await asyncio.gather(
            *(lab.control("POST", "tenants", {"name": "bob", "seed": seed}) for seed, lab in enumerate(labs))
        )
        assert sorted(each.status for each in wished) == [200, 409], "one wish counts"
        health = [(await each.control("GET", "t/bob/health")).json["seed"] for each in labs]
        assert health[0] == health[1]


async def test_any_process_speaks_for_a_tenant(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 2) as (one, other):
        token, started = await one.started("/t/ann")
        job = str(started.json["jobId"])
        assert await other.polled(token, job, "/t/ann") == 200
        assert await one.polled(token, job, "/t/bob") == 404
        await one.token("/t/bob")
        assert [await each.polled(token, job, "/t/bob") for each in (one, other)] == [401, 401]
        assert [await each.polled(token, job, "") for each in (one, other)] == [401, 401]
        for each in (one, other):
            await loop_of(each).relay.publish()
        for each in (one, other):
            found = (await each.control("GET", "t/ann/jobs")).json["jobs"]
            assert [listed["job"] for listed in found] == [job]
            assert (await each.control("GET", "t/ann/calls")).json["count"] == 3
            lines = (await each.control("GET", "t/ann/journal")).body
            assert lines.count(b'"job.accepted"') == 1 and lines.count(b'"k":"req"') == 3
            assert b"job.accepted" not in (await each.control("GET", "t/bob/journal")).body
            listed = (await each.control("GET", "tenants")).json["tenants"]
            base = f"http://127.0.0.1:{each.port}/t/"
            assert [(one["name"], one["base_url"]) for one in listed] == [("ann", f"{base}ann"), ("bob", f"{base}bob")]
        assert (await other.control("POST", "t/ann/reset", {})).status == 200
        assert await one.polled(token, job, "/t/ann") == 401


async def test_a_process_that_comes_later_finds_what_is_there_of_a_tenant(tmp_path: Path, shared: MemoryStore) -> None:
    setup = loaded(tmp_path)
    async with serving(setup, shared.process()) as first:
        await first.control("POST", "tenants", {"name": "ann", "seed": 3, "scenarios": ["short"]})
        token, started = await first.started("/t/ann")
        await first.control("POST", "t/ann/clock", {"advance": "1s"})
    async with serving(setup, shared.process()) as late:
        assert (await late.ask(f"/t/bob{DISCOVERY}")).status == 404
        assert await late.polled(token, str(started.json["jobId"]), "/t/ann") == 200
        health = (await late.control("GET", "t/ann/health")).json
        assert (health["seed"], health["scenarios"], health["clock"]["now"]) == (3, ["short"], 1_000)
        assert b'"job.accepted"' in (await late.control("GET", "t/ann/journal")).body


async def test_one_that_is_ended_at_one_process_is_unknown_at_all(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared) as (one, other):
        control = (await one.control("POST", "tenants", {"name": "ann"})).json["control_token"]
        token, started = await one.started("/t/ann")
        job, peer = str(started.json["jobId"]), await other.peer()
        await other.ask(f"/t/ann{DISCOVERY}", peer=peer)
        follower = Peer(*await asyncio.open_connection("127.0.0.1", other.control_port))
        await follower.send(control_request(other.control_port, "GET", "t/ann/journal?follow=1", token=control))
        await follower.reader.readuntil(b"job.accepted")
        assert (await one.control("DELETE", "tenants/ann")).json == {"ok": True, "name": "ann"}
        got = await asyncio.gather(*(other.polled(token, job, "/t/ann") for _ in range(4)))
        assert got == [404] * 4, "though it was there when they called"
        await asyncio.wait_for(follower.reader.read(), 5)
        await follower.close()
        for each in (one, other):
            assert (await each.control("DELETE", "tenants/ann")).status == 404
            assert (await each.control("GET", "t/ann/clock")).status == 404
            assert (await each.control("GET", "t/ann/clock", token=control)).status == 401
            assert (await each.control("GET", "tenants")).json == {"tenants": []}
            assert not each.server.labs.named


async def test_one_that_is_made_anew_has_nothing_of_the_one_before(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 5) as (one, other):
        token, started = await one.started("/t/ann")
        job = str(started.json["jobId"])
        assert await other.polled(token, job, "/t/ann") == 200
        await other.control("POST", "t/ann/clock", {"advance": "1h"})
        before = (await one.control("POST", "tenants", {"name": "ann"})).json["control_token"]
        await one.control("DELETE", "tenants/ann")
        await one.token("/t/ann")
        assert await other.polled(token, job, "/t/ann") == 401, "no token of the one before is good there"
        for each in (one, other):
            again = await each.control("POST", "tenants", {"name": "ann"})
            assert again.json["control_token"] != before
            assert (await each.control("GET", "t/ann/clock")).json["now"] == 0
            assert (await each.control("GET", "t/ann/jobs")).json["jobs"] == []
        await one.control("DELETE", "tenants/ann")
        found = await asyncio.gather(*(other.token("/t/ann") for _ in range(6)))
        assert {each.status for each in found} == {200}, "who calls it there makes it"


async def test_one_is_made_and_ended_at_processes_where_nobody_calls_it(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 2) as (one, other):
        for name in ("ann", "bob"):
            await one.token(f"/t/{name}")
        await until(lambda: [*other.server.labs.named] == ["ann", "bob"])
        await one.control("DELETE", "tenants/ann")
        await until(lambda: [*other.server.labs.named] == ["bob"])
        assert [*loop_of(other).labs] == ["", cast("LabCalls", other.server.labs.named["bob"].calls).key]
        assert loop_of(other).relay.labs.keys() == loop_of(other).labs.keys()


async def test_calls_for_several_tenants_share_the_ways_to_the_store(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 9) as (one, other):
        for name in ("ann", "bob", "cy"):
            await one.token(f"/t/{name}")
        before, head = loop_of(one).counts.commits, shared.head
        shared.gate.clear()
        granted = [asyncio.ensure_future(one.token(f"/t/{name}")) for name in ("ann", "bob", "cy")]
        await until(lambda: loop_of(one)._calls.qsize() >= 2)
        shared.gate.set()
        assert {each.status for each in await asyncio.gather(*granted)} == {200}
        assert loop_of(one).counts.commits - before <= 2 < shared.head - head == 3, "a commit for each lab"
        await loop_of(other).usual.fresh()
        for lab in (one, other):
            found = [len(list(each.service.ledger.of(TokenRecord))) for each in lab.server.labs.named.values()]
            assert found == [2, 2, 2]


async def test_a_snapshot_has_the_tenants_that_are_there(
    tmp_path: Path, shared: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_loop, "SNAPSHOT_EVERY", 6)
    shared.kept, setup = 0, loaded(tmp_path)
    async with serving(setup, shared.process(), 2) as first:
        await first.token("/t/gone")
        await first.control("DELETE", "tenants/gone")
        control = (await first.control("POST", "tenants", {"name": "ann", "seed": 3})).json["control_token"]
        token, started = await first.started("/t/ann")
        await until(lambda: shared.snapshot.place.position >= 6)
        assert shared.commits[0].position == 6, "the log has no commit any more that made one"
    async with serving(setup, shared.process(), 2) as late:
        assert [*late.server.labs.named] == ["ann"]
        assert await late.polled(token, str(started.json["jobId"]), "/t/ann") == 200
        health = await late.control("GET", "t/ann/health", token=control)
        assert (health.status, health.json["seed"]) == (200, 3)


async def test_one_whose_commits_were_refused_is_well_again_without_a_call(
    tmp_path: Path, shared: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_loop, "_IDLE", 10)
    monkeypatch.setattr(batch_loop, "PROCESS_LIFETIME", 1_000_000)  # no heartbeat is due
    async with serving(loaded(tmp_path), shared.process(), 1) as lab:
        assert (await lab.token("/t/ann")).status == 200
        calls = lab.server.labs.named["ann"].calls
        shared.full = True
        assert (await lab.token("/t/ann")).status == 503 and "it is full" in str(calls.trouble)
        shared.full = False
        monkeypatch.setattr(refused_writes, "SETTLED", 0)
        await until(lambda: calls.trouble is None)


async def test_of_one_that_is_ended_nothing_is_left_in_memory(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 1) as (one, _):
        await nothing_is_left(one)


async def test_a_reply_under_way_is_cut_where_its_tenant_was_ended_elsewhere(
    tmp_path: Path, shared: MemoryStore
) -> None:
    async with two(tmp_path, shared, 2) as (one, other):
        token, started = await one.started("/t/ann")
        fault = {"route": "status", "strike": "hang"}
        assert (await one.control("POST", "t/ann/faults", fault)).status == 200
        polling = asyncio.ensure_future(other.polled(token, str(started.json["jobId"]), "/t/ann"))
        await until(lambda: _replying(other, "ann"))
        await one.control("DELETE", "tenants/ann")
        await loop_of(other).usual.fresh()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await polling


def _replying(lab: Lab, name: str) -> bool:
    """Whether a reply is under way to a call that the ledger has taken."""
    tenant = lab.server.labs.named.get(name)
    return tenant is not None and tenant.service.strikes.total() > 0


async def test_a_clock_moves_at_every_process_and_no_other_moves(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 2) as (one, other):
        jobs = {name: str((await one.started(f"/t/{name}"))[1].json["jobId"]) for name in ("ann", "bob")}
        waiting = asyncio.ensure_future(other.control("GET", f"t/ann/jobs/{jobs['ann']}?until=COMPLETE&timeout=20s"))
        await until(lambda: _waits(other, "ann"))
        assert (await one.control("POST", "t/ann/clock", {"advance": "1h"})).json["now"] == 3_600_000
        assert (await waiting).json["status"] == "COMPLETE", "who waits at another process learns of it"
        for each in (one, other):
            nows = [(await each.control("GET", f"{prefix}clock")).json["now"] for prefix in ("t/ann/", "t/bob/", "")]
            assert nows == [3_600_000, 0, 0]
            assert (await each.control("GET", f"t/bob/jobs/{jobs['bob']}")).json["status"] == "RUNNING"


def _waits(lab: Lab, name: str) -> bool:
    """Whether somebody waits for the clock of a tenant."""
    tenant = lab.server.labs.named.get(name)
    return tenant is not None and cast("ManualClock", tenant.clock).due is not None


async def test_no_more_are_made_than_may_be_at_all_processes_together(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 3) as labs:
        found = await asyncio.gather(*(labs[number % 2].token(f"/t/t-{number}") for number in range(8)))
        assert sorted(each.status for each in found) == [200] * 3 + [503] * 5
        refused = next(each for each in found if each.status == 503)
        assert refused.json["error_description"].startswith("Calls have made 3 tenants, as many as lab serve")
        assert (await labs[1].control("POST", "tenants", {"name": "one-more"})).status == 200
        assert (await labs[0].ask(f"/t/one-more{DISCOVERY}")).status == 200


async def test_what_commands_make_takes_no_place_of_what_calls_make(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 2) as labs:
        await made_by_commands(labs[0])


async def test_a_tenant_s_token_is_good_at_a_process_that_has_not_met_it(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared) as (one, other):
        token = (await one.control("POST", "tenants", {"name": "ann"})).json["control_token"]
        got = await other.control("GET", "clock", token=token)
        assert (got.status, got.json["error"]) == (403, "This token is good for /_lab/t/ann/ alone.")
        assert (await other.control("GET", "t/bob/clock", token=token)).status == 403
        assert (await other.control("GET", "clock", token="made-up")).status == 401
        assert (await other.control("GET", "t/ann/clock", token=token)).status == 200
        assert (await other.control("DELETE", "tenants/ann", token=token)).status == 200
        assert (await one.control("GET", "t/ann/clock")).status == 404
        for each in (one, other):
            journal = (await each.control("GET", "journal")).body
            assert token.encode() not in journal and b'"lab.made"' not in journal and b'"lab.ended"' not in journal


async def test_what_is_published_of_a_tenant_that_was_just_made_is_not_passed_over(
    tmp_path: Path, shared: MemoryStore
) -> None:
    async with two(tmp_path, shared, 1) as (one, other):
        loop_of(other)._tasks[2].cancel()  # it follows no more
        await one.token("/t/ann")
        await loop_of(one).relay.publish()
        assert not other.server.labs.named
        await loop_of(other).relay.catch_up()
        buffer = other.plane.observed[other.server.labs.named["ann"]].buffer
        assert [type(each.observation) for each in buffer.exchanges()].count(Replied) == 1


async def test_while_the_store_is_gone_tenants_say_so_too(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 9) as (one, other):
        token, started = await one.started("/t/ann")
        job = str(started.json["jobId"])
        shared.gone = True
        got = [await one.token(f"/t/{name}") for name in ("ann", "bob")]
        assert [(each.status, each.headers["retry-after"]) for each in got] == [(503, "1")] * 2
        assert await one.polled(token, job, "/t/ann") == 503
        assert (await one.control("GET", "t/ann/jobs")).status == 503
        assert (await other.control("GET", "t/ann/jobs")).status == 503
        nobody = await other.control("GET", "t/ann/jobs", token="")
        assert nobody.status == 401, "for that no store is asked"
        shared.gone = False
        for each in (one, other):
            await loop_of(each).back.wait()
        assert [await each.polled(token, job, "/t/ann") for each in (one, other)] == [200, 200]
        assert (await one.token("/t/bob")).status == 200
        assert b'"ledger.back"' in (await one.control("GET", "t/ann/journal")).body


# No fact of one in another's journal

TENANTS = 30
CALLS = st.lists(
    st.tuples(
        st.integers(0, TENANTS),
        st.sampled_from(("token", "invoke", "poll", "advance")),
        st.sampled_from((0, 1)),
        st.booleans(),
    ),
    max_size=120,
)


class SharedCaller:
    """A client of one tenant, or of the one without a name, that calls any process, by path or by header."""

    def __init__(self, labs: Sequence[Lab], name: str) -> None:
        self.labs, self.name = labs, name
        self.token = self.job = ""
        self.did = Counter[str]()

    async def tenant(self, lab: Lab) -> ServedLab:
        found = await lab.server.labs.find(self.name) if self.name else lab.server.labs.usual
        assert found is not None
        return found

    async def serve(self, lab: Lab, request: Request, by_path: bool) -> dict[str, Json]:
        prefix = f"/t/{self.name}" if by_path and self.name else ""
        named = (("x-lab-tenant", self.name),) if self.name and not by_path else ()
        where, headers, tenants = prefix + request.path, (*request.headers, *named), lab.server.labs
        routed = tenants.route(where, headers)
        if routed.absent is not None:
            routed = await tenants.admit(routed, replace(request, headers=headers), where)
        assert routed.refusal is None
        there, sent = routed.lab, replace(request, path=routed.path)
        now, reply = await there.calls.run(lambda at: (at, there.service.serve(sent, at)))
        there.service.tell(Replied(now, reply.x, reply.response))
        assert reply.response.status < 300
        body: dict[str, Json] = json.loads(reply.response.body)
        return body

    async def call(self, what: str, lab: Lab, by_path: bool) -> None:
        """One call; a token first where there is none yet, and a job before it is polled."""
        head = (("authorization", f"Bearer {self.token}"), ("content-type", "application/json"))
        if what == "advance":
            tenant = await self.tenant(lab)
            assert isinstance(tenant.clock, ManualClock)
            await tenant.calls.advance(tenant.clock, lambda now: now + 1)
        elif what == "token" or not self.token:
            what = "token"
            granted = await self.serve(lab, token_request(DEMO.id, DEMO.secret, SCOPE), by_path)
            self.token = str(granted["access_token"])
        elif what == "invoke" or not self.job:
            what = "invoke"
            body = json.dumps({"message": f"for <{self.name}>"}).encode()
            started = await self.serve(lab, Request("POST", ROUTER.path("invoke", code=TEAM), "", head, body), by_path)
            self.job = str(started["jobId"])
        else:
            path = ROUTER.path("status", code=TEAM, job=self.job)
            await self.serve(lab, Request("GET", path, "", head), by_path)
        self.did[what] += 1

    async def calls(self, calls: Iterable[tuple[int, str, int, bool]]) -> None:
        """Its own of these, one after the other."""
        for _, what, at, by_path in calls:
            await self.call(what, self.labs[at], by_path)

    async def check(self) -> None:
        """Whether the journal at each process tells of all these calls, and of no others."""
        for lab in self.labs:
            await loop_of(lab).relay.publish()
        for lab in self.labs:
            tenant = await self.tenant(lab)
            await tenant.calls.look()
            routes = lab.plane.observed[tenant]
            lines = [json.loads(line) async for batch in routes.subscriber().so_far() for line in batch]
            assert Counter(line["k"] for line in lines)["req"] == self.did.total() - self.did["advance"]
            text = json.dumps(lines)
            assert text.count("for <") == text.count(f"for <{self.name}>") >= self.did["invoke"]
            assert text.count('"clock.advanced"') == self.did["advance"] == tenant.clock.now()
            assert len(list(tenant.service.jobs())) == self.did["invoke"]


async def apart(setup: Setup, url: str, calls: list[tuple[int, str, int, bool]]) -> None:
    """Have thirty tenants and the nameless one called at once, at two processes."""
    async with (
        in_redis(url) as shared,
        serving(setup, shared.process(), TENANTS) as one,
        serving(setup, shared.process(), TENANTS) as other,
    ):
        names = ("", *(f"tenant-{number}" for number in range(TENANTS)))
        for name in names[1:]:
            await (one, other)[len(name) % 2].server.labs.make(LabWish(name))
        callers = [SharedCaller((one, other), name) for name in names]
        own = [[call for call in calls if call[0] == number] for number in range(len(names))]
        await asyncio.gather(*(caller.calls(each) for caller, each in zip(callers, own, strict=True)))
        for caller in callers:
            await caller.check()


@pytest.mark.long
def test_no_fact_of_one_is_in_another_s_journal_at_any_process(tmp_path: Path, redis_url: str) -> None:
    setup = loaded(tmp_path)

    @examples(4, thorough=100)
    @given(calls=CALLS)
    def law(calls: list[tuple[int, str, int, bool]]) -> None:
        asyncio.run(apart(setup, redis_url, calls))

    law()


@pytest.mark.parametrize(("options", "status"), [(("--appendonly", "yes", "--appendfsync", "always"), 200), ((), 404)])
async def test_after_a_store_was_killed_there_is_of_a_tenant_what_the_store_kept(
    tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    setup = loaded(tmp_path)
    with RedisServer(*options) as server:
        async with (
            in_redis(server.url) as shared,
            serving(setup, shared.process()) as one,
            serving(setup, shared.process()) as other,
        ):
            await one.control("POST", "tenants", {"name": "ann"})
            token, started = await one.started("/t/ann")
            job = str(started.json["jobId"])
            assert await other.polled(token, job, "/t/ann") == 200
            server.kill()
            await asyncio.to_thread(server.start)
            for each in (one, other):
                while (got := await each.polled(token, job, "/t/ann")) == 503:
                    await loop_of(each).back.wait()
                assert got == status
