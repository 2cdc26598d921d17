"""One widget for every part of the screen: it shows rows of spans and repaints only those that changed."""

from collections.abc import Callable

from rich.segment import Segment
from textual import events, on
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from lab.tui.rows.spans import Row, Rows, hot_at
from lab.tui.screens.selectable import SelectableRows
from lab.tui.state import clean
from lab.tui.themes import Styles


def strip_of(row: Row, styles: Styles, width: int, ground: str = "fg") -> Strip:
    """The row as a strip of so many cells; what is beyond its end has the role `ground`.

    What gets into the state is clean; a text that isn't all the same commands no terminal.
    """
    strip = Strip(
        [Segment(text if text.isprintable() else clean.line(text, len(text)), styles.of(role)) for text, role in row]
    )
    return strip.adjust_cell_length(width, styles.of(ground))


class Pressed(Message):
    """A hot spot was clicked: as if the key had been pressed."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


class Scrolled(Message):
    """The wheel turned over a part."""

    def __init__(self, part: str, by: int) -> None:
        super().__init__()
        self.part = part
        self.by = by


class RowsWidget(SelectableRows):
    """Rows of spans as strips. Its place is set from outside; it never asks for one."""

    DEFAULT_CSS = "RowsWidget { position: absolute; width: 1; height: 1; }"

    def __init__(self, name: str, styles_now: Callable[[], Styles]) -> None:
        super().__init__(id=name)
        self.part = name
        self._styles_now = styles_now

    def show(self, rows: Rows) -> None:
        """Show other rows; those that are equal aren't painted again."""
        before, self.rows = self.rows, rows
        if len(before) != len(rows):
            self.refresh()
            return
        pairs = enumerate(zip(before, rows, strict=True))
        changed = [Region(0, y, self.size.width, 1) for y, (old, new) in pairs if old != new]
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """One row as a strip, exactly as wide as the widget."""
        return self.placed(strip_of(self.row(y), self._styles_now(), self.size.width), y)

    def on_click(self, event: events.Click) -> None:
        """A click on a hot spot presses its key."""
        key = hot_at(self.rows[event.y], event.x) if event.y < len(self.rows) else None
        if key is not None:
            event.stop()
            event.prevent_default()
            self.post_message(Pressed(key))

    @on(events.MouseScrollDown)
    @on(events.MouseScrollUp)
    def scroll_on(self, event: events.MouseEvent) -> None:
        """Scroll on, or back."""
        event.stop()
        self.post_message(Scrolled(self.part, 3 if isinstance(event, events.MouseScrollDown) else -3))
