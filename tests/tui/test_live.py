"""LIVE: our run over a transport, with a control plane beside it or none."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from lab.app.effects import App, Asking, RunEnded, RunObservation
from lab.client.control import ControlAnswer
from lab.client.driver import TransportLost
from lab.clocks import ScaledClock, settle
from lab.control import ArmFault, ControlCommand, DecideGate, DisarmFault, ResetLab, RunTape, TapeDocument
from lab.core.clock import passed_text
from lab.core.exchange import Request, Response
from lab.core.journal.fact import ClockScaled, LedgerCleared
from lab.core.observe import Noted, Requested
from lab.dialects import client_named
from lab.dialects.client import Seen
from lab.jobs.facts import GateDecided, GateOpened, Otherwise
from lab.jobs.gates import Origin
from lab.program.words import Verdict
from lab.tui.app import LabApp
from lab.tui.sources.live import FAST, Live, PodRun
from lab.tui.sources.player import Goal, Player
from lab.tui.sources.protocol import OwnMock, Playable, RunConnection
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import SourceUpdate
from lab.tui.state.source import SourceAsk
from tests.tui import play
from tests.tui.pilots import main_screen, piloted, until

APP = App("ITEM_COMPARE_TEAM", play.MESSAGE, "demo", play.SECRET, "urn:opc:resource:fusion:acme-test:fusion-ai/")


class Clock:
    """Jumps to what is waited for, but lets others run first; stands still while it is paused."""

    factor = "1"

    def __init__(self) -> None:
        self.at = 0
        self.going = asyncio.Event()
        self.going.set()

    def now(self) -> int:
        return self.at

    def scale(self, factor: str) -> None:
        self.factor = factor
        (self.going.clear if factor == "0" else self.going.set)()

    def set(self, instant: int, last: int | None = None) -> None:
        self.at = instant

    async def sleep_until(self, instant: int) -> None:
        await self.going.wait()
        await settle()
        await self.going.wait()
        self.at = max(self.at, instant)


class Peer:
    """Answers as the mock would: WAITING until a decision comes."""

    def __init__(self, channel: str = "CHAT") -> None:
        self.resumes: list[dict[str, str]] = []
        self.polls = 0
        self.channel = channel
        self.decided = False
        self.lost = False

    async def send(self, route: str, request: Request) -> Response:
        if self.lost:
            raise TransportLost("refused")
        if route == "token":
            return Response(200, (), json.dumps({"access_token": play.TOKEN, "expires_in": 3600}).encode())
        if route == "invoke":
            document = json.loads(request.body)
            if "resumeInput" in document:
                self.resumes.append(document["resumeInput"])
                self.decided = True
            return Response(202, (), play.body("RUNNING"))
        self.polls += 1
        if self.decided:
            return Response(200, (), play.body("COMPLETE", output=play.OUTPUT))
        node = play.NODE | {"channelType": self.channel}
        return Response(200, (), play.body("WAITING", waitingNodeDetails=node))

    async def close(self) -> None:
        pass


OBEYED = ControlAnswer[Any](200, {})


class Plane:
    """The control plane, as far as LIVE knows it."""

    def __init__(self, clock: Clock, peer: Peer) -> None:
        self.clock = clock
        self.peer = peer
        self.did: list[tuple[str, ...]] = []
        self.needed = 1
        self.ill: str | None = None
        self.refuses = False
        """Whether it can't be set back."""
        self.facts: asyncio.Queue[RunObservation] = asyncio.Queue()

    @property
    def decisions(self) -> list[tuple[str, ...]]:
        return [each for each in self.did if each[0] == "decide"]

    async def ask(self, command: ControlCommand[Any]) -> ControlAnswer[Any]:
        match command:
            case DecideGate(gate=gate, verdict=verdict, by=name, comment=comment):
                self.did.append(("decide", gate, verdict, *(each for each in (name, comment) if each is not None)))
                self.needed -= 1
                self.peer.decided = self.needed <= 0
            case ResetLab(to=to):
                self.did.append(("reset",) if to is UNSET else ("rewind", str(to)))
                self.clock_at_reset = self.clock.factor
                if self.refuses:
                    return ControlAnswer(409, {"error": "Not now."})
                if to is not UNSET:
                    self.clock.at = to
                self.peer.decided = False
            case ArmFault(fault=fault):
                self.did.append(("arm", json.dumps(fault)))
            case DisarmFault(name=name):
                self.did.append(("disarm", name))
            case RunTape(name=str(name)):
                self.did.append(("begin", name))
                return ControlAnswer(200, {"ok": True, "file": f"recordings/{name}.rec.jsonl"}, TapeDocument)
            case RunTape():
                self.did.append(("end",))
                if len(self.did) == 2:
                    return ControlAnswer(503, {"error": "The disk is full."})
                return ControlAnswer(200, {"ok": True, "file": "recordings/x.rec.jsonl"}, TapeDocument)
        return OBEYED

    def paced(self, factor: str) -> None:
        self.did.append(("scale", factor))

    async def follow(self, *, replies: bool) -> AsyncIterator[RunObservation]:
        while True:
            yield await self.facts.get()


