"""The status as the hero, the band of the agents, the receipt, the facts: what they say, and that nothing of it moves."""

import pytest
from msgspec.structs import replace

from lab.app.effects import RunObservation
from lab.cli.recordings import load_playable
from lab.core.exchange import Json, Request
from lab.core.observe import Lost, Noted, Observation, Requested
from lab.jobs.facts import GateDecided, JobStatus
from lab.jobs.gates import Origin
from lab.program.words import Verdict
from lab.tui.panes.band import CellRow, planned_row
from lab.tui.panes.layout import zoom_of_hero
from lab.tui.panes.output import hero_text
from lab.tui.panes.registry import draw, key_named, places
from lab.tui.rows.spans import ink, plain, width
from lab.tui.sources.playback import Playback
from lab.tui.state.acts import advanced, current_act
from lab.tui.state.course import course_of, planned_course
from lab.tui.state.narrate import REFUSED, sentence
from lab.tui.state.screen import ScreenState, UiState
from tests.conftest import each_row
from tests.tui import play
from tests.tui.test_view import SHOW, fold, run_of, screen

SIZES = ((80, 24), (100, 30), (100, 36), (120, 36), (160, 44), (200, 60))


def view_of(observations: list[RunObservation], **ui: object) -> ScreenState:
    return ScreenState(fold(observations), UiState(**ui), SHOW)  # type: ignore[arg-type]


def band(view: ScreenState, now: int, size: tuple[int, int] = (120, 36)) -> list[str]:
    return [plain(line) for line in draw("band", view, places(view, *size)["band"], now)]


def refused() -> list[RunObservation]:
    script = play.Script()
    script.observations, script.x = play.running(), 4
    script.poll(4_543, b'{"message": "Too many requests."}', 57, 429)
    script.wait(4_600, 8_000)
    return script.observations


def steps() -> list[RunObservation]:
    """The journal tells of the steps."""
    found: list[RunObservation] = play.running()
    for at, step, word in ((1_000, "buyer-approval", "WAITING"), (2_000, "reason", "RUNNING")):
        found.append(Noted(at, JobStatus(at=at, job=play.JOB, origin="RUNNING", to=word, step=step)))
    return found


# The hero


@each_row(("size", "zoom"), [*zip(SIZES, (2, 2, 2, 2, 3, 4), strict=True)])
def test_the_word_is_as_large_as_the_screen_lets_it_be(size: tuple[int, int], zoom: int) -> None:
    assert zoom_of_hero(*size) == zoom


@each_row("size", SIZES)
def test_neither_word_nor_facts_move_when_a_person_is_needed_and_when_they_have_decided(size: tuple[int, int]) -> None:
    tops = []
    for state in ("running", "waiting", "decided"):
        found = places(ScreenState(run_of(state), UiState(), SHOW), *size)
        tops.append([(name, found[name].x, found[name].y) for name in ("band", "token", "job", "polling", "output")])
        word = [
            plain(line) for line in draw("output", ScreenState(run_of(state), UiState(), SHOW), found["output"], 24_500)
        ]
        assert next(at for at, line in enumerate(word) if "███" in line or "█▀" in line) == 2
    assert tops[0] == tops[1] == tops[2]


@each_row(
    ("observations", "now", "said"),
    [
        (play.running(), 3_700, ("RUNNING", "3.3", "s in RUNNING", "the agents are at work")),
        (play.waiting(), 22_900, ("WAITING", "13.3", "s in WAITING", "a person must decide")),
        (play.decided(), 24_300, ("RUNNING", "0.2", "s in RUNNING, again", "the agents go on")),
        (refused(), 5_000, ("RUNNING", "3.0", "s to the next try", "later, not never")),
        (play.waiting(), 122_900, ("WAITING", "01:53", "in WAITING", "a person must decide")),
        (play.asking(), 60, ("TOKEN", "0.0", "s", "a call has no answer yet")),
    ],
)
def test_it_says_how_long_the_job_is_in_its_status_and_what_that_means(
    observations: list[RunObservation], now: int, said: tuple[str, str, str, str]
) -> None:
    found = hero_text(view_of(observations), now)
    assert (found.word, found.figure, found.unit, found.means) == said


def test_what_has_no_room_beside_or_below_the_word_stands_in_the_border() -> None:
    for size, at in (((80, 24), 0), ((120, 36), 5)):
        view = view_of(play.waiting())
        lines = [plain(line) for line in draw("output", view, places(view, *size)["output"], 22_900)]
        assert "s in WAITING" in lines[at]


# The band


