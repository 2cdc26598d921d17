"""Three processes of one lab on a real Redis, for a busy minute in which one after another is killed, and Redis once."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from lab.clocks import SystemClock
from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.ledger import MemoryLedger
from lab.dialects.router import ROUTER
from lab.identity.facts import TokenGranted
from lab.jobs.facts import GateDecided, JobAccepted
from lab.server.shared.folded_log import read_log
from lab.stores.address import store_address
from lab.stores.redis_log import RedisLog, open_store
from tests.stores.redis_server import RedisServer
from tests.stores.test_many_processes import commits_of

JOBS = 1_000
CLIENTS = 24
POLLED_EVERY: Millis = 300
"""As long as the work of a job takes: clients and processes are real, and so is their time."""
CONTROL = "control-token-of-the-test"
SCENARIO = {
    "lab": 1, "name": "expense", "title": "Expense", "agent": {"code": "EXPENSES"}, "ask": "Taxi 42",
    "steps": [
        {"work": "read", "takes": "300ms"},
        {"gate": "boss", "asks": "Pay?", "patience": "1h"},
        {"complete": "done", "output": "{{ decisions.boss.comment }}"},
    ],
    "turns": [{"ask": "And then?", "steps": [{"complete": "thanked", "output": "Nothing."}]}],
}  # fmt: skip
_GONE = (aiohttp.ClientError, TimeoutError)


class Killable:
    """A process of the lab, that may be another one by now."""

    def __init__(self, url: str, folder: Path) -> None:
        ask = ("serve", "expense", "--scenarios", str(folder), "--port", "0", "--json", "--log", "none")
        self._command = (sys.executable, "-m", "lab", *ask, "--reviewer", "person", "--seed", "7")
        self._environment = {**os.environ, "LAB_LEDGER": url, "LAB_CONTROL_TOKEN": CONTROL}
        self._process: Process | None = None
        self.document: dict[str, str] = {}

    async def start(self) -> None:
        """Start it; returns once it serves. While Redis is gone it can't begin, and is started again."""
        line = b""
        while not line:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            assert self._process.stdout is not None
            line = await self._process.stdout.readline()
        self.document = json.loads(line)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()


class BusyMinute:
    """What clients do, and what they were answered."""

    def __init__(self, labs: list[Killable], session: aiohttp.ClientSession, seed: int) -> None:
        self.labs, self.session, self.chance = labs, session, Random(seed)
        self.bearer = ""
        self.unanswered = 0
        """Calls of which it isn't known whether they came to anything."""
        self.accepted: dict[str, str] = {}
        """The conversation of each job that was accepted."""
        self.second_turns: dict[str, str] = {}
        self.admitted: dict[str, list[str]] = {}
        """Who was told of a job that the decision was taken."""
        self.finished = 0
        self.goal = (0, asyncio.Event())

    async def call(self, lab: Killable, url: str, authorization: str, **how: Any) -> tuple[int, dict[str, Any]] | None:
        """What one process answers; None: nothing, or that it can't."""
        origin, _, path = url.partition("/")
        try:
            async with self.session.request(
                how.pop("method", "POST"), f"{lab.document[origin]}/{path}",
                headers={"authorization": authorization}, **how,
            ) as reply:  # fmt: skip
                if reply.status == 503:
                    assert reply.headers["retry-after"] == "1"
                    self.unanswered += 1
                    return None
                return reply.status, await reply.json()
        except _GONE:
            self.unanswered += 1
            return None

    async def insist(
        self, labs: list[Killable], url: str, authorization: str, **how: Any
    ) -> tuple[int, dict[str, Any]]:
        """What one of them answers, sooner or later."""
        while True:
            answer = await self.call(self.chance.choice(labs), url, authorization, **how)
            if answer is not None:
                return answer
            await SystemClock().hold(100)

    async def begin(self) -> None:
        """A token, which all will use."""
        one = self.labs[0].document
        login = "Basic " + b64encode(f"{one['client_id']}:{one['client_secret']}".encode()).decode()
        form = {"grant_type": "client_credentials", "scope": one["scope"]}
        status, granted = await self.insist(self.labs[:1], f"base_url{ROUTER.path('token')}", login, data=form)
        assert status == 200
        self.bearer = f"Bearer {granted['access_token']}"

    async def invoke(self, labs: list[Killable], message: str, conversation: str | None = None) -> tuple[str, str]:
        """The job and the conversation that were acknowledged."""
        body: Json = {"message": message, "conversational": True, "conversationId": conversation}
        path = f"base_url{ROUTER.path('invoke', code='EXPENSES')}"
        status, answer = await self.insist(labs, path, self.bearer, json=body)
        assert status == 202, answer
        return answer["jobId"], answer["conversationId"]

    async def until(self, job: str, *statuses: str) -> dict[str, Any]:
        """Poll it at one or the other, until it has one of these."""
        path = f"base_url{ROUTER.path('status', code='EXPENSES', job=job)}"
        while True:
            code, answer = await self.insist(self.labs[1:], path, self.bearer, method="GET")
            assert code == 200, (job, answer)
            if answer["status"] in statuses:
                return answer
            await SystemClock().hold(POLLED_EVERY)

    async def decide(self, job: str, lab: Killable, name: str) -> None:
        """Approve it at one process; who gets no answer doesn't know."""
        body: Json = {"gate": "boss", "verdict": "approved", "by": name, "comment": f"{name} says so"}
        answer = await self.call(lab, f"control_url/_lab/jobs/{job}/decisions", f"Bearer {CONTROL}", json=body)
        if answer is not None:
            assert answer[0] in (200, 409), answer
            if answer[0] == 200:
                self.admitted.setdefault(job, []).append(name)

    async def client(self, numbers: "AsyncIterator[int]") -> None:
        """One job after another, from its invocation to its end."""
        async for number in numbers:
            job, conversation = await self.invoke(self.labs[:1], f"Taxi {number}")
            self.accepted[job] = conversation
            await self.until(job, "WAITING")
            await asyncio.gather(self.decide(job, self.labs[1], "ann"), self.decide(job, self.labs[2], "bob"))
            while (await self.any_status(job)) == "WAITING":  # nobody's decision came through
                await self.decide(job, self.chance.choice(self.labs[1:]), "cy")
            ended = await self.until(job, "COMPLETE")
            assert ended["conversationId"] == conversation
            if number % 10 == 0:
                second, same = await self.invoke(self.labs[1:], "And then?", conversation)
                assert same == conversation
                self.second_turns[second] = conversation
                # a call without an answer may have been taken: then this is the third turn, and the scenario has none
                await self.until(second, "COMPLETE", "ERROR")
            self.finished += 1
            if self.finished == self.goal[0]:
                self.goal[1].set()

    async def any_status(self, job: str) -> str:
        path = f"base_url{ROUTER.path('status', code='EXPENSES', job=job)}"
        _, answer = await self.insist(self.labs[1:], path, self.bearer, method="GET")
        return str(answer["status"])

    async def reached(self, finished: int) -> None:
        """Return once so many jobs have ended."""
        self.goal = finished, asyncio.Event()
        await self.goal[1].wait()