class LiveDriver:
    """A Live source with its peer, listened to."""

    def __init__(self, *, channel: str = "CHAT", plane: bool = True) -> None:
        self.clock = Clock()
        self.peer = Peer(channel)
        self.plane = Plane(self.clock, self.peer) if plane else None
        self.closed = False

        other = replace(play.SCENARIO, name="other", title="Another")
        scenarios = {scenario.name: scenario for scenario in (play.SCENARIO, other)}

        @asynccontextmanager
        async def connect() -> AsyncIterator[RunConnection]:
            try:
                mock = None
                if self.plane is not None:
                    choices = tuple(Playable(APP, each, 42).choice for each in scenarios.values())
                    mock = OwnMock(
                        self.plane,
                        lambda name: Playable(APP, scenarios[name], 7),
                        choices,
                        self.plane.paced,
                        lambda: self.plane.ill,
                    )
                yield RunConnection(self.peer, mock=mock)
            finally:
                self.closed = True

        first = Playable(APP, play.SCENARIO, 42)
        self.live: PodRun = PodRun(first, connect, self.clock, "POD")
        if plane:
            self.live = Live(first, connect, self.clock)
        self.observations: list[RunObservation | SourceUpdate] = []
        self.listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        stream = self.live.observations()
        try:
            async for observation in stream:
                self.observations.append(observation)
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    async def until(self, kind: type[RunObservation | SourceUpdate], count: int = 1) -> None:
        await self.eventually(lambda: sum(isinstance(each, kind) for each in self.observations) >= count)

    async def until_more(self, kind: type[RunObservation | SourceUpdate], count: int) -> None:
        """So many more than by now."""
        await settle()
        await self.until(kind, count + sum(isinstance(each, kind) for each in self.observations))

    async def until_paused(self) -> None:
        await self.eventually(lambda: self.live.paused)

    async def eventually(self, holds: Callable[[], bool]) -> None:
        """Counted in turns of the loop: how long they take in real time says nothing of the run."""
        for _ in range(10_000):
            if holds():
                return
            await settle()
            assert not self.listener.done()
        raise AssertionError("it never came")

    async def end(self) -> None:
        self.listener.cancel()
        await asyncio.gather(self.listener, return_exceptions=True)


@pytest.fixture
async def driver() -> AsyncIterator[LiveDriver]:
    driver = LiveDriver()
    await settle()
    yield driver
    await driver.end()
    assert driver.closed


async def test_a_chat_gate_is_answered_by_the_run_once(driver: LiveDriver) -> None:
    await driver.live.begin()
    await driver.until(Requested, 4)
    assert await driver.live.answer(GateAnswer("approved")) is None
    assert await driver.live.answer(GateAnswer("rejected")) is None
    await driver.until(RunEnded)
    assert [resume["userResponse"] for resume in driver.peer.resumes] == ["APPROVE_ACTION"]
    assert driver.live.outcome is not None and driver.live.outcome.complete
    assert driver.plane is not None and driver.plane.decisions == []


async def test_a_decision_by_name_goes_over_the_control_plane_in_a_chat_too(driver: LiveDriver) -> None:
    await driver.live.begin()
    await driver.until(Requested, 4)
    named = GateAnswer("approved", "Fine.", "j", "buyer-approval", "opening", "Ann")
    assert await driver.live.answer(named) is None
    assert await driver.live.answer(named) is None, "one key pressed twice is one decision"
    await driver.until(RunEnded)
    assert driver.plane is not None and driver.plane.decisions == [
        ("decide", "buyer-approval", "approved", "Ann", "Fine.")
    ]
    assert driver.peer.resumes == [] and driver.live.describe().own_decisions == {"opening": "you"}
    await driver.live.reset()
    assert driver.live.describe().own_decisions == {}