def test_steps_are_those_of_the_journal_then_those_of_the_plan() -> None:
    course = course_of(view_of(steps()))
    assert course.named and [each.name for each in course.steps] == ["fetch", "buyer-approval", "reason", "answer"]
    assert [(each.began, each.ended) for each in course.steps] == [
        (313, 1_000), (1_000, 2_000), (2_000, None), (None, None)
    ]  # fmt: skip


def test_where_nobody_tells_steps_answers_do_and_without_a_plan_they_have_no_names() -> None:
    known = course_of(view_of(play.waiting()))
    assert [each.name for each in known.steps if each.began is not None] == ["fetch", "buyer-approval"]
    pod = course_of(replace(view_of(play.waiting()), source=replace(SHOW, scenario=None)))
    assert not pod.named and [each.name for each in pod.steps] == ["", "BUYER_APPROVAL"]


@each_row("size", SIZES)
@each_row("observations", [steps(), play.waiting(), refused()])
def test_what_is_past_does_not_move(observations: list[RunObservation], size: tuple[int, int]) -> None:
    """Ticks stand where they stood at every later instant at which nothing new was told."""
    view = view_of(observations)
    before = band(view, observations[-1].at + 100, size)
    signs = [(at, sign) for at, sign in enumerate(before[-2] if len(before) > 1 else "") if sign in "┼✗"]
    for later in (1_000, 60_000, 3_600_000):
        after = band(view, observations[-1].at + later, size)
        assert len(after) == len(before) and all(len(line) == size[0] for line in after)
        assert all(after[-2][at] == sign for at, sign in signs)


def test_an_open_gate_is_never_full_and_a_decided_one_is() -> None:
    days = 3 * 24 * 3_600_000
    line = draw("band", view_of(play.waiting()), places(view_of(play.waiting()), 120, 36)["band"], days)[-1]
    grounds = [span.role for span in line for _ in span.text if "wait" in span.role]
    assert sum("@fill-wait" in role for role in grounds) > 0 and "◆ buyer-approval" in plain(line)
    assert any("@panel" in span.role for span in line if "b @panel" in span.role), "something of it is still to come"
    assert "◇ buyer-approval" in band(view_of(play.decided()), 24_300)[-1]


def test_a_token_that_a_refusal_asked_for_stands_behind_it_and_moves_no_step() -> None:
    script = play.Script()
    script.observations, script.x = play.running(), 4
    before = band(view_of(script.observations), 4_500)
    script.poll(4_500, b'{"message": "The token is no longer good."}', 40, 401)
    script.token(4_540)
    script.poll(4_660, play.body("RUNNING"), 40)
    above, line, steps = band(view_of(script.observations), 4_700)
    assert above.split()[1:] == ["token", "202", "RUNNING", "401", "token"]
    assert line.index("✗") + 1 == line.index("┴", line.index("✗")) and above.index("401") == line.index("✗")
    assert (
        sentence(view_of(script.observations)) == "401 came first; the app asked again at once. The job didn't notice."
    )
    script.poll(6_660, play.body("RUNNING"), 40)
    assert "401" not in sentence(view_of(script.observations))
    assert [steps.index(name) for name in ("fetch", "reason")] == [
        before[2].index(name) for name in ("fetch", "reason")
    ]


def test_no_mark_moves_when_a_step_ends_before_its_time_or_after_it() -> None:
    opening = [Noted(3_600, JobStatus(at=3_600, job=play.JOB, origin="RUNNING", to="WAITING", step="buyer-approval"))]
    views = view_of(play.running()), view_of([*play.running(), *opening])
    before, after = ([at for at, sign in enumerate(band(each, 3_600)[1]) if sign == "┴"] for each in views)
    assert before[:3] == after[:3]


def test_a_step_that_came_before_gives_its_name_up_not_the_one_that_is_at_work() -> None:
    plan = planned_course(play.SCENARIO, 42, 1)
    drawn = plain(planned_row((*plan[:2], *plan), 66))
    assert drawn.count("fetch") == 1 and drawn.startswith("▌     ▌◆     ▌fetch ")


def test_what_was_seen_just_before_a_decision_is_named_before_its_mark() -> None:
    script = play.Script()
    opening = Noted(3_000, JobStatus(at=3_000, job=play.JOB, origin="RUNNING", to="WAITING", step="buyer-approval"))
    script.observations, script.x = [*play.running(), opening], 4
    script.poll(23_800, play.body("WAITING"), 40)
    resume: dict[str, Json] = {"jobId": play.JOB, "resumeInput": {"userResponse": "REJECT_ACTION"}}
    script.invoke(23_900, resume, 202, play.body("COMPLETE", output="No."), 100)
    ending = Noted(23_901, JobStatus(at=23_901, job=play.JOB, origin="WAITING", to="COMPLETE", step="answer"))
    above, line, _ = band(view_of([*script.observations, ending]), 24_000)
    assert above.endswith("WAITING rejected COMPLETE   ") and line.rstrip().endswith("─┼───────────┴")


