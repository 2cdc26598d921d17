"""Every key of the table in every state: it does what the table says, or nothing."""

from collections.abc import Callable
from typing import get_type_hints

import pytest
from msgspec.structs import replace

from lab.clocks import settle
from lab.tui.app import LabApp
from lab.tui.panes.keys import why_refused
from lab.tui.panes.registry import SCREEN_KEYS
from lab.tui.panes.screen_keys import END, NOTHING_OPEN
from lab.tui.panes.wire import ExchangePage
from lab.tui.screens.main import MainScreen
from lab.tui.screens.overlays import FormScreen
from lab.tui.state.screen import ScreenState, UiChange, UiState
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import LabPilot, main_screen, screen_in, text, turn_to, until
from tests.tui.test_view import view_of

Snapshot = tuple[UiState, tuple[tuple[object, ...], ...], object, str]


def asks(*requests: tuple[object, ...]) -> Callable[[Snapshot, Snapshot], bool]:
    return lambda _, after: after[1] == requests


def looks(**changes: object) -> Callable[[Snapshot, Snapshot], bool]:
    return lambda before, after: after[0] == replace(before[0], **changes)


def focuses(pane: str) -> Callable[[Snapshot, Snapshot], bool]:
    """At the end the panes come back for it."""
    return lambda before, after: after[0] in [replace(before[0], focus=pane, panes=panes) for panes in (False, True)]


def opens(page: type | str) -> Callable[[Snapshot, Snapshot], bool]:
    return lambda _, after: after[2] == page


def same(before: Snapshot, after: Snapshot) -> bool:
    return before == after


DOES: dict[str, Callable[[Snapshot, Snapshot], bool]] = {
    "approve": asks(play.answer("approved")), "reject": asks(play.answer("rejected")), "changes": opens(FormScreen),
    "approve-saying": opens(FormScreen), "reject-saying": opens(FormScreen),
    "step": asks(("step",)), "output-view": looks(output="raw"),
    "pause": lambda _, after: after[1] in ((("begin",),), (("pause",),)),
    "message": opens(FormScreen), "earlier": looks(turn=1), "later": same, "wire": looks(wire=True, focus="wire"),
    "full-wire": looks(zoom="wire", focus="wire"), "scenario": opens("s"), "fault": opens("f"),
    "record": asks(("record",)), "faster": asks(("scale", "2")), "slower": asks(("scale", "0.5")),
    "own-pace": asks(("scale", "1")), **{f"focus-{pane}": focuses(pane) for pane in ("token", "job", "polling", "output")},
    "focus-wire": looks(wire=True, focus="wire"), "copy": opens("y"), "search": opens(FormScreen), "next-hit": same, "hit-before": same, "zoom": looks(zoom="output"), "leave-open": lambda before, after: after[0] in (replace(before[0], remark=NOTHING_OPEN), UiState(panes=True)),
    "up": same, "page-up": same, "down": looks(scrolled={"output": 1}), "page-down": looks(scrolled={"output": 10}),
    "stage": lambda before, after: after[:2] == (replace(before[0], stage=True), (("stand_at_acts", True),)),
    "presenter": looks(presenter=True), "theme": lambda _, after: after[3] == "stage-light",
    "picture": lambda _, after: after[0].remark == "Saved as x.svg.", "help": opens("?"),
    "palette": opens("ctrl+p"), "quit-asks": looks(remark=END),
    **{f"ask-{number}": asks(("say", text)) for number, text in enumerate(play.FOLLOW_UP, 1)},
}  # fmt: skip
"""What each key does in a state that offers it; `reset`, `quit` and `open` are looked at by themselves."""


