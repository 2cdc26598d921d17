"""What takes long is done in other threads: nobody waits but whoever sent a long message, or the first of all."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from sys import getswitchinterval

import pytest
from faker import Generator

from lab.cli.tapes.tape_recorder import TapeRecorder
from lab.clocks import ManualClock
from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Request
from lab.core.observe import Replied, Requested
from lab.dialects.router import ROUTER
from lab.jobs.facts import JobAccepted
from lab.jobs.program import program_of
from lab.language import generators
from lab.language.parse import parse_scenario
from lab.language.patterns import Pattern, Spans
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.server.limits import LONG_BODY
from tests.server.conftest import SCENARIO, TEAM, Answer, Stage, bearer, invoke, serving, status

LONG = 40_000


def message(test: str) -> str:
    """One that no other test has sent: what is found in a message is kept."""
    return "ab" * (LONG // 2) + f"{test} for Zoë"


def serving_text(text: str) -> AbstractAsyncContextManager[Stage]:
    config = Config((program_of(parse_scenario(text, "x.yaml")),), Switches(), 42, INSTANT_EPOCH)
    return serving(Service(config), ManualClock())


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    text = SCENARIO.replace("ask: Share it", "ask: Share it for me\nmatch: 'for (?P<who>\\S+)$'")
    async with serving_text(text.replace("output: Shared.", "output: 'Shared with {{ match.who }}.'")) as created:
        yield created


class Gate:
    """Where searches of long messages wait until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.open = asyncio.Event(), threading.Event()
        self.threads: set[int] = set()
        self._loop = asyncio.get_running_loop()
        monkeypatch.setattr(Pattern, "search", self._waiting(Pattern.search))

    def _waiting(self, search: Callable[[Pattern, str], Spans | None]) -> Callable[[Pattern, str], Spans | None]:
        def waiting(pattern: Pattern, message: str) -> Spans | None:
            if len(message) > LONG:
                self.threads.add(threading.get_ident())
                self._loop.call_soon_threadsafe(self.begun.set)
                assert self.open.wait(10)
            return search(pattern, message)

        return waiting


async def sent(stage: Stage, token: str, message: str) -> "asyncio.Task[Answer]":
    peer = await stage.peer()
    return asyncio.create_task(peer.ask(invoke(token, {"message": message})))


async def test_others_are_answered_while_a_long_message_is_held_to_patterns(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await stage.token()
    gate = Gate(monkeypatch)
    long = await sent(stage, token, message("others"))
    await asyncio.wait_for(gate.begun.wait(), 5)
    await stage.clock.advance_to(1_000)
    assert (await (await sent(stage, token, "Share it for you"))).status == 202
    gate.open.set()
    job = (await long).json["jobId"]
    await stage.clock.advance_to(6_000)
    await (await stage.peer()).ask(status(token, job))
    assert threading.get_ident() not in gate.threads
    assert [fact.at for fact in stage.facts(JobAccepted)] == [1_000, 1_000]


async def test_a_thread_that_prepares_hands_the_interpreter_over_soon(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, usual, gate = await stage.token(), getswitchinterval(), Gate(monkeypatch)
    gate.open.clear()
    long = [await sent(stage, token, message(f"turns {number}")) for number in range(2)]
    await asyncio.wait_for(gate.begun.wait(), 5)
    assert getswitchinterval() < usual
    gate.open.set()
    await asyncio.gather(*long)
    assert getswitchinterval() == usual


async def test_a_long_request_waits_until_there_is_room_for_what_it_brings_and_a_short_one_does_not(
    stage: Stage,
) -> None:
    token, reached, room = await stage.token(), asyncio.Event(), asyncio.Event()

    class Behind(TapeRecorder):
        tape = None

        async def redact(self, observation: Requested | Replied) -> None:
            if isinstance(observation, Replied):
                return
            reached.set()
            await room.wait()

    stage.server.labs.usual.recorder = Behind.__new__(Behind)
    long = await sent(stage, token, "a" * LONG_BODY)
    await asyncio.wait_for(reached.wait(), 5)
    assert (await (await sent(stage, token, "Share it for you"))).status == 202
    assert len(stage.facts(JobAccepted)) == 1
    room.set()
    assert (await long).status == 202


async def test_what_was_asked_before_a_rewind_never_happened(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await stage.token()
    gate = Gate(monkeypatch)
    long = await sent(stage, token, message("rewind"))
    await asyncio.wait_for(gate.begun.wait(), 5)
    stage.server.drop(stage.server.labs.usual)
    gate.open.set()
    assert isinstance((await asyncio.gather(long, return_exceptions=True))[0], OSError | EOFError)
    await asyncio.wait_for(stage.server.heavy.acquire(), 5)
    assert stage.facts(JobAccepted) == []


async def test_nobody_works_for_somebody_who_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    assert (await (await sent(stage, "no-token", message("refused")))).status == 401
    assert not gate.threads


async def test_a_long_message_names_its_groups_wherever_they_are_asked_for(stage: Stage) -> None:
    token = await stage.token()
    job = (await (await sent(stage, token, message("groups")))).json["jobId"]
    await stage.clock.advance_to(5_000)
    peer = await stage.peer()
    assert stage.service.decide(job, "consent", "approved", stage.clock.now()).status == 200
    await stage.clock.advance_to(10_000)
    assert json.loads((await peer.ask(status(token, job))).body)["output"] == "Shared with Zoë."


async def test_short_messages_and_small_patterns_need_no_thread(stage: Stage) -> None:
    token = await stage.token()
    path, headers = ROUTER.path("invoke", code=TEAM), (bearer(token),)
    for length, prepared in ((1_000, False), (LONG, True)):
        body = json.dumps({"message": "x" * length}).encode()
        steps = stage.service.preparation(Request("POST", path, "", headers, body), 0)
        assert (steps is not None) is prepared


@pytest.mark.parametrize("fake", ["{fake: name}", "{list: {fake: city, locale: de_DE}, count: 2}"])
async def test_the_first_job_waits_for_what_generates_data_and_nobody_else(
    fake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: dict[str, int] = {}

    def load(locale: str) -> Generator:
        loads.setdefault(locale, threading.get_ident())
        return generator(locale)

    generator = generators._generator
    monkeypatch.setattr(generators, "_generator", load)
    text = SCENARIO.replace("steps:\n", f"data:\n  who: {fake}\nsteps:\n")
    async with serving_text(text) as stage:
        token = await stage.token()
        loads.clear()  # of another locale the check of the scenario asks too
        await stage.job(token)
        assert list(loads) == ["de_DE" if "de_DE" in fake else "en_US"] and threading.get_ident() not in loads.values()
        loads.clear()
        steps = stage.service.preparation(
            Request("POST", ROUTER.path("invoke", code=TEAM), "", (bearer(token),), b"{}"), 0
        )
        assert steps is None
