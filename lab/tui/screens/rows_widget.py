"""Widgets that show rows of spans: they paint only the cells that changed, and a mouse selects their text."""

from collections.abc import Callable
from itertools import pairwise, repeat, zip_longest

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Offset, Region
from textual.screen import Screen
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from lab.tui.rows.marks import TextPlace, selected_text, with_selection, word_at
from lab.tui.rows.spans import Row, Rows, backed, hot_at, width
from lab.tui.state import clean
from lab.tui.state.ink import Ground
from lab.tui.themes import Styles

NEAR = (20, 5)
"""Up to so many cells are painted again rather than left out, where one role stands there, and where there are two: another
place takes a dozen bytes, and each stretch of a role four dozen."""
SELECTED = "{} characters selected: y or ctrl+c copies them, a click lets them go."


def strip_of(row: Row, styles: Styles, cells: int, ground: str = "fg") -> Strip:
    """The row as a strip of so many cells; what is beyond its end has the role `ground`.

    What gets into the state is clean; a text that isn't all the same commands no terminal.
    """
    strip = Strip(
        [Segment(text if text.isprintable() else clean.line(text, len(text)), styles.of(role)) for text, role in row]
    )
    return strip.adjust_cell_length(cells, styles.of(ground)).simplify()


def changed_cells(old: Row, new: Row) -> list[tuple[int, int]]:
    """Where two rows differ: from which cell on, and how many; what costs less to paint than to leave out is painted too."""
    pairs = enumerate(zip(old, new, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), min(len(old), len(new)))
    if any(
        line[same:] and not cell_len(line[same].text[0]) for line in (old, new)
    ):  # an accent, on what stands before it
        same = 0
    before, after, left = _row_cells(old[same:]), _row_cells(new[same:]), width(new[:same])
    runs: list[tuple[int, int]] = []
    for at, (one, other) in enumerate(zip_longest(before, after)):
        if one != other:
            begin, end = runs[-1] if runs else (at, at)
            between = [cell[1] for cell in after[max(0, end - 1) : at + 1]]
            roles = 1 + sum(one != other for one, other in pairwise(between))
            if at == end or (roles <= len(NEAR) and at - end <= NEAR[roles - 1]):
                runs[-1:] = [(begin, at + 1)]
            else:
                runs.append((at, at + 1))
    return [(left + begin, end - begin) for begin, end in runs]


def _row_cells(row: Row) -> list[tuple[str, ...]]:
    """What stands in each cell, and in which role; the second cell of a wide character is told from its first."""
    cells: list[tuple[str, ...]] = []
    for text, role in row:
        for character in () if text.isascii() else text:
            if size := cell_len(character):
                cells += [(character, role), (character, role, "second")][:size]
            for back in (1, 2)[: len(cells[-1]) - 1] if cells and not size else ():  # an accent, on both cells
                cells[-back] = (cells[-back][0] + character, *cells[-back][1:])
        if text.isascii():
            cells += zip(text, repeat(role))
    return cells


class SelectingScreen(Screen[None]):
    """A screen on which text is selected; it says what comes of it."""

    began: Widget | None = None
    """Where a button of the mouse was pressed last: what is selected stays in there."""

    def note(self, text: str) -> None:
        """One sentence, until the next key."""
        raise NotImplementedError

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A selection may begin."""
        self.began, _ = self.get_widget_at(event.screen_x, event.screen_y)

    def on_text_selected(self) -> None:
        """The mouse was let go."""
        if text := self.get_selected_text():
            self.note(SELECTED.format(len(text)))

    def copy_selection(self) -> bool:
        """Copy what is selected to the terminal's clipboard, and let it go; False if nothing is."""
        if not (text := self.get_selected_text()):
            return False
        self.app.copy_to_clipboard(text)
        self.clear_selection()
        self.note(f"Copied: what was selected, {len(text)} characters.")
        return True


class RowsWidget(Widget):
    """Rows of spans as strips. A mouse selects by Textual's own selection, but never beyond the widget in which it began."""

    _painting = False

    def __init__(
        self, styles_now: Callable[[], Styles], *, ground: Ground = "background", id: str | None = None
    ) -> None:
        """`ground`: what the rows stand on."""
        super().__init__(id=id)
        self._styles_now = styles_now
        self._ground = ground
        self.rows: Rows = ()

    def show(self, rows: Rows) -> None:
        """Show other rows; cells that are equal aren't painted again."""
        before, self.rows = self.rows, rows
        if len(before) != len(rows):
            self.refresh()
            return
        changed = [
            Region(first, y, cells, 1)
            for y, (old, new) in enumerate(zip(before, rows, strict=True))
            if old != new
            for first, cells in changed_cells(old, new)
        ]
        if changed:
            self.refresh(*changed)

    def render_lines(self, crop):  # type: ignore[no-untyped-def]
        """What is drawn needs no places: only who asks what is under the mouse does."""
        self._painting = True
        try:
            return super().render_lines(crop)
        finally:
            self._painting = False

    def render_line(self, y: int) -> Strip:
        """One row as a strip, exactly as wide as the widget; for the mouse with where each of its characters is."""
        line = self.row(y) if self._ground == "background" else backed(self.row(y), self._ground)
        strip = strip_of(line, self._styles_now(), self.size.width, f"fg @{self._ground}")
        return strip if self._painting else strip.apply_offsets(0, y)

    def row(self, y: int) -> Row:
        """A row as it shows: what is selected turned."""
        if y >= len(self.rows):
            return ()
        ends = self._ends
        return self.rows[y] if ends is None else with_selection(self.rows, y, *ends)

    def spot_at(self, place: Offset) -> str | None:
        """The key that a click there presses."""
        return hot_at(self.rows[place.y], place.x) if 0 <= place.y < len(self.rows) else None

    @property
    def _ends(self) -> tuple[TextPlace | None, TextPlace | None] | None:
        """The first and the last place of the selection, if it began here."""
        selection, screen = self.text_selection, self.screen
        if selection is None or (isinstance(screen, SelectingScreen) and screen.began not in (None, self)):
            return None
        return selection.start, selection.end

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected here."""
        ends = self._ends
        return None if ends is None else (clean.lines(selected_text(self.rows, *ends)), "\n")

    def on_click(self, event: events.Click) -> None:
        """A second click selects the word, a third one the row, but where a click presses a key."""
        if event.chain < 2:
            return
        event.prevent_default()
        if self.spot_at(event.offset) is not None:
            return
        place = self.screen.get_widget_and_offset_at(event.screen_x, event.screen_y)[1]
        if place is not None:
            start, end = word_at(self.rows, place) if event.chain == 2 else ((0, place.y), (10**6, place.y))
            if start != end:
                self.screen.selections = {self: Selection(Offset(*start), Offset(*end))}
                self.screen.post_message(events.TextSelected())