async def test_of_two_phones_the_second_is_told_that_it_came_late(driver: LiveDriver) -> None:
    await driver.live.begin()
    await driver.until(Requested, 4)
    phone = GateAnswer("approved", None, "j", "buyer-approval", "opening", by="phone")
    assert await driver.live.answer(phone) is None
    assert driver.live.describe().own_decisions == {"opening": "phone"}
    assert await driver.live.answer(replace(phone, verdict="rejected")) == "Somebody was faster."
    assert await driver.live.answer(GateAnswer("rejected")) is None, "a key knows by the screen"
    await driver.until(RunEnded)
    assert [resume["userResponse"] for resume in driver.peer.resumes] == ["APPROVE_ACTION"]


async def test_the_next_turn_keeps_the_token_and_the_conversation(driver: LiveDriver) -> None:
    assert await driver.live.say("Compare two other items") is None
    assert driver.live.describe().message == "Compare two other items"
    await driver.live.begin()
    await driver.until(Requested, 4)
    assert "running" in (await driver.live.say("too early") or "")
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded)
    driver.peer.decided = False
    assert await driver.live.say("Which one is cheaper?") is None
    await driver.until(Requested, len([each for each in driver.observations if isinstance(each, Requested)]) + 3)
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded, 2)
    sent = [each for each in driver.observations if isinstance(each, Requested)]
    assert [each.x for each in sent] == list(range(1, len(sent) + 1))
    assert [each.route for each in sent].count("token") == 1
    remark = [json.loads(each.request.body) for each in sent if each.route == "invoke"]
    messages = [(each["message"], each["conversationId"]) for each in remark if "resumeInput" not in each]
    assert messages == [("Compare two other items", None), ("Which one is cheaper?", play.CONVERSATION)]
    await driver.live.reset()
    await driver.live.choose("other")
    assert driver.live.describe().message == play.MESSAGE


async def test_between_two_turns_the_clock_stands_and_nobody_has_paused_it(driver: LiveDriver) -> None:
    assert driver.plane is not None
    await driver.live.scale("20")
    await driver.live.begin()
    await driver.until(Asking)
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded)
    await driver.live.scale("60")
    await settle()
    assert driver.plane.did == [("scale", "20"), ("scale", "0")] and not driver.live.paused
    await driver.live.say("And?")
    assert driver.plane.did[2:] == [("scale", "60")] and driver.live.factor == "60"
    await driver.until(RunEnded, 2)
    await settle()
    await driver.live.reset()
    assert driver.plane.did[3:] == [("scale", "0"), ("reset",), ("scale", "1")], (
        "another show begins at the pace there was at first"
    )
    await driver.live.begin()
    await driver.live.pause()
    await driver.live.pause()
    assert driver.plane.did[6:] == [("scale", "0"), ("scale", "1")]


async def test_a_step_has_the_clock_stand_at_its_observation(driver: LiveDriver) -> None:
    await driver.live.begin()
    await driver.until(Requested, 3)
    await driver.live.pause()
    for _ in range(4):
        await settle()
        known = len(driver.observations)
        await driver.live.step()
        await driver.until_paused()
        await settle()
        steps = [each for each in driver.observations[known:] if not isinstance(each, SourceUpdate)]
        assert steps and {each.at for each in steps} == {driver.clock.at}


def remarks(driver: LiveDriver) -> list[str]:
    return [each.remark or each.passed for each in driver.observations if isinstance(each, SourceUpdate)]


async def skipped(driver: LiveDriver, count: int = 1) -> None:
    await driver.until(SourceUpdate, count)
    assert not driver.live.describe().skipping


async def test_a_skip_runs_until_something_happens_and_then_on_at_the_pace_there_was(driver: LiveDriver) -> None:
    assert driver.plane is not None
    await driver.live.scale("2")
    await driver.live.begin()
    await driver.until(Asking)
    began = driver.clock.at
    assert await driver.live.skip() is None and driver.live.describe().skipping
    await driver.until_more(Asking, 3)
    assert driver.live.describe().skipping, "equal polls are no happening"
    driver.peer.decided = True
    await skipped(driver)
    ended = next(each for each in driver.observations if isinstance(each, RunEnded))
    assert remarks(driver) == [passed_text(ended.at - began)]
    await settle()
    assert driver.plane.did == [("scale", "2"), ("scale", FAST), ("scale", "2"), ("scale", "0")]
    assert driver.live.factor == "2" and not driver.live.paused


