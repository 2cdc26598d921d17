"""What only the screen can do: pages over the panes, the picture, the way to the shell, the end."""

from collections.abc import Callable, Iterable

from msgspec.structs import replace
from textual.worker import Worker

from lab.core.errors import LabError
from lab.tui.panes.copy_menu import CopyPage
from lab.tui.panes.exchange import ExchangePage
from lab.tui.panes.fault_menu import FaultPage
from lab.tui.panes.help import HelpPage
from lab.tui.panes.keys import Reaction
from lab.tui.panes.page import PageContent
from lab.tui.panes.picker import PickerPage
from lab.tui.panes.qr import QR, QrPage
from lab.tui.panes.refused_keys import why_refused
from lab.tui.panes.registry import KEYS_OF_SPOT, PANES, SCREEN_KEYS, exchange_in_focus, key_named, places
from lab.tui.screens.host import Host
from lab.tui.screens.page import PageScreen
from lab.tui.screens.selectable import SelectingScreen
from lab.tui.state.screen import ScreenState
from lab.tui.state.source import SourceAsk

COLOURS_ADVICE = {
    "truecolor": "16 million",
    "256": "256; COLORTERM=truecolor gives all",
    "standard": "16; COLORTERM=truecolor gives all",
}
"""How many colours the terminal has, and how to get more."""


class ScreenCommands:
    """The commands of a screen. What keys of a page lead to is handed to `react`; `soon` asks something of the source."""

    def __init__(
        self,
        screen: SelectingScreen,
        host: Host,
        state: Callable[[], ScreenState],
        react: Callable[[Reaction], None],
        soon: Callable[[SourceAsk], Worker[None]],
    ) -> None:
        self._screen = screen
        self._host = host
        self._state = state
        self._react = react
        self._soon = soon
        self.by_name: dict[str, Callable[[], object]] = {
            "scenario": lambda: self._open(PickerPage(state)),
            "fault": lambda: self._open(FaultPage(state)),
            "help": self._open_help,
            "open": self.open_exchange,
            "qr": self._turn_qr,
            "copy": lambda: self._open(CopyPage(state)),
            "theme": host.turn_theme,
            "picture": self._save_picture,
            "palette": lambda: screen.app.action_command_palette(),
            "quit": host.leave,
            "suspend": lambda: screen.run_worker(self._suspend(), group="suspend", exit_on_error=False),
        }

    def explain(self, names: Iterable[str]) -> None:
        """Say for a moment why none of these keys does anything now."""
        if why := why_refused(map(key_named, names), self._state()):
            self._screen.note(why)

    def _open(self, page: PageContent, query: str = "") -> None:
        opened_by = KEYS_OF_SPOT[page.opener][0]
        if (face := self._state().ui.faces.get(opened_by.name)) is not None:
            page.foot = page.foot.replace(f"{page.opener} or esc", f"{face} or esc")
            page.opener = self._host.start.preferences.keys[opened_by.name]
        self._screen.app.push_screen(PageScreen(page, self._host, self._react, query))

    def _turn_qr(self) -> None:
        """Show or hide the phones' code; where it has no room beside the question, on a page of its own."""
        state, size = self._state(), self._screen.size
        shown = replace(state, ui=replace(state.ui, qr=True)).in_sight
        if QR in places(shown, size.width, size.height):
            self._react(Reaction(state.choose(qr=not state.ui.qr)))
        else:
            self._open(QrPage(self._state))

    def _open_help(self) -> None:
        size = (self._screen.size.width, self._screen.size.height)
        system = "" if self._screen.app.no_color else self._screen.app.console.color_system or ""
        colours = COLOURS_ADVICE.get(system, "none: NO_COLOR or a plain terminal")
        self._open(HelpPage(self._state, SCREEN_KEYS, PANES, size, colours))

    def open_exchange(self, x: int | None = None) -> None:
        """Open the exchange of an ordinal, or that of the pane in focus."""
        state = self._state()
        exchange = exchange_in_focus(state) if x is None else state.run.exchange(x)
        if exchange is not None:
            ui = state.ui
            self._open(ExchangePage(self._state, exchange), ui.query if ui.searched == "wire" else "")

    async def _suspend(self) -> None:
        """To the shell, until it calls back; a clock that is ours stands meanwhile."""
        state = self._state()
        ours = state.source.cursor is not None or (not state.source.follows and state.running)
        stands = ours and "pause" in state.source.can and not state.ui.paused
        if stands:
            await self._soon(lambda source: source.pause()).wait()
        self._screen.app.action_suspend_process()
        if stands:
            self._soon(lambda source: source.pause())

    def _save_picture(self) -> None:
        try:
            self._screen.note(self._host.save_picture())
        except LabError as error:
            self._screen.note(error.what)
