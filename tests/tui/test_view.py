"""The pure half of the screen: clean, reduce, narrate, rows."""

import json
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace
from rich.cells import cell_len

from lab.app.effects import Outcome, RunEnded, RunObservation
from lab.core.exchange import Json, Request, Response
from lab.core.observe import Lost, Noted, Replied, Requested
from lab.jobs.facts import GateDecided, GateOpened
from lab.jobs.gates import Origin
from lab.jobs.program import patterns_for_next
from lab.program.scenario import LONGEST_SENTENCE, Turn
from lab.program.words import Verdict
from lab.tui.line_mode import lines as plain_lines
from lab.tui.panes.finale import pane_digits
from lab.tui.panes.layout import Rect, bars_placed, panes_placed
from lab.tui.panes.menus import copied_texts
from lab.tui.panes.registry import BARS, PANES, SCREEN_KEYS, draw, key_named, places
from lab.tui.panes.screen_keys import LAST_MINUTE, SPENDS_PATIENCE
from lab.tui.rows import formats as outputs
from lab.tui.rows.formats import markdown, to_markdown
from lab.tui.rows.spans import clip, cut, ends, fill, hot, hot_at, plain, row, width, wrap
from lab.tui.state import clean, narrate, reading
from lab.tui.state.cursor import PlaybackCursor
from lab.tui.state.journal import JournalState, changes
from lab.tui.state.run import RunState, TimelineRow
from lab.tui.state.screen import ScreenState, SourceState, UiState, settled
from lab.tui.state.status import PHASES, phase
from lab.tui.state.timeline import fitted, repeats
from tests.conftest import each_row, few_of
from tests.tui import play

SIZES = ((72, 20), (80, 24), (99, 30), (100, 20), (120, 36), (120, 28), (160, 44), (200, 60))
SHOW = SourceState(
    "LIVE", "Compare two items", "ITEM_COMPARE_TEAM", 42, play.SCENARIO, recording=True,
    can=frozenset(("pause", "step", "speed", "reset", "decide", "scenario", "message", "fault", "tape")),
)  # fmt: skip


STOPPED = Outcome(None, None, None, play.JOB, play.CONVERSATION, 2, 30_000, "The decision was refused with 403.")


def refused_decision() -> list[RunObservation]:
    """The resume call is refused, and the run stops."""
    script = play.Script()
    script.x = 11
    decision: dict[str, Json] = {"jobId": play.JOB, "resumeInput": {"userResponse": "APPROVE_ACTION"}}
    script.invoke(23_924, decision, 403, b"{}", 176)
    return [*script.observations, RunEnded(24_100, STOPPED)]


def fold(observations: list[RunObservation]) -> RunState:
    return play.folded(observations).run()


@cache
def run_of(state: str) -> RunState:
    """What a state's observations come to; a value, so all may look at the same."""
    return fold(play.STATES[state][0]())


def view_of(state: str, **ui: object) -> ScreenState:
    return ScreenState(run_of(state), UiState(**ui), SHOW)  # type: ignore[arg-type]


def screen(view: ScreenState, columns: int, rows: int, now: int) -> list[str]:
    """Every part drawn in its place: the glyph grid without Textual."""
    grid = [[" "] * columns for _ in range(rows)]
    for part, place in places(view, columns, rows).items():
        for y, line in enumerate(draw(part, view, place, now)):
            x = place.x
            for character in plain(line):
                if place.y + y < rows and x < columns:
                    grid[place.y + y][x] = character
                x += cell_len(character)
    return ["".join(cells).rstrip() for cells in grid]


# clean


@each_row(
    ("raw", "expected"),
    [
        ("\x1b[2J", "␛[2J"), ("a\x00b", "a␀b"), ("\x7f", "␡"), ("\x9b31m", "\ufffd31m"), ("\u202eevil", "\ufffdevil"),
        ("\u2066x\u2069", "\ufffdx\ufffd"), ("a\u200bb", "ab"), ("\ud800", "\ufffd"), ("a\tb", "a    b"),
        ("a\r\nb", "a\nb"), ("日本", "日本"), ("[red]x[/]", "[red]x[/]"),
    ],
)  # fmt: skip
def test_text_from_outside_keeps_no_controls(raw: str, expected: str) -> None:
    assert clean.lines(raw) == expected
    assert "\n" not in clean.line(raw)