async def test_a_skip_stands_at_its_latest_instant_and_says_why(driver: LiveDriver) -> None:
    await driver.live.begin()
    await driver.until(Asking)
    until = driver.clock.at + 50_000
    assert await driver.live.skip(until, "Enough.") is None
    await skipped(driver)
    assert remarks(driver) == ["50.0 s passed. Enough."]
    assert await driver.live.skip(until, "Enough.") == "Enough." and not driver.live.describe().skipping
    assert await driver.live.skip(until) is None and driver.live.describe().skipping, "a vote that is due is none"


async def test_a_skip_stands_at_its_limit_however_fast_time_runs() -> None:
    said: list[SourceUpdate] = []
    clock = ScaledClock()
    player = Player(clock, said.append)
    player.run_to(Goal("skip", FAST, until=50_000, limit="Enough."))
    await clock.sleep_until(50_000)
    await settle()
    assert [each.remark for each in said] == ["50.0 s passed. Enough."] and player.rate == "1"
    assert 50_000 <= clock.now() < 60_000, "a millisecond of real time would have been minutes"


async def test_what_somebody_else_does_to_the_clock_shows_as_a_pause_and_a_pace_of_our_own(driver: LiveDriver) -> None:
    assert driver.plane is not None
    for factor, paused in (("0", True), ("5", False)):
        driver.clock.scale(factor)
        driver.plane.facts.put_nowait(Noted(0, ClockScaled(at=0, by="control", factor=factor)))
        await driver.eventually(lambda paused=paused: driver.live.paused is paused)  # type: ignore[misc]
    assert driver.live.factor == "5" and driver.clock.factor == "5"
    await driver.live.pause()
    assert driver.clock.factor == "0"


@pytest.mark.parametrize("end", [Live.skip, Live.pause])
async def test_a_skip_ends_early_and_stands_if_it_stood_before(driver: LiveDriver, end: SourceAsk) -> None:
    assert driver.plane is not None
    await driver.live.begin()
    await driver.until(Asking)
    await driver.live.pause()
    await driver.live.skip()
    await driver.until_more(Asking, 2)
    await end(driver.live)
    await skipped(driver)
    await settle()
    assert driver.plane.did == [("scale", "0"), ("scale", FAST), ("scale", "0")] and driver.live.paused
    assert len(remarks(driver)) == 1 and "passed." in remarks(driver)[0]


async def test_a_speed_that_is_chosen_in_a_skip_is_that_after_it(driver: LiveDriver) -> None:
    assert driver.plane is not None
    await driver.live.begin()
    await driver.until(Asking)
    await driver.live.skip()
    await driver.live.scale("5")
    await driver.live.skip()
    await settle()
    assert driver.plane.did == [("scale", FAST), ("scale", "5")]


async def test_a_key_before_the_connection_stands_is_not_lost() -> None:
    driver = LiveDriver()
    await driver.live.begin()
    await driver.until(Requested, 4)
    await driver.end()


async def test_changes_carry_their_text(driver: LiveDriver) -> None:
    await driver.live.begin()
    await driver.until(Requested, 4)
    await driver.live.answer(GateAnswer("changes-requested", "without prices"))
    await driver.until(RunEnded)
    assert driver.peer.resumes[0]["content"] == "without prices"


async def test_a_decision_is_not_lost_when_the_wait_ends_in_the_same_turn_of_the_loop(driver: LiveDriver) -> None:
    seen = client_named("fusion").understand(
        "status", Response(200, (), play.body("WAITING", waitingNodeDetails=play.NODE))
    )
    assert isinstance(seen, Seen) and seen.question is not None
    question = seen.question
    person = asyncio.create_task(driver.live.run.answers.answer(question))
    await settle()
    assert await driver.live.answer(GateAnswer("approved")) is None
    person.cancel()
    await asyncio.gather(person, return_exceptions=True)
    assert person.cancelled()
    assert (await driver.live.run.answers.answer(question)).verdict is Verdict.APPROVED


