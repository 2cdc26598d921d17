"""Servers and control planes of a lab that several processes serve: any of them speaks for all."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lab.clocks import ManualClock, real_millis
from lab.core.exchange import Json, Request, Response
from lab.core.journal.fact import ClockAdvanced, Fact
from lab.core.journal.numbers import NumberUsed
from lab.core.journal.shared import Commit
from lab.core.observe import Replied, Requested
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.mock.batches import BatchedService
from lab.server.backlog import Kept
from lab.server.control.metrics import Meters, system_families
from lab.server.control.plane import ControlPlane
from lab.server.mock_server import MockServer
from lab.server.shared import batch_loop, exchanges, refused_writes, worker_links
from lab.server.shared.batch_loop import ORDINALS, BatchLoop, LabCalls
from lab.server.shared.lab_time import LabTime
from lab.server.shared.worker_links import WorkerLinks, answer_first
from lab.stores.codec import decode_exchange
from tests.server.conftest import (
    SCOPE,
    TOKEN,
    Answer,
    Peer,
    ask_once,
    control_request,
    invoke,
    lines_in,
    make_service,
    request,
    status,
)
from tests.server.test_metrics import samples
from tests.stores.memory_store import START_WALL, MemoryStore

COMMITTED = {"token.granted", "job.accepted", "clock.advanced", "gate.decided"}
LOGIN = token_request(DEMO.id, DEMO.secret, SCOPE)


class Process:
    """One of the processes: its API, its control plane."""

    def __init__(self, shared: MemoryStore, name: str) -> None:
        self.service, self.clock = BatchedService(make_service(scripted=False).config), ManualClock()
        self.calls = LabCalls(BatchLoop(shared.process(), name), self.service, LabTime(self.clock, START_WALL))
        self.server = MockServer(self.service, self.clock, calls=self.calls)
        self.port = self.control_port = 0

    async def start(self) -> None:
        self.plane = ControlPlane(self.server, TOKEN, trouble=lambda: self.calls.trouble)
        self.port = int((await self.server.start()).rpartition(":")[2])
        self.control_port = int((await self.plane.start()).rpartition(":")[2])

    async def stop(self) -> None:
        await self.plane.stop()
        await self.server.stop(1_000)
        await self.calls.loop.stop()

    async def call(self, data: bytes, port: int | None = None) -> Answer:
        return await ask_once(port or self.port, data)

    async def control(self, method: str, path: str, document: object = None) -> Answer:
        return await self.call(control_request(self.control_port, method, path, document), self.control_port)

    async def token(self) -> str:
        got = await self.call(request(LOGIN.method, LOGIN.path, LOGIN.headers, LOGIN.body))
        assert got.status == 200, got.body
        return str(got.json["access_token"])

    async def job(self, token: str) -> str:
        got = await self.call(invoke(token, {"message": "Share it", "conversational": True}))
        assert got.status == 202, got.body
        return str(got.json["jobId"])

    async def journal(self) -> list[dict[str, Json]]:
        return lines_in((await self.control("GET", "journal")).body)


@asynccontextmanager
async def a_later_one(shared: MemoryStore) -> AsyncIterator[Process]:
    """A process that comes later."""
    late = Process(shared, "late")
    await late.start()
    yield late
    await late.stop()


@asynccontextmanager
async def two(shared: MemoryStore) -> AsyncIterator[tuple[Process, Process]]:
    one, other = Process(shared, "one"), Process(shared, "other")
    await one.start()
    await other.start()
    async with asyncio.timeout(20):
        yield one, other
    await one.stop()
    await other.stop()


class RunningStore(MemoryStore):
    """A store whose clock runs as the wall does: by it processes compare when calls came."""

    @property
    def wall(self) -> int:  # type: ignore[override]
        return START_WALL + real_millis()

    @wall.setter
    def wall(self, wall: int) -> None:
        """It runs by itself."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is gone is given up soon."""
    monkeypatch.setattr(batch_loop, "ANSWERED_WITHIN", 30)


@pytest.fixture
def shared() -> MemoryStore:
    return RunningStore()