@given(st.text())
def test_cleaned_text_is_printable_and_stays_so(raw: str) -> None:
    for text in (clean.lines(raw), clean.line(raw)):
        assert all(c == "\n" or (ord(c) >= 0x20 and not 0x7F <= ord(c) < 0xA0) for c in text)
        assert clean.lines(text) == text


def test_long_text_is_capped() -> None:
    assert len(clean.lines("x" * 1_000_000)) == clean.CAP


def test_a_token_shows_its_ends_only() -> None:
    assert clean.token_ends("eyJ4NXQi" + "x" * 40 + "Q4wX") == "eyJ4NXQi…Q4wX"
    assert clean.token_ends("short-secret") == clean.DOTS


@each_row(
    "headers",
    [
        (("authorization", f"Bearer {play.TOKEN}"),), (("authorization", "Basic bGFiOnNlY3JldDEyMw=="),),
        (("authorization", "Digest bGFiOnNlY3JldDEyMw=="),), (("cookie", "bGFiOnNlY3JldDEyMw=="),),
        (("x-odd", f"Bearer {play.TOKEN}"),), (("X-Api-Key", "bGFiOnNlY3JldDEyMw=="),),
    ],
)  # fmt: skip
def test_headers_keep_no_credentials(headers: tuple[tuple[str, str], ...]) -> None:
    text = str(clean.headers(headers))
    assert "bGFiOnNlY3JldDEyMw==" not in text
    assert play.TOKEN not in text


def test_bodies_keep_no_secrets() -> None:
    form = b"grant_type=password&username=u&password=canary-1&client_secret=canary-2&assertion=canary-3"
    kind = "application/x-www-form-urlencoded"
    document = json.dumps({"access_token": "canary-4", "nested": [{"refresh_token": "canary-5"}]}).encode()
    for text in (
        clean.body(form, kind),
        reading.compact("token", form, kind),
        clean.body(document, None),
        reading.compact("invoke", document, None),
    ):
        assert "canary" not in text
    assert play.TOKEN not in clean.body(f"<p>{play.TOKEN}</p>".encode(), "text/html")


def test_a_screen_hides_the_names_that_a_tape_hides_but_for_what_its_person_must_type() -> None:
    assert "canary" not in clean.body(json.dumps({"api_key": "canary-1", "db_password": "canary-2"}).encode(), None)
    assert "canary" not in clean.target(Request("GET", "/x", "code=canary-1&gate_token=canary-2", (), b""))
    assert "BCDF-GHJK" in clean.body(b'{"user_code": "BCDF-GHJK"}', None)
    assert "not_found" in clean.body(b'{"code": "not_found"}', None)


def test_claims_are_read_and_an_opaque_token_has_none() -> None:
    assert clean.claims(play.TOKEN)["sub"] == "demo"
    assert clean.claims("opaque") == {}
    assert clean.claims("a.!!!.c") == {}
    assert clean.claims("a.W10.c") == {}


# reduce


def test_the_whole_story_folds() -> None:
    run = fold(play.complete())
    assert run.polls == 11
    assert [word for word, _ in run.statuses] == ["RUNNING", "WAITING", "RUNNING", "COMPLETE"]
    assert [mark.word for mark in run.timeline if mark.kind == "decided"] == ["approved"]
    assert (run.decisions, run.gates, run.gate) == (1, ("BUYER_APPROVAL",), None)
    assert run.token is not None and run.token.token == "eyJ4NXQi…Q4wX"
    assert run.last is not None and run.last.size == len(play.OUTPUT.encode())
    assert run.outcome is not None and run.outcome.token is None


def test_the_state_holds_no_secret() -> None:
    for state, (observations, _) in play.STATES.items():
        text = repr(fold(observations()))
        assert play.TOKEN not in text, state
        assert "ZGVtbzpsYWItc2VjcmV0" not in text, state