@pytest.mark.parametrize(
    "states",
    [["waiting"], pytest.param([each for each in play.STATES if each != "waiting"], marks=pytest.mark.long)],
    ids=["in one state", "in the others"],
)
async def test_each_key_does_what_the_table_says_or_nothing(states: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pressed in one state; in the others its action is run, which is what a bound key does."""
    monkeypatch.setattr(LabApp, "save_picture", lambda _: "Saved as x.svg.")
    async with screen_in("idle") as (app, source, pilot):
        for state in states:
            await turn_to(pilot, source, state)
            await _each_key(state, app, source, pilot)


async def _each_key(state: str, app: LabApp, source: play.Scripted, pilot: LabPilot) -> None:
    main = main_screen(app)

    def snapshot() -> Snapshot:
        return (
            main.state.ui,
            tuple(source.requests),
            getattr(getattr(app.screen, "page", None), "opener", type(app.screen)),
            app.theme,
        )

    for key in SCREEN_KEYS:
        if key.name in ("reset", "quit", "open") or not key.keys:
            continue
        offered = key.is_offered(main.state)
        if (offered and key.name in SLOW and state != "waiting") or (
            key.name.startswith(("ask-", "next-")) and not offered
        ):
            continue
        before = snapshot()
        if state == "waiting":
            await pilot.press(key.keys.split(",")[0])
        else:
            await main.run_action(f"press({key.name!r})")
        why = why_refused([key], main.state) if state == "waiting" and not offered else ""
        expected = DOES[key.name] if offered else looks(remark=why) if why else same
        await reached(lambda expected=expected, before=before: expected(before, snapshot()), f"{key.name} in {state}")
        if snapshot() == before:
            continue
        while app.screen is not main:
            await app.pop_screen()
        source.requests, source.paused, source.factor, app.theme = [], False, "1", "stage-dark"
        main.choose(UiState())
        await settle()


SLOW = frozenset(("copy", "help", "palette", "scenario", "fault", "theme"))
"""Pages and themes take their time to paint; the same code opens them in every state."""


async def reached(true: Callable[[], bool], what: str) -> None:
    for _ in range(200):
        if true():
            return
        await settle()
    raise AssertionError(f"{what}: it never came true")


async def test_5_after_w_keeps_the_drawer_in_focus() -> None:
    async with screen_in("waiting") as (app, _, pilot):
        await pilot.press("w", "5", "enter")
        await reached(lambda: type(getattr(app.screen, "page", None)) is ExchangePage, "enter opens an exchange")


async def test_enter_opens_only_what_a_pane_has() -> None:
    async with screen_in("idle") as (app, source, pilot):
        run = main_screen(app)
        for state in ("idle", "refused", "second"):
            await turn_to(pilot, source, state)
            await pilot.press("enter")
            assert app.screen is run
            run.choose(UiState(panes=True))
            for pane, has in (
                ("1", run.state.run.token), ("2", run.state.run.job), ("3", run.state.run.polls),
                ("4", run.state.run.polls), ("5", run.state.run.exchanges),
            ):  # fmt: skip
                await pilot.press(pane, "enter")
                await until(
                    pilot, lambda has=has: isinstance(getattr(app.screen, "page", None), ExchangePage) == bool(has)
                )
                if has:
                    await pilot.press("escape")


@each_row("state", ["idle", "second"])
async def test_reset_and_the_way_out_also_from_a_page(state: str) -> None:
    async with screen_in(state) as (app, source, pilot):
        await pilot.press("0")
        await until(pilot, lambda: source.requests == ([] if state == "idle" else [("reset",)]))
        await pilot.press("question_mark", "ctrl+q")
        await until(pilot, lambda: not app.is_running or app._exit)


@each_row("pressed", ["q q", "s ctrl+c ctrl+c", "ctrl+p ctrl+c q", "c x ctrl+c ctrl+c"])
async def test_a_second_press_ends_it_and_one_that_another_key_follows_asks_anew(pressed: str) -> None:
    async with screen_in("waiting") as (app, _, pilot):
        *before, last = pressed.split()
        await pilot.press(*before)
        await until(pilot, lambda: END in text(app))
        assert app.is_running and not app._exit and app.screen is main_screen(app)
        await pilot.press("escape")
        await until(pilot, lambda: END not in text(app))
        await pilot.press("ctrl+c")
        assert not app._exit
        await pilot.press(last)
        await until(pilot, lambda: app._exit)


async def test_a_pressed_twice_sends_one_decision() -> None:
    """The gate stays open until the reply comes; the second press finds it answered."""
    script = play.Script()
    async with screen_in("waiting") as (app, source, pilot):
        await pilot.press("a")
        await until(pilot, lambda: source.requests == [play.answer("approved")])
        script.x = 11
        script.invoke(
            23_000,
            {"jobId": play.JOB, "resumeInput": {"userResponse": "APPROVE_ACTION"}},
            202,
            play.body("RUNNING"),
            90,
        )
        source.tell(script.observations[0])
        run = main_screen(app)
        await until(pilot, lambda: run.state.run.gate is not None and run.state.run.gate.sent is not None)
        await pilot.press("a", "r", "c")
        await pilot.pause()
        assert source.requests == [play.answer("approved")] and app.screen is run


def test_every_key_of_the_table_is_bound_and_every_command_exists() -> None:
    bound = {binding.key for binding in MainScreen.BINDINGS}  # type: ignore[union-attr]
    assert bound == {key.keys for key in SCREEN_KEYS if key.keys}
    main = MainScreen(LabApp(play.Scripted([])))
    for key in SCREEN_KEYS:
        command = key.react(ScreenState()).command
        assert not command or command in main._commands, key.name


@each_row(
    ("state", "pressed", "said"),
    [
        ("running", "a", "No gate is open."), ("running", "c", "No gate is open."), ("complete", "R", "No gate is open."),
        ("running", "shift+left", "There are acts to go to only act by act: P. At any pace: ctrl+p, “Go to …”."),
        ("running", "m", "A job is running: m says the next turn when it has ended."),
        ("running", "7", "1 to 5 for a pane; at the end each follow-up shows the digit that asks it."),
        ("complete", "9", "There is no follow-up of this number."), ("complete", "enter", "Focus a pane first: 3 to 5."),
    ],
)  # fmt: skip
async def test_a_key_that_is_not_offered_says_why_until_the_next_one(state: str, pressed: str, said: str) -> None:
    async with screen_in(state) as (app, source, pilot):
        await pilot.press(pressed)
        await until(pilot, lambda: said in text(app))
        await pilot.press("tab", "shift+tab", "f12", "ctrl+home")  # keys that Textual binds, or nobody
        await pilot.press("w")
        assert said not in text(app) and not source.requests


@pytest.mark.parametrize(("state", "then"), [("running", "Nothing is open that esc could leave."), ("complete", "")])
async def test_esc_leaves_what_is_open_one_by_one_and_is_never_dead(state: str, then: str) -> None:
    async with screen_in(state) as (app, _, pilot):
        main = main_screen(app)
        before = main.state.ui
        await pilot.press("W")
        assert main.state.ui.zoom == "wire"
        await pilot.press("escape")
        assert main.state.ui == before
        await pilot.press("escape")
        await until(pilot, lambda: main.state.ui == replace(before, remark=then, panes=not then))


def test_counterparts_are_keys_and_no_key_of_the_bar_is_there_twice() -> None:
    names = [key.name for key in SCREEN_KEYS]
    assert len(names) == len({*names}) and {key.pair for key in SCREEN_KEYS} <= {*names, ""}
    for state in play.STATES:
        shown = [key.face for key in SCREEN_KEYS if key.rank_in(view_of(state))]
        assert len(shown) == len({*shown}) and "?" in shown


async def test_another_scenario_ends_a_run_only_when_enter_is_pressed_twice() -> None:
    async with screen_in("running") as (app, source, pilot):
        await pilot.press("s", "enter")
        await until(pilot, lambda: "enter once more ends the run" in text(app))
        assert not source.requests
        await pilot.press("down")  # another one wasn't asked about
        await until(pilot, lambda: "enter once more" not in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "enter once more ends the run" in text(app))
        assert not source.requests
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is main_screen(app))
        assert [name for name, *_ in source.requests] == ["choose"]


def test_what_a_key_may_change_is_typed_as_the_choice_itself() -> None:
    """`choose` is checked by these: each has the name and the type that it has there."""
    choice = get_type_hints(UiState)
    assert {name: choice[name] for name in UiChange.__annotations__} == get_type_hints(UiChange)