def test_while_an_answer_is_on_its_way_its_gate_is_where_the_job_is() -> None:
    answers = play.Script()
    answers.x = 11
    resume: dict[str, Json] = {"jobId": play.JOB, "resumeInput": {"userResponse": "REJECT_ACTION"}}
    answers.invoke(23_900, resume, 202, play.body("COMPLETE", output="No."), 100)
    request, reply = answers.observations
    ending = Noted(23_901, JobStatus(at=23_901, job=play.JOB, origin="WAITING", to="COMPLETE", step="answer"))
    opening = Noted(7_644, JobStatus(at=7_644, job=play.JOB, origin="RUNNING", to="WAITING", step="buyer-approval"))
    story = [*play.waiting(), opening, request, ending]
    assert "✓" not in band(view_of(story), 23_950)[2] and "◆ buyer-approval" in band(view_of(story), 23_950)[2]
    assert "✓ answer" in band(view_of([*story, reply]), 24_000)[2]
    shows = advanced(current_act(fold(story), None), fold([*story, reply]), 3_000)
    assert shows.act is not None and shows.act.kind == "decided" and shows.run is not None
    act = replace(view_of(story), run=shows.run)
    assert "✓" not in band(act, 24_000)[2] and "COMPLETE" not in band(act, 24_000)[0]
    assert "the clock stands" in "".join(screen(view_of(story, paused=True), 120, 36, 23_950))


@each_row("columns", [20, 40, 72, 120, 200])
def test_a_plan_fills_its_columns_however_many_steps_it_has(columns: int) -> None:
    (steps_of,) = [planned_course(play.SCENARIO, 42, 1)]
    for many in (1, 2, 9):
        assert width(planned_row(steps_of * many, columns)) == columns


@each_row("size", SIZES)
def test_after_a_run_that_ended_without_a_job_only_what_happened_is_drawn(size: tuple[int, int]) -> None:
    began = play.refused()[:1]
    assert "fetch" in band(view_of(began), 100, size)[-1], "as long as a job may come its steps are shown"
    lines = band(view_of(play.refused()), 5_000, size)
    assert lines[-1].split() == ["AGENTS"][: len(lines) == 3]
    if len(lines) > 1:
        assert lines[-2].split() == ["API", "──✗"][-len(lines) + 1 :]


@pytest.mark.parametrize("polls", [3, 300, 3_000])
def test_a_refusal_is_seen_among_polls_of_the_same_column_and_its_label_too(polls: int) -> None:
    script = play.Script()
    script.observations, script.x = play.running(), 4
    for number in range(polls):
        refused = number == polls - 2
        script.poll(5_000 + 10 * number, play.body("RUNNING"), 5, 429 if refused else 200)
    above, line, _ = band(view_of(script.observations), 5_000 + 10 * polls)
    assert line.count("✗") == 1 and "429" in above
    assert set(line.removeprefix("   API").strip()) <= set("─┄┴┼✗")


def test_a_cell_that_is_put_beyond_the_edge_is_left_out() -> None:
    cells = CellRow(4)
    cells.put(-1, ink("ab"))
    cells.put(2, ink("日本"))
    cells.put(0, ink("e\u0301"))
    assert plain(cells.row()) == "e\u0301 日"


# Faults


def test_a_refusal_has_a_sentence_a_red_tick_one_row_and_a_figure_at_the_end() -> None:
    view = view_of(refused())
    grid = screen(view, 120, 36, 5_000)
    assert f"REFUSED 429  {REFUSED[429]}" in grid[4] and len(REFUSED[429]) <= 74
    assert "429" in grid[6] and "✗" in grid[7] and "next 3.0 s" in grid[6]
    assert sum("refused" in line and "✗" in line for line in grid[10:19]) == 1 and "1 of 3 refused" in grid[10]
    script = play.Script()
    script.observations, script.x = refused(), 9
    script.poll(8_000, play.body("COMPLETE", output="Done."), 40)
    assert "1 refusal survived" in "\n".join(screen(view_of(script.observations), 120, 30, 8_100))