def test_a_waiting_job_has_its_gate_and_patience() -> None:
    run = fold(play.waiting())
    assert run.gate is not None and run.opening is not None and run.next_call is not None
    assert (run.gate.question, run.gate.number, "changes-requested" in dict(run.gate.answers)) == (
        play.QUESTION,
        1,
        True,
    )
    assert run.opening.until == 907_644
    assert run.next_call.until == 24_600


def test_a_refused_decision_leaves_the_gate_open_and_says_why() -> None:
    script = play.Script()
    script.observations, script.x = play.waiting(), 11
    refusal = {"message": "The gate has been decided.", "status": "FAI-40900", "userDetails": ""}
    resume: dict[str, Json] = {"jobId": play.JOB, "resumeInput": {"userResponse": "REJECT_ACTION"}}
    script.invoke(22_000, resume, 409, json.dumps(refusal).encode(), 30)
    run = fold(script.observations)
    assert run.gate is not None and run.gate.sent is None
    assert "decided" in (run.gate.refusal or "")
    assert run.timeline[-1].bad


def test_an_answer_that_was_on_its_way_when_the_gate_was_decided_is_no_news() -> None:
    script = play.Script()
    script.observations, script.x = play.decided(), 12
    before = fold(script.observations)
    script.poll(23_900, play.body("WAITING"), 600)
    late = fold(script.observations)
    assert late.statuses == before.statuses and late.gate is None and late.polls == before.polls + 1
    script.poll(25_100, play.body("WAITING"), 40)
    assert fold(script.observations).gate is not None, "asked anew"


def test_a_second_turn_keeps_token_and_exchanges_and_counts_its_own_time() -> None:
    run = fold(play.second())
    assert (run.turn, run.polls, run.began, run.start) == (2, 1, 41_000, -120 + 120)
    assert run.token is not None and run.token.reused
    assert [call.x for call in run.exchanges] == list(range(1, 17))
    assert run.elapsed(42_500) == 1_500 and run.reading(42_500) == 42_500
    first = ScreenState(run, UiState(turn=1), SHOW).in_sight
    assert first.run.job is not None and first.run.job.job == play.JOB and first.run.polls == 11
    assert (first.newest.turn, first.newest) == (2, run)
    assert fold([*play.refused(), *play.running()]).turn == 1


def test_a_token_that_is_used_again_has_room_for_its_time() -> None:
    title = next(line for line in screen(view_of("second"), 120, 36, 42_500) if "1 TOKEN" in line)
    assert title.startswith("╭─ 1 TOKEN  used again ── 59:1")
    focused = next(line for line in screen(view_of("second", focus="token"), 120, 36, 42_500) if "1 TOKEN" in line)
    assert "── valid 59:1" in focused and "…" not in focused[:34]


def test_a_lost_poll_is_a_red_row() -> None:
    observations = [*play.running(), Requested(5_000, 9, "status", Request("GET", "/x")), Lost(5_100, 9, "reset")]
    run = fold(observations)
    assert (run.timeline[-1].word, run.timeline[-1].bad, run.milestones[-1].kind) == ("reset", True, "lost")


def test_an_unknown_status_is_polled_on() -> None:
    script = play.Script()
    script.observations, script.x = play.running(), 4
    script.poll(5_000, play.body("QUEUED_V2"), 40)
    run = fold(script.observations)
    assert phase(run) == "polling"
    assert "QUEUED_V2" in narrate.sentence(ScreenState(run, source=replace(SHOW, scenario=None)))


def test_reset_forgets_all() -> None:
    source = play.Scripted(play.complete())
    observations = []
    from lab.core.journal.fact import LedgerCleared
    from lab.core.observe import Noted

    while not source.queue.empty():
        observations.append(source.queue.get_nowait())
    observations.append(Noted(30_000, LedgerCleared(at=30_000, by="person")))
    assert fold(observations) == RunState(latest=30_000)
    back = [*play.complete(), Noted(30_000, LedgerCleared(at=9_600, by="person"))]
    assert fold(back) == RunState(latest=9_600)


