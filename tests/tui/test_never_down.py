"""The show goes on: sizes, floods, big and hostile outputs, secrets, a terminal that is taken away."""

import json
import signal
import time
from pathlib import Path

import pytest
from textual import events

from lab.app.effects import Outcome, RunEnded, RunObservation
from lab.clocks import breathe
from lab.core.exchange import Json, Request
from lab.core.journal.shell import TapeNoted
from lab.core.observe import Lost, Noted, Requested
from lab.tui.panes.registry import draw, places
from lab.tui.rows.spans import plain, width
from lab.tui.state.run import MOST_EXCHANGES
from lab.tui.state.screen import ScreenState, UiState
from lab.tui.state.timeline import MOST_TIMELINE_ROWS
from tests.conftest import ROOT
from tests.terminal import Terminal, lab
from tests.tui import play
from tests.tui.pilots import main_screen, resized, screen_in, text, turn_to, until
from tests.tui.test_app import EVIL
from tests.tui.test_view import SHOW, fold

MANY = 3_000
"""Exchanges at once, more than anything keeps; tests/bench takes ten thousand."""
SIZES = ((80, 24), (40, 12), (120, 36))
OPENED = {
    "waiting": ("w", "c x", "p", "3 z", "question_mark", "s", "ctrl+p"), "complete": ("m", "4 enter", "o W"),
    "second": ("left_square_bracket",),
}  # fmt: skip


@pytest.mark.long
async def test_every_size_with_whatever_is_open() -> None:
    async with screen_in("idle") as (app, source, pilot):
        for state, opened in OPENED.items():
            for keys in opened:
                await turn_to(pilot, source, state)
                await pilot.press(*keys.split())
                await resized(pilot, *SIZES)
                await pilot.press("escape")
                await until(pilot, lambda: app.screen is main_screen(app))


@pytest.mark.long
async def test_thousands_of_exchanges_stay_bounded_and_keys_are_answered() -> None:
    observations = play.flood(MANY)
    async with screen_in("idle") as (app, source, pilot):
        screen, answered, pressed, focus = main_screen(app), [], 0.0, ""
        begun = time.process_time()
        for observation in observations:
            source.tell(observation)
        while screen.state.run.polls < MANY:
            await breathe()
            if pressed and screen.state.ui.focus != focus:
                answered.append(time.process_time() - pressed)
                pressed = 0.0
            if not pressed:
                pressed, focus = time.process_time(), screen.state.ui.focus
                app.post_message(events.Key("2", "2"))
        took = time.process_time() - begun
        await until(pilot, lambda: screen.state.ui.focus != focus)  # the last key, too
        run = screen.state.run
        assert len(run.exchanges) == MOST_EXCHANGES and len(run.timeline) <= MOST_TIMELINE_ROWS
        # of this process alone, for other tests share the cores; tests/bench measures it
        assert len(answered) > 10 and max(answered) < 2 and took < 20, (len(answered), max(answered), took)


def test_of_many_polls_changes_stay_and_the_rest_is_counted() -> None:
    run = fold(play.flood(MANY))
    timeline = run.timeline
    counted = sum(int(mark.word) if mark.kind == "folded" else 1 for mark in timeline)
    assert counted == MANY and len(timeline) <= MOST_TIMELINE_ROWS
    assert [mark.first for mark in timeline if mark.word == "WAITING"].count(True) == 6
    view = ScreenState(run, UiState(), SHOW)
    place = places(view, 120, 36)["polling"]
    grid = "\n".join(plain(line) for line in draw("polling", view, place, 400_000))
    assert "more polls" in grid and "WAITING" in grid


@pytest.mark.long
@pytest.mark.parametrize("output", ["# Head\n\n" + "word " * 1_000_000, "{" + '"a": 1, ' * 600_000, "x" * 5_000_000])
async def test_an_output_of_five_megabytes_is_cut_and_says_so(output: str) -> None:
    script = play.Script()
    script.observations, script.x = play.running(), 4
    script.poll(5_000, play.body("COMPLETE", output=output), 40)
    async with screen_in("idle") as (app, source, pilot):
        for observation in script.observations:
            source.tell(observation)
        await until(pilot, lambda: main_screen(app).state.run.last is not None and "OUTPUT" in text(app))
        size = len(output.encode())
        assert f"{size} B" in text(app).replace(" ", " ") or "more" in text(app)
        assert len(repr(main_screen(app).state.run)) < 400_000
        await pilot.press("o", "o", "o", "4", "z", "pagedown")
        await pilot.pause()


# Text and secrets from outside

FIELDS = (
    "output", "error", "progressMessage", "jobId", "conversationId", "traceId", "status", "waitingToolCode",
    "followUpQuestions",
)  # fmt: skip
NODE_FIELDS = ("code", "type", "channelType", "initialMessage", "requestChangeMessage", "callbackToken")


def tainted(text_: str) -> list[list[RunObservation]]:
    """A run for each payload field, filled with the text."""
    runs = []
    for field in (*FIELDS, *NODE_FIELDS, "path", "header", "lost", "why", "note"):
        script = play.Script()
        script.token(0)
        script.first(130)
        value: Json = [text_] if field == "followUpQuestions" else text_
        if field in FIELDS:
            script.poll(
                1_000, play.body("RUNNING") if field == "status" else play.body("WAITING", **{field: value}), 40
            )
            script.poll(
                2_000,
                play.body("COMPLETE", output="x") if field == "status" else play.body("COMPLETE", **{field: value}),
                40,
            )
        elif field in NODE_FIELDS:
            script.poll(1_000, play.body("WAITING", waitingNodeDetails=dict(play.NODE) | {field: value}), 40)
        elif field == "note":
            script.observations.append(Noted(900, TapeNoted(at=900, text=text_)))
        elif field == "why":
            script.observations.append(
                RunEnded(900, Outcome(None, text_, text_, text_, text_, 0, 900, text_, (text_,)))
            )
        else:
            headers = (("x-odd", text_),) if field == "header" else ()
            script.observations.append(
                Requested(900, 3, "status", Request("GET", text_ if field == "path" else "/s", text_, headers))
            )
            script.observations.append(Lost(950, 3, text_ if field == "lost" else "reset"))
        runs.append(script.observations)
    return runs


