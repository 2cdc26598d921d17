"""The stage: what each key does. All three sources show on it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from lab.core.errors import LabError
from lab.tui.panes import keys
from lab.tui.panes.help import help_page
from lab.tui.panes.openable import exchange_of
from lab.tui.rows.spans import Row
from lab.tui.screens.exchange import ExchangeScreen
from lab.tui.screens.fault import FaultScreen
from lab.tui.screens.looking import LookingScreen
from lab.tui.screens.page import PageScreen, Picker
from lab.tui.screens.part import Pressed
from lab.tui.sources.intents import (
    ChooseScenario,
    Intent,
    ResetRun,
    SendTurn,
    SetSpeed,
    StartRun,
    StepForward,
    TogglePause,
    ToggleTape,
)

ADVICE = {
    "truecolor": "16 million", "256": "256; COLORTERM=truecolor gives all", "standard": "16; COLORTERM=truecolor gives all",
}  # fmt: skip
"""How many colours the terminal has, and how to get more."""


SILENT = frozenset(("back", "tell_quit", "palette", "scroll(-1)", "scroll(1)", "scroll(-10)", "scroll(10)"))
"""Actions of keys that the palette needn't name."""
TYPED = {"changes": "RFI_ACTION", "approve": "APPROVE_ACTION", "reject": "REJECT_ACTION"}
"""The action that a typed row sends."""


def _bindings() -> Iterator[BindingType]:
    for key in keys.TABLE:
        if not key.keys:
            continue
        yield Binding(key.keys, key.action, key.label, show=False, tooltip=key.help, priority=key.keys == "ctrl+c")