@each_row("how", ["connection reset", "read timed out", "garbled"])
def test_a_call_that_failed_without_the_code_of_an_error_is_no_refusal(how: str) -> None:
    script = play.Script()
    script.observations, script.x = play.running(), 4
    if how == "garbled":
        script.poll(4_543, b'{"jobId": "7f3', 57)
    else:
        script.observations += [Requested(4_543, 9, "status", Request("GET", "/x")), Lost(4_600, 9, how)]
        script.x = 9
    script.wait(4_600, 8_000)
    grid = screen(view_of(script.observations), 120, 36, 5_000)
    text = "\n".join(grid)
    assert "1 of 3 failed" in text and "no failed call ends the job" in text and how in text
    assert "FAILED  The " in grid[4] and "refus" not in text.lower()
    script.poll(8_000, play.body("COMPLETE", output="Done."), 40)
    ended = "\n".join(screen(view_of(script.observations), 120, 30, 8_100))
    assert "1 failure survived" in ended and "refus" not in ended.lower()
    del script.observations[-2:]
    for at, word, code in ((8_000, "RUNNING", 429), (9_000, "COMPLETE", 200)):
        script.poll(at, play.body(word, output="Done."), 40, code)
    assert "2 failures survived" in "\n".join(screen(view_of(script.observations), 120, 30, 9_100))


# The receipt


def by_person(by: Origin = Origin.PERSON) -> list[Observation]:
    taken = GateDecided(at=22_900, job=play.JOB, gate="buyer-approval", verdict=Verdict.APPROVED, by=by, name="Ann")
    return [*play.waiting(), Noted(22_900, taken)]


@pytest.mark.parametrize("size", SIZES)
def test_a_decision_leaves_one_row_until_the_job_ends(size: tuple[int, int]) -> None:
    script = play.Script()
    script.observations, script.x = list(by_person()), 30
    for at, word, rows in ((24_600, "RUNNING", 1), (30_000, "RUNNING", 1), (33_000, "COMPLETE", 0)):
        script.poll(at, play.body(word, output="Done." if word == "COMPLETE" else None), 40)
        found = places(view_of(script.observations), *size)
        assert ("approval" in found) is bool(rows) and (not rows or found["approval"].height == 1)
        if rows:
            assert "◇ APPROVED by Ann · 00:22.9" in screen(view_of(script.observations), *size, at + 100)[-2]


def test_in_a_later_turn_without_a_gate_it_is_a_dot_and_no_label_moves() -> None:
    labels = []
    scenario = replace(play.SCENARIO, steps=(play.SCENARIO.steps[0], play.SCENARIO.steps[3]))
    for run, source in ((run_of("waiting"), SHOW), (run_of("second"), replace(SHOW, scenario=scenario))):
        view = ScreenState(run, UiState(), source)
        (line,) = draw("stepper", view, places(view, 120, 36)["stepper"], 42_500)
        labels.append([plain(line).index(name) for name in ("Token", "Invoke", "Poll", "Gate", "Output")])
    assert labels[0] == labels[1] and "· Gate" in plain(line)


# What was wrong once


@pytest.mark.parametrize("ui", [{"focus": "job"}, {"zoom": "job"}, {}])
def test_presenter_mode_has_its_fact_whatever_was_looked_at_before(ui: dict[str, object]) -> None:
    reaction = key_named("presenter").react(view_of(play.running(), **ui))
    assert reaction.ui is not None and ScreenState(run_of("running"), reaction.ui, SHOW).presents


def test_the_act_of_a_decision_says_which_answer_was_sent() -> None:
    run = run_of("decided")
    view = ScreenState(run, UiState(stage=True), SHOW, act=current_act(run))
    (sent,) = [line for line in screen(view, 120, 36, 24_300) if "→ POST" in line]
    assert f"userResponse APPROVE_ACTION  jobId {play.JOB[:8]}…" in sent and "message" not in sent


def test_no_word_of_a_teams_path_is_cut() -> None:
    run = run_of("waiting")
    assert run.job is not None
    path = run.job.path.replace("ITEM_COMPARE_TEAM", "SUPPLIER_ONBOARD_AND_MORE_TEAM")
    view = replace(view_of(play.waiting()), run=replace(run, job=replace(run.job, path=path)))
    assert "→ POST …/invokeAsync" in "\n".join(screen(view, 120, 36, 22_900))


def test_a_conversation_counts_its_jobs_wherever_it_is_looked_at() -> None:
    run = run_of("complete")
    view = ScreenState(replace(run, past=(run, run)), UiState(), SHOW)
    grid = "\n".join(screen(view, 80, 24, 27_600))
    assert "3 Job IDs · 33 polls" in grid


def test_a_later_turn_that_only_a_journal_knows_has_its_own_steps_from_its_call_on() -> None:
    playable = load_playable("three-turns", None)
    source = Playback(playable.timeline, title=playable.title, known=playable.scenarios)
    journal = playable.timeline.journal(playable.timeline.count)
    view = ScreenState(journal.run(), UiState(), source.describe(journal))
    assert [each.name for each in course_of(view).steps] == ["reserve", "reserved"]
    above, line, below = band(view, playable.timeline.until)
    assert line.index("┼") == above.index("202") == below.index("▌reserve")