def grids(observations: list[RunObservation]) -> str:
    """All that the screen would show of it, in two sizes, with the drawer open."""
    run, parts = fold(observations), []
    for size in ((120, 36), (80, 24)):
        for ui in (UiState(wire=True, focus="wire"), UiState(output="body"), UiState(output="raw")):
            view = ScreenState(run, ui, SHOW)
            for part, place in places(view, *size).items():
                lines = draw(part, view, place, 3_000)
                assert {width(line) for line in lines} <= {place.width}
                parts += map(plain, lines)
    return "\n".join(parts)


def test_hostile_text_in_each_field_in_turn_reaches_no_row() -> None:
    for observations in tainted(EVIL[:200]):
        assert not set("\x1b\x07\x9b\x00\u202e") & set(grids(observations))
        assert not [
            escape for escape in (r"\x1b", r"\x07", r"\x9b", r"\x00", r"\u202e") if escape in repr(fold(observations))
        ]


@pytest.mark.long
def test_a_megabyte_in_each_field_in_turn_is_drawn() -> None:
    for observations in tainted("日本 " * 350_000):
        run = fold(observations)
        for part, place in places(ScreenState(run, UiState(), SHOW), 120, 36).items():
            assert len(draw(part, ScreenState(run, UiState(), SHOW), place, 3_000)) == place.height


def test_a_secret_in_each_field_in_turn_is_in_no_state_and_in_no_row() -> None:
    for observations in tainted(f"see {play.TOKEN} and Bearer canary-0123456789"):
        for snapshot in (grids(observations), repr(fold(observations))):
            assert play.TOKEN not in snapshot and "canary-0123456789" not in snapshot


async def test_no_secret_is_in_screenshot_log_or_clipboard() -> None:
    canaries = ("canary-secret-1", "canary-refresh-2", "canary-cookie-3", "Y2FuYXJ5LWJhc2ljLTQ=")
    script = play.Script()
    form = b"grant_type=password&username=u&password=canary-secret-1&client_secret=canary-secret-1"
    headers = (
        ("authorization", "Basic Y2FuYXJ5LWJhc2ljLTQ="), ("cookie", "s=canary-cookie-3"),
        ("content-type", "application/x-www-form-urlencoded"),
    )  # fmt: skip
    reply = json.dumps(
        {"access_token": play.TOKEN, "refresh_token": "canary-refresh-2-and-some-more", "expires_in": 3600}
    )
    script.call(0, "token", Request("POST", "/oauth2/v1/token", "", headers, form), 200, reply.encode(), 100)
    script.first(130)
    async with screen_in("idle") as (app, source, pilot):
        for observation in script.observations:
            source.tell(observation)
        await until(pilot, lambda: main_screen(app).state.run.job is not None)
        await pilot.press("w", "1", "enter", "y")
        await pilot.pause()
        for snapshot in (text(app), app.export_screenshot(), app.clipboard, repr(main_screen(app).state)):
            assert play.TOKEN not in snapshot
            assert not [canary for canary in canaries if canary in snapshot]


# The terminal

BROKEN = """
import sys
from lab.__main__ import main
from lab.tui.app import LabApp
def boom(app):
    raise ZeroDivisionError("on purpose")
LabApp.turn_theme = lambda app: app.call_later(boom, app)
sys.exit(main(["demo"]))
"""


def test_a_crash_restores_the_terminal_and_says_where_the_log_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with Terminal(["-c", BROKEN], columns=200, forked=True) as shown:
        shown.press_at("space Begin", "t")
        assert shown.ended() == 70
    assert b"\x1b[?1049l" in shown.raw and b"\x1b[?25h" in shown.raw
    (log,) = (tmp_path / "invoke-async-lab").rglob("bug-*.log")
    assert f": its log lies in {log}.\r\n".encode() in shown.raw.split(b"\x1b[?1049l")[-1]
    assert b"on purpose" not in shown.raw and "ZeroDivisionError: on purpose" in log.read_text()


def test_a_hangup_ends_the_tape(tmp_path: Path) -> None:
    with lab("demo", "--scenarios", str(ROOT / "scenarios"), "--record", "./cut", cwd=tmp_path) as shown:
        shown.press_at("space Begin", " ")
        shown.until(lambda seen: "oauth2" in seen.text)
        shown.hang_up()
        assert shown.process.wait(20) != -signal.SIGKILL
    assert '"reason":"sigterm"' in (tmp_path / "cut.rec.jsonl").read_text().splitlines()[-1]


@pytest.mark.long
def test_a_terminal_that_is_taken_away_ends_the_lab_even_where_nobody_hears_the_hangup(tmp_path: Path) -> None:
    argv = ("demo", "--scenarios", str(ROOT / "scenarios"), "--record", "./cut", "--speed", "20")
    with lab(*argv, cwd=tmp_path, controls=False) as shown:  # so no signal is sent
        shown.press_at("space Begin", " ")
        shown.until(lambda seen: "APPROVAL" in seen.text)
        shown.hang_up()
        shown.process.wait(20)
    assert '"k":"end"' in (tmp_path / "cut.rec.jsonl").read_text().splitlines()[-1]
