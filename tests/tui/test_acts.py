"""Acts: which there are, how long each stays, that the lab's clock stands for them, and how they look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import combinations, zip_longest
from typing import get_args

import pytest
from msgspec.structs import replace

from lab.app.effects import App, RunObservation
from lab.clocks import ManualClock, ScaledClock
from lab.core.clock import Millis
from lab.core.observe import Noted, Observation
from lab.identity.clients import DEMO
from lab.jobs.facts import GateDecided
from lab.jobs.gates import Origin
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.program.words import Verdict
from lab.tui.app import LabApp
from lab.tui.panes.acts import ACT_FACES
from lab.tui.panes.registry import draw, key_named, places
from lab.tui.rows.letters import block, tall, zoom_of
from lab.tui.rows.spans import plain, width
from lab.tui.screens.main import changes_of, ui_at_start
from lab.tui.sources.live import Live
from lab.tui.sources.protocol import OwnMock, Playable, RunConnection
from lab.tui.state.acts import ACTS, HOLD, ActKind, ActState, advanced, counted_kinds, current_act, story_of
from lab.tui.state.narrate import COVERED, sentence
from lab.tui.state.preferences import Preferences, ScreenStart
from lab.tui.state.screen import ScreenState, UiState
from tests.conftest import ROOT, each_row
from tests.memory_transport import InMemoryTransport
from tests.tui import play
from tests.tui.pilots import LETTERS, LabPilot, golden_of, main_screen, piloted, until
from tests.tui.test_live import Peer, Plane
from tests.tui.test_view import SHOW, fold, run_of, screen

SIZES_OF_SCREENS = ((120, 36), (100, 30), (80, 24))
SHOWN = {
    "token": ("running", 120), "job": ("running", 313), "running": ("running", 3_700), "waiting": ("waiting", 22_900),
    "decided": ("decided", 24_100), "refused": ("refused", 120),
}  # fmt: skip
"""By kind of act a state that comes to it, and the instant at which it is looked at."""


def view_of_act(kind: str, **ui: object) -> ScreenState:
    """The screen as it shows an act, whose hold is half over."""
    observations, state, hold = play.STATES[SHOWN[kind][0]][0](), ActState(), int(str(ui.get("hold", HOLD)))
    for many in range(1, len(observations) + 1):
        before, state = state, advanced(replace(state, left=0), fold(observations[:many]), hold)
        if before.act is not None and before.act.kind == kind and state.act != before.act:
            state = before
            break
        if state.act is not None and state.act.kind == kind and kind in ("token", "job", "decided"):
            break
    assert state.act is not None and state.act.kind == kind and state.run is not None
    half = state.left if state.left is None else HOLD // 2
    return ScreenState(state.run, UiState(stage=True, **ui), SHOW, act=replace(state, left=half))  # type: ignore[arg-type]


# Which acts there are


@each_row(
    ("state", "kinds"),
    [
        ("idle", ""), ("asking", ""), ("running", "token job running"), ("waiting", "token job running waiting"),
        ("decided", "token job running waiting decided panes"),
        ("complete", "token job running waiting decided panes output"), ("second", "job running"),
        ("error", "token job running output"), ("refused", "refused output"),
    ],
)  # fmt: skip
def test_a_run_s_acts_follow_from_its_state(state: str, kinds: str) -> None:
    assert [act.kind for act in story_of(run_of(state))] == kinds.split()


def test_another_round_has_its_own_question_and_decision() -> None:
    script = play.Script()
    script.observations, script.x = play.waiting(), 11
    changes = GateDecided(
        at=24_000, job=play.JOB, gate="buyer-approval", verdict=Verdict.CHANGES, by=Origin.PERSON, comment="Cheaper."
    )
    script.observations.append(Noted(24_000, changes))
    script.poll(25_000, play.body("RUNNING"), 40)
    script.poll(28_000, play.body("WAITING", waitingNodeDetails=play.NODE | {"currentIterationCount": 1}), 40)
    acts = story_of(fold(script.observations))
    assert [(act.kind, act.number) for act in acts[3:]] == [
        ("waiting", 1), ("decided", 1), ("running", 2), ("waiting", 2)
    ]  # fmt: skip


def test_an_answer_that_was_on_its_way_when_the_gate_was_decided_asks_nobody_again() -> None:
    script = play.Script()
    script.observations, script.x = play.waiting(), 11
    taken = GateDecided(at=24_000, job=play.JOB, gate="buyer-approval", verdict=Verdict.APPROVED, by=Origin.SCRIPT)
    script.observations.append(Noted(24_000, taken))
    script.poll(23_980, play.body("WAITING"), 40)
    assert [act.kind for act in story_of(fold(script.observations))][3:] == ["waiting", "decided", "panes"]


# One after the other


def test_an_act_stays_until_it_was_seen_and_hides_nothing() -> None:
    state = advanced(ActState(), run_of("running"), HOLD, "watched")  # whoever comes late sees the newest
    assert state.act is not None and (state.act.kind, state.left, state.waits) == ("running", HOLD, False)
    state = advanced(state, run_of("waiting"), HOLD)
    assert state.act is not None and (state.act.kind, state.followed, state.waits) == ("running", "waiting", True)
    assert state.run == run_of("running")  # as it was before what the act hasn't made room for
    state = advanced(replace(state, left=0), run_of("waiting"), HOLD)
    assert state.act is not None and (state.act.kind, state.run) == ("waiting", run_of("waiting"))
    state = advanced(state, run_of("decided"), HOLD)  # a person's decision is never held back
    assert state.act is not None and (state.act.kind, state.left, state.waits) == ("decided", HOLD, True)
    after = advanced(replace(state, left=0), run_of("complete"), HOLD)
    assert after.act is not None and after.act.kind == "output" and not after.fills_screen


@each_row(
    ("by", "source", "kind"),
    [
        (Origin.API, "own", "decided"), (Origin.PERSON, "own", "decided"), (Origin.SCRIPT, "own", "waiting"),
        (Origin.API, "recorded", "waiting"), (Origin.API, "watched", "waiting"),
    ],
)  # fmt: skip
def test_only_a_decision_at_the_keys_cuts_the_question_short(by: Origin, source: str, kind: str) -> None:
    taken = GateDecided(at=24_000, job=play.JOB, gate="buyer-approval", verdict=Verdict.APPROVED, by=by)
    run = fold([*play.waiting(), Noted(24_000, taken)])
    state = advanced(current_act(run_of("waiting"), HOLD), run, HOLD, source)
    assert state.act is not None and state.act.kind == kind and state.waits is (source != "watched")


def test_a_watched_job_holds_no_clock_and_a_person_who_is_needed_shows_at_once() -> None:
    state = current_act(fold(play.running()[:4]), HOLD)
    assert state.act is not None and state.act.kind == "job"
    stays = advanced(state, run_of("running"), HOLD, "watched")
    assert stays.act == state.act and not stays.waits
    cut = advanced(state, run_of("waiting"), HOLD, "watched")
    assert cut.act is not None and cut.act.kind == "waiting"


@each_row("kind", SHOWN)
def test_with_a_hold_of_0_what_stands_stays_until_somebody_says_so(kind: str) -> None:
    assert view_of_act(kind, hold=0).act.left == {"running": HOLD // 2, "waiting": HOLD // 2}.get(kind)


def test_a_refusal_shows_before_the_end_that_comes_with_it() -> None:
    state = advanced(ActState(), run_of("refused"), HOLD)
    assert state.act is not None and (state.act.kind, state.left, state.waits) == ("refused", None, True)
    after = advanced(replace(state, left=0), run_of("refused"), HOLD)
    assert after.act is not None and after.act.kind == "output"


# How they look


def grids(view: ScreenState, columns: int, rows: int, now: Millis) -> str:
    """The glyphs, and below them a letter a cell for its colour."""
    letters = [[" "] * columns for _ in range(rows)]
    for part, place in places(view, columns, rows).items():
        for y, line in enumerate(draw(part, view, place, now)):
            x = place.x
            for span in line:
                role = next((word for word in span.role.split() if word in LETTERS), "fg")
                for character in span.text:
                    letters[place.y + y][x] = " " if character == " " else LETTERS[role]
                    x += 1
    coloured = "\n".join("".join(line).rstrip() for line in letters)
    return "\n".join(screen(view, columns, rows, now)) + f"\n\n{coloured}\n"


@each_row("kind", SHOWN)
@each_row("size", SIZES_OF_SCREENS, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_screen_of_each_act_is_the_golden_one(kind: str, size: tuple[int, int]) -> None:
    golden_of(f"act-{kind}-{size[0]}x{size[1]}", grids(view_of_act(kind), *size, SHOWN[kind][1]))


PRESENTED = {"idle": 0, "running": 3_700, "waiting": 22_900}


@each_row("state", PRESENTED)
@each_row("size", [(120, 36), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_screen_of_presenter_mode_is_the_golden_one(state: str, size: tuple[int, int]) -> None:
    view = ScreenState(run_of(state), UiState(presenter=True), SHOW)
    golden_of(f"presenter-{state}-{size[0]}x{size[1]}", grids(view, *size, PRESENTED[state]))


def test_presenter_mode_and_stage_pace_go_together() -> None:
    grid = "\n".join(screen(view_of_act("job", presenter=True), 120, 36, 313))
    assert "act 2 of 6" in grid and "then first poll" in grid and "space" not in grid
    assert "APP   " not in grid, "no band"
    assert "○" not in grid, "no stepper"
    ended = ScreenState(
        run_of("complete"), UiState(presenter=True, stage=True), SHOW, act=current_act(run_of("complete"))
    )
    assert "Which one is cheaper?" in "\n".join(screen(ended, 120, 36, 27_600))


def unknown() -> list[RunObservation]:
    """A status that nobody documented, then a poll that fails."""
    script = play.Script()
    script.observations, script.x = play.running()[:5], 2
    script.poll(1_559, play.body("QUEUED_BY_POLICY"), 41)
    script.poll(2_900, b"", 30, 503)
    return script.observations


def test_an_unknown_word_is_shown_in_its_letters_and_a_strike_in_red() -> None:
    run = fold(unknown())
    grid = "\n".join(screen(ScreenState(run, UiState(stage=True), SHOW, act=current_act(run)), 120, 36, 3_000))
    assert "✗ 503" in grid and "refused" in grid and "QUEUED_BY_POLICY" in grid
    before = fold(unknown()[:-2])
    grid = "\n".join(screen(ScreenState(before, UiState(stage=True), SHOW, act=current_act(before)), 120, 36, 3_000))
    assert "unknown, not final" in grid and "the app goes on polling" in grid


@each_row(
    ("ui", "shows"),
    [
        ({}, True),
        ({"panes": True}, False),
        ({"wire": True}, False),
        ({"zoom": "job"}, False),
        ({"focus": "job"}, False),
    ],
)
def test_a_pane_or_a_drawer_covers_the_act(ui: dict[str, object], shows: bool) -> None:
    view = view_of_act("running", **ui)
    assert ("act" in places(view, 120, 36)) is shows and view.has_act


@each_row(("columns", "rows"), [(80, 24), (100, 30)])
def test_a_long_scope_is_wrapped_as_long_as_there_is_room(columns: int, rows: int) -> None:
    view = view_of_act("token")
    assert view.run.token is not None
    scope = "".join(f"urn:opc:resource:{number}:" for number in range(4)) + "end"
    claims, form = (*view.run.token.claims, ("scope", scope)), (("scope", scope),)
    token = replace(view.run.token, claims=claims, form=form)
    grid = screen(replace(view, run=replace(view.run, token=token)), columns, rows, 120)
    assert "…" not in "".join(grid) and sum("end" in line for line in grid) == 2, "\n".join(grid)


@each_row("ui", [{"wire": True}, {"zoom": "job"}, {"focus": "job"}])
def test_what_covers_an_act_that_the_run_stands_for_says_how_it_goes_on(ui: dict[str, object]) -> None:
    assert sentence(view_of_act("token", **ui)) == COVERED and len(COVERED) <= 76
    assert sentence(view_of_act("token")) != COVERED != sentence(view_of_act("token", panes=True))


@each_row(("kind", "leads"), [("running", True), ("waiting", False)])
def test_no_key_goes_on_to_the_next_act_while_a_person_decides(kind: str, leads: bool) -> None:
    assert (key_named("mark-on").react(view_of_act(kind)).ask is not None) == leads


def test_stage_pace_begins_with_its_act_whatever_lay_over_it() -> None:
    kept = Preferences(stage="3", layout="wire")
    assert ui_at_start(ScreenStart(kept), 120).stage and not ui_at_start(ScreenStart(kept), 120).covers_acts
    view = view_of_act("token", wire=True, focus="job", zoom="job")
    begun = key_named("stage").react(replace(view, ui=replace(view.ui, stage=False)))
    assert begun.ui is not None and begun.ui.stage and not begun.ui.covers_acts
    assert not [*changes_of(replace(view.ui, stage=False), begun.ui, 120)], "the next show begins as its poster says"
    presented = UiState(stage=True, wire=True, presenter=True)
    assert not presented.covers_acts  # no drawer there


@pytest.mark.long
@pytest.mark.parametrize("kind", SHOWN)
def test_every_size_shows_the_fact_whole_and_no_row_is_too_wide(kind: str) -> None:
    view = view_of_act(kind)
    facts = {"waiting": "a Approve", "job": play.JOB, "refused": "invalid_client", "decided": "00:24.1"}
    for columns in (*range(72, 202, 5), 200):
        for rows in (20, 23, 24, 29, 30, 36, 60):
            for large in (view, replace(view, ui=replace(view.ui, presenter=True))):
                for part, place in places(large, columns, rows).items():
                    assert all(width(line) == place.width for line in draw(part, large, place, SHOWN[kind][1]))
            for part, place in places(view, columns, rows).items():
                assert all(width(line) == place.width for line in draw(part, view, place, SHOWN[kind][1]))
            grid = "\n".join(screen(view, columns, rows, SHOWN[kind][1]))
            assert facts.get(kind, "") in grid and ("act " in grid or kind == "refused"), (columns, rows)


@pytest.mark.parametrize("kind", ["waiting", "decided"])
@pytest.mark.parametrize("size", [(72, 20), (80, 24), (100, 30), (120, 36), (160, 44), (200, 60)])
def test_in_every_act_of_a_gate_the_status_is_on_the_screen(kind: str, size: tuple[int, int]) -> None:
    view = view_of_act(kind)
    assert view.run.last is not None
    place = places(view, *size)["act"]
    drawn = "\n".join(map(plain, draw("act", view, place, SHOWN[kind][1])))
    letters = [plain(line).rstrip() for zoom in range(1, 7) for line in block(view.run.last.status, zoom, "wait")[:1]]
    assert f" {view.run.last.status}  " in drawn or any(each in drawn for each in letters)


@each_row("size", [(80, 24), (100, 30), (120, 36), (200, 60)])
@each_row("first", [True, False])
def test_the_poster_fills_the_pace_that_is_chosen_and_says_to_press_space(size: tuple[int, int], first: bool) -> None:
    for stage, filled, other in (
        (False, "space  Live", "P  Act by act"),
        (True, "space  Begin, act by act", "P  Live"),
    ):
        view = ScreenState(run_of("idle"), UiState(stage=stage, first=first), SHOW)
        place = places(view, *size)["act"]
        rows = draw("act", view, place, 0)
        text = "\n".join(map(plain, rows))
        assert "Press space, and the run begins. Press ? to see every key and sign." in text
        spans = next(line for line in rows if "space  " in plain(line))
        assert other in plain(spans) and filled in plain(tuple(each for each in spans if "@fill-run" in each.role))


def test_every_kind_of_act_has_its_rule_and_its_face() -> None:
    assert list(ACTS) == list(get_args(ActKind)) == list(ACT_FACES)
    assert (len(counted_kinds(gate=True)), len(counted_kinds(gate=False))) == (6, 4)


def test_no_letter_is_taken_for_another() -> None:
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:!?'/-_"
    drawn = {sign: [plain(line) for line in block(sign, 2, "fg")] for sign in signs}
    for one, other in combinations(signs, 2):
        pairs = zip_longest("".join(drawn[one]), "".join(drawn[other]))
        differs = sum(mine != its for mine, its in pairs)
        assert differs >= (6 if one + other in ("B8", "D0", "S5") else 3), one + other


def test_block_letters_of_each_size_are_of_one_height_and_nothing_is_half_in_them() -> None:
    text = "ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789_-:.,?!'/·"
    for zoom, rows in ((4, 14), (3, 11), (2, 7), (1, 4)):
        lines = block(text, zoom, "fg")
        assert len(lines) == rows == tall(zoom) and len({width(line) for line in lines}) == 1
        assert {*"".join(map(plain, lines))} <= {*" ▀▄█"}
        assert zoom_of(text, width(lines[0]), rows, 4) == zoom and zoom_of(text, width(lines[0]) - 1, rows, 4) < zoom
    assert [plain(line) for line in block("a", 1, "fg")] == ["▄▀▀▄", "█▄▄█", "█  █", "▀  ▀"]
    with pytest.raises(ValueError, match="no block letters"):
        block("é", 1, "fg")
    assert not zoom_of("é", 99, 99)


def test_a_zero_of_half_a_cell_has_an_open_middle() -> None:
    assert [plain(line) for line in block("0", 1, "fg")] == ["▄▀▄", "█ █", "█ █", " ▀ "]


def test_letters_that_are_taken_for_one_another_differ_by_more_than_a_cell() -> None:
    for one, other in ("B8", "D0", "O0", "I1", "S5"):
        pair = ["".join(map(plain, block(each, 2, "fg"))) for each in (one, other)]
        assert len(pair[0]) != len(pair[1]) or sum(a != b for a, b in zip(*pair, strict=True)) >= 4, (one, other)


# A run of ours stands for them


SCRIPTED = parse_scenario((ROOT / "scenarios" / "item-comparison.yaml").read_text("utf-8"), "item-comparison.yaml")


DECIDED_AT: Millis = 15_000


class HandClock(ScaledClock):
    """Runs at its pace while real time passes by hand; whoever stops it stops it at that very instant."""

    def __init__(self, factor: str) -> None:
        super().__init__(factor)
        self._hand = ManualClock()

    def now(self) -> Millis:
        return self._hand.now()

    def rewind(self, instant: Millis) -> None:
        self._hand.rewind(instant)

    async def sleep_until(self, instant: Millis) -> None:
        await self._hand.sleep_until(instant)

    async def hold_until(self, instant: Millis) -> None:
        await self._hand.sleep_until(instant)

    async def passes(self, real: float) -> None:
        """So much real time goes by."""
        until = self.now() + round(real * float(self.factor))
        while self.factor != "0" and (due := self._hand.due) is not None and due <= until:
            await self._hand.advance_to(due)
        if self.factor != "0":
            await self._hand.advance_to(until)


class ServicePlane(Plane):
    """The control plane of a mock in this process: its facts, and its clock."""

    def __init__(self, clock: HandClock, service: Service) -> None:
        super().__init__(clock, Peer())  # type: ignore[arg-type]
        self.hand_clock = clock
        service.observers.append(self._note)

    def _note(self, observation: Observation) -> None:
        if isinstance(observation, Noted):
            self.facts.put_nowait(observation)


class StagedRun:
    """The screen over a run of item-comparison whose script decides; real time passes by hand."""

    def __init__(self, app: LabApp, pilot: LabPilot, plane: ServicePlane, tape: list[Observation]) -> None:
        self.app, self.pilot, self.plane, self.tape = app, pilot, plane, tape
        self.main, self.clock = main_screen(app), plane.hand_clock
        self.real = 0
        self.seen: dict[str, Millis] = {}
        """By kind of act for how long it showed."""
        app.real_millis = self.main.acts._real = lambda: self.real

    def kind(self) -> str:
        act = self.main.state.act.act
        return act.kind if act is not None else ""

    async def tick(self) -> None:
        """A quarter of a second goes by."""
        await self.pilot.pause()
        self.seen[self.kind()] = self.seen.get(self.kind(), 0) + 250
        self.real += 250
        await self.clock.passes(250)
        await self.pilot.pause()
        self.main.tick()
        await self.pilot.pause()

    async def decide_at(self, instant: Millis) -> None:
        """Begin, and approve at an instant of the lab's."""
        await self.pilot.press("space")
        await until(self.pilot, lambda: self.main.state.run.start is not None)
        for _ in range(400):
            if self.main.state.run.gate is not None:
                break
            await self.tick()
        await self.clock.passes((instant - self.clock.now()) / float(self.clock.factor))
        assert self.clock.now() == instant
        await self.pilot.press("a")

    async def play(self, until: str = "output") -> None:
        for _ in range(400):
            if self.kind() == until or (until == "output" and self.main.state.finale):
                return
            await self.tick()
        raise AssertionError(f"it never came to {until}: {self.kind()}, {self.main.state.act}")


