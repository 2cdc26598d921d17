"""A page over the panes: help, the scenario picker, the fault menu, both sides of an exchange."""

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen
from textual.strip import Strip

from lab.tui.panes.keys import Reaction
from lab.tui.panes.page import PageContent
from lab.tui.panes.page_search import SEARCH_FOOT, PageSearch
from lab.tui.rows.blocks import frame
from lab.tui.rows.spans import Rows, backed, row
from lab.tui.screens.host import Host
from lab.tui.screens.rows_widget import strip_of
from lab.tui.screens.selectable import SelectableRows, SelectingScreen

MOVES = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -10, "pagedown": 10, "space": 10}
"""Keys that scroll, or choose another entry, and by how much."""


class Sheet(SelectableRows):
    """A framed page in the middle; scrolls."""

    DEFAULT_CSS = "Sheet { width: 100%; height: 100%; }"

    def __init__(self, page: PageContent, host: Host, query: str) -> None:
        super().__init__()
        self.page = page
        self.search = PageSearch(query)
        self.top = 0
        self._host = host
        self.note = ""
        """What stands below it in the place of its keys, until the next key."""

    def framed(self) -> Rows:
        """The page in its frame."""
        columns, height = self.size.width, self.size.height
        body = self.page.body(max(1, columns - 6), max(1, height - 2))
        body, self.top = self.search.shown(body, self.top, max(1, height - 2))
        over = max(0, len(body) - (height - 2))
        self.top = max(0, min(self.top, over))
        below = over - self.top + self.page.below
        more = f"↓ {below} more · " if below else ""
        title = row((self.page.title, "run b"), (self.search.title, "accent b"))
        keys = SEARCH_FOOT if self.search.query and not self.search.typing else self.page.foot
        foot = row((self.note, "accent") if self.note else (more + keys, "dim"))
        return frame(body[self.top :], title, foot, "work", columns, height)

    def render_lines(self, crop):  # type: ignore[no-untyped-def]
        """Draw once a frame, not once a row; a bug of ours leaves the last good rows."""
        try:
            self.rows = self.framed()
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self._host.survive(error)
        return super().render_lines(crop)  # type: ignore[no-untyped-call]

    def render_line(self, y: int) -> Strip:
        """One row as a strip."""
        line = backed(self.row(y), "surface")
        return self.placed(strip_of(line, self._host.role_styles, self.size.width, "fg @surface"), y)


class PageScreen(SelectingScreen, ModalScreen[None]):
    """A page that esc, and the key that opened it, close. What its own keys lead to is handed to `react`."""

    AUTO_FOCUS = ""

    def __init__(self, page: PageContent, host: Host, react: Callable[[Reaction], None], query: str = "") -> None:
        """`query`: what is looked for on it from the beginning on."""
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal")]
        self.page = page
        self.sheet = Sheet(page, host, query)
        self._host = host
        self._react = react

    def compose(self) -> ComposeResult:
        """The sheet alone."""
        yield self.sheet

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Leave it, unless it has been left: what lies beneath it stays."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    def note(self, text: str) -> None:
        """Below the page."""
        self.sheet.note = text
        self.sheet.refresh()

    def on_key(self, event: events.Key) -> None:
        """The page's own keys, those that scroll it, and those that close it."""
        try:
            known = self._press(event.key, event.character)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self._host.survive(error)
            return
        if known:
            event.stop()

    def _press(self, key: str, character: str | None) -> bool:
        page, sheet = self.page, self.sheet
        sheet.note = ""
        if key == "y" and self.copy_selection():
            return True
        if self.selections:
            self.clear_selection()
            if key == "escape":
                return True
        if page.edit(key, character):
            sheet.top = 0
        elif sheet.search.press(key, character):
            pass
        elif key in page.keys:
            done = page.press(key)
            sheet.top = 0 if done.to_top else sheet.top
            if done.copy:
                # as far as the terminal has a clipboard (OSC 52)
                self.app.copy_to_clipboard(done.copy)
            if done.close:
                self.dismiss(None)
            if done.ask is not None or done.ui is not None:
                self._react(Reaction(done.ui, done.ask))
        elif key == "escape" or page.opener in (key, character):
            self.dismiss(None)
            return True
        elif key in MOVES:
            if not page.move(MOVES[key]):
                sheet.top += MOVES[key]
        else:
            return False
        sheet.refresh()
        return True
