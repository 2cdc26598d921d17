"""The fault menu over the stage: enter arms, delete disarms."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from lab.tui.messages import FaultArmed, FaultDisarmed, Intent
from lab.tui.screens.page import Page
from lab.tui.themes import Styles
from lab.tui.view.armed import OFFERS
from lab.tui.view.rows.faults import menu
from lab.tui.view.spans import Row
from lab.tui.view.state import Scene


class FaultScreen(Page):
    """What, then where; it follows the state, so a fault that strikes meanwhile leaves the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "arm", "Arm"),
        Binding("delete,backspace", "disarm", "Disarm"),
        Binding("left", "route(-1)", "Another route"),
        Binding("right", "route(1)", "Another route"),
    ]

    def __init__(
        self, scene: Callable[[], Scene], ask: Callable[[Intent], None], styles_now: Callable[[], Styles]
    ) -> None:
        self.scene = scene
        self.ask = ask
        self.at = len(scene().show.armed)
        self.turned = 0
        super().__init__("FAULT", self._body, styles_now, key="f", foot="↑ ↓ ← → enter arms · esc")

    def _body(self, inner: int, rows: int) -> list[Row]:
        show = self.scene().show
        self.at = min(self.at, len(show.armed) + len(OFFERS) - 1)
        return menu(show.armed, show.scenario, self.at, self._route(), inner, rows)

    def _route(self) -> str:
        index = self.at - len(self.scene().show.armed)
        routes = OFFERS[index].routes if 0 <= index < len(OFFERS) else ("",)
        return routes[self.turned % len(routes)]

    def action_move(self, by: int) -> None:
        """Choose another one."""
        last = len(self.scene().show.armed) + len(OFFERS) - 1
        self.at, self.turned = max(0, min(last, self.at + by)), 0
        self.sheet.refresh()

    def action_route(self, by: int) -> None:
        """Let it strike another route."""
        self.turned += by
        self.sheet.refresh()

    def action_arm(self) -> None:
        """Arm the chosen one, and go back to the stage to see it strike."""
        index = self.at - len(self.scene().show.armed)
        if index >= 0:
            self.ask(FaultArmed(OFFERS[index].at(self._route())))
            self.dismiss(None)

    def action_disarm(self) -> None:
        """Disarm the chosen one."""
        armed = self.scene().show.armed
        if self.at < len(armed):
            self.ask(FaultDisarmed(armed[self.at].name))