@asynccontextmanager
async def busy_minute(url: str, folder: Path, seed: int) -> AsyncIterator[BusyMinute]:
    async with busy_labs([url] * 3, folder, seed) as minute:
        yield minute


@asynccontextmanager
async def busy_labs(urls: list[str], folder: Path, seed: int) -> AsyncIterator[BusyMinute]:
    """A process for each of these ways to the store."""
    (folder / "expense.yaml").write_text(json.dumps(SCENARIO))
    labs = [Killable(url, folder) for url in urls]
    await labs[0].start()
    await asyncio.gather(*(lab.start() for lab in labs[1:]))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10), connector=connector) as session:
        minute = BusyMinute(labs, session, seed)
        await minute.begin()
        try:
            yield minute
        finally:
            for lab in labs:
                await lab.kill()


async def up_to(count: int, taken: list[int]) -> AsyncIterator[int]:
    """The next number, for whoever asks."""
    while len(taken) < count:
        taken.append(len(taken) + 1)
        yield taken[-1]


@pytest.mark.long
async def test_nothing_is_lost_nor_doubled_when_processes_and_redis_are_killed(tmp_path: Path) -> None:
    with RedisServer("--appendonly", "yes", "--appendfsync", "always") as server:
        async with busy_minute(server.url, tmp_path, 1) as minute:
            taken: list[int] = []

            async def trouble() -> None:
                for share in range(1, 6):
                    await minute.reached(JOBS * share // 6)
                    if share == 3:
                        server.kill()
                        await asyncio.to_thread(server.start)
                    else:
                        killed = minute.chance.choice(minute.labs)
                        await killed.kill()
                        await killed.start()

            await asyncio.gather(trouble(), *(minute.client(up_to(JOBS, taken)) for _ in range(CLIENTS)))
            assert minute.finished == len(minute.accepted) == JOBS
            store = await open_store(store_address(server.url), "lab")
            await check(minute, store)
            await store.close()


async def check(minute: BusyMinute, store: RedisLog) -> None:
    """What was acknowledged is there, once, and the records are what the facts say."""
    facts = [fact async for commit in commits_of(store) for fact in commit.facts]
    jobs = [fact for fact in facts if isinstance(fact, JobAccepted)]
    conversations = {fact.job: fact.conversation for fact in jobs}
    acknowledged = {**minute.accepted, **minute.second_turns}
    assert len(conversations) == len(jobs)
    assert {job: conversations.get(job) for job in acknowledged} == acknowledged
    assert len(jobs) - len(acknowledged) <= minute.unanswered
    turns = Counter((fact.conversation, fact.turn) for fact in jobs)
    assert set(turns.values()) == {1}, "no turn of a conversation is there twice"
    decisions = {fact.job: fact for fact in facts if isinstance(fact, GateDecided)}
    assert len(decisions) == sum(isinstance(fact, GateDecided) for fact in facts)
    assert set(decisions) == set(minute.accepted)
    assert all(names == [decisions[job].name] for job, names in minute.admitted.items())
    assert sum(isinstance(fact, TokenGranted) for fact in facts) <= 1 + minute.unanswered
    folded = MemoryLedger()
    folded.commit(facts)
    assert list(folded._records.items()) == list((await read_log(store))[0].labs[""].records.items())
    for lab in minute.labs:
        for job in minute.chance.sample(sorted(minute.accepted), min(20, len(minute.accepted))):
            path = f"base_url{ROUTER.path('status', code='EXPENSES', job=job)}"
            _, answer = await minute.insist([lab], path, minute.bearer, method="GET")
            assert answer["status"] == "COMPLETE" and answer["output"] == decisions[job].comment