ALL = [observation for observations, _ in play.STATES.values() for observation in observations()]
ODD: list[RunObservation] = [
    Replied(1, 1, Response(200, (), b"\xff\x00")), Replied(1, 2, Response(202, (), b"[]")),
    Replied(1, 3, Response(200, (), b'{"jobId":1,"status":[]}')), Lost(3, 99, "x" * 500),
    Requested(0, 1, "invoke", Request("POST", "", "", (), b"{")), Requested(0, 3, "status", Request("GET", "\x1b")),
    Requested(0, 2, "nowhere", Request("\u202e", "/" * 5_000)), Requested(2, 4, "invoke", Request("POST", "/", body=b"[1]")),
]  # fmt: skip


@given(st.lists(st.sampled_from(ALL + ODD), max_size=30), st.sampled_from(SIZES), st.integers(0, 10**6))
def test_any_order_of_observations_folds_and_draws(
    observations: list[RunObservation], size: tuple[int, int], now: int
) -> None:
    run = fold(observations)
    assert run == fold(observations)
    view = ScreenState(run, UiState(), SHOW)
    for part, place in places(view, *size).items():
        for line in draw(part, view, place, now):
            assert width(line) == place.width


# rows


@pytest.mark.parametrize("state", play.STATES)
@pytest.mark.parametrize(
    "size", few_of([*SIZES, (40, 12), (1, 1)], [str(size) for size in (SIZES[0], SIZES[-1], (1, 1))])
)
def test_every_state_draws_in_every_size(state: str, size: tuple[int, int]) -> None:
    now = play.STATES[state][1]
    looks: list[dict[str, object]] = [
        {}, {"wire": True, "focus": "wire"}, {"paused": True, "factor": "0.5"}, {"output": "body"}, {"output": "raw"},
        *({"zoom": pane, "focus": pane} for pane in PANES),
    ]  # fmt: skip
    for ui in looks:
        view = view_of(state, **ui)
        found = places(view, *size)
        for part, place in found.items():
            drawn = draw(part, view, place, now)
            assert len(drawn) == place.height, part
            assert {width(line) for line in drawn} <= {place.width}, part
            assert place.x + place.width <= size[0] and place.y + place.height <= size[1], part


def test_places_do_not_overlap() -> None:
    for state in play.STATES:
        for size in SIZES:
            for ui in ({}, {"wire": True}, {"zoom": "job"}):
                taken: set[tuple[int, int]] = set()
                for part, place in places(view_of(state, **ui), *size).items():
                    cells = {
                        (x, y)
                        for x in range(place.x, place.x + place.width)
                        for y in range(place.y, place.y + place.height)
                    }
                    assert not cells & taken, (state, size, part)
                    taken |= cells


def test_rows_that_do_not_fit_are_folded_and_changes_stay() -> None:
    view = view_of("complete", panes=True)
    grid = "\n".join(screen(view, 120, 36, 27_600))
    for word in ("RUNNING", "WAITING", "approved", "COMPLETE"):
        assert word in grid.partition("4 OUTPUT")[0]
    rows = view.run.timeline
    for room in range(3, len(rows) + 1):
        found = fitted(rows, room)
        assert len(found) <= room and found[-1] == rows[-1]
        kept = [each for each in found if isinstance(each, TimelineRow) and not repeats(each)]
        changes = [each for each in rows if not repeats(each)]
        assert kept == changes[-len(kept) :], "no change is left out while a newer one shows, but for the oldest"


def test_a_quote_does_not_stand_without_whose_it_is_and_a_count_counts_what_it_hides() -> None:
    rows = [TimelineRow(at, "poll", "RUNNING" if at % 2 else "WAITING", 200, 1, first=True) for at in range(6)]
    said = [TimelineRow(6, "decided", "changes"), TimelineRow(6, "said", "one"), TimelineRow(6, "said", "two")]
    assert fitted([*rows, *said], 3) == [6]
    assert fitted([*rows, *said], 4) == [6, *said] and fitted([*rows, *said], 5) == [5, rows[-1], *said]


def test_polls_that_are_folded_say_in_words_which_keys_show_them() -> None:
    drawn = "\n".join(screen(view_of("waiting"), 120, 36, 22_900))
    assert "more · press 3, then z" in drawn
    drawn = "\n".join(screen(view_of("waiting", focus="polling"), 120, 36, 22_900))
    assert "more polls · press z" in drawn


