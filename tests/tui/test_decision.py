"""A person's decision on the screen: who took it, what was said, until when it is told, and what closes the bar."""

import json

from msgspec.structs import replace

from lab.app.effects import Asking, RunObservation
from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.core.observe import Noted, Replied, Requested
from lab.dialects.client import Question
from lab.jobs.facts import GateDecided, GateExpired, GateOpened, Otherwise
from lab.jobs.gates import Origin
from lab.program.words import Verdict
from lab.tui.line_mode import lines
from lab.tui.panes.registry import draw, key_named, places
from lab.tui.rows.spans import plain
from lab.tui.state.acts import ActState, current_act, story_of
from lab.tui.state.gate import VERDICTS
from lab.tui.state.journal import JournalState, changes
from lab.tui.state.narrate import sentence
from lab.tui.state.reduce import gated
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState, UiState
from lab.tui.state.status import role
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import main_screen, screen_in, text, until
from tests.tui.test_jobs import fold as folded
from tests.tui.test_jobs import journal
from tests.tui.test_view import SHOW, fold, run_of, screen

WATCHING = replace(SHOW, pill="WATCH", follows=True, can=frozenset(("decide", "name", "fault")))
KEY = f"{play.JOB}/BUYER_APPROVAL/0/9600"


def fact(
    at: Millis, verdict: Verdict = Verdict.APPROVED, by: Origin = Origin.PERSON, **what: str | int | None
) -> Noted:
    decided = GateDecided(at=at, job=play.JOB, gate="buyer-approval", verdict=verdict, by=by, **what)  # type: ignore[arg-type]
    return Noted(at, decided)


def poll(sent: Millis, status: str, took: Millis = 40) -> list[RunObservation]:
    """A poll that was sent then, with a number of its own."""
    script = play.Script()
    script.x = 1_000 + sent
    script.poll(sent, play.body(status), took)
    return script.observations


def shown(run: RunState, *, follows: bool = False, own: str = "", now: Millis = 25_000, columns: int = 120) -> str:
    source = replace(WATCHING if follows else SHOW, own_decisions={own: "you"})
    return "\n".join(screen(ScreenState(run, UiState(), source), columns, 36 if columns >= 120 else 24, now))


def bar(run: RunState, now: Millis, *, follows: bool = False) -> str:
    state = ScreenState(run, UiState(), WATCHING if follows else SHOW)
    place = places(state, 120, 36)["approval"]
    return "\n".join(plain(line) for line in draw("approval", state, place, now))


@each_row(
    ("by", "name", "own", "live", "watched"),
    [
        (Origin.PERSON, "Ann", "", "Ann", "Ann"), (Origin.PERSON, None, "", "a person", "a person"),
        (Origin.PERSON, None, KEY, "you", "you"), (Origin.PERSON, "Ann", KEY, "Ann", "Ann"),
        (Origin.SCRIPT, "finance", "", "finance", "finance"), (Origin.SCRIPT, None, "", "the script", "the script"),
        (Origin.API, None, "", "you", "the client"), (Origin.RECORDING, None, "", "the recording", "the recording"),
    ],
)  # fmt: skip
def test_bar_narration_and_timeline_say_who_decided(
    by: Origin, name: str | None, own: str, live: str, watched: str
) -> None:
    run = fold([*play.waiting(), fact(22_900, by=by, name=name)])
    for follows, who in ((False, live), (True, watched)):
        grid = shown(run, follows=follows, own=own)
        assert grid.count(f"APPROVED by {who} · 00:22.9") == 2
        assert f"00:22.9 ◇ approved by {who} " in grid or ("◇ approved  " in grid and f" by {who} " in grid)
        assert "A person said yes." in grid


