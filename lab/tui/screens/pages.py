"""Which page each command opens over the panes."""

from collections.abc import Callable

from textual.screen import Screen

from lab.tui.panes.copy_menu import CopyPage
from lab.tui.panes.exchange import ExchangePage
from lab.tui.panes.fault_menu import FaultPage
from lab.tui.panes.help import HelpPage
from lab.tui.panes.keys import Reaction
from lab.tui.panes.page import PageContent
from lab.tui.panes.picker import PickerPage
from lab.tui.panes.registry import KEYS_OF_SPOT, PANES, SCREEN_KEYS, exchange_in_focus
from lab.tui.panes.report import ReportPage
from lab.tui.screens.host import Host
from lab.tui.screens.page import PageScreen
from lab.tui.state.screen import ScreenState

COLOURS_ADVICE = {
    "truecolor": "16 million",
    "256": "256; COLORTERM=truecolor gives all",
    "standard": "16; COLORTERM=truecolor gives all",
}
"""How many colours the terminal has, and how to get more."""


class Pages:
    """Opens pages over a screen; what their keys lead to is handed to `react`."""

    def __init__(
        self, screen: Screen[None], host: Host, state: Callable[[], ScreenState], react: Callable[[Reaction], None]
    ) -> None:
        self._screen = screen
        self._host = host
        self._state = state
        self._react = react
        self.commands: dict[str, Callable[[], object]] = {
            "scenario": lambda: self._open(PickerPage(state)),
            "fault": lambda: self._open(FaultPage(state)),
            "help": self._open_help,
            "report": lambda: self._open(ReportPage(state)),
            "open": self._open_exchange,
            "copy": lambda: self._open(CopyPage(state)),
        }
        """By the name of the command."""

    def _open(self, page: PageContent, query: str = "") -> None:
        opened_by = KEYS_OF_SPOT[page.opener][0]
        if (face := self._state().ui.faces.get(opened_by.name)) is not None:
            page.foot = page.foot.replace(f"{page.opener} or esc", f"{face} or esc")
            page.opener = self._host.start.preferences.keys[opened_by.name]
        self._screen.app.push_screen(PageScreen(page, self._host, self._react, query))

    def _open_help(self) -> None:
        size = (self._screen.size.width, self._screen.size.height)
        colours = COLOURS_ADVICE.get(self._screen.app.console.color_system or "", "none: NO_COLOR or a plain terminal")
        self._open(HelpPage(self._state, SCREEN_KEYS, PANES, size, colours))

    def _open_exchange(self) -> None:
        exchange = exchange_in_focus(self._state())
        if exchange is not None:
            ui = self._state().ui
            self._open(ExchangePage(self._state, exchange), ui.query if ui.searched == "wire" else "")