def test_a_scenario_without_a_gate_has_no_gate_cell() -> None:
    scenario = replace(play.SCENARIO, steps=(play.SCENARIO.steps[0], play.SCENARIO.steps[3]))
    view = ScreenState(run_of("asking"), source=replace(SHOW, scenario=scenario))
    assert "Gate" not in "\n".join(screen(view, 120, 36, 0))
    assert "Gate" in "\n".join(screen(replace(view, source=SHOW), 120, 36, 0))


def test_an_expired_token_says_so() -> None:
    assert "expired" in "\n".join(screen(view_of("waiting"), 120, 36, 3_700_000))


def test_a_gate_outside_the_api_says_that_the_app_only_polls() -> None:
    run = fold(play.waiting())
    assert run.gate is not None
    view = ScreenState(
        replace(run, gate=replace(run.gate, channel="EMAIL", in_chat=False), opening=None), UiState(), SHOW
    )
    assert "the app only polls" in "\n".join(screen(view, 120, 36, 22_900))


@each_row(
    ("observations", "stepped"),
    [
        (play.error(), "✓ Token ✓ Invoke ✓ Poll ✗ Output"),
        ([*play.waiting(), *refused_decision()], "✓ Token ✓ Invoke ✓ Poll ✗ Gate ○ Output"),
        ([*play.running(), RunEnded(4_000, STOPPED)], "✓ Token ✓ Invoke ✗ Poll ○ Output"),
    ],
)
def test_the_stepper_says_where_a_run_stopped(observations: list[RunObservation], stepped: str) -> None:
    view = ScreenState(fold(observations), UiState(), replace(SHOW, scenario=None))
    (line,) = draw("stepper", view, Rect(0, 0, 120, 1), 30_000)
    assert " ".join(plain(line).replace("━", "").replace("─", "").split()) == stepped


@each_row("size", SIZES)
def test_one_pane_more_has_its_place_in_every_layout(size: tuple[int, int]) -> None:
    """What a new pane needs is its value in the list: no place overlaps another, and none leaves the screen."""
    columns, rows = size
    more = replace(PANES[0], name="more", key="6", title="More", wide=12, narrow=10)
    for ui in (UiState(), UiState(wire=True)):
        state = replace(view_of("waiting"), ui=ui)
        bars, top, end = bars_placed(BARS, state, columns, rows)
        found = bars | panes_placed((more, *PANES), state, (columns, rows), top, end)
        cells = [(x, y) for each in found.values() for x in range(each.x, each.x + each.width)
                 for y in range(each.y, each.y + each.height)]  # fmt: skip
        assert "more" in found or (ui.wire and columns < 100)
        assert len(cells) == len(set(cells)) and all(0 <= x < columns and 0 <= y < rows for x, y in cells)


def test_no_two_panes_have_one_name_or_key_and_what_each_copies_is_in_the_menu() -> None:
    assert len({pane.name for pane in PANES}) == len({pane.key for pane in PANES}) == len(PANES)
    assert {pane.copies for pane in PANES} <= {each.key for each in copied_texts(view_of("complete"))}
    assert pane_digits(view_of("running")).split() == [PANES[0].key, "to", PANES[-1].key]


def test_keys_are_offered_by_state() -> None:
    offered = {state: {key.face for key in SCREEN_KEYS if key.is_offered(view_of(state))} for state in play.STATES}
    assert {"a", "r", "c"} <= offered["waiting"]
    assert not {"a", "r", "c"} & (offered["idle"] | offered["running"] | offered["complete"])
    assert "space" in offered["idle"] and "space" not in offered["complete"]
    assert "0" not in offered["idle"] and "0" in offered["error"]


def test_against_a_pod_space_begins_but_does_not_pause() -> None:
    pod = replace(SHOW, pill="POD example.com", can=frozenset(("reset", "decide")))
    space = key_named("pause")
    assert space.is_offered(ScreenState(source=pod))
    assert not space.is_offered(ScreenState(fold(play.running()), source=pod))
    assert "POD example.com" in "\n".join(screen(ScreenState(source=pod), 80, 24, 0))