def test_a_decision_closes_the_bar_until_the_next_status_whoever_took_it() -> None:
    run = folded([*journal(play.waiting()), fact(22_900, name="Ann", comment="As agreed.")]).run()
    grid = shown(run, follows=True)
    assert run.gate is None and "a Approve" not in grid and "nobody" not in grid and "a Approve" not in grid
    assert "“As agreed.”" in grid and "the client's next poll tells" in grid
    assert "◇ Gate" in grid and "✓ Poll" in grid
    later = fold([*play.waiting(), fact(22_900, name="Ann", comment="As agreed."), *poll(24_600, "RUNNING")])
    grid = shown(later, follows=True)
    receipt = grid.splitlines()[-2]
    assert receipt.startswith("▌  ◇ APPROVED by Ann · 00:22.9  “As agreed.”   after 13.3 s of 15:00"), "it stays"
    assert grid.count("APPROVED") == 1 and receipt.endswith("BUYER_APPROVAL · CHAT")
    assert "◇ Gate" in grid and "✓ Poll" in grid, "polling goes on, and the story isn't a step back"


def test_an_answer_that_was_on_its_way_opens_no_decided_gate_and_ends_no_narration() -> None:
    request, reply = poll(22_800, "WAITING", 400)
    run = fold([*play.waiting(), request, fact(22_900), reply])
    assert run.gate is None and run.decision is not None and sentence(ScreenState(run)).startswith("A person said yes.")


def test_a_decision_that_the_next_poll_brings_is_told_until_the_one_after_it() -> None:
    request, reply = poll(24_600, "RUNNING")
    journaled = Noted(24_600, replace(fact(23_000, by=Origin.SCRIPT).fact, at=23_000))
    run = fold([*play.waiting(), request, journaled, reply])
    assert run.decision is not None and run.decision.at == 23_000
    assert fold([*play.waiting(), request, journaled, reply, *poll(25_900, "RUNNING")]).decision is None


@each_row("late", [False, True])
def test_a_decision_over_the_api_counts_once_whether_the_journal_is_faster_than_the_reply(late: bool) -> None:
    observations = play.decided()
    journaled = fact(24_000, by=Origin.API, comment="As agreed.")
    observations.insert(len(observations) - (1 if late else 2), journaled)
    run = fold(observations)
    assert run.decisions == 1 and [each.word for each in run.timeline if each.kind == "decided"] == ["approved"]
    assert "APPROVED by you · 00:24.1" in shown(run)


def test_a_vote_of_several_leaves_the_gate_open_and_is_counted() -> None:
    opened = GateOpened(
        at=7_644, job=play.JOB, gate="buyer-approval", approvals=2, until=907_644,
        otherwise=Otherwise(at=907_644, verdict="timed-out", by=None, to="ERROR"),
    )  # fmt: skip
    voted = fold([*play.waiting(), Noted(21_700, opened), fact(22_900, name="Ann")])
    assert voted.gate is not None and " a Approve" in bar(voted, 23_000) and "approvals 1 of 2" in bar(voted, 23_000)
    assert sentence(ScreenState(voted)) == "1 of 2 said yes. The gate stays open until all have."
    assert role(voted) == "wait"
    run = fold([*play.waiting(), Noted(21_700, opened), fact(22_900, name="Ann"), fact(23_900, name="Bob")])
    assert run.gate is None and "APPROVED 2 of 2 by Bob · 00:23.9" in bar(run, 24_000)


def test_a_rejection_that_ends_the_job_has_its_complete() -> None:
    script = play.Script()
    script.observations, script.x = play.waiting(), 11
    resume: dict[str, Json] = {"jobId": play.JOB, "resumeInput": {"userResponse": "REJECT_ACTION"}}
    script.invoke(23_924, resume, 202, play.body("COMPLETE", output="Without prices."), 176)
    run = fold(script.observations)
    assert [(each.kind, each.word, each.code) for each in run.timeline[-2:]] == [
        ("decided", "rejected", 202), ("answer", "COMPLETE", 202),
    ]  # fmt: skip
    grid = "\n".join(screen(ScreenState(run, UiState(panes=True), SHOW), 120, 36, 24_100))
    assert "00:24.1 ◇ rejected by you  202" in grid and "00:24.1 ✓ COMPLETE 202" in grid
    finale = screen(ScreenState(run, UiState(), SHOW), 120, 36, 24_100)
    assert "◇ rejected by you" in "\n".join(finale)
    assert finale[6].endswith("rejected COMPLETE") and finale[7].endswith("─┴")
    assert finale[7][finale[6].index("WAITING")] == "┴" and "─┼─" in finale[7][finale[6].index("rejected") :]
    assert run.polls == 9 and sentence(ScreenState(run)) == "A person said no. The output came back on the same Job ID."


