"""The fault menu over the stage: enter arms, delete disarms."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from lab.tui.panes.fault_menu import menu
from lab.tui.rows.spans import Row
from lab.tui.screens.page import PageScreen
from lab.tui.sources.intents import ArmFault, DisarmFault, Intent
from lab.tui.state.faults import FAULT_OFFERS
from lab.tui.state.screen import ScreenState
from lab.tui.themes import Styles


class FaultScreen(PageScreen):
    """What, then where; it follows the state, so a fault that strikes meanwhile leaves the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "arm", "Arm"),
        Binding("delete,backspace", "disarm", "Disarm"),
        Binding("left", "route(-1)", "Another route"),
        Binding("right", "route(1)", "Another route"),
    ]

    def __init__(
        self, scene: Callable[[], ScreenState], ask: Callable[[Intent], None], styles_now: Callable[[], Styles]
    ) -> None:
        self.scene = scene
        self.ask = ask
        self.at = len(scene().show.armed)
        self.turned = 0
        super().__init__("FAULT", self._body, styles_now, key="f", foot="↑ ↓ ← → enter arms · esc")

    def _body(self, inner: int, rows: int) -> list[Row]:
        show = self.scene().show
        self.at = min(self.at, len(show.armed) + len(FAULT_OFFERS) - 1)
        return menu(show.armed, show.scenario, self.at, self._route(), inner, rows)

    def _route(self) -> str:
        index = self.at - len(self.scene().show.armed)
        routes = FAULT_OFFERS[index].routes if 0 <= index < len(FAULT_OFFERS) else ("",)
        return routes[self.turned % len(routes)]

    def action_move(self, by: int) -> None:
        """Choose another one."""
        last = len(self.scene().show.armed) + len(FAULT_OFFERS) - 1
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
            self.ask(ArmFault(FAULT_OFFERS[index].at(self._route())))
            self.dismiss(None)

    def action_disarm(self) -> None:
        """Disarm the chosen one."""
        armed = self.scene().show.armed
        if self.at < len(armed):
            self.ask(DisarmFault(armed[self.at].name))