@each_row(
    ("state", "change", "asks"),
    [
        ("running", {}, ("skip",)), ("waiting", {}, None),
        ("waiting", {"by": "script", "at": 40_000}, ("skip", 40_000)), ("waiting", None, None),
    ],
)  # fmt: skip
def test_a_skip_goes_no_further_than_a_vote_and_keeps_the_last_minute_of_a_persons_patience(
    state: str, change: dict[str, object] | None, asks: tuple[object, ...] | None
) -> None:
    view = view_of(state)
    view = replace(view, source=replace(SHOW, can=SHOW.can | {"skip"}))
    if change is None or view.run.opening is not None:
        opening = view.run.opening if change is not None else None
        if opening is not None:
            opening = replace(opening, otherwise=replace(opening.otherwise, **change))
        view = replace(view, run=replace(view.run, opening=opening))
    key = key_named("skip")
    assert key.is_offered(view)
    assert play.request_of(key.react(view).ask) == asks
    reaction = key.react(replace(view, source=replace(view.source, skipping=True)))
    assert play.request_of(reaction.ask) == ("skip",), "once more: it ends"
    if change is None:
        assert "isn't known yet" in getattr(key.react(view).ui, "remark", "")
    elif asks is None:
        asked_once = key.react(view).ui
        assert asked_once is not None and asked_once.remark == SPENDS_PATIENCE, "what nobody brings back is asked for"
        again = key.react(replace(view, ui=asked_once))
        assert play.request_of(again.ask) == ("skip", 907_644 - 60_000, LAST_MINUTE)


def test_a_skip_is_offered_while_a_run_of_our_own_runs_and_in_a_recording_until_its_end() -> None:
    able = replace(SHOW, can=SHOW.can | {"skip"})
    offered = {name for name in play.STATES if key_named("skip").is_offered(replace(view_of(name), source=able))}
    assert {"running", "waiting"} <= offered and not {"idle", "complete", "error"} & offered
    assert not key_named("skip").is_offered(view_of("running")), "a pod's clock is its own"
    for line, there in ((3, True), (9, False)):
        tape = replace(able, follows=True, cursor=PlaybackCursor(0, 1, line, 9))
        assert key_named("skip").is_offered(ScreenState(source=tape)) is there


def test_what_a_skip_let_pass_stands_before_the_narration_as_far_as_there_is_room() -> None:
    said = "The agent stopped on purpose. "
    view = view_of("waiting", passed="62 h 55 min passed.")
    wide, narrow = (screen(view, columns, 36, 30_000) for columns in (120, 80))
    assert wide[4].startswith("▌  62 h 55 min passed.  WAITING  " + said.strip())
    assert narrow[4] == "▌  62 h 55 min passed.  WAITING  The agent stopped on purpose."
    assert any(
        "62 h 55 min passed." in line
        for line in screen(view_of("waiting", passed="62 h 55 min passed.", presenter=True), 120, 36, 30_000)
    )
    assert "SKIPPING »" in screen(replace(view, source=replace(SHOW, skipping=True)), 120, 36, 0)[0]
    after = replace(view, run=run_of("complete"))
    assert settled(view, after).ui.passed == "" and settled(view_of("waiting"), after).ui.passed != ""
    assert settled(view, view).ui.passed and view.choose().passed == ""


def test_a_dead_tape_is_told_in_red_and_in_words() -> None:
    view = view_of("running")
    dead = replace(view, source=replace(view.source, recording=True, dead=True))
    for columns in (80, 120):
        grids = [screen(each, columns, 36, 3_700)[0].rstrip() for each in (view, dead)]
        assert grids[0].endswith("● REC") and grids[1].endswith("00:03.7   ● REC DEAD")
        assert {len(line) for line in grids} <= {columns - 3, columns - 4}


def test_the_key_table_has_no_key_twice() -> None:
    named = [
        name for key in SCREEN_KEYS if key.keys and not key.name.startswith("ask-") for name in key.keys.split(",")
    ]
    assert sorted(named) == sorted((*set(named), "n"))  # a step, or from hit to hit