async def test_no_gate_no_decision(driver: LiveDriver) -> None:
    assert await driver.live.answer(GateAnswer("approved")) == "No gate is open."


async def test_other_gates_are_decided_over_the_control_plane() -> None:
    driver = LiveDriver(channel="EMAIL")
    await settle()
    await driver.live.begin()
    await driver.until(Requested, 4)
    await driver.live.answer(GateAnswer("rejected"))
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded)
    assert driver.plane is not None
    assert driver.plane.decisions == [("decide", "buyer-approval", "rejected")]
    await driver.end()


async def test_each_vote_of_a_quorum_may_be_given_and_no_more() -> None:
    driver = LiveDriver(channel="APPROVAL_PROCESS")
    assert driver.plane is not None
    driver.plane.needed = 2
    await settle()
    otherwise = Otherwise(at=9_000, verdict="timed-out", by=None, to="ERROR")
    await driver.live.begin()
    await driver.until(Requested, 4)
    at = driver.clock.at
    opened = GateOpened(at=at, job=play.JOB, gate="buyer-approval", approvals=2, until=9_000, otherwise=otherwise)
    driver.plane.facts.put_nowait(Noted(at, opened))
    await driver.until(Noted)
    await driver.live.answer(GateAnswer("approved"))
    await driver.live.answer(GateAnswer("approved"))
    assert driver.plane.decisions == [("decide", "buyer-approval", "approved")], "one key pressed twice is one vote"
    vote = GateDecided(at=at + 1, job=play.JOB, gate="buyer-approval", verdict=Verdict.APPROVED, by=Origin.PERSON)
    driver.plane.facts.put_nowait(Noted(at + 1, vote))
    await driver.until(Noted, 2)
    await driver.live.answer(GateAnswer("approved"))
    driver.plane.facts.put_nowait(Noted(at + 2, replace(vote, at=at + 2)))
    await driver.until(Noted, 3)
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded)
    assert driver.plane.decisions == [("decide", "buyer-approval", "approved")] * 2
    await driver.end()


async def test_without_a_control_plane_such_a_gate_is_refused() -> None:
    driver = LiveDriver(channel="EMAIL", plane=False)
    await settle()
    assert not {"pause", "skip"} & driver.live.can
    await driver.live.begin()
    await driver.until(Requested, 4)
    assert await driver.live.answer(GateAnswer("approved")) == "This approval is given outside the API."
    await driver.end()


async def test_reset_in_mid_run_leaves_no_run_and_starts_anew(driver: LiveDriver) -> None:
    await driver.live.begin()
    await driver.until(Requested, 4)
    await driver.live.pause()
    assert driver.live.paused
    await driver.live.reset()
    await driver.until(Noted)
    assert isinstance(driver.observations[-1], Noted) and isinstance(driver.observations[-1].fact, LedgerCleared)
    assert not driver.live.paused
    count = len(driver.observations)
    await driver.live.begin()
    await driver.until(Requested, sum(isinstance(each, Requested) for each in driver.observations[:count]) + 4)
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded)


async def test_a_step_pauses_after_the_next_observation(driver: LiveDriver) -> None:
    assert driver.plane is not None
    await driver.live.step()
    await driver.until(Requested)
    await driver.until_paused()
    await driver.live.step()
    assert ("scale", "1") in driver.plane.did


async def test_speed_waits_for_the_pause_to_end(driver: LiveDriver) -> None:
    assert driver.plane is not None
    await driver.live.pause()
    await driver.live.scale("5")
    await driver.live.pause()
    assert driver.plane.did == [("scale", "0"), ("scale", "5")]


async def test_a_tape_begins_and_ends_and_says_where_it_lies(driver: LiveDriver) -> None:
    assert await driver.live.record() == "Recording to recordings/item-comparison.rec.jsonl."
    assert driver.live.recording
    assert await driver.live.record() == "The disk is full."
    assert driver.live.recording
    assert await driver.live.record() == "The recording is in recordings/x.rec.jsonl: lab play shows it."
    assert not driver.live.recording
    await driver.live.begin()
    assert "from now on: the run so far isn't in it." in (await driver.live.record() or "")
    pod = LiveDriver(plane=False)
    await settle()
    assert "tape" not in pod.live.can and "somebody else's" in (await pod.live.record() or "")
    await pod.end()


