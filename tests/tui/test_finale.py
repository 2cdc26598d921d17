"""The finale: the output has the stage, what it took is summed up, follow-ups are numbered keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.app.effects import Outcome, RunEnded, RunObservation
from lab.cli.recordings import load_playable
from lab.core.observe import Noted
from lab.jobs.facts import GateDecided
from lab.jobs.gates import Origin
from lab.language.shape import parsed
from lab.program.scenario import Scenario
from lab.program.words import Verdict
from lab.tui.app import LabApp
from lab.tui.panes.registry import draw, places
from lab.tui.rows.letters import block
from lab.tui.rows.spans import plain, width
from lab.tui.state.acts import ActState, current_act
from lab.tui.state.course import FollowUp, follow_ups, lengths_of, turn_summary
from lab.tui.state.run import Milestone, RunState
from lab.tui.state.screen import ScreenState, UiState
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import drawn, golden, main_screen, piloted, screen_in, text, turn_to, until
from tests.tui.test_view import SHOW, fold, run_of, screen, view_of

SIZES = ((120, 36), (100, 30), (80, 24))
ENDS = ("complete", "error", "refused")
WITHOUT = "## M1000034 and M1000040\n\nSame category; the negotiated prices were left out.\n\n> Ask again in March.\n"


def rejected() -> list[RunObservation]:
    """A person said no, and the job ends COMPLETE."""
    script = play.Script()
    script.observations, script.x = play.waiting(), 11
    decision = {"jobId": play.JOB, "resumeInput": {"messageInstanceId": play.CALLBACK, "userResponse": "REJECT_ACTION"}}
    decided = GateDecided(
        at=24_000, job=play.JOB, gate="buyer-approval", verdict=Verdict.REJECTED, by=Origin.API, comment="Ask again in March."
    )  # fmt: skip
    done = play.body("COMPLETE", output=WITHOUT, followUpQuestions=["Who may approve the prices?"])
    script.invoke(23_924, decision, 202, done, 176)  # type: ignore[arg-type]
    script.observations.insert(-1, Noted(24_000, decided))
    ended = Outcome(
        "COMPLETE", WITHOUT, None, play.JOB, play.CONVERSATION, 9, 24_100, None, ("Who may approve the prices?",)
    )
    return [*script.observations, RunEnded(24_100, ended)]


def test_on_a_small_screen_question_and_conclusion_are_whole_and_the_status_is_named() -> None:
    grid = screen(view_of("complete"), 80, 24, 27_600)
    assert any(play.MESSAGE in line for line in grid) and any("M1000040 comes sooner." in line for line in grid)
    assert "↓" not in "".join(grid) and "COMPLETE  " in grid[2]


def test_the_last_act_has_its_number_too() -> None:
    state, run = view_of("complete"), run_of("complete")
    acts = replace(state, ui=UiState(stage=True), act=current_act(run))
    assert acts.finale and " ACT 6/6 " in screen(acts, 120, 36, 27_600)[0]
    assert " STAGE " in screen(replace(acts, run=run_of("waiting"), act=ActState()), 120, 36, 27_600)[0]


@each_row("columns", [80, 100, 120])
def test_neither_a_pause_nor_a_recording_moves_the_title(columns: int) -> None:
    base = view_of("waiting")
    found = set()
    for paused in (False, True):
        for recording in (False, True):
            shown = replace(base, ui=UiState(paused=paused), source=replace(base.source, recording=recording))
            found.add(screen(shown, columns, 36, 22_900)[0].index(base.source.title))
    assert len(found) == 1


@each_row("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_screen_of_each_end_is_the_golden_one(size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"
    if size == (100, 30):  # the other sizes of these are among the screens of every state
        async with screen_in("idle", size) as (app, source, pilot):
            for state in ENDS:
                await turn_to(pilot, source, state)
                golden(app, f"{state}-{name}")
    app = LabApp(play.Scripted(rejected(), 24_100))
    async with piloted(app, size) as pilot:
        await until(pilot, lambda: main_screen(app).state.run.ended is not None and drawn(app))
        golden(app, f"rejected-{name}")


async def test_the_four_panes_of_an_end_are_the_golden_ones() -> None:
    async with screen_in("complete") as (app, _, pilot):
        await pilot.press("escape")
        await until(pilot, lambda: "4 OUTPUT" in text(app))
        golden(app, "complete-panes-120x36")


async def test_a_number_asks_its_follow_up_and_esc_gives_panes_and_digits_back() -> None:
    async with screen_in("complete") as (app, source, pilot):
        await pilot.press("2")
        await until(pilot, lambda: source.requests == [("say", "Who supplies both?")])
        await pilot.press("9")
        assert main_screen(app).state.ui.focus == "" and main_screen(app).state.finale
        await pilot.press("escape", "2")
        await until(pilot, lambda: main_screen(app).state.ui.focus == "job")
        await pilot.press("escape", "escape", "1")
        await until(pilot, lambda: source.requests[1:] == [("say", "Which one is cheaper?")])


async def test_a_digit_that_no_follow_up_bears_shows_its_pane_at_the_end_too() -> None:
    async with screen_in("complete") as (app, source, pilot):
        main = main_screen(app)
        await pilot.press("enter")
        assert main.state.ui.remark == "Focus a pane first: 3 to 5."
        await pilot.press("4")
        assert main.state.ui.focus == "output" and not main.state.finale
        await pilot.press("escape", "escape", "5")
        assert main.state.ui.wire and not source.requests
        await pilot.press("w", "escape", "7")
        assert main.state.ui.remark.startswith("1 to 5 for a pane")


async def test_a_click_on_a_follow_up_asks_it() -> None:
    async with screen_in("complete") as (app, source, pilot):
        rows = text(app).splitlines()
        y = next(at for at, line in enumerate(rows) if "Who supplies both?" in line)
        await pilot.click(offset=(rows[y].index("Who supplies"), y))
        await until(pilot, lambda: source.requests == [("say", "Who supplies both?")])


async def test_the_next_turn_leaves_the_finale_and_a_choice_of_panes_with_it() -> None:
    async with screen_in("complete") as (app, source, pilot):
        await pilot.press("escape")
        await turn_to(pilot, source, "second")
        assert not main_screen(app).state.ui.panes and "3 POLLING" in text(app)


def answering(*matches: str) -> Scenario:
    turns = [
        {"ask": each, "match": each, "steps": [{"complete": "end", "output": "x"}], "optional": True}
        for each in matches
    ]
    document = {**play.DOCUMENT, "match": "Compare", "turn_order": "any", "turns": turns}
    return parsed(Scenario, document)


def offered(view: ScreenState) -> list[tuple[str, str]]:
    return [(each.key, each.text) for each in follow_ups(view)]


def test_the_turn_is_told_whole_where_the_form_is_small() -> None:
    view = view_of("complete")
    third = replace(view, run=replace(view.run, past=(view.run, view.run)))
    for columns, rows in ((100, 30), (120, 36)):
        grid = screen(third, columns, rows, 27_600)
        turns = [line for line in grid if line[3:6] in ("1 ✓", "2 ✓", "3 ✓") and play.MESSAGE in line]
        assert [line[:6] for line in turns] == ["   1 ✓", "   2 ✓", "▌  3 ✓"] and all(
            "11 polls" in line for line in turns
        )
        assert "3 Job IDs" in "".join(grid).replace("█", "3") or "Job IDs" in "".join(grid)


def test_only_what_the_scenario_answers_has_a_number_and_only_where_the_run_is_ours() -> None:
    first, second = play.FOLLOW_UP
    view = view_of("complete")
    assert offered(view) == [("1", first), ("2", second)]
    known = replace(view, source=replace(SHOW, scenario=answering("supplies")))
    assert follow_ups(known) == (FollowUp(second, "1"), FollowUp(first, "", answered=False))
    assert "not in this scenario" in "\n".join(screen(known, 120, 36, 27_600))
    pod = replace(view, source=replace(SHOW, scenario=None))
    assert offered(pod) == [("1", first), ("2", second)]
    for source in (replace(SHOW, follows=True), replace(SHOW, can=SHOW.can - {"message"})):
        assert offered(replace(view, source=source)) == [("", first), ("", second)]


def test_a_question_that_no_row_has_room_for_is_broken_at_words_and_whole() -> None:
    view = view_of("complete")
    last = view.run.last
    assert last is not None
    long = replace(view, run=replace(view.run, last=replace(last, follow_up=(" ".join(["word"] * 30) + " end?",))))
    for source in (SHOW, replace(SHOW, follows=True)):
        text = " ".join(" ".join(screen(replace(long, source=source), 100, 30, 27_600)).replace("▌", "").split())
        assert text.count("word") == 30 and "word end?" in text


def test_what_was_suggested_together_stays_open_until_it_was_asked() -> None:
    second = play.FOLLOW_UP[1]
    script = play.Script()
    script.observations, script.x = play.second(), 16
    reply = play.body("COMPLETE", jobId=play.SECOND, output="M1000034.", followUpQuestions=[])
    script.poll(43_515, reply, 40)
    ended = RunEnded(43_600, Outcome("COMPLETE", "M1000034.", None, play.SECOND, play.CONVERSATION, 2, 2_600))
    view = replace(view_of("complete"), run=fold([*script.observations, ended]))
    assert offered(view) == [("2", second)], "it keeps its number"
    used = replace(view, source=replace(SHOW, scenario=answering("cheaper")))
    assert follow_ups(used) == (FollowUp(second, "", answered=False),)


# What it took


def showing(run: RunState, *statuses: tuple[str, int]) -> RunState:
    """The run as if it had shown these statuses."""
    others = [each for each in run.milestones if each.kind != "status"]
    return replace(run, milestones=(*others, *(Milestone(at, 0, "status", word) for word, at in statuses)))


def test_the_summary_counts_the_person_and_the_agents_of_this_turn() -> None:
    found = turn_summary(run_of("complete"))
    assert (found.job, found.polls, found.person) == (True, 11, 14_500)
    assert found.agents + 14_500 == sum(each for _, each in lengths_of(run_of("complete"), 27_600)[:-1])
    assert turn_summary(run_of("error")).person is None
    waits = showing(run_of("error"), ("RUNNING", 0), ("WAITING", 1_000), ("ERROR", 4_000))
    assert (turn_summary(waits).person, turn_summary(waits).agents) == (None, 4_000), (
        "a wait without a gate asks nobody"
    )
    assert not turn_summary(run_of("refused")).job


@each_row(("name", "survived"), [("rush-hour", "5 refusals survived"), ("tomorrow-s-status", "0 decisions")])
def test_calls_that_were_refused_or_lost_were_survived_and_no_other_faults(name: str, survived: str) -> None:
    timeline = load_playable(name, None).timeline
    run = timeline.journal(timeline.count).run()
    assert survived in "\n".join(screen(replace(view_of("complete"), run=run), 80, 24, run.latest))


@each_row(
    ("waited", "shown"),
    [(31_249, "31.2 s of a person"), (99_999, "99.9 s of a person"), (100_000, "01:40 of a person"), (7_384_000, "2:03:04 of a person")],
)  # fmt: skip
def test_a_long_wait_is_told_in_minutes(waited: int, shown: str) -> None:
    run = run_of("complete")
    run = showing(run, ("RUNNING", 0), ("WAITING", 1_000), ("COMPLETE", 1_000 + waited))
    view = replace(view_of("complete"), run=run)
    assert shown in "\n".join(screen(view, 80, 24, 27_600))


@given(st.text("0123456789.:", min_size=1, max_size=8))
def test_block_digits_are_four_rows_of_one_width(number: str) -> None:
    lines = block(number, 1, "fg")
    assert len(lines) == 4 and len({width(line) for line in lines}) == 1
    assert all(plain(line)[0] in " ▀▄█" for line in lines)


# Every size


@pytest.mark.long
@pytest.mark.parametrize("state", [*ENDS, "rejected"])
def test_every_size_shows_title_summary_and_whole_questions(state: str) -> None:
    run = fold(rejected()) if state == "rejected" else run_of(state)
    for presenter in (False, True):
        view = ScreenState(run, UiState(presenter=presenter), SHOW)
        for columns in (*range(72, 202, 3), 200):
            for rows in (20, 24, 29, 30, 31, 32, 36, 60):
                found = places(view, columns, rows)
                assert all(
                    place.y + place.height <= rows and place.x + place.width <= columns for place in found.values()
                )
                for part, place in found.items():
                    lines = draw(part, view, place, 27_600)
                    assert all(width(line) == place.width for line in lines)
                grid = "\n".join(screen(view, columns, rows, 27_600))
                for question in run.last.follow_up if run.last is not None else ():
                    assert question in grid, (columns, rows)
                title = {"error": "✗ ERROR", "refused": "✗ STOPPED"}.get(state, "M1000034 and M1000040")
                assert title in grid or plain(block(title.upper(), 1, "fg")[0]).strip() in grid
                assert ("no Job ID" if state == "refused" else "Job ID") in grid


@each_row("columns", [100, 120, 160])
def test_a_recording_is_begun_or_ended_in_the_finale_by_a_key_that_shows(columns: int) -> None:
    bar = screen(view_of("complete"), columns, 36, 27_600)[-1]
    assert " v " in bar and bar.strip().endswith("? Help")


def test_a_poster_promises_no_job_where_the_scenario_expects_a_refusal() -> None:
    barred = replace(play.SCENARIO, expect=replace(play.SCENARIO.expect, refused=403))
    poster = [
        "\n".join(screen(ScreenState(source=replace(SHOW, scenario=each)), 120, 36, 0))
        for each in (barred, play.SCENARIO)
    ]
    assert "✗ 403  no job comes of it" in poster[0] and "COMPLETE" not in poster[0]
    assert "✓ COMPLETE" in poster[1] and "Live, about 11 s" in poster[1]


@each_row("size", [(100, 30), (120, 36), (160, 44), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_last_row_of_the_output_stands_on_no_edge(size: tuple[int, int]) -> None:
    view = view_of("complete")
    last = plain(draw("output", view, places(view, *size)["output"], 27_600)[-1]).strip()
    assert not last or last.startswith("↓ ")