@each_row("state", play.STATES)
@each_row("ui", [{}, {"panes": True}, {"zoom": "output"}, {"wire": True}, {"turn": 1}])
def test_digits_belong_to_panes_or_to_questions(state: str, ui: dict[str, object]) -> None:
    view = view_of(state, **ui)
    offered = [key.keys for key in SCREEN_KEYS if key.is_offered(view) and key.keys.isdigit() and key.keys != "0"]
    assert len(offered) == len(set(offered))
    questions = [key for key in SCREEN_KEYS if key.name.startswith("ask-") and key.is_offered(view)]
    assert len(questions) == (len(play.FOLLOW_UP) if state == "complete" and ui in ({}, {"turn": 1}) else 0)


@each_row("sentence", [*(each.sentence for each in PHASES.values()), *narrate.FOLLOWED.values()])
def test_our_sentences_fit_a_projector(sentence: str) -> None:
    assert len(sentence) <= LONGEST_SENTENCE and "!" not in sentence


# spans


@given(st.text(alphabet="ab 日é🙂-", max_size=60), st.integers(1, 30))
def test_text_is_cut_and_wrapped_by_cells(text: str, cells: int) -> None:
    line = row((text, "dim"), ("x" * 5, "fg b"))
    assert cell_len(clip(text, cells)) <= cells
    assert width(cut(line, cells)) <= cells
    assert width(fill(line, cells)) == cells
    assert width(ends(line, row("end"), cells)) == cells
    assert all(width(part) <= max(2, cells) for part in wrap(line, max(2, cells)))


def test_a_word_too_long_for_its_row_goes_on_behind_a_sign_of_its_own() -> None:
    parts = [plain(line) for line in wrap(row("https://fa-test-saasfaprod1.fa.ocs.oraclecloud.com/api"), 44)]
    assert parts == ["https://fa-test-saasfaprod1.fa.ocs.", "oraclecloud.com/api"]


def test_wrapping_loses_no_letter() -> None:
    text = "one two threefour urn:opc:resource:fusion:acme-test:fusion-ai/ five"
    assert "".join("".join(map(plain, wrap(row(text), 12))).split()) == "".join(text.split())


def test_a_hot_spot_is_found_by_its_cell() -> None:
    line = row("ab", hot(row(("cd", "fg")), "a"), "ef")
    assert [hot_at(line, cell) for cell in (0, 2, 3, 4, 9)] == [None, "a", "a", None, None]


# outputs


@each_row(
    ("output", "kind", "expected"),
    [
        (None, "null", "null"), ("", "empty", "empty string"), ('{"a": [1, true]}', "JSON", '"a": ['),
        ("<h2>Title</h2><table><tr><th>A</th></tr><tr><td>1</td></tr></table>", "HTML", "Title"),
        ("# Head\n\n- one\n- two", "Markdown", "• one"), ("just words", "text", "just words"),
        ("{not json", "text", "{not json"), ("```\ncode\n```", "Markdown", "▏ code"),
    ],
)  # fmt: skip
def test_an_output_is_told_apart_and_rendered(output: str | None, kind: str, expected: str) -> None:
    assert outputs.kind(output) == kind
    assert expected in "\n".join(map(plain, outputs.rendered(output, 60)))


def test_markdown_tables_take_one_row_a_row() -> None:
    drawn = [plain(line) for line in markdown(play.OUTPUT, 36)]
    assert [line.split() for line in drawn if "Pumps" in line] == [["Category", "Pumps", "Pumps"]]
    assert drawn[0] == "M1000034 and M1000040"


@given(st.text(alphabet="ab #*`|-_>[]()<>/\n 1.&!日", max_size=200), st.integers(10, 60))
def test_no_output_is_wider_than_asked(text: str, inner: int) -> None:
    for view in (outputs.rendered, outputs.raw):
        assert all(width(line) <= inner for line in view(text, inner))