class MainScreen(LookingScreen):
    """The stage with all its keys: those that ask the source, and those that open a page, stand here."""

    BINDINGS: ClassVar[list[BindingType]] = list(_bindings())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that aren't offered do nothing."""
        for key in keys.TABLE:
            name, _, rest = key.action.partition("(")
            if name == action and (not rest or repr(parameters[0]) == rest[:-1]):
                return self._offers(key)
        return True

    @property
    def blind(self) -> bool:
        """Whether the terminal is too small for the stage."""
        return "small" in self._places

    def _offers(self, key: keys.ScreenKey) -> bool:
        return key.offered(self.scene) and (not self.blind or key.shown in keys.BLIND)

    def _ask(self, intent: Intent) -> None:
        self.run_worker(self._perform(intent), group="intents", exit_on_error=False)

    async def _perform(self, intent: Intent) -> None:
        async with self._turn:
            refused = await self._refusal(intent)
        look = replace(self._look(), said=refused or "")
        if refused:
            look = replace(look, started=False)
        self._set(replace(self.scene, show=self._show(), look=look))

    async def _refusal(self, intent: Intent) -> str | None:
        try:
            return await self.lab.source.perform(intent)
        except LabError as error:
            return error.what
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self.lab.survive(error)
            return None

    def action_pause(self) -> None:
        """Begin, pause, go on."""
        if not (self.scene.show.follows or self.scene.stage.running or self.scene.look.started):
            self._choose(started=True)
            self._ask(StartRun())
        else:
            self._ask(TogglePause())

    def action_step(self) -> None:
        """Run on to the next observation."""
        if not (self.scene.show.follows or self.scene.stage.running):
            self._choose(started=True)
        self._ask(StepForward())

    def action_reset(self) -> None:
        """Back to the start."""
        self.parts["output"].top = self.parts["wire"].top = 0
        self._choose(started=False, typing="", output="rendered", zoom="")
        self._ask(ResetRun())

    def action_decide(self, action: str) -> None:
        """Answer the open gate."""
        self._ask(self.decided(action))

    def action_changes(self) -> None:
        """Open the row for what should be different."""
        self._choose(typing="changes")

    def action_message(self) -> None:
        """Open the row for what the app says next."""
        self._choose(typing="message", turn=0)

    @on(Input.Submitted, "#line")
    def send_line(self, told: Input.Submitted) -> None:
        """A request for changes says what should be different, a message what the app says; neither is empty."""
        text, kind = told.value.strip(), self.scene.look.typing
        if text and kind:
            self._choose(typing="", output="rendered")
            self._ask(SendTurn(text) if kind == "message" else self.decided(TYPED[kind], text))

    def action_faster(self) -> None:
        """The next factor up."""
        self._pace(1)

    def action_slower(self) -> None:
        """The next factor down."""
        self._pace(-1)

    def action_speed_one(self) -> None:
        """The clock at its own pace."""
        self._ask(SetSpeed("1"))

    def _pace(self, by: int) -> None:
        factor = self.scene.look.factor
        at = keys.SPEEDS.index(factor) if factor in keys.SPEEDS else keys.SPEEDS.index("1")
        chosen = keys.SPEEDS[max(0, min(len(keys.SPEEDS) - 1, at + by))]
        self._choose(factor=chosen)
        self._ask(SetSpeed(chosen))

    def action_tell_quit(self) -> None:
        """ctrl+c is no way out, but tells of it."""
        self._set(replace(self.scene, look=replace(self.scene.look, said="ctrl+q ends the lab.")))

    def action_leave(self) -> None:
        """End the app; it returns the outcome's document."""
        self.lab.leave()

    def action_palette(self) -> None:
        """Every command by its name."""
        self.app.action_command_palette()

    def commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """What the palette offers now: name, explanation, what to call."""
        scene = self.scene
        for key in keys.TABLE:
            if self._offers(key) and key.action not in SILENT:
                face = f" ({key.shown})" if key.shown else ""
                yield f"{keys.label(scene, key)}{face}", key.help, partial(self.run_action, key.action)
        for shown, kind in (("a", "approve"), ("r", "reject")):
            if self._offers(keys.by_shown(shown)):
                told = f"{kind} at the open gate, with a comment"
                yield f"{kind.capitalize()} with a comment", told, partial(self._choose, typing=kind)

    def action_picture(self) -> None:
        """Save the screen as SVG."""
        try:
            said = self.lab.picture()
        except LabError as error:
            said = error.what
        self._set(replace(self.scene, look=replace(self.scene.look, said=said)))

    def action_help(self) -> None:
        """Every key."""
        columns, rows = self.size.width, self.size.height
        colours = ADVICE.get(self.app.console.color_system or "", "none: NO_COLOR or a plain terminal")

        def body(inner: int, _rows: int) -> list[Row]:
            return help_page(self.scene, columns, rows, colours, inner)

        self.app.push_screen(PageScreen("HELP", body, lambda: self.lab.styles_now, key="?", foot="? or esc"))

    def action_scenario(self) -> None:
        """Choose another scenario."""
        source = self.lab.source
        current = source.scenario.name if source.scenario is not None else ""
        self.app.push_screen(Picker(source.scenarios, current, lambda: self.lab.styles_now), self._chosen)

    def _chosen(self, name: str | None) -> None:
        if name is not None:
            self._choose(started=False, typing="", output="rendered", zoom="")
            self._ask(ChooseScenario(name))

    def action_tape(self) -> None:
        """Begin a recording, or end it."""
        self._ask(ToggleTape())

    def action_fault(self) -> None:
        """Choose what goes wrong next."""
        self.app.push_screen(FaultScreen(lambda: self.scene, self._ask, lambda: self.lab.styles_now))

    def action_open(self) -> None:
        """Both sides of the exchange that is chosen."""
        call = exchange_of(self.scene, self.parts["wire"].top)
        if call is not None:
            self.app.push_screen(ExchangeScreen(lambda: self.scene, call, lambda: self.lab.styles_now))

    @on(Pressed)
    async def press(self, told: Pressed) -> None:
        """A click on a hot spot is its key."""
        if self.seek(told.key):
            return
        for key in keys.TABLE:
            if key.shown == told.key and self._offers(key):
                await self.run_action(key.action)
                return
