"""Who sent or gets a long body waits until its lines are on the tape, or can be at once; nobody else waits for that."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from lab.cli.console import Console
from lab.cli.setup import Setup
from lab.cli.tapes.tape_recorder import TapeRecorder
from lab.clocks import ManualClock
from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Headers
from lab.jobs.facts import JobAccepted
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from lab.recording.tape import line_cache
from lab.server.control.plane import ControlPlane
from lab.server.limits import LONG_BODY, ServerLimits
from lab.settings import MockSettings
from tests.server.conftest import SCENARIO, TOKEN, Answer, Stage, invoke, request, serving, status
from tests.server.test_control import Plane, steering
from tests.wire_peer import basic

FORM = ("content-type", "application/x-www-form-urlencoded")
LONG = "Share it: " + "of it " * (LONG_BODY // 6)


class Redaction:
    """Where long bodies wait that are redacted before they are told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.open = asyncio.Event(), threading.Event()
        self.threads: set[int] = set()
        self._body_of, self._loop = line_cache.body_of, asyncio.get_running_loop()
        self.open.set()
        monkeypatch.setattr(line_cache, "body_of", self._waiting)

    def _waiting(self, headers: Headers, raw: bytes, *args: Any, **kwargs: Any) -> Any:
        if len(raw) <= LONG_BODY:
            return self._body_of(headers, raw, *args, **kwargs)
        self.threads.add(threading.get_ident())
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.open.wait(10)
        return self._body_of(headers, raw, *args, **kwargs)


class Recorded:
    """A lab that is recorded, and its recording as it lies there now."""

    def __init__(self, stage: Stage, taping: TapeRecorder, redaction: Redaction, plane: Plane) -> None:
        self.stage, self.taping, self.redaction, self.plane = stage, taping, redaction, plane
        self.path = Path(taping.begin("day"))

    @property
    def jobs(self) -> list[str]:
        lines = map(json.loads, self.path.read_text().splitlines())
        facts = (fact for line in lines for fact in line.get("facts", ()))
        return [fact["job"] for fact in facts if fact["type"] == "job.accepted"]

    async def sent(self, data: bytes) -> "asyncio.Task[Answer]":
        return asyncio.create_task((await self.stage.peer()).ask(data))

    async def answer(self, data: bytes) -> Answer:
        return await asyncio.wait_for(await self.sent(data), 5)

    async def blocked(self, data: bytes) -> "asyncio.Task[Answer]":
        """A call whose redaction has begun, and doesn't end."""
        self.redaction.open.clear()
        self.redaction.begun.clear()
        call = await self.sent(data)
        await asyncio.wait_for(self.redaction.begun.wait(), 5)
        return call

    def replays(self) -> None:
        self.taping.end()
        found = read(self.path.read_bytes(), "day")
        scenarios = self.stage.service.config.scenarios
        result = replay(found, scenarios, name="day")
        assert result.passed, result.text()


@pytest.fixture
async def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Recorded]:
    monkeypatch.chdir(tmp_path)
    scenario = parse_scenario(SCENARIO.replace("output: Shared.", 'output: "{{ message }}"'), "x.yaml")
    service, clock = Service(Config((program_of(scenario),), Switches(), 42, INSTANT_EPOCH)), ManualClock()
    taping = TapeRecorder(
        Setup(MockSettings(), service.config, clock, ServerLimits()),
        service,
        Console(StringIO(), StringIO()),
        outside=True,
    )
    async with (
        serving(service, clock) as stage,
        steering(stage, ControlPlane(stage.server, TOKEN, recorder=taping)) as plane,
    ):
        created = Recorded(stage, taping, Redaction(monkeypatch), plane)
        yield created
        created.redaction.open.set()
    assert taping.close("closed") == 0


async def test_a_long_message_is_answered_once_its_lines_are_written_and_nobody_waits_for_that(
    recorded: Recorded,
) -> None:
    token = await recorded.stage.token()
    long = await recorded.blocked(invoke(token, {"message": LONG, "parameters": {"a": ["b"] * 100}}))
    short = await recorded.answer(invoke(token, {"message": "Share it"}))
    assert recorded.jobs == [short.json["jobId"]] and not long.done()
    assert len(recorded.stage.facts(JobAccepted)) == 1
    recorded.redaction.open.set()
    answer = await asyncio.wait_for(long, 5)
    assert (answer.status, recorded.jobs) == (202, [short.json["jobId"], answer.json["jobId"]])
    assert threading.get_ident() not in recorded.redaction.threads
    recorded.replays()