def common(lines: list[dict[str, Json]]) -> list[tuple[object, ...]]:
    """What doesn't depend on the process at which the journal was read: exchanges, and what was committed."""
    members = ("k", "x", "u", "s", "trace")
    exchanges = [tuple(map(line.get, members)) for line in lines if line["k"] in ("req", "res")]
    assert all((line.get("trace") is None) == (line["k"] != "req") for line in lines)
    facts = [(line["type"], line.get("x"), line.get("token"), line.get("job")) for line in lines if line["k"] == "fact"]
    return [*exchanges, *(fact for fact in facts if fact[0] in COMMITTED)]


async def test_any_process_speaks_for_the_whole_lab(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        token = await one.token()
        second = await other.token()
        job = await one.job(token)
        assert (await other.control("POST", "clock", {"job": job, "until": "WAITING"})).status == 200
        decision = {"gate": "consent", "verdict": "approved", "by": "jane"}
        found = await asyncio.gather(
            *(each.control("POST", f"jobs/{job}/decisions", decision) for each in (one, other))
        )
        assert sorted(each.status for each in found) == [200, 409]
        for each in (one, other):
            assert (await each.call(status(second if each is one else token, job))).json["status"] == "COMPLETE"
            assert [one_job["job"] for one_job in (await each.control("GET", "jobs")).json["jobs"]] == [job]
        await asyncio.gather(one.calls.loop.relay.publish(), other.calls.loop.relay.publish())
        journals = [await each.journal() for each in (one, other)]
        assert common(journals[0]) == common(journals[1])
        assert len({line["token"] for line in journals[0] if line.get("type") == "token.granted"}) == 2
        calls = [(await each.control("GET", "calls")).json for each in (one, other)]
        assert calls[0]["count"] == calls[1]["count"] == 5


@pytest.mark.parametrize("places", [(0, 1), (0, 0), (0, 1, 0, 1)])
async def test_advances_at_once_all_count(shared: MemoryStore, places: tuple[int, ...]) -> None:
    async with two(shared) as pair:
        advance = {"advance": "10s"}
        found = await asyncio.gather(*(pair[place].control("POST", "clock", advance) for place in places))
        ends = [10_000 * count for count, _ in enumerate(places, 1)]
        assert [each.status for each in found] == [200] * len(places)
        assert found[-1].json["now"] <= ends[-1]
        for each in pair:
            assert (await each.control("GET", "clock")).json["now"] == ends[-1]
            advances = [line for line in await each.journal() if line.get("type") == "clock.advanced"]
            assert [line["t"] for line in advances] == ends


async def test_who_moves_the_clock_to_a_status_that_is_reached_meanwhile_moves_it_no_further(
    shared: MemoryStore,
) -> None:
    async with two(shared) as (one, other):
        job = await one.job(await one.token())
        waiting = {"job": job, "until": "WAITING"}
        found = await asyncio.gather(*(each.control("POST", "clock", waiting) for each in (one, other)))
        assert [(each.status, each.json["now"]) for each in found] == [(200, 3_000)] * 2
        # another process advances beyond it while this one's step is on its way
        shared.before_commit = lambda: advanced(shared, 904_000)
        later = await one.control("POST", "clock", {"job": job, "until": "ERROR", "timeout": True})
        assert (later.status, later.json["now"]) == (200, 904_000)


def advanced(shared: MemoryStore, instant: int) -> None:
    """Another process advances the clock."""
    commit_first(shared, ClockAdvanced(at=instant, by="control", origin=shared.commits[-1].at))


def commit_first(shared: MemoryStore, fact: Fact) -> None:
    """By another process."""
    last = shared.commits[-1].place
    assert shared.take(last, Commit(last.position + 1, "third", last.position, fact.at, shared.wall, (fact,)))


async def test_a_process_that_comes_later_tells_of_what_was_before(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        await other.token()
        await one.control("POST", "reset", {})
        token = await one.token()
        await one.job(token)
        await one.calls.loop.relay.publish()
        async with a_later_one(shared) as late:
            lines = await late.journal()
            assert common(lines) == common(await one.journal())
            assert (await late.control("GET", "calls")).json["count"] == 2
            assert await late.token() and (await one.control("GET", "calls")).status == 200


async def test_what_others_published_is_shown_without_secrets(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        token = await one.token()
        await one.job(token)
        await one.call(status("a-wrong-token-that-somebody-made-up", "x"))
        await one.calls.loop.relay.publish()
        lines = await other.journal()
        text = json.dumps(lines, ensure_ascii=False)
        assert token not in text and DEMO.secret not in text and "made-up" not in text
        wrong = [line for line in lines if line["k"] == "req" and line["x"] == 3]
        assert "lab-W1-wrong" in json.dumps(wrong, ensure_ascii=False)


async def test_of_a_call_that_was_refused_no_long_body_is_published(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        got = [await one.call(invoke(token, {"message": "x" * 9_000})) for token in ("none", await one.token())]
        assert [each.status for each in got] == [401, 202]
        await one.calls.loop.relay.publish()
        short, long = (line for line in shared.lines if b"/invokeAsync" in line)
        assert len(short) < 5_000 and len(long) > 9_000
        paths = [line["u"] for line in await other.journal() if line["k"] == "req"]
        assert paths == [line["u"] for line in await one.journal() if line["k"] == "req"] and len(paths) == 3


async def test_what_waits_to_be_published_is_bounded_by_its_bytes(
    shared: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "EXCHANGE_BYTES", 45_000)
    async with two(shared) as (one, _):
        for number in range(9):
            request = Request("POST", "/x", "", (), b"%d" % number * 10_000)
            one.service.tell(Requested(0, number, "invoke", request))
            one.service.tell(Replied(0, number, Response(202, (), b"")))
        await one.calls.loop.relay.publish()
        assert [decode_exchange(line).observed[0].observation.x for line in shared.lines] == [6, 7, 8]


async def test_a_journal_that_is_followed_tells_what_happens_elsewhere(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        await one.token()
        await one.calls.loop.relay.publish()
        peer = Peer(*await asyncio.open_connection("127.0.0.1", other.control_port))
        await peer.send(control_request(other.control_port, "GET", "journal?follow=1"))
        token = await one.token()
        await one.job(token)
        got: list[dict[str, Json]] = []
        while not any(line.get("k") == "res" and line["s"] == 202 for line in got):
            text = await peer.reader.readline()
            got += lines_in(text.removeprefix(b"data: ")) if text.startswith(b"data: ") else []
        assert [line["x"] for line in got if line["k"] == "req"] == [1, 2, 3]
        assert {"token.granted", "job.accepted"} <= {str(line.get("type")) for line in got}
        await peer.close()


async def test_what_nobody_can_read_ends_no_journal_that_is_followed(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        bugs, heard = asyncio.Queue[object](), asyncio.Queue[object]()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: bugs.put_nowait(context["exception"]))
        shared.lines.append(b"somebody else's")

        def onlooker(kept: Kept) -> None:
            heard.put_nowait(kept.observation)

        other.calls.relay.onlookers.append(onlooker)
        other.calls.relay.followers = [onlooker]
        assert isinstance(await bugs.get(), ValueError)
        await one.token()
        await one.calls.loop.relay.publish()
        while not isinstance(await heard.get(), Replied):
            pass
        other.calls.relay.followers = []
        assert bugs.empty()


async def test_a_reset_clears_the_journals_and_memories_of_all(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        token = await one.token()
        job = await other.job(token)
        await asyncio.gather(one.calls.loop.relay.publish(), other.calls.loop.relay.publish())
        done = await one.control("POST", "reset", {})
        assert done.json["cleared"] | {"counters": 0} == {
            "jobs": 1, "conversations": 1, "tokens": 1, "counters": 0, "faults": 0, "exchanges": 2,
        }  # fmt: skip
        for each in (one, other):
            assert (await each.call(status(token, job))).status == 401
            await each.calls.loop.relay.publish()
        for each in (one, other):
            lines = await each.journal()
            assert [line["s"] for line in lines if line["k"] == "res"] == [401, 401]
            assert not [line for line in lines if line.get("type") == "job.accepted"]


@pytest.mark.parametrize(
    ("path", "document"),
    [("reset", {"to": 0}), ("tape", {"name": "x"}), ("tape", {}), ("virtual-time", {"until": None})],
)
async def test_what_only_a_lab_of_one_process_can_is_refused(shared: MemoryStore, path: str, document: object) -> None:
    async with two(shared) as (one, _):
        got = await one.control("POST", path, document)
        assert got.status == 409 and "shared lab" in got.json["error"] and got.json["hint"]


async def test_a_scenario_that_is_chosen_is_refused_and_never_ignored(shared: MemoryStore) -> None:
    async with two(shared) as (one, _):
        one.server.labs.offered = True
        got = await one.call(request(LOGIN.method, LOGIN.path, (*LOGIN.headers, ("x-lab-scenario", "x")), LOGIN.body))
        assert got.status == 404 and "No scenario can be chosen" in got.json["error_description"]
        assert (await one.call(request("GET", "/scenario/x/oauth2/v1/token"))).status == 404
        assert await one.token()


async def test_while_the_store_is_gone_each_route_says_so_in_its_words(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        token = await one.token()
        shared.gone = True
        granted = await one.call(request(LOGIN.method, LOGIN.path, LOGIN.headers, LOGIN.body))
        polled = await one.call(status(token, "x"))
        assert [(each.status, each.headers["retry-after"]) for each in (granted, polled)] == [(503, "1")] * 2
        assert granted.json["error"] == "temporarily_unavailable"
        assert polled.json["status"] == "FAI-50300"
        assert (await one.control("GET", "jobs")).status == 503
        ready, health = await one.control("GET", "ready"), await one.control("GET", "health")
        assert (ready.status, ready.json["status"], health.status) == (503, "store-lost", 200)
        stranger = await one.call(request("GET", "/_lab/ready"), one.control_port)
        assert (stranger.status, stranger.json) == (503, {"status": "store-lost"})
        shared.gone = False
        await one.calls.loop.back.wait()
        assert (await one.control("GET", "ready")).json == {"status": "ready"}
        await other.calls.loop.back.wait()
        assert (await one.call(status(token, "x"))).status == 404
        facts = [line["type"] for line in await one.journal() if line["k"] == "fact"]
        assert "ledger.lost" in facts and "ledger.back" in facts
        assert [line["s"] for line in await one.journal() if line["k"] == "res"] == [200, 503, 503, 404]


async def test_while_the_store_refuses_writes_each_route_gives_its_words(
    shared: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(shared) as (one, _):
        token = await one.token()
        job = await one.job(token)
        shared.full = True
        begun = await one.call(invoke(token, {"message": "Share it", "conversational": True}))
        granted = await one.call(request(LOGIN.method, LOGIN.path, LOGIN.headers, LOGIN.body))
        for each in (begun, granted):
            assert (each.status, each.headers["retry-after"]) == (503, "1")
            assert b"refuses: it is full" in each.body
        assert (await one.call(status(token, job))).status == 200
        ready, health = await one.control("GET", "ready"), (await one.control("GET", "health")).json
        assert (ready.status, ready.json["status"], health["status"]) == (503, "store-refuses", "red")
        assert "it is full" in ready.json["error"] and "it is full" in health["why"]
        shared.full = False
        monkeypatch.setattr(refused_writes, "SETTLED", 0)
        await one.calls.loop.beat()
        assert (await one.control("GET", "ready")).json == {"status": "ready"}
        assert (await one.control("GET", "health")).json["status"] == "ok"


async def test_health_tells_when_the_store_was_set_back(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        await one.token()
        assert (await one.control("GET", "health")).json["set_back"] is None
        await one.control("POST", "clock", {"advance": "7s"})
        shared.lose_all()
        await one.calls.fresh()
        health = (await one.control("GET", "health")).json
        assert (health["status"], health["set_back"]) == ("ok", 7_000)
        assert [line["gone"] for line in await one.journal() if line.get("type") == "ledger.reverted"] == [2]
        await other.calls.fresh()


async def test_each_process_counts_its_own_calls_and_the_jobs_of_all(shared: MemoryStore) -> None:
    def first() -> None:
        commit_first(shared, NumberUsed(at=shared.commits[-1].at, counter="faster", value=1))

    async def counted(each: Process, name: str) -> float:
        return samples((await each.control("GET", "metrics")).body.decode(), f"lab_ledger_{name}_total")[()]

    async with two(shared) as (one, other):
        token = await one.token()
        shared.before_commit = first
        await one.job(token)
        assert [await counted(each, "commits") for each in (one, other)] == [2, 0]
        assert [await counted(each, "conflicts") for each in (one, other)] == [1, 0]
        assert (await other.call(status(token, "x"))).status == 404
        for each, calls in ((one, {("token", "200"), ("invoke", "202")}), (other, {("status", "404")})):
            text = (await each.control("GET", "metrics")).body.decode()
            assert samples(text, "lab_request_duration_seconds_count", scenario="").keys() == calls
            assert samples(text, "lab_jobs", scenario="")["RUNNING",] == 1
        assert (await one.control("POST", "reset", {})).status == 200
        await other.calls.fresh()
        text = (await other.control("GET", "metrics")).body.decode()
        assert set(samples(text, "lab_jobs", scenario="").values()) == {0}
        assert samples((await one.control("GET", "metrics")).body.decode(), "lab_ledger_up") == {(): 1}
        shared.gone = True
        assert (await one.call(status(token, "x"))).status == 503
        assert await counted(one, "errors") > 0
        assert samples((await one.control("GET", "metrics")).body.decode(), "lab_ledger_up") == {(): 0}
        shared.gone = False
        await asyncio.gather(one.calls.loop.back.wait(), other.calls.loop.back.wait())


async def test_the_first_of_the_workers_tells_what_each_counted(
    shared: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_links, "WORKER_ANSWERS_WITHIN", 300)
    asking, far = socket.socketpair()
    async with two(shared) as (one, other):
        one.server.workers = WorkerLinks({2: asking.detach()})
        answering = asyncio.create_task(answer_first(far.detach(), Meters(other.server).answer))
        fault = {"route": "status", "calls": "1", "answer": 503}
        assert (await one.control("POST", "faults", fault)).status == 200
        job = await one.job(await one.token())
        token = await other.token()
        assert [(await other.call(status(token, job))).status for _ in range(3)] == [503, 200, 200]
        text = (await one.control("GET", "metrics")).body.decode()
        assert samples(text, "lab_request_duration_seconds_count", scenario="") == {
            ("1", "token", "200"): 1, ("1", "invoke", "202"): 1,
            ("2", "token", "200"): 1, ("2", "status", "503"): 1, ("2", "status", "200"): 2,
        }  # fmt: skip
        assert samples(text, "lab_faults_struck_total") == {("2", "", "status"): 1}
        assert samples(text, "lab_jobs", status="RUNNING") == {("",): 1}, "those of the whole lab, once"
        assert samples(text, "lab_connections_opened_total") == {("1",): 2, ("2",): 4}
        assert samples(text, "lab_ledger_commits_total") == {("1",): 3, ("2",): 2}
        assert samples(text, "lab_ledger_up") == {("1",): 1, ("2",): 1}
        if any(system_families()):  # where the library can read them
            assert samples(text, "process_resident_memory_bytes").keys() == {("1",), ("2",)}
        assert samples(text, "lab_worker_up") == {("1",): 1, ("2",): 1}
        peer = Peer(*await asyncio.open_connection("127.0.0.1", other.port))
        await peer.ask(status(token, job))
        assert (await one.control("GET", "health")).json["connections"] == 1
        answering.cancel()
        text = (await one.control("GET", "metrics")).body.decode()
        assert samples(text, "lab_worker_up") == {("1",): 1, ("2",): 0}
        assert samples(text, "lab_connections_opened_total").keys() == {("1",)}
        assert (await one.control("GET", "health")).json["connections"] == 0
        await peer.close()
        one.server.workers.close()


async def test_a_strike_is_counted_at_all_processes(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        fault = {"route": "token", "calls": "1", "answer": 503, "name": "first"}
        assert (await one.control("POST", "faults", fault)).status == 200
        assert (await other.call(request(LOGIN.method, LOGIN.path, LOGIN.headers, LOGIN.body))).status == 503
        await other.calls.loop.relay.publish()
        for each in (one, other):
            assert [one_fault["struck"] for one_fault in (await each.control("GET", "faults")).json["faults"]] == [1]


async def test_lines_are_numbered_without_gaps_whatever_ordinals_the_processes_have(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        for each in (one, other, one, other):
            await each.token()
        await asyncio.gather(one.calls.loop.relay.publish(), other.calls.loop.relay.publish())
        for each in (one, other):
            assert [line["x"] for line in await each.journal() if line["k"] == "req"] == [1, 2, 3, 4]
        assert max(one.service.exchanges, other.service.exchanges) > ORDINALS