def test_an_answer_to_a_gate_that_somebody_else_decided_spoils_no_job() -> None:
    script = play.Script()
    script.observations, script.x = [*play.waiting(), fact(22_900, Verdict.REJECTED, name="Ann")], 11
    resume: dict[str, Json] = {"jobId": play.JOB, "resumeInput": {"userResponse": "APPROVE_ACTION"}}
    refusal = {"message": "Gate buyer-approval was already decided.", "status": "FAI-40900", "userDetails": ""}
    script.invoke(23_000, resume, 409, json.dumps(refusal).encode(), 30)
    run = fold(script.observations)
    assert run.job is not None and (run.job.code, run.job.refusal) == (202, None)
    assert run.gate is None and "REJECTED by Ann · 00:22.9" in shown(run)
    before = [*play.waiting(), Requested(22_800, 50, "invoke", _resume(resume)), fact(22_900, name="Ann")]
    run = fold([*before, Replied(23_100, 50, Response(409, (), json.dumps(refusal).encode()))])
    assert run.gate is not None and "decided" in (run.gate.refusal or "")
    assert fold([*before, *poll(24_600, "RUNNING")]).gate is None


def _resume(document: dict[str, Json]) -> Request:
    path = "/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/invokeAsync"
    return Request("POST", path, "", (), json.dumps(document).encode())


def test_what_is_due_and_nobody_has_looked_for_is_told_when_it_is_due() -> None:
    run = folded(journal(play.waiting())).run()
    assert " a Approve" in bar(run, 907_643, follows=True)
    over = bar(run, 907_644, follows=True)
    assert "TIMED OUT · 15:07.6" in over and "a Approve" not in over
    scripted = Otherwise(at=23_000, verdict="approved", by="script", to="RUNNING")
    opened = GateOpened(at=7_644, job=play.JOB, gate="buyer-approval", until=907_644, otherwise=scripted)
    run = fold([*play.waiting(), Noted(21_700, opened)])
    assert "script: approved in 00:00" in bar(run, 22_999) and "APPROVED by the script · 00:23.0" in bar(run, 23_000)


def test_a_long_name_is_cut_before_a_figure_is() -> None:
    name = "Ann of the purchasing department for machines"
    run = fold([*play.waiting(), fact(22_900, name=name), *poll(24_600, "RUNNING"), *poll(27_000, "COMPLETE")])
    before = fold([*play.waiting(), fact(22_900, name=name), *poll(24_600, "RUNNING")])
    for columns in (80, 120):
        assert f"◇ APPROVED by {name} · 00:22.9" in shown(before, now=25_000, columns=columns).splitlines()[-2]
    assert "11 polls · last 40 ms" in shown(run, now=27_100, columns=80)


@each_row("columns", [80, 120])
def test_beside_a_name_without_end_there_is_room_for_the_time_and_what_was_said(columns: int) -> None:
    run = fold([*play.waiting(), fact(22_900, name="Ann" * 60, comment="Two weeks at most."), *poll(24_600, "RUNNING")])
    grid = shown(run, now=25_000, columns=columns)
    receipt = next(line for line in grid.splitlines() if "◇ APPROVED by Ann" in line)
    assert "… · 00:22.9  “Two weeks at most.”" in receipt
    state = ScreenState(run, UiState(zoom="polling"), SHOW)
    polls = [" ".join(line.split()) for line in screen(state, columns, 36, 25_000)]
    assert any("00:22.9 ◇ approved by AnnAnn" in line for line in polls)
    shown_act = current_act(fold([*play.waiting(), fact(22_900, name="Ann" * 60, comment="Two weeks at most.")]))
    act = "\n".join(screen(ScreenState(run, UiState(stage=True), SHOW, act=shown_act), columns, 24, 22_900))
    assert "… · 00:22.9" in act and "asked at" in act and "“Two weeks at most.”" in act


