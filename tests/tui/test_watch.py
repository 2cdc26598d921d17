"""WATCH: a lab that comes and goes, its clock, its gates, the jobs of its clients; the control plane is played here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from lab.app.effects import Outcome, RunObservation
from lab.client.control import ControlAnswer
from lab.clocks import settle
from lab.control import (
    ArmFault,
    ClockDocument,
    ControlCommand,
    DecideGate,
    DisarmFault,
    Health,
    Jobs,
    ListJobs,
    SetClock,
)
from lab.core.clock import Millis
from lab.core.errors import HostError, LabError, ProtocolError
from lab.core.exchange import Json, Request
from lab.core.journal.fact import ClockAdvanced, ClockScaled, LedgerCleared
from lab.core.observe import Noted, Requested
from lab.tui.app import LabApp
from lab.tui.panes.registry import key_named
from lab.tui.rows.curl import first_curl
from lab.tui.screens.main import EACH_WHILE_POLLING
from lab.tui.sources.watch import GOES_ON, Watch
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.screen import ScreenState, SourceState, UiState
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import drawn, golden, main_screen, piloted, resized, text, until
from tests.tui.test_jobs import fold, journal, other, told_by
from tests.tui.test_playback import FILE, Jump

CLOCK = ClockDocument("real", "1", 60_000, 1_767_225_600, "")
REAL = Health("ok", None, "1", None, "http://base", CLOCK, 42, [], 0)


def clocked(lab: Health, **changes: Any) -> Health:
    """A lab with another clock."""
    return replace(lab, clock=replace(lab.clock, **changes))


SCALED = clocked(REAL, mode="scaled")
MANUAL = clocked(REAL, mode="manual", factor="0")
JOB: dict[str, Json] = {
    "job": "a", "status": "RUNNING", "step": "b", "since": 0, "team": "T", "scenario": None, "client": None,
    "accepted": 0, "conversation": None, "turn": 1, "gate": None,
}  # fmt: skip
GATE: dict[str, Json] = {
    "gate": "b", "asks": "?", "code": "B", "round": 0, "channel": "CHAT", "opened": 0, "offers": [], "approvals": 1,
    "votes": [],
}  # fmt: skip
SECOND = "11111111-0000-4000-8000-000000000000"


class ScriptedControl:
    """A control plane that says what it is told to, and writes down what is asked of it."""

    def __init__(self, lab: Health = REAL) -> None:
        self.found = lab
        self.did: list[tuple[object, ...]] = []
        self.refuse: str | None = None
        self.next: Millis | None = None
        self.patience: Millis | None = None
        self.broken: Exception | None = None
        self.queue: asyncio.Queue[RunObservation | None] = asyncio.Queue()

    header = object()  # whichever: the scenarios that it names are known

    async def lab(self) -> Health:
        if self.broken is not None:
            raise self.broken
        return self.found

    async def follow(self) -> AsyncIterator[RunObservation]:
        while (observations := await self.queue.get()) is not None:
            yield observations

    async def ask(self, command: ControlCommand[Any]) -> ControlAnswer[Any]:
        match command:
            case DecideGate(job=job, gate=gate, verdict=verdict, by=name, comment=comment):
                return self._did("decide", job, gate, verdict, comment, *([name] if name is not None else []))
            case SetClock(factor=str(factor)):
                return self._did("scale", factor)
            case SetClock(advance=str(advance)):
                return self._did("advance", int(advance.removesuffix("ms")))
            case ArmFault(fault=fault):
                return self._did("arm", fault)
            case DisarmFault(name=name):
                return self._did("disarm", name)
            case ListJobs():
                gate: Json = None if self.patience is None else {**GATE, "until": self.patience}
                jobs: list[Json] = [] if self.next is None else [{**JOB, "until": self.next, "gate": gate}]
                return ControlAnswer(200, {"now": self.found.clock.now, "jobs": jobs}, Jobs)
        raise AssertionError(command)

    def _did(self, *what: object) -> ControlAnswer:
        self.did.append(what)
        return ControlAnswer(200 if self.refuse is None else 409, {"error": self.refuse or ""})

    def tell(self, *observations: RunObservation) -> None:
        for each in observations:
            self.queue.put_nowait(each)


class Watcher:
    """Somebody who watches; the next attempt to reach the lab is made when `again` is set."""

    def __init__(self, plane: ScriptedControl) -> None:
        self.plane = plane
        self.again = asyncio.Event()
        self.source = Watch(
            "127.0.0.1:8081",
            self._reach,
            lambda header: {"item-comparison": play.SCENARIO},
            clock=Jump(),
            rest=self._rest,
        )
        self.observations: list[RunObservation | SourceUpdate] = []
        self.task = asyncio.create_task(self._look())

    @asynccontextmanager
    async def _reach(self) -> AsyncIterator[ScriptedControl]:
        yield self.plane

    async def _rest(self) -> None:
        self.again.clear()
        await self.again.wait()

    async def _look(self) -> None:
        async for observations in self.source.observations():
            self.observations.append(observations)

    async def tell(self, *observations: RunObservation) -> None:
        self.plane.tell(*observations)
        await settle()

    async def do(self, request: Awaitable[str | None]) -> str | None:
        try:
            refused = await request
        except LabError as error:
            return error.what
        await settle()
        return refused

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def remark(self) -> list[str]:
        return [
            observations.remark
            for observations in self.observations
            if isinstance(observations, SourceUpdate) and observations.remark
        ]


@asynccontextmanager
async def watching(lab: Health = REAL) -> AsyncIterator[Watcher]:
    watcher = Watcher(ScriptedControl(lab))
    await settle()
    try:
        yield watcher
    finally:
        await watcher.end()


# Coming and going


async def test_a_lab_that_is_not_there_yet_is_waited_for() -> None:
    plane = ScriptedControl()
    plane.broken = HostError("refused")
    watcher = Watcher(plane)
    await settle()
    assert "can't be reached" in watcher.source.trouble and watcher.source.can == frozenset()
    assert "can't be reached" in (await watcher.do(watcher.source.pause()) or "")
    plane.broken = None
    watcher.again.set()
    await settle()
    assert watcher.source.trouble == "" and watcher.source.describe().seed == 42
    await watcher.end()


async def test_a_wrong_token_ends_it_at_the_first_attempt_only() -> None:
    plane = ScriptedControl()
    plane.broken = ProtocolError("the control plane answered 401")
    watcher = Watcher(plane)
    with pytest.raises(ProtocolError):
        await watcher.task
    async with watching() as watcher:
        watcher.plane.broken = ProtocolError("the control plane answered 401")
        watcher.plane.queue.put_nowait(None)
        await settle()
        watcher.again.set()
        await settle()
        assert watcher.source.trouble == "The control plane answered 401; trying again."
        assert not watcher.task.done()


async def test_a_lab_that_ends_and_starts_again_is_told_apart_from_one_that_was_only_away() -> None:
    async with watching() as watcher:
        watcher.plane.queue.put_nowait(None)
        await settle()
        assert "has ended" in watcher.source.trouble and watcher.source.can == frozenset()
        watcher.again.set()
        await settle()
        assert watcher.remark == ["It is back."] and watcher.source.trouble == ""
        assert (watcher.source.describe().base, watcher.source.describe().token_url) == (
            "http://base",
            "http://base/oauth2/v1/token",
        )
        watcher.plane.queue.put_nowait(None)
        watcher.plane.found = clocked(REAL, epoch=CLOCK.epoch + 900, now=5)
        await settle()
        watcher.again.set()
        await settle()
        assert watcher.remark[-1] == "The lab was started again: its journal begins anew."
        last = [
            observations
            for observations in watcher.observations
            if isinstance(observations, SourceUpdate) and observations.journal is not None
        ][-1]
        assert last.another_journal and last.journal == JournalState(CLOCK.epoch + 900)


async def test_exchanges_that_the_lab_keeps_no_more_are_counted_on_the_wire() -> None:
    script = play.Script()
    script.x = 20_000
    script.token(0)
    script.token(5)
    for observations, says in ((script.observations, True), (play.running(), False)):
        async with screen_in(journal(observations)) as (app, _, pilot):
            await pilot.press("W")
            await until(pilot, lambda: "WIRE" in text(app))
            assert ("20000 earlier ones are gone" in text(app)) == says


# The clock


@each_row(
    ("lab", "able"),
    [(REAL, set()), (SCALED, {"pause", "step", "speed"}), (MANUAL, {"step"})], ids=["real", "scaled", "manual"],
)  # fmt: skip
async def test_only_a_clock_that_can_be_set_is_paced(lab: Health, able: set[str]) -> None:
    async with watching(lab) as watcher:
        assert watcher.source.can == able | {"decide", "name", "fault", "control"}
        assert watcher.source.clock.now() == 60_000


async def test_pause_says_that_the_client_goes_on_and_speed_waits_for_the_end_of_it() -> None:
    async with watching(clocked(SCALED, factor="5")) as watcher:
        assert watcher.source.factor == "5"
        assert await watcher.do(watcher.source.pause()) == GOES_ON
        assert watcher.source.paused
        assert await watcher.do(watcher.source.scale("20")) is None
        assert await watcher.do(watcher.source.pause()) is None
        assert watcher.plane.did == [("scale", "0"), ("scale", "20")]
        assert not watcher.source.paused


async def test_the_pace_goes_on_from_the_lab_s_own_and_back_to_it() -> None:
    async with watching(clocked(SCALED, factor="4")) as watcher:
        await watcher.do(watcher.source.scale("5"))
        source = watcher.source.describe()
    view = ScreenState(ui=UiState(factor="4"), source=source)
    requests = [play.request_of(key_named(name).react(view).ask) for name in ("faster", "slower", "own-pace")]
    assert (
        requests == [("scale", "5"), ("scale", "2"), ("scale", "4")]
        and key_named("own-pace").label_in(view) == "Speed ×4"
    )


async def test_a_pace_that_the_lab_refuses_is_none() -> None:
    async with watching(clocked(SCALED, factor="5")) as watcher:
        watcher.plane.refuse = "Not this clock."
        assert await watcher.do(watcher.source.pause()) == "Not this clock."
        assert (watcher.source.paused, watcher.source.factor, watcher.source.clock.now()) == (False, "5", 60_000)
        assert await watcher.do(watcher.source.scale("20")) == "Not this clock." and watcher.source.factor == "5"


def test_at_the_end_of_all_jobs_there_is_nothing_to_pause() -> None:
    paces = SourceState(follows=True, can=frozenset(("pause",)))
    done = fold(journal(play.complete()))
    more = fold(other(journal(play.running()), SECOND, 500), done)
    for state in (done, more):
        view = ScreenState(done.run(), source=paces, journal=state)
        assert view.finale and key_named("pause").is_offered(view) is (state is more)
    view = ScreenState(done.run(), UiState(paused=True), paces, journal=done)
    assert key_named("pause").is_offered(view)


async def test_a_lab_that_is_found_paused_goes_on_at_its_own_pace() -> None:
    async with watching(clocked(SCALED, factor="0")) as watcher:
        assert watcher.source.paused
        await watcher.do(watcher.source.pause())
        assert watcher.plane.did == [("scale", "1")]


async def test_a_step_ends_with_the_next_exchange() -> None:
    async with watching(clocked(SCALED, factor="0")) as watcher:
        await watcher.do(watcher.source.step())
        assert watcher.plane.did == [("scale", "1")]
        (request, *_) = [each for each in play.running() if isinstance(each, Requested)]
        await watcher.tell(replace(request, at=59_000))
        assert watcher.plane.did == [("scale", "1")], "what is past ends no step"
        await watcher.tell(replace(request, at=61_000))
        assert watcher.plane.did == [("scale", "1"), ("scale", "0")] and watcher.source.paused


async def test_a_step_of_a_manual_clock_goes_to_where_a_job_moves_on() -> None:
    async with watching(MANUAL) as watcher:
        assert "next move is the client's" in (await watcher.do(watcher.source.step()) or "")
        watcher.plane.next = 63_000
        assert await watcher.do(watcher.source.step()) is None
        assert watcher.plane.did == [("advance", 3_000)]
        await watcher.tell(Noted(63_000, ClockAdvanced(at=63_000, by="control", origin=60_000)))
        assert watcher.source.clock.now() == 63_000 and watcher.source.factor == "manual"


async def test_a_step_of_a_manual_clock_asks_before_it_ends_a_persons_patience() -> None:
    async with watching(MANUAL) as watcher:
        watcher.plane.next = watcher.plane.patience = 90_000
        assert "n once more" in (await watcher.do(watcher.source.step()) or "") and watcher.plane.did == []
        watcher.plane.next = 70_000  # somebody votes before that, or it escalates
        assert await watcher.do(watcher.source.step()) is None
        watcher.plane.next = 90_000
        assert await watcher.do(watcher.source.step()) is None
        assert watcher.plane.did == [("advance", 10_000), ("advance", 30_000)]


async def test_who_else_sets_the_clock_is_heeded_but_not_in_the_past() -> None:
    async with watching(SCALED) as watcher:
        await watcher.tell(Noted(30_000, ClockScaled(at=30_000, by="control", factor="0")))
        assert not watcher.source.paused
        await watcher.tell(Noted(61_000, ClockScaled(at=61_000, by="control", factor="0")))
        assert watcher.source.paused and watcher.source.clock.now() == 61_000
        await watcher.tell(Noted(61_000, ClockScaled(at=61_000, by="control", factor="2")))
        assert (watcher.source.paused, watcher.source.factor) == (False, "2")


# What is asked of it


async def test_a_gate_is_decided_over_the_control_plane_whatever_its_channel() -> None:
    async with watching() as watcher:
        requested = GateAnswer("changes-requested", "without prices", play.JOB, "buyer-approval", "one")
        assert await watcher.do(watcher.source.answer(requested)) is None
        assert watcher.plane.did == [("decide", play.JOB, "buyer-approval", "changes-requested", "without prices")]


async def test_a_refused_decision_says_why_but_not_to_who_has_decided() -> None:
    async with watching() as watcher:
        assert (
            await watcher.do(watcher.source.answer(GateAnswer("approved", None, play.JOB, "buyer-approval", "one")))
            is None
        )
        watcher.plane.refuse = "The gate has had its decision."
        assert (
            await watcher.do(watcher.source.answer(GateAnswer("rejected", None, play.JOB, "buyer-approval", "one")))
            is None
        )
        refused = await watcher.do(
            watcher.source.answer(GateAnswer("rejected", None, play.JOB, "buyer-approval", "two"))
        )
        assert refused == "The gate has had its decision."


@each_row("rejoins", [False, True])
async def test_after_a_reset_nobody_has_decided_here_though_openings_have_the_same_names(rejoins: bool) -> None:
    """A lab whose clock goes back to 0 lets go of who follows it; its epoch may be the same."""
    async with watching() as watcher:
        answer = GateAnswer("approved", None, play.JOB, "buyer-approval", "one")
        assert await watcher.do(watcher.source.answer(answer)) is None
        await watcher.tell(Noted(59_000, LedgerCleared(at=59_000, by="control")))
        assert watcher.source.describe().own_decisions == {"one": "you"}, "what is past is of an earlier journal"
        if rejoins:
            watcher.plane.queue.put_nowait(None)
            await settle()
            watcher.again.set()
            await settle()
        else:
            await watcher.tell(Noted(61_000, LedgerCleared(at=61_000, by="control")))
        assert watcher.source.describe().own_decisions == {}
        watcher.plane.refuse = "The gate has had its decision."
        assert await watcher.do(watcher.source.answer(answer)) == watcher.plane.refuse


async def test_faults_are_armed_and_disarmed() -> None:
    async with watching() as watcher:
        assert await watcher.do(watcher.source.arm({"route": "status", "answer": 503})) is None
        assert await watcher.do(watcher.source.disarm("status-503")) is None
        assert watcher.plane.did == [("arm", {"route": "status", "answer": 503}), ("disarm", "status-503")]
        assert "client that calls" in (await watcher.do(watcher.source.reset()) or "")


# The screen


@asynccontextmanager
async def screen_in(
    observations: list[RunObservation], size: tuple[int, int] = (120, 36), lab: Health = SCALED
) -> AsyncIterator[tuple[LabApp, Watcher, Pilot[Outcome | None]]]:
    """The screen of somebody who watches, when all has been told."""
    last = max((each.at for each in observations), default=0)
    watcher = Watcher(ScriptedControl(clocked(lab, now=last)))
    await watcher.end()
    app = LabApp(watcher.source)
    watcher.plane.tell(*observations)
    async with piloted(app, size) as pilot:
        await until(pilot, lambda: watcher.plane.queue.empty())
        await until(pilot, lambda: drawn(app))
        yield app, watcher, pilot
        assert app.bug is None


def observations_until(at: Millis) -> list[RunObservation]:
    return [each for each in told_by(FILE) if each.at <= at]


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
@pytest.mark.parametrize(("state", "at"), [("waiting", 9_578), ("complete", 20_000)])
async def test_the_screen_is_the_golden_one(state: str, at: Millis, size: tuple[int, int]) -> None:
    """LAB_GOLDEN=write writes them anew; read the diff."""
    async with screen_in(observations_until(at), size) as (app, _, pilot):
        await until(pilot, lambda: state.upper() in text(app))
        await pilot.pause()
        golden(app, f"watch-{state}-{size[0]}x{size[1]}")


async def test_idle_waits_for_a_client_and_offers_nothing_to_begin() -> None:
    async with screen_in([], lab=REAL) as (app, watcher, pilot):
        await until(pilot, lambda: "The screen waits for a client" in text(app))
        await until(
            pilot,
            lambda: (
                "http://base/oauth2/v1/token" in text(app)
                and "y  Copy what a client needs" in text(app)
                and " y Copy " in text(app)
            ),
        )
        await resized(pilot, (80, 24))
        for option in first_curl("http://base/oauth2/v1/token").split("\n")[1:]:
            assert option in text(app), "no option of the command is broken"
        await resized(pilot, (120, 36))
        await pilot.press("y", "y")
        await until(pilot, lambda: "Copied: a first call as curl" in text(app))
        assert app.clipboard.split("\n", 1)[1] == first_curl("http://base/oauth2/v1/token").split("\n", 1)[1]
        assert app.clipboard.endswith('scope="$LAB_SCOPE"') and play.SECRET not in app.clipboard
        await pilot.press("space", "n", "0", "m", "plus", "left", "end")
        await pilot.pause()
        assert watcher.plane.did == [] and "space" not in text(app)
        await pilot.press("question_mark")
        await until(pilot, lambda: "start the lab with --clock scaled:1" in text(app))


async def test_a_call_of_no_job_is_on_the_wire_alone() -> None:
    script = play.Script()
    script.call(5, "unknown", Request("POST", "/v1/agents"), 404, b'{"status":"FAI-404"}', 3)
    async with screen_in(script.observations) as (app, _, pilot):
        await until(pilot, lambda: "is no call of the agent API" in text(app))
        await pilot.press("w")
        await until(pilot, lambda: "/v1/agents" in text(app) and "404" in text(app))


async def test_a_job_that_is_polled_by_a_manual_clock_is_looked_at_as_one_at_the_usual_pace() -> None:
    async with screen_in(journal(play.running()), lab=MANUAL) as (app, _, pilot):
        main, looks = main_screen(app), list[int]()
        await until(pilot, lambda: " RUNNING " in text(app) and "manual" in text(app))
        main.timer.pause()
        main.canvas.tick = lambda: looks.append(1)  # type: ignore[method-assign]
        for _ in range(2 * EACH_WHILE_POLLING):
            main.tick()
        assert len(looks) == 2 and app.crash is None


@each_row(
    ("key", "verdict"), [("a", "approved"), ("r", "rejected")],
)  # fmt: skip
async def test_the_keys_of_a_gate_name_job_and_gate(key: str, verdict: str) -> None:
    async with screen_in(observations_until(9_578)) as (app, watcher, pilot):
        await until(pilot, lambda: "the client may answer too" in text(app))
        job = main_screen(app).state.run.job
        assert job is not None
        await pilot.press(key)
        await until(pilot, lambda: watcher.plane.did == [("decide", job.job, "buyer-approval", verdict, None)])


async def test_a_gate_whose_opening_was_not_told_is_named_after_its_code() -> None:
    observations = [
        each for each in observations_until(9_578) if not (isinstance(each, Noted) and each.fact.type == "gate.opened")
    ]
    async with screen_in(observations) as (app, watcher, pilot):
        await until(pilot, lambda: " a Approve" in text(app) and "patience" not in text(app))
        await pilot.press("a")
        await until(pilot, lambda: [did[2] for did in watcher.plane.did] == ["buyer-approval"])


async def test_changes_are_typed_and_sent() -> None:
    async with screen_in(observations_until(9_578)) as (app, watcher, pilot):
        await until(pilot, lambda: " a Approve" in text(app))
        await pilot.press("c", "n", "o", "enter")
        await until(pilot, lambda: [did[3:] for did in watcher.plane.did] == [("changes-requested", "no")])


async def test_pause_step_and_speed_on_the_screen() -> None:
    async with screen_in(journal(play.running())) as (app, watcher, pilot):
        await pilot.press("space")
        await until(pilot, lambda: "PAUSED" in text(app) and "client's waits go on" in text(app))
        await pilot.press("n")
        await until(pilot, lambda: watcher.plane.did[-1] == ("scale", "1"))
        await pilot.press("plus")
        await until(pilot, lambda: watcher.plane.did[-1] == ("scale", "2") and "×2" in text(app))


async def test_jobs_are_chosen_and_a_new_one_does_not_steal_the_view() -> None:
    both = sorted(
        [*journal(play.complete()), *other(journal(play.running()), SECOND, 100)], key=lambda each: each.at
    )  # fmt: skip
    async with screen_in(both) as (app, watcher, pilot):
        await until(pilot, lambda: "2 of 2" in text(app) and play.JOB[:23] in text(app))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "1 of 2" in text(app) and SECOND in text(app))
        watcher.plane.tell(*other(journal(play.waiting()), SECOND.replace("1", "2"), 200))
        await until(pilot, lambda: "1 of 3" in text(app))
        assert SECOND in text(app)
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: "3 of 3" in text(app))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "Follows the newest job again." in text(app))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "2 of 3" in text(app))


@pytest.mark.parametrize("way", ["cleared", "restarted"])
async def test_of_a_journal_that_begins_anew_with_the_same_epoch_no_job_is_chosen_any_more(way: str) -> None:
    both = sorted(
        [*journal(play.running()), *other(journal(play.running()), SECOND, 100)], key=lambda each: each.at
    )  # fmt: skip
    async with screen_in(both) as (app, watcher, pilot):
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "1 of 2" in text(app))
        if way == "cleared":
            watcher.plane.tell(Noted(9_000, LedgerCleared(at=9_000, by="control")))
        else:
            watcher.plane.found = clocked(watcher.plane.found, now=5)
            watcher.plane.queue.put_nowait(None)
            await until(pilot, lambda: "has ended" in watcher.source.trouble)
            watcher.again.set()
        watcher.plane.tell(*both)
        await until(pilot, lambda: "2 of 2" in text(app))


async def test_exchanges_before_the_job_began_are_told_as_such() -> None:
    early = replace_at(journal(play.running()), 0)
    late = replace_at(other(journal(play.running()), SECOND, 100), 90_000)
    async with screen_in([*early, *late]) as (app, _, pilot):
        await pilot.press("W")
        await until(pilot, lambda: "-01:27 GET" in text(app) and "00:00.0 POST" in text(app))


def replace_at(observations: list[RunObservation], by: Millis) -> list[RunObservation]:
    return [replace(each, at=each.at + by) for each in observations]


async def test_a_job_that_nobody_saw_begin_is_named_so() -> None:
    script = play.Script()
    script.poll(100, b'{"status":"FAI-404","message":"no such job"}', 20, status=404)
    async with screen_in(script.observations) as (app, _, pilot):
        await until(pilot, lambda: "has not seen begin" in text(app) and play.JOB in text(app))


async def test_trouble_shows_and_the_last_good_rows_stay() -> None:
    async with screen_in(observations_until(9_578)) as (app, watcher, pilot):
        watcher.plane.queue.put_nowait(None)
        await until(pilot, lambda: "has ended; waiting for it to start again" in text(app))
        assert "BUYER_APPROVAL" in text(app) and "a Approve" not in text(app)
        assert play.SCENARIO.title in text(app), "what was known of the lab is known still"
        watcher.plane.found = clocked(SCALED, epoch=1, now=0)
        watcher.again.set()
        await until(pilot, lambda: "its journal begins anew" in text(app))
        assert "BUYER_APPROVAL" not in text(app)


async def test_many_exchanges_stay_bounded_and_keys_are_answered() -> None:
    observations: list[RunObservation] = []
    for number in range(300):
        observations += other(journal(play.running()), f"{number:08d}-0000-4000-8000-000000000000", 10 * number)
    async with screen_in(observations) as (app, _, pilot):
        await until(pilot, lambda: "300 of 300" in text(app))
        assert len(main_screen(app).state.run.exchanges) <= 400
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "299 of 300" in text(app))
