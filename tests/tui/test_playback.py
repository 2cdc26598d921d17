"""PLAYBACK: the cursor's moves, its pace, what it shows, and how far a seek has to fold."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from lab.app.effects import Outcome
from lab.cli.recordings import load_playable
from lab.clocks import settle
from lab.core.clock import Millis, passed_text
from lab.recording.format.lines import FileState, Recording, Req, Res
from lab.recording.format.reader import read
from lab.tui.app import LabApp
from lab.tui.panes.acts import act_count
from lab.tui.panes.scrubber import track
from lab.tui.sources.playback import Playback
from lab.tui.sources.player import SettableClock
from lab.tui.state import recording as reels
from lab.tui.state.acts import current_act
from lab.tui.state.cursor import PlaybackCursor, Spread
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.narrate import FOLLOWED, sentence
from lab.tui.state.recording import EVERY, RecordingTimeline
from lab.tui.state.run import Milestone, RunState
from lab.tui.state.screen import ScreenState, SourceState, UiState
from tests.conftest import ROOT, each_row
from tests.tui import play
from tests.tui.pilots import golden, main_screen, piloted, resized, text, undrawn, until
from tests.tui.test_view import screen

FILE = Path(__file__).parent / "played.rec.jsonl"
WAITING = 9_578
"""The instant at which a poll first shows WAITING there."""


class Jump:
    """A clock that is at once where somebody waits to be, unless it stands."""

    factor = "1"

    def __init__(self) -> None:
        self.at: Millis = 0
        self.last: Millis | None = None
        self.goes = asyncio.Event()
        self.goes.set()

    def scale(self, factor: str) -> None:
        self.factor = factor
        (self.goes.clear if factor == "0" else self.goes.set)()

    def set(self, instant: Millis, last: Millis | None = None) -> None:
        self.at, self.last = instant, last

    def now(self) -> Millis:
        return self.at

    async def sleep_until(self, instant: Millis) -> None:
        await self.goes.wait()
        await settle()
        await self.goes.wait()
        self.at = max(self.at, instant if self.last is None else min(instant, self.last))


def recording(path: Path = FILE) -> Recording:
    return read(path.read_bytes(), str(path))


def playback(found: Recording | None = None, state: str = "", clock: SettableClock | None = None) -> Playback:
    scenario = play.SCENARIO
    timeline = RecordingTimeline(found or recording(), 1_767_225_600)
    return Playback(
        timeline, title=scenario.title, seed=42, known={scenario.name: scenario}, damage=state, clock=clock or Jump()
    )


class Watcher:
    """Somebody who looks at a playback."""

    def __init__(self, source: Playback) -> None:
        self.source = source
        self.observations: list[SourceUpdate] = []
        self.task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        async for observations in self.source.observations():
            self.observations.append(observations)

    async def do(self, request: Awaitable[str | None]) -> str | None:
        refused = await request
        await settle()
        return refused

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await settle()

    @property
    def journal(self) -> JournalState:
        jobs = self.observations[-1].journal
        assert jobs is not None
        return jobs


@pytest.fixture
async def watcher() -> AsyncIterator[Watcher]:
    somebody = Watcher(playback())
    await settle()
    yield somebody
    somebody.task.cancel()
    await asyncio.gather(somebody.task, return_exceptions=True)


# The reel


def long(lines: int) -> Recording:
    """A job that is polled for ever."""
    found = recording()
    head = [line for line in found.lines if line.t < 1_000]
    req = next(line for line in found.lines if isinstance(line, Req) and "/status/" in line.path)
    res = next(line for line in found.lines if isinstance(line, Res) and line.x == req.x)
    polls = [
        replace(line, t=1_000 * x + (40 if isinstance(line, Res) else 0), x=x)
        for x in range(10, 10 + (lines - len(head)) // 2)
        for line in (req, res)
    ]
    numbered = [replace(line, n=n) for n, line in enumerate([*head, *polls], 1)]
    return replace(found, lines=tuple(numbered), end=None, state=FileState.OPEN)


def test_any_place_is_what_folding_up_to_it_gives() -> None:
    timeline, jobs = RecordingTimeline(recording(), 0), JournalState()
    forward = [timeline.journal(place) for place in range(timeline.count + 1)]
    backward = [timeline.journal(place) for place in range(timeline.count, -1, -1)][::-1]
    assert forward == backward
    for place, (jobs, _) in enumerate(timeline.changes(), 1):
        assert forward[place] == jobs


def whole(found: Recording) -> RecordingTimeline:
    """A recording that was folded to its end."""
    timeline = RecordingTimeline(found, 0)
    while timeline.fold_on():
        pass
    return timeline


def test_a_seek_folds_no_more_lines_than_lie_between_two_kept_states(monkeypatch: pytest.MonkeyPatch) -> None:
    timeline = whole(long(1_500))
    until_folded: list[int] = []

    def counted(line: object, *, local: bool) -> None:
        until_folded.append(1)

    monkeypatch.setattr(reels, "observation_of", counted)
    for place in (1_499, 3, 1_279, 1_024, 1_023, 700):
        until_folded.clear()
        timeline.journal(place)
        assert len(until_folded) == place % EVERY
    until_folded.clear()
    timeline.journal(701)
    assert len(until_folded) == 1, "playing on folds what is new alone"


def test_marks_stand_where_the_screen_shows_them() -> None:
    timeline = whole(recording())
    kinds = [mark.kind for mark in timeline.marks]
    assert kinds == ["token", "invoke", "poll", "gate", "decided", "output"]
    gate = timeline.marks[3]
    assert gate.at == WAITING and timeline.journal(gate.place).run().gate is not None
    assert timeline.journal(gate.place - 1).run().gate is None


def test_a_gate_that_no_poll_saw_is_marked_where_it_opened() -> None:
    found = recording()
    kept = tuple(line for line in found.lines if not (isinstance(line, Res) and line.t == WAITING))
    blind = [line for line in kept if not (isinstance(line, Res) and 9_600 < line.t < 13_700)]
    kinds = [mark.kind for mark in whole(replace(found, lines=tuple(blind))).marks]
    assert kinds == ["token", "invoke", "poll", "gate", "decided", "output"]


def test_a_capture_has_marks_of_what_its_bodies_say() -> None:
    found = recording()
    bare = tuple(line for line in found.lines if isinstance(line, Req | Res))
    kinds = [mark.kind for mark in whole(replace(found, lines=bare)).marks]
    assert kinds == ["token", "invoke", "poll", "gate", "output"]


# The cursor


def test_a_recording_without_a_call_says_so_from_its_start_on() -> None:
    source = SourceState(follows=True, cursor=PlaybackCursor(0, 0, 1, 1))
    assert sentence(ScreenState(ui=UiState(first=True), source=source)) == FOLLOWED["empty"]
    begun = replace(source, cursor=PlaybackCursor(0, 9, 1, 2))
    assert sentence(ScreenState(source=begun)) == FOLLOWED["start"]


def test_marks_lead_to_the_acts_that_a_run_has_live_counted_from_the_first() -> None:
    playable = load_playable("item-comparison", None)
    source = Playback(playable.timeline, title=playable.title, known=playable.scenarios)
    counted = []
    for mark in playable.timeline.marks:
        journal = playable.timeline.journal(mark.place)
        act = current_act(journal.run())
        assert act.act is not None
        state = ScreenState(act.run or RunState(), UiState(stage=True), source.describe(journal), act=act)
        counted.append((act.act.kind, act_count(state, act.act)))
    kinds = ("token", "job", "running", "waiting", "decided", "output")
    assert counted == [(kind, f"act {number} of 6") for number, kind in enumerate(kinds, 1)]
    idle = ScreenState(source=source.describe(playable.timeline.journal(0)))
    assert "◆ buyer-approval" in "".join(screen(idle, 120, 36, 0))


async def test_it_starts_at_the_start_and_stands(watcher: Watcher) -> None:
    assert watcher.journal.run().start is None and watcher.source.paused
    assert watcher.source.cursor.line == 1


async def test_it_plays_to_the_end_and_then_from_the_start_again(watcher: Watcher) -> None:
    await watcher.do(watcher.source.pause())
    await watcher.until(lambda: watcher.source.paused)
    run = watcher.journal.run()
    assert run.outcome is not None and run.outcome.status == "COMPLETE"
    assert len(watcher.observations) > 20, "it came by every observation"
    await watcher.do(watcher.source.pause())
    assert watcher.source.place < watcher.source.timeline.count


async def test_pause_keeps_the_instant_and_speed_changes_none() -> None:
    clock = Fixed()
    source = playback(clock=clock)
    watcher = Watcher(source)
    await watcher.do(watcher.source.seek(WAITING + 100))
    await watcher.do(watcher.source.pause())
    assert (source.paused, clock.factor, clock.at) == (False, "1", WAITING + 100)
    await watcher.do(watcher.source.scale("5"))
    assert (clock.factor, clock.at) == ("5", WAITING + 100)
    await watcher.do(watcher.source.pause())
    assert (source.paused, clock.factor, clock.at) == (True, "0", WAITING + 100)
    await watcher.do(watcher.source.scale("2"))
    assert (clock.factor, clock.at) == ("0", WAITING + 100)
    watcher.task.cancel()
    await asyncio.gather(watcher.task, return_exceptions=True)


class Fixed(Jump):
    """A clock that never gets anywhere."""

    async def sleep_until(self, instant: Millis) -> None:
        await asyncio.Event().wait()


async def test_a_step_goes_past_what_nobody_sees(watcher: Watcher) -> None:
    stages = []
    for _ in range(4):
        await watcher.do(watcher.source.move(1))
        stages.append(watcher.journal.run())
    assert [len(run.exchanges) for run in stages] == [1, 1, 2, 2]
    assert stages[1].token is not None and stages[1].token.token == "lab-T1-token"
    await watcher.do(watcher.source.move(-1))
    await watcher.do(watcher.source.move(-1))
    assert watcher.journal.run() == stages[1]


async def test_n_goes_past_polls_that_bring_nothing_new(watcher: Watcher) -> None:
    at = []
    while watcher.source.place < watcher.source.timeline.count:
        await watcher.do(watcher.source.step())
        at.append(watcher.source.clock.now())
    assert at == [120, 291, 1_330, 4_429, 6_663, WAITING, 15_636, 15_674, 16_726]
    assert watcher.journal.run().ended is not None


class Timed(Jump):
    """A clock that counts the real time that it would have taken."""

    passed = 0.0

    async def sleep_until(self, instant: Millis) -> None:
        began = self.at
        await super().sleep_until(instant)
        self.passed += (self.at - began) / 1000 / float(self.factor)


@each_row(("factor", "most"), [("1", 40), ("0.25", 120), ("300", 15)])
async def test_what_is_dull_takes_two_seconds_so_three_days_take_less_than_forty(factor: str, most: float) -> None:
    clock = Timed()
    weekend = playback(recording(ROOT / "recordings" / "month-end-marathon.rec.jsonl"), clock=clock)
    await weekend.scale(factor)
    watcher = Watcher(weekend)
    await watcher.do(watcher.source.pause())
    await watcher.until(lambda: weekend.paused)
    assert weekend.clock.now() == weekend.timeline.until
    assert 6 < clock.passed < most
    watcher.task.cancel()
    await asyncio.gather(watcher.task, return_exceptions=True)


@pytest.mark.parametrize("name", ["item-comparison", "month-end-marathon", "nobody-home", "three-turns"])
async def test_the_poster_says_how_long_it_plays_and_the_header_when_a_wait_is_shortened(name: str) -> None:
    clock = Timed()
    source = playback(recording(ROOT / "recordings" / f"{name}.rec.jsonl"), clock=clock)
    watcher, shortened = Watcher(source), False
    await watcher.do(source.pause())
    while not source.paused:
        shortened = shortened or source.cursor.dull
        await settle()
    spread = source.timeline.spread
    assert clock.passed == pytest.approx(spread.plays / 1000, rel=0.02)
    assert shortened == (spread.plays < spread.instants[-1] - spread.instants[0]) and not source.cursor.dull
    watcher.task.cancel()
    await asyncio.gather(watcher.task, return_exceptions=True)
    cursor = replace(source.cursor, playing=True, dull=True)
    show = ScreenState(RunState(), UiState(), SourceState(follows=True, cursor=cursor))
    assert "WAITS SHORTENED »" in screen(show, 120, 36, 0)[0]
    begun = " in about " if shortened else "Play, about "
    assert any(begun in line for line in screen(show, 120, 36, 0))


def test_a_recording_that_ends_before_its_run_does_says_so_at_its_end() -> None:
    torn = long(60)
    source = playback(torn)
    journal = source.timeline.journal(source.timeline.count)
    run = journal.chosen(None).run
    for line, said in ((source.cursor.lines, True), (source.cursor.lines - 1, False)):
        cursor = replace(source.cursor, line=line)
        state = ScreenState(run, UiState(), SourceState(follows=True, cursor=cursor))
        assert (sentence(state) == FOLLOWED["ends"]) is said


async def test_a_skip_ends_with_what_happens_says_what_passed_and_stands_as_before() -> None:
    source = playback(recording(ROOT / "recordings" / "month-end-marathon.rec.jsonl"))
    watcher = Watcher(source)
    await watcher.do(watcher.source.go_to("gate"))
    began = source.clock.now()
    await source.skip()
    assert not source.paused and source.describe().skipping
    await watcher.until(lambda: source.paused)
    await settle()
    assert not source.describe().skipping and source.paused
    remarks = [each.passed for each in watcher.observations if each.passed]
    assert remarks == [passed_text(source.clock.now() - began)]
    assert remarks[0].startswith("12 h")
    await source.pause()
    await source.skip()
    await source.pause()
    assert not source.paused and not source.describe().skipping, "space ends the skip, and it plays on"
    watcher.task.cancel()
    await asyncio.gather(watcher.task, return_exceptions=True)


async def test_a_clock_that_has_run_on_shows_no_instant_beyond_what_happens_next() -> None:
    source = playback(recording(ROOT / "recordings" / "month-end-marathon.rec.jsonl"), clock=Far())
    await source.skip()
    assert source.clock.now() == source.timeline.at(source.timeline.happening(0))


class Far(Jump):
    """A clock that is days ahead as soon as it runs."""

    def now(self) -> Millis:
        ahead = self.at if self.factor == "0" else self.at + 10**9
        return ahead if self.last is None else min(ahead, self.last)


async def test_a_step_ends_the_playing_and_a_seek_does_not() -> None:
    watcher = Watcher(playback(clock=Fixed()))
    await watcher.do(watcher.source.pause())
    await watcher.do(watcher.source.seek(WAITING))
    assert not watcher.source.paused
    await watcher.do(watcher.source.step())
    assert watcher.source.paused
    watcher.task.cancel()
    await asyncio.gather(watcher.task, return_exceptions=True)


async def test_marks_are_gone_to_both_ways(watcher: Watcher) -> None:
    for _ in range(4):
        await watcher.do(watcher.source.move(1, marks=True))
    assert watcher.journal.run().gate is not None and watcher.source.clock.now() == WAITING
    await watcher.do(watcher.source.move(-1, marks=True))
    assert watcher.journal.run().polls == 1
    for _ in range(9):
        await watcher.do(watcher.source.move(-1, marks=True))
    assert watcher.source.place == 0


@pytest.mark.parametrize(
    ("stage", "shows"),
    [("token", "token"), ("invoke", "job"), ("poll", "last"), ("gate", "gate"), ("output", "outcome")],
)
async def test_go_to_goes_where_a_stage_shows(watcher: Watcher, stage: str, shows: str) -> None:
    assert await watcher.do(watcher.source.go_to(stage)) is None
    assert getattr(watcher.journal.run(), shows) is not None


async def test_ends_an_instant_and_back_to_the_start(watcher: Watcher) -> None:
    cursor = watcher.source.cursor
    await watcher.do(watcher.source.seek(cursor.until + 5))
    assert watcher.journal.run().outcome is not None and watcher.source.cursor.line == 28
    await watcher.do(watcher.source.seek(12_000))
    assert watcher.journal.run().polls == 5 and watcher.source.clock.now() == 12_000
    await watcher.source.scale("60")
    await watcher.do(watcher.source.reset())
    assert watcher.source.factor == "1", "another show begins at its own pace"
    assert watcher.source.place == 0 and watcher.source.clock.now() == cursor.start
    assert await watcher.do(watcher.source.go_to("nowhere")) == "The recording never comes to nowhere."


async def test_nothing_can_be_decided(watcher: Watcher) -> None:
    assert "decide" not in watcher.source.describe().can
    assert "can't be changed" in (await watcher.do(watcher.source.answer(GateAnswer("approved"))) or "")


async def test_a_torn_file_says_so_and_plays_its_whole_lines() -> None:
    data = FILE.read_bytes()
    torn = read(data[: len(data) - 700], "torn")
    assert torn.state is FileState.TORN
    source = playback(torn, "torn")
    watcher = Watcher(source)
    await settle()
    assert "torn" in watcher.observations[0].remark and source.cursor.damage == "torn"
    await watcher.do(watcher.source.seek(10**9))
    assert watcher.journal.run().polls > 0
    watcher.task.cancel()
    await asyncio.gather(watcher.task, return_exceptions=True)


def with_end(lines: int) -> Recording:
    """A job that is polled for long, and then is COMPLETE."""
    found, polled = recording(), long(lines)
    last = polled.lines[-1].t
    tail = [line for line in found.lines if line.t > 16_000 and isinstance(line, Req | Res)]
    x = max(line.x for line in polled.lines if isinstance(line, Req | Res))
    ended = [replace(line, t=last + line.t, x=x + 1) for line in tail]
    numbered = [replace(line, n=n) for n, line in enumerate([*polled.lines, *ended], 1)]
    return replace(polled, lines=tuple(numbered))


async def test_a_long_recording_shows_before_it_was_folded_and_has_its_marks_while_it_is_looked_at() -> None:
    found = with_end(3_000)
    source = playback(found)
    assert not source.timeline.folded and "output" not in [mark.kind for mark in source.cursor.marks]
    watcher = Watcher(source)
    await watcher.until(lambda: bool(watcher.observations))
    assert not source.timeline.folded
    await watcher.until(lambda: source.timeline.folded and len(watcher.observations) > 1)
    assert (source.cursor.marks, source.cursor.spread) == (whole(found).marks, whole(found).spread)
    watcher.task.cancel()
    await asyncio.gather(watcher.task, return_exceptions=True)


async def test_what_is_asked_of_a_long_recording_is_folded_as_far_as_that_takes() -> None:
    early, late = playback(with_end(3_000)), playback(with_end(3_000))
    await early.go_to("token")
    assert early.place > 0 and not early.timeline.folded
    await late.go_to("output")
    assert late.timeline.journal(late.place).run().ended is not None


# The screen


@asynccontextmanager
async def playback_screen(
    size: tuple[int, int] = (120, 36),
) -> AsyncIterator[tuple[LabApp, Playback, Pilot[Outcome | None]]]:
    source = playback()
    app = LabApp(source)  # type: ignore[arg-type]
    async with piloted(app, size) as pilot:
        await until(pilot, lambda: "recording stands at its start" in text(app))
        yield app, source, pilot
        assert app.bug is None


@each_row("size", [(120, 36), (80, 24)])
async def test_the_screen_is_the_golden_one(size: tuple[int, int]) -> None:
    """LAB_GOLDEN=write writes them anew; read the diff."""
    async with playback_screen(size) as (app, source, pilot):
        for state, at in (("waiting", 11_000), ("complete", 10**9)):
            await source.seek(at)
            await until(
                pilot,
                lambda: main_screen(app).state.source.cursor == source.cursor and not undrawn(app),
            )
            await pilot.pause()
            golden(app, f"playback-{state}-{size[0]}x{size[1]}")


async def test_every_key_of_the_cursor_does_what_the_table_says() -> None:
    async with playback_screen() as (app, source, pilot):
        line = source.timeline.line
        for key, place in (
            ("right", 1), ("right", 3), ("left", 1), ("n", 3), ("0", 0), ("end", source.timeline.count), ("home", 0),
            ("shift+right", 3), ("shift+right", 6), ("shift+left", 3),
        ):  # fmt: skip
            await pilot.press(key)
            await until(pilot, lambda place=place: f"line {line(place)} of 28" in text(app))
            assert source.place == place, key


async def test_space_plays_and_speed_shows() -> None:
    async with playback_screen() as (app, source, pilot):
        assert "space Play" in text(app)
        await pilot.press("plus")
        await until(pilot, lambda: "×2" in text(app))
        await pilot.press("space")
        await until(pilot, lambda: source.place == source.timeline.count and "COMPLETE" in text(app))
        assert "Begin" not in text(app) and "a Approve" not in text(app)


async def test_no_key_decides_and_the_recorded_decision_shows() -> None:
    async with playback_screen() as (app, source, pilot):
        await source.go_to("gate")
        await until(pilot, lambda: "recorded: approved at 00:13.7" in text(app))
        before = source.place
        await pilot.press("a", "r", "c", "m")
        await pilot.pause()
        assert source.place == before and "changes ›" not in text(app)


@each_row("size", [(120, 36), (80, 24)])
async def test_a_click_on_the_line_goes_there(size: tuple[int, int]) -> None:
    async with playback_screen(size) as (app, source, pilot):
        lines = text(app).split("\n")
        y = next(at for at, line in enumerate(lines) if "line 1 of 28" in line)
        await pilot.click(offset=(lines[y].index("◆"), y))
        await until(pilot, lambda: source.clock.now() == WAITING and main_screen(app).state.run.gate is not None)


async def test_the_palette_goes_to_a_stage() -> None:
    async with playback_screen() as (app, _, _):
        named = [each.name for each in main_screen(app).commands()]
        assert {"Go to Token", "Go to Invoke", "Go to Poll", "Go to Gate", "Go to Output"} <= set(named)


async def test_presenter_mode_keeps_the_line_and_drops_the_keys() -> None:
    async with playback_screen() as (app, source, pilot):
        await source.seek(11_000)
        await pilot.press("p")
        await until(pilot, lambda: "space Play" not in text(app) and "line 19 of 28" in text(app).split("\n")[-1])


async def test_every_size_and_back() -> None:
    async with playback_screen() as (_, source, pilot):
        await source.seek(11_000)
        await resized(pilot, (200, 60), (80, 24), (40, 12), (120, 36))


@each_row("cells", [8, 9, 40, 200])
def test_the_line_is_as_long_as_its_room_and_every_cell_is_a_place(cells: int) -> None:
    marks = tuple(Milestone(at * 10, at, kind) for at, kind in enumerate(("token", "gate", "fault", "error")))
    line = track(PlaybackCursor(0, 1_000, 1, 9, marks=marks, spread=Spread.of(0, (), 1_000)), cells, 500)
    assert len(line) == cells and sum(span.text == "●" for span in line) == 1
    places = [int(span.role.rpartition("seek:")[2]) for span in line]
    assert places[0] == (0 if cells == 200 else 20) and places[-1] == 1_000, (
        "where marks share a cell the most telling one is meant"
    )


def test_a_recording_of_an_instant_has_a_line_too() -> None:
    assert len(track(PlaybackCursor(5, 5, 1, 1), 20, 5)) == 20