def test_nobody_decided_is_told_in_red() -> None:
    expired = GateExpired(at=907_644, job=play.JOB, gate="buyer-approval")
    run = fold([*play.waiting(), Noted(907_700, expired)])
    grid = shown(run, now=907_700)
    assert "TIMED OUT · 15:07.6  Nobody decided in time." in grid and "by nobody" not in grid
    assert role(run) == "bad" and run.decisions == 0
    script = play.Script()
    script.observations, script.x = [*play.waiting(), Noted(907_700, expired)], 60
    script.poll(910_000, play.body("ERROR", error="Nobody decided."), 40)
    ended = fold(script.observations)
    finale = shown(ended, now=911_000, columns=80)
    assert "✗ Gate" in finale and "15:00 waited, nobody decided" in finale and "of a person" not in finale
    act = next(each for each in story_of(ended) if each.kind == "decided")
    state = ActState(act, run, 0)
    grid = "\n".join(screen(ScreenState(run, UiState(stage=True), SHOW, act=state), 120, 36, 907_700))
    assert "waited 14:58" in grid and "answered" not in grid


def test_what_was_asked_for_stands_at_the_gate_that_opens_again() -> None:
    node: dict[str, Json] = {**play.NODE, "currentIterationCount": 1}
    request = fact(22_900, Verdict.CHANGES, name="Ann", comment="Without SBI.")
    script = play.Script()
    script.x = 60
    script.poll(30_000, play.body("WAITING", waitingNodeDetails=node), 40)
    run = fold([*play.waiting(), request, *poll(24_600, "RUNNING"), *script.observations])
    for columns in (120, 80):
        grid = shown(run, columns=columns, now=30_100)
        assert "change 1 of 3" in grid and "“Without SBI.”" in grid
    assert "asked for: “Without SBI.”  by Ann" in bar(run, 30_100)


@each_row("columns", [72, 80, 99, 100, 120, 160])
def test_the_narration_of_a_decision_is_never_cut_where_a_part_of_it_fits_whole(columns: int) -> None:
    for verdict in (Verdict.APPROVED, Verdict.REJECTED, Verdict.CHANGES):
        run = fold([*play.waiting(), fact(22_900, verdict, name="Ann", comment="x")])
        state = ScreenState(run, UiState(), replace(SHOW, scenario=None))
        place = places(state, columns, 30)["narration"]
        (line,) = (plain(each) for each in draw("narration", state, place, 23_000))
        assert "…" not in line and line.rstrip().endswith(".") and f"{VERDICTS[verdict].word.upper()} by Ann" in line


def test_our_sentences_of_decisions_fit_a_projector() -> None:
    assert all(len(each.sentence) <= 76 for each in VERDICTS.values())


# Deciding by name


@each_row(
    ("keys", "given"),
    [
        (("A", *"Ann", "enter", *"Fine", "enter"), ("approved", "Fine", "Ann")),
        (("A", *"Ann", "tab", *"Fine", "shift+tab", *"a", "enter", "enter"), ("approved", "Fine", "Anna")),
        (("A", "enter", "enter"), ("approved", None, None)), (("R", "enter", *"No", "enter"), ("rejected", "No", None)),
        (("R", *"Bob", "enter", "enter"), ("rejected", None, "Bob")),
    ],
)  # fmt: skip
async def test_a_name_and_a_comment_go_along_and_either_may_be_empty(
    keys: tuple[str, ...], given: tuple[str, str | None, str | None]
) -> None:
    async with screen_in("waiting") as (app, source, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: source.requests == [play.answer(*given)])
        assert app.screen is main_screen(app)