async def test_a_tape_that_dies_is_told_of_once_and_the_show_goes_on(driver: LiveDriver) -> None:
    assert driver.plane is not None
    await driver.live.begin()
    await driver.until(Requested, 4)
    await driver.live.record()
    assert not driver.live.describe().dead
    driver.plane.ill = "The disk is full."
    await driver.until(SourceUpdate)
    assert driver.live.recording and driver.live.describe().dead
    assert [each.remark for each in driver.observations if isinstance(each, SourceUpdate)] == [
        "The disk is full. The show goes on."
    ]
    driver.plane.did.append(("not the second",))
    assert await driver.live.record() == "The recording in recordings/x.rec.jsonl ends early."
    driver.plane.ill = None
    await driver.live.record()
    await driver.until(Requested, 12)
    assert driver.live.recording and not driver.live.describe().dead, "the one before is told of no more"
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded)
    assert sum(isinstance(each, SourceUpdate) for each in driver.observations) == 1


async def test_faults_go_to_the_control_plane(driver: LiveDriver) -> None:
    assert await driver.live.arm({"route": "status", "answer": 503}) is None
    assert await driver.live.disarm("status-503") is None
    assert driver.plane is not None
    assert driver.plane.did == [("arm", '{"route": "status", "answer": 503}'), ("disarm", "status-503")]
    pod = LiveDriver(plane=False)
    await settle()
    assert "fault" not in pod.live.can and "its wire can't be set" in (await pod.live.arm({}) or "")
    await pod.end()


async def test_another_scenario_is_played(driver: LiveDriver) -> None:
    assert await driver.live.choose("nothing") == "Scenario nothing can't be played."
    await driver.live.choose("other")
    assert (driver.live.describe().title, driver.live.describe().seed) == ("Another", 7), "the mock follows it"
    await driver.until(Noted)
    await driver.live.reset()
    assert driver.live.describe().seed == 7


async def test_the_scenario_s_own_message_comes_back_with_an_empty_one_or_when_it_is_chosen_again(
    driver: LiveDriver,
) -> None:
    for back in (lambda: driver.live.say(""), lambda: driver.live.choose(play.SCENARIO.name)):
        await driver.live.say("What?")
        await driver.live.reset()
        assert driver.live.describe().message == "What?", "a reset begins the same show"
        assert await back() is None
        assert driver.live.describe().message == play.MESSAGE


async def test_facts_of_the_journal_are_told_but_not_its_exchanges(driver: LiveDriver) -> None:
    assert driver.plane is not None
    fact = GateOpened(
        at=5, job=play.JOB, gate="buyer-approval", until=9,
        otherwise=Otherwise(at=9, verdict="timed-out", by=None, to="ERROR"),
    )  # fmt: skip
    driver.plane.facts.put_nowait(Requested(1, 1, "token", Request("POST", "/")))
    driver.plane.facts.put_nowait(Noted(5, LedgerCleared(at=5, by=Origin.PERSON)))
    driver.plane.facts.put_nowait(Noted(5, fact))
    await driver.until(Noted)
    assert driver.observations == [Noted(5, fact)]


async def test_a_run_that_breaks_ends_with_its_reason(driver: LiveDriver) -> None:
    async def broken(route: str, request: Request) -> Response:
        raise ZeroDivisionError("by us")

    driver.peer.send = broken  # type: ignore[method-assign]
    await driver.live.begin()
    await driver.until(RunEnded)
    assert driver.live.outcome is not None and "ZeroDivisionError" in (driver.live.outcome.why or "")


async def test_the_screen_plays_it_to_the_end() -> None:
    driver = LiveDriver()
    await driver.end()
    app = LabApp(driver.live)
    async with piloted(app, (80, 24)) as pilot:
        run = main_screen(app)
        await pilot.press("space")
        await until(pilot, lambda: run.state.run.gate is not None)
        await pilot.press("a", "a")
        await until(pilot, lambda: run.state.run.outcome is not None)
        await pilot.press("ctrl+q")
    assert app.return_value is not None and app.return_value.complete
    assert len(driver.peer.resumes) == 1
    assert app.bug is None


# The way back, and on