def test_a_text_is_read_once_however_wide_its_rows_are(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, texts = MarkdownIt.parse, list[str]()

    def counted(parser: MarkdownIt, text: str) -> list[Token]:
        texts.append(text)
        return parse(parser, text)

    monkeypatch.setattr(MarkdownIt, "parse", counted)
    text = "# Read once\n\n| a | b |\n|---|---|\n| 1 | **2** |\n"
    found = [markdown(text, 40), markdown(text, 20), markdown(text, 40, ruled=True), markdown(text, 41)]
    assert texts == [text] and len({len(lines) for lines in found}) > 1


def test_a_page_of_html_drops_scripts() -> None:
    expected = "\n".join(map(plain, outputs.rendered("<p>a</p><script>evil()</script><ul><li>b</li></ul>", 40)))
    assert "evil" not in expected and "• b" in expected


def test_a_cell_of_html_is_one_row_whatever_stands_in_it() -> None:
    head = "<tr><td><h2>Part</h2></td><td>x<br>y</td></tr>"
    body = "<tr><td><ul><li>a</li><li>b</li></ul></td><td><p>1</p><p>2</p></td></tr>"
    assert to_markdown(f"<table>{head}{body}</table>") == "| Part | x y |\n|---|---|\n| a b | 1 2 |"


# plain


def test_the_transcript_of_the_whole_story() -> None:
    state, observations = JournalState(own=True), []
    for observation in play.complete():
        state, (change,) = changes(state, observation)
        observations += plain_lines(change, SHOW)
    assert "00:09.6 WAITING  poll 5  200  39 ms" in observations
    assert f"? {play.QUESTION}" in observations
    assert "00:24.1 DECIDED  buyer-approval  API: approved  202  176 ms" in observations
    assert observations[-1] == "› Who supplies both?"
    assert "# The output came back on the same Job ID, after one decision." in observations


def test_a_gate_that_opens_while_an_answer_is_on_its_way_keeps_its_patience() -> None:
    script = play.Script()
    script.observations, script.x = play.running(), 4
    opened = next(each for each in play.waiting() if isinstance(each, Noted))
    script.poll(opened.at - 20, play.body("RUNNING"), 40)
    script.observations.insert(-1, opened)
    script.poll(9_561, play.body("WAITING"), 39)
    run = fold(script.observations)
    assert run.matched_opening == opened.fact
    script.poll(12_000, play.body("RUNNING"), 40)
    assert fold(script.observations).opening is None


def test_a_quorum_says_how_many_have_approved() -> None:
    observations = [
        Noted(each.at, replace(each.fact, approvals=2)) if isinstance(each, Noted) and isinstance(each.fact, GateOpened)
        else each
        for each in play.STATES["waiting"][0]()
    ]  # fmt: skip
    now = play.STATES["waiting"][1]
    drawn = "\n".join(screen(ScreenState(fold(observations), UiState(), SHOW), 120, 36, now))
    assert "approvals 0 of 2" in drawn
    vote = GateDecided(at=now, job=play.JOB, gate="buyer-approval", verdict=Verdict.APPROVED, by=Origin.PERSON)
    drawn = "\n".join(screen(ScreenState(fold([*observations, Noted(now, vote)]), UiState(), SHOW), 120, 36, now))
    assert "approvals 1 of 2" in drawn


@each_row(
    ("match", "later", "says"),
    [
        (None, 0, "turn 2 · the same conversationId, a new Job ID"),
        (r"item (?P<item>\w+)", 0, "turn 2 · this scenario answers: item <item>"),
        (None, 1, "turn 2 · this scenario answers: again"),
    ],
)
def test_the_form_of_a_message_says_what_the_scenario_answers(match: str | None, later: int, says: str) -> None:
    view = view_of("complete")
    scenario = view.source.scenario
    assert scenario is not None
    turns = (Turn(match="again", ask=scenario.ask, steps=scenario.steps),) * later
    scenario = replace(scenario, match=match, turns=turns)
    form = key_named("message").react(replace(view, source=replace(view.source, scenario=scenario))).form
    assert form is not None and says in form.title
    assert patterns_for_next(scenario, ["item a", "again"]) == ([] if later else [match])


def test_an_identifier_is_broken_behind_an_underscore() -> None:
    assert [plain(line) for line in wrap(row("CONTROLLER_APPROVAL"), 17)] == ["CONTROLLER_", "APPROVAL"]