async def test_the_row_shows_both_and_esc_goes_back_without_a_decision() -> None:
    async with screen_in("waiting", (80, 24)) as (app, source, pilot):
        await pilot.press("A", *"Ann")
        await until(pilot, lambda: "by › Ann" in text(app) and "saying › comment" in text(app))
        await pilot.press("enter", *"So be it")
        await until(pilot, lambda: "by › Ann" in text(app) and "saying › So be it" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "by ›" not in text(app) and "a Approve" in text(app))
        await pilot.press("R")
        await until(pilot, lambda: "─ REJECT ─" in text(app) and "by › name" in text(app))
        assert source.requests == []


async def test_where_no_name_can_go_along_a_comment_alone_is_asked_for() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        source.can = source.can - {"name"}
        main_screen(app).choose(main_screen(app).state.ui)
        await pilot.press("A", *"Fine", "enter")
        await until(pilot, lambda: source.requests == [play.answer("approved", "Fine")])


def test_a_gate_that_escalates_asks_something_else_and_is_the_same_one() -> None:
    question = Question(job="J", text="May it?", code="BOSS", gate="boss", opening="t")
    run = gated(RunState(), question)
    assert run.gate is not None
    run = replace(run, gate=replace(run.gate, sent="approved"))
    later = gated(run, replace(question, text="And you?"))
    assert later.gate == replace(run.gate, question="And you?") and later.gates == run.gates
    assert gated(later, replace(question, text="And you?")) is later


def test_line_mode_asks_anew_once_a_gate_escalates() -> None:
    question = Question(job="J", text="May it?", code="BOSS", gate="boss", opening="t", channel="EMAIL")
    first, second = (
        Asking(at, at + 9, replace(question, text=text)) for at, text in ((1, "May it?"), (5, "And\nyou?"))
    )
    state, questions = JournalState(own=True), []
    for each in (first, first, second):
        state, (change,) = changes(state, each)
        questions.append([line for line in lines(change) if line.startswith(("?", "# EMAIL"))])
    assert questions[0] == ["? May it?", "# EMAIL: outside the API, the app only polls."]
    assert questions[1:] == [[], ["? And", "? you?"]]


@each_row("size", [(100, 30), (80, 24), (120, 36), (72, 20)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_bar_keeps_its_height_and_no_button_stands_on_its_edge(size: tuple[int, int]) -> None:
    node: dict[str, Json] = {**play.NODE, "currentIterationCount": 1}
    script = play.Script()
    script.x = 60
    script.poll(30_000, play.body("WAITING", waitingNodeDetails=node), 40)
    again = fold([*play.waiting(), fact(22_900, Verdict.CHANGES, comment="Without SBI."), *script.observations])
    for run in (run_of("waiting"), again):
        assert run.gate is not None
        before = ScreenState(run, UiState(), SHOW)
        sent = replace(before, run=replace(run, gate=replace(run.gate, sent="approved")))
        place = places(before, *size)["approval"]
        assert places(sent, *size)["approval"] == place
        drawn, after = ([plain(line) for line in draw("approval", each, place, 30_100)] for each in (before, sent))
        assert any("a Approve" in line for line in drawn[:-1]) and not drawn[-1].strip(" ▌"), drawn
        assert [line.startswith("▌  Share the prices") for line in drawn] == [
            line.startswith("▌  Share the prices") for line in after
        ]
        assert "◇ Approve sent" in "".join(after)


@each_row("name", ["changes", "approve-saying", "reject-saying"])
def test_what_is_typed_at_one_opening_decides_no_other(name: str) -> None:
    """Another job's gate, or the next round, may be open with the very observations that closed this one."""
    run = fold(play.waiting())
    state = ScreenState(run, UiState(), SHOW)
    form = key_named(name).react(state).form
    assert form is not None and form.stands(state) and run.gate is not None
    polled = replace(run, gate=replace(run.gate, question="And now?", sent=None))
    assert form.stands(replace(state, run=polled)), "it is the same opening that asks anew"
    assert not form.stands(replace(state, run=replace(run, gate=replace(run.gate, key="another/opening"))))
    assert not form.stands(replace(state, run=replace(run, gate=None)))
