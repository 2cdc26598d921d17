"""Both sides of an exchange, over the stage; `y` copies it as a curl command."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from lab.tui.panes.exchange import exchange, name
from lab.tui.rows.curl import curl
from lab.tui.rows.spans import Row
from lab.tui.screens.page import PageScreen
from lab.tui.state.screen import ScreenState
from lab.tui.state.values import Exchange
from lab.tui.themes import Styles

FOOT = "y as curl · ← → others · esc"


class ExchangeScreen(PageScreen):
    """One exchange; it follows the state, so a reply that comes while it is open shows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy as curl"),
        Binding("left,left_square_bracket", "other(-1)", "The one before"),
        Binding("right,right_square_bracket", "other(1)", "The one after"),
    ]

    def __init__(self, scene: Callable[[], ScreenState], call: Exchange, styles_now: Callable[[], Styles]) -> None:
        self.scene = scene
        self.call = call
        super().__init__("EXCHANGE", self._body, styles_now, key="enter", foot=FOOT)

    def _body(self, inner: int, rows: int) -> list[Row]:
        scene = self.scene()
        self.call = next((call for call in scene.stage.calls if call.x == self.call.x), self.call)
        self.sheet.told = (name(scene, self.call), self.sheet.told[1])
        return exchange(scene, self.call, inner)

    def action_other(self, by: int) -> None:
        """The exchange before or after."""
        calls = self.scene().stage.calls
        at = next((at for at, call in enumerate(calls) if call.x == self.call.x), 0)
        if calls:
            self.call = calls[max(0, min(len(calls) - 1, at + by))]
        self._say(FOOT, top=0)

    def action_copy(self) -> None:
        """Put the command into the terminal's clipboard, as far as it has one (OSC 52)."""
        show = self.scene().show
        self.app.copy_to_clipboard(curl(self.call, show.base, show.token_url))
        self._say("sent to the clipboard · esc")

    def _say(self, foot: str, *, top: int | None = None) -> None:
        self.sheet.told = (self.sheet.told[0], foot)
        self.sheet.top = self.sheet.top if top is None else top
        self.sheet.refresh()