@asynccontextmanager
async def staged(stage: str = "3", *, factor: str = "1") -> AsyncIterator[StagedRun]:
    service = Service(Config((program_of(SCRIPTED),), Switches(), 42, 1_772_442_900, scripted=False))
    clock, tape = HandClock(factor), list[Observation]()
    service.observers.append(tape.append)
    plane = ServicePlane(clock, service)

    @asynccontextmanager
    async def connect() -> AsyncIterator[RunConnection]:
        mock = OwnMock(plane, lambda name: first, (first.choice,), plane.paced)
        yield RunConnection(InMemoryTransport(service, clock), mock=mock)

    app_of_run = App("ITEM_COMPARE_TEAM", SCRIPTED.ask, DEMO.id, DEMO.secret, play_scope())
    first = Playable(app_of_run, SCRIPTED, 42)
    source = Live(first, connect, clock)
    app = LabApp(source, ScreenStart(Preferences(stage=stage)))
    async with piloted(app) as pilot:
        yield StagedRun(app, pilot, plane, tape)
        assert app.bug is None


def play_scope() -> str:
    return "urn:opc:resource:fusion:acme-test:fusion-ai/"


@pytest.mark.long
async def test_each_act_is_seen_for_its_hold_and_the_tape_is_that_of_free_pace() -> None:
    async with staged("off") as free:
        await free.decide_at(DECIDED_AT)
        await free.play()
    for factor in ("1", "20"):
        async with staged(factor=factor) as run:
            await run.decide_at(DECIDED_AT)
            await run.play()
            assert {kind for kind, shown in run.seen.items() if shown < HOLD} <= {"", "waiting", "panes"}, run.seen
            assert run.seen.keys() >= {"token", "job", "running", "waiting", "decided"}
            assert run.tape == free.tape and len(run.tape) > 20
            assert run.plane.did != free.plane.did