async def test_going_back_feeds_the_run_its_answers_and_another_choice_leads_elsewhere(driver: LiveDriver) -> None:
    assert driver.plane is not None
    await driver.live.begin()
    await driver.until(Requested, 4)
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded)
    question_at = next(each.at for each in driver.observations if isinstance(each, Asking))
    before = len(driver.observations)
    assert await driver.live.go_to("gate") is None
    await driver.until(Noted)
    assert driver.live.paused and driver.live.outcome is None and ("rewind", str(question_at)) in driver.plane.did
    await driver.eventually(lambda: isinstance(driver.observations[-1], Asking))
    again = driver.observations[before + 1 :]
    assert again == driver.observations[: len(again)]
    await driver.live.pause()
    await driver.until(Asking, 3)
    await driver.live.answer(GateAnswer("rejected"))
    await driver.until(RunEnded, 2)
    assert [resume["userResponse"] for resume in driver.peer.resumes] == ["APPROVE_ACTION", "REJECT_ACTION"]


@pytest.mark.parametrize("wish", ["reset", "choose", "go_to"])
async def test_a_run_goes_on_as_it_went_if_the_mock_cannot_be_set_back(driver: LiveDriver, wish: str) -> None:
    assert driver.plane is not None
    driver.plane.refuses = True
    await driver.live.begin()
    await driver.until(Asking)
    asks = {
        "reset": driver.live.reset,
        "choose": lambda: driver.live.choose("other"),
        "go_to": lambda: driver.live.go_to("token"),
    }
    assert await asks[wish]() == "Not now."
    assert driver.plane.clock_at_reset == "0", "meanwhile nothing happens"
    assert not driver.live.paused and driver.live.describe().title == play.SCENARIO.title
    await driver.until_more(Asking, 2)
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded)
    assert driver.live.outcome is not None and driver.live.outcome.complete


async def test_what_the_journal_told_late_is_known_after_the_way_back_and_nothing_twice(driver: LiveDriver) -> None:
    assert driver.plane is not None
    otherwise = Otherwise(at=9_000, verdict="timed-out", by=None, to="ERROR")
    early, late = (GateOpened(at=5, job=play.JOB, gate=gate, until=9_000, otherwise=otherwise) for gate in ("a", "b"))
    driver.plane.facts.put_nowait(Noted(5, early))
    await driver.until(Noted)
    await driver.live.begin()
    await driver.until(Asking, 2)
    driver.plane.facts.put_nowait(Noted(5, late))
    await driver.until(Noted, 2)
    assert await driver.live.go_to("gate") is None
    for fact in (early, late):  # who follows anew is told of all
        driver.plane.facts.put_nowait(Noted(5, fact))
    await driver.until(Noted, 5)
    await settle()
    facts = [each.fact for each in driver.observations if isinstance(each, Noted)][2:]
    assert isinstance(facts[0], LedgerCleared) and facts[1:] == [early, late]


async def test_going_back_to_the_token_lets_nothing_out_before_the_clock_runs(driver: LiveDriver) -> None:
    await driver.live.begin()
    await driver.until(Asking)
    sent = sum(isinstance(each, Requested) for each in driver.observations)
    assert await driver.live.go_to("token") is None
    await driver.until(Requested, sent + 1)
    await settle()
    sent = sum(isinstance(each, Requested) for each in driver.observations)
    assert [each.route for each in driver.observations if isinstance(each, Requested)][-1] == "token"
    await driver.live.pause()
    await driver.until(Requested, sent + 1)
    assert [each.route for each in driver.observations if isinstance(each, Requested)][sent] == "invoke"


async def test_going_on_to_the_output_stops_where_a_person_is_needed(driver: LiveDriver) -> None:
    assert driver.plane is not None
    assert await driver.live.go_to("output") is None
    await driver.until(Asking)
    await driver.until_paused()
    assert ("scale", FAST) in driver.plane.did
    assert await driver.live.go_to("gate") is None
    pod = LiveDriver(plane=False)
    await settle()
    assert "rewind" not in pod.live.can and "its clock" in (await pod.live.go_to("gate") or "")
    await pod.end()


async def test_going_on_to_what_a_turn_never_comes_to_says_so_at_its_end(driver: LiveDriver) -> None:
    await driver.live.begin()
    await driver.until(Asking)
    await driver.live.answer(GateAnswer("approved"))
    await driver.until(RunEnded)
    await driver.live.say("And?")
    assert await driver.live.go_to("gate") is None
    await driver.until(RunEnded, 2)
    await settle()
    assert remarks(driver) == ["This turn has no gate."] == [await driver.live.go_to("gate")]
