"""Pages over the stage: help, the scenario picker, both sides of an exchange."""

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from lab.tui.panes.picker import Choice, picker
from lab.tui.rows.blocks import frame
from lab.tui.rows.spans import Row, Rows, backed, row
from lab.tui.themes import Styles

PageBody = Callable[[int, int], list[Row]]
"""Inner columns and rows to the rows of a page, more than fit if it scrolls."""


class Sheet(Widget):
    """A framed page in the middle; scrolls."""

    DEFAULT_CSS = "Sheet { width: 100%; height: 100%; }"

    def __init__(self, title: str, foot: str, body: PageBody, styles_now: Callable[[], Styles]) -> None:
        super().__init__()
        self.told = (title, foot)
        self.body = body
        self.top = 0
        self._styles_now = styles_now
        self._drawn: Rows = ()

    def survive(self, error: Exception) -> None:
        """Tell the app of a bug."""
        from lab.tui.app import LabApp

        if isinstance(self.app, LabApp):
            self.app.survive(error)

    def rows(self) -> Rows:
        """The page in its frame."""
        columns, height = self.size.width, self.size.height
        body = self.body(max(1, columns - 4), max(1, height - 2))
        over = max(0, len(body) - (height - 2))
        self.top = max(0, min(self.top, over))
        title, foot = self.told
        if over > self.top:
            foot = f"↓ {over - self.top} more · {foot}"
        return frame(body[self.top :], row((title, "run b")), row((foot, "dim")), "work", columns, height, key="")

    def render_lines(self, crop):  # type: ignore[no-untyped-def]
        """Draw once a frame, not once a row; a bug of ours leaves the last good rows."""
        try:
            self._drawn = self.rows()
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self.survive(error)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One row as a strip."""
        styles = self._styles_now()
        line = backed(self._drawn[y], "@surface") if y < len(self._drawn) else ()
        strip = Strip([Segment(span.text, styles.of(span.role)) for span in line])
        return strip.adjust_cell_length(self.size.width, styles.of("fg @surface"))


class PageScreen(ModalScreen[str | None]):
    """A page that esc, and the key that opened it, close."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back"),
        Binding("up,k", "move(-1)", "Up"),
        Binding("down,j", "move(1)", "Down"),
        Binding("pageup", "move(-10)", "Page up"),
        Binding("pagedown,space", "move(10)", "Page down"),
    ]

    def __init__(
        self, title: str, body: PageBody, styles_now: Callable[[], Styles], *, key: str, foot: str = "esc"
    ) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal")]
        self.key = key
        self.sheet = Sheet(title, foot, body, styles_now)

    def compose(self) -> ComposeResult:
        """The sheet alone."""
        yield self.sheet

    def on_key(self, event: events.Key) -> None:
        """The key that opened the page closes it."""
        if self.key in (event.key, event.character):
            event.stop()
            self.dismiss(None)

    def action_close(self) -> None:
        """Back to the stage."""
        self.dismiss(None)

    def action_move(self, by: int) -> None:
        """Scroll."""
        self.sheet.top += by
        self.sheet.refresh()


class Picker(PageScreen):
    """The scenarios; enter chooses one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Choose")]

    def __init__(self, choices: tuple[Choice, ...], current: str, styles_now: Callable[[], Styles]) -> None:
        self.choices = choices
        self.at = next((at for at, choice in enumerate(choices) if choice.name == current), 0)
        super().__init__("SCENARIO", self._body, styles_now, key="s", foot="↑ ↓ enter · esc")

    def _body(self, inner: int, rows: int) -> list[Row]:
        return picker(self.choices, self.at, inner, rows)

    def action_move(self, by: int) -> None:
        """Choose the next or the previous one."""
        self.at = max(0, min(len(self.choices) - 1, self.at + by))
        self.sheet.refresh()

    def action_choose(self) -> None:
        """Play it."""
        self.dismiss(self.choices[self.at].name if self.choices else None)