async def test_a_long_call_and_what_is_written_of_it_take_a_turn_each(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await recorded.stage.token()
    serve, flush, order = recorded.stage.service.serve, recorded.taping.flush, list[str]()

    def served(*given: Any, **named: Any) -> Any:
        order.append("served")
        asyncio.get_running_loop().call_soon(order.append, "others")
        return serve(*given, **named)

    monkeypatch.setattr(recorded.stage.service, "serve", served)
    monkeypatch.setattr(recorded.taping, "flush", lambda: (order.append("written"), flush()))
    for message, turns in ((LONG, ["served", "others", "written"]), ("Share it", ["served", "written", "others"])):
        order.clear()
        assert (await recorded.answer(invoke(token, {"message": message}))).status == 202
        assert order[:3] == turns


async def test_what_a_long_answer_says_is_redacted_before_it_leaves_and_nobody_waits_for_that(
    recorded: Recorded,
) -> None:
    stage = recorded.stage
    token = await stage.token()
    job = (await recorded.answer(invoke(token, {"message": LONG}))).json["jobId"]
    await stage.clock.advance_to(5_000)
    assert stage.service.decide(job, "consent", "approved", stage.clock.now()).status == 200
    await stage.clock.advance_to(10_000)
    long = await recorded.blocked(status(token, job))
    other = await recorded.answer(invoke(token, {"message": "Share it"}))
    assert recorded.jobs == [job, other.json["jobId"]] and not long.done()
    assert stage.server.preparing
    recorded.redaction.open.set()
    assert LONG in (await asyncio.wait_for(long, 5)).json["output"] and not stage.server.preparing
    before = len(recorded.redaction.threads), recorded.path.read_bytes().count(b'"k":"res"')
    recorded.redaction.threads.clear()
    assert (await recorded.answer(status(token, job))).status == 200
    assert not recorded.redaction.threads and before[0]  # it was said before
    recorded.replays()


async def test_what_a_call_or_a_command_brought_is_written_by_the_time_it_is_answered(recorded: Recorded) -> None:
    token = await recorded.stage.token()
    assert "token.granted" in recorded.path.read_text()
    job = await recorded.stage.job(token)
    assert recorded.jobs == [job]
    await recorded.stage.clock.advance_to(5_000)
    decision = {"gate": "consent", "verdict": "approved"}
    assert (await recorded.plane.ask("POST", f"jobs/{job}/decisions", decision)).status == 200
    assert "gate.decided" in recorded.path.read_text()
    recorded.replays()


async def test_a_secret_that_another_call_brings_meanwhile_is_hidden_in_a_long_message(recorded: Recorded) -> None:
    token, secret = await recorded.stage.token(), "hunter2-hunter2-hunter2"
    long = await recorded.blocked(invoke(token, {"message": f"{LONG} {secret}"}))
    login = ("authorization", basic("somebody", secret))
    data = request("POST", "/oauth2/v1/token", (FORM, login), b"grant_type=client_credentials")
    assert (await recorded.answer(data)).status == 401
    recorded.redaction.open.set()
    assert (await asyncio.wait_for(long, 5)).status == 202
    recorded.replays()
    assert secret.encode() not in recorded.path.read_bytes()


async def test_a_body_that_names_its_secret_behind_it_is_written_without_it(recorded: Recorded) -> None:
    token, secret = await recorded.stage.token(), "hunter2-hunter2-hunter2"
    for place in (LONG_BODY + 100, LONG_BODY - 200):  # redacted before it is told, or with it
        parameters = {"a": secret, "b": "x" * place, "password": secret}
        assert (await recorded.answer(invoke(token, {"message": "Share it", "parameters": parameters}))).status == 202
    recorded.replays()
    assert secret.encode() not in recorded.path.read_bytes()
