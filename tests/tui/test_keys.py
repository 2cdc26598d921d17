"""Every key of the table in every state: it does what the table says, or nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.command import CommandPalette

from lab.clocks import settle
from lab.tui.app import LabApp
from lab.tui.panes import keys
from lab.tui.screens.exchange import ExchangeScreen
from lab.tui.screens.fault import FaultScreen
from lab.tui.screens.page import PageScreen, Picker
from lab.tui.screens.stage import MainScreen
from lab.tui.sources.intents import (
    AnswerGate,
    Intent,
    ResetRun,
    SetSpeed,
    StartRun,
    StepForward,
    TogglePause,
    ToggleTape,
)
from lab.tui.state.screen import UiState
from tests.tui import play
from tests.tui.shown import LabPilot, main_screen, shown, turn_to, until

Seen = tuple[UiState, tuple[Intent, ...], type, str]


def asks(*intents: Intent) -> Callable[[Seen, Seen], bool]:
    return lambda _, after: after[1] == intents


def looks(**changes: object) -> Callable[[Seen, Seen], bool]:
    return lambda before, after: after[0] == replace(before[0], **changes)  # type: ignore[arg-type]


def opens(screen: type) -> Callable[[Seen, Seen], bool]:
    return lambda _, after: after[2] is screen


def same(before: Seen, after: Seen) -> bool:
    return before == after


DOES: dict[str, Callable[[Seen, Seen], bool]] = {
    "decide('APPROVE_ACTION')": asks(AnswerGate("APPROVE_ACTION")), "decide('REJECT_ACTION')": asks(AnswerGate("REJECT_ACTION")),
    "changes": looks(typing="changes"), "step": asks(StepForward()), "output_view": looks(output="raw"),
    "pause": lambda _, after: after[1] in ((StartRun(),), (TogglePause(),)),
    "message": looks(typing="message"), "turn(-1)": looks(turn=1), "turn(1)": same, "wire": looks(wire=True, focus="wire"),
    "full_wire": looks(zoom="wire", focus="wire"), "scenario": opens(Picker), "fault": opens(FaultScreen),
    "tape": asks(ToggleTape()), "faster": asks(SetSpeed("2")), "slower": asks(SetSpeed("0.5")), "speed_one": asks(SetSpeed("1")),
    **{f"focus_pane('{pane}')": looks(focus=pane) for pane in ("token", "job", "polling", "output")},
    "focus_pane('wire')": looks(wire=True, focus="wire"), "zoom": looks(zoom="output"), "back": same,
    **{f"scroll({by})": same for by in (-10, -1, 1, 10)}, "presenter": looks(presenter=True),
    "theme": lambda _, after: after[3] == "stage-light", "picture": lambda _, after: after[0].said == "Saved as x.svg.",
    "help": opens(PageScreen), "palette": opens(CommandPalette), "tell_quit": lambda _, after: "ctrl+q" in after[0].said,
}  # fmt: skip
"""What each key does in a state that offers it; `reset`, `leave` and `open` are looked at by themselves."""


async def test_each_key_does_what_the_table_says_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pressed in one state; in the others its action is run, which is what a bound key does."""
    monkeypatch.setattr(LabApp, "picture", lambda _: "Saved as x.svg.")
    async with shown("idle") as (app, source, pilot):
        for state in play.STATES:
            await turn_to(pilot, source, state)
            await _each_key(state, app, source, pilot)


async def _each_key(state: str, app: LabApp, source: play.Scripted, pilot: LabPilot) -> None:
    stage = main_screen(app)

    def seen() -> Seen:
        return stage.scene.look, tuple(source.asked), type(app.screen), app.theme

    for key in keys.TABLE:
        if key.action in ("reset", "leave", "open") or not key.keys:
            continue
        offered = key.offered(stage.scene)
        if offered and key.action in SLOW and state != "waiting":
            continue
        before = seen()
        if state == "waiting":
            await pilot.press(key.keys.split(",")[0])
        else:
            await stage.run_action(key.action)
        expected = DOES[key.action] if offered else same
        await reached(lambda expected=expected, before=before: expected(before, seen()), f"{key.action} in {state}")
        if seen() == before:
            continue
        while app.screen is not stage:
            await app.pop_screen()
        source.asked, source.paused, source.factor, app.theme = [], False, "1", "stage-dark"
        stage._set(replace(stage.scene, look=UiState()))
        await settle()


SLOW = frozenset(("help", "palette", "scenario", "fault", "theme"))
"""Pages and themes take their time to paint; the same code opens them in every state."""


async def reached(true: Callable[[], bool], what: str) -> None:
    for _ in range(200):
        if true():
            return
        await settle()
    raise AssertionError(f"{what}: it never came true")


async def test_5_after_w_keeps_the_drawer_in_focus() -> None:
    async with shown("waiting") as (app, _, pilot):
        await pilot.press("w", "5", "enter")
        await reached(lambda: type(app.screen) is ExchangeScreen, "enter opens an exchange")


async def test_enter_opens_only_what_a_pane_has() -> None:
    async with shown("idle") as (app, source, pilot):
        stage = main_screen(app)
        for state in ("idle", "refused", "second"):
            await turn_to(pilot, source, state)
            await pilot.press("enter")
            assert app.screen is stage
            for pane, has in (
                ("1", stage.scene.stage.token), ("2", stage.scene.stage.job), ("3", stage.scene.stage.polls),
                ("4", stage.scene.stage.polls), ("5", stage.scene.stage.calls),
            ):  # fmt: skip
                await pilot.press(pane, "enter")
                await until(pilot, lambda has=has: isinstance(app.screen, ExchangeScreen) == bool(has))
                if has:
                    await pilot.press("escape")


@pytest.mark.parametrize("state", ["idle", "second"])
async def test_reset_and_the_way_out_also_from_a_page(state: str) -> None:
    async with shown(state) as (app, source, pilot):
        await pilot.press("0")
        await until(pilot, lambda: source.asked == ([] if state == "idle" else [ResetRun()]))
        await pilot.press("question_mark", "ctrl+q")
        await until(pilot, lambda: not app.is_running or app._exit)


async def test_a_pressed_twice_sends_one_decision() -> None:
    """The gate stays open until the reply comes; the second press finds it answered."""
    script = play.Script()
    async with shown("waiting") as (app, source, pilot):
        await pilot.press("a")
        await until(pilot, lambda: source.asked == [AnswerGate("APPROVE_ACTION")])
        script.x = 11
        script.invoke(
            23_000,
            {"jobId": play.JOB, "resumeInput": {"userResponse": "APPROVE_ACTION"}},
            202,
            play.body("RUNNING"),
            90,
        )
        source.tell(script.told[0])
        stage = main_screen(app)
        await until(pilot, lambda: stage.scene.stage.gate is not None and stage.scene.stage.gate.sent is not None)
        await pilot.press("a", "r", "c")
        await pilot.pause()
        assert source.asked == [AnswerGate("APPROVE_ACTION")] and not stage.scene.look.typing


def test_every_key_of_the_table_is_bound_and_every_action_exists() -> None:
    bound = {binding.key for binding in MainScreen.BINDINGS}  # type: ignore[union-attr]
    assert bound == {key.keys for key in keys.TABLE if key.keys}
    for key in keys.TABLE:
        assert hasattr(MainScreen, f"action_{key.action.partition('(')[0]}"), key.action
