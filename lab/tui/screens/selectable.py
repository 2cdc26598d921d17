"""Rows that a mouse selects: by Textual's own selection, but never beyond the part in which it began."""

from textual import events
from textual.geometry import Offset
from textual.screen import Screen
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from lab.tui.rows.selection import TextPlace, selected_text, with_selection, word_at
from lab.tui.rows.spans import Row, Rows
from lab.tui.state import clean

SELECTED = "{} characters selected: y or ctrl+c copies them, a click lets them go."


class SelectingScreen(Screen[None]):
    """A screen on which text is selected; it says what comes of it."""

    def note(self, text: str) -> None:
        """One sentence, until the next key."""
        raise NotImplementedError

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


class SelectableRows(Widget):
    """A widget that draws rows; `rows` are those that show."""

    rows: Rows = ()
    _painting = False

    def render_lines(self, crop):  # type: ignore[no-untyped-def]
        """What is drawn needs no places: only who asks what is under the mouse does."""
        self._painting = True
        try:
            return super().render_lines(crop)
        finally:
            self._painting = False

    def placed(self, strip: Strip, y: int) -> Strip:
        """A row as a strip; for the mouse with where each of its characters is."""
        return strip if self._painting else strip.apply_offsets(0, y)

    def row(self, y: int) -> Row:
        """A row as it shows: what is selected turned."""
        if y >= len(self.rows):
            return ()
        ends = self._ends
        return self.rows[y] if ends is None else with_selection(self.rows, y, *ends)

    @property
    def _ends(self) -> tuple[TextPlace | None, TextPlace | None] | None:
        """The first and the last place of the selection, if it began here."""
        selection, state = self.text_selection, self.screen._select_state
        if selection is None or (state is not None and state.start.content_widget is not self):
            return None
        return selection.start, selection.end

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected here."""
        ends = self._ends
        return None if ends is None else (clean.lines(selected_text(self.rows, *ends)), "\n")

    def on_click(self, event: events.Click) -> None:
        """A second click selects the word, a third one the row."""
        if event.chain < 2:
            return
        event.prevent_default()
        place = self.screen.get_widget_and_offset_at(event.screen_x, event.screen_y)[1]
        if place is not None:
            start, end = word_at(self.rows, place) if event.chain == 2 else ((0, place.y), (10**6, place.y))
            if start != end:
                self.screen.selections = {self: Selection(Offset(*start), Offset(*end))}
                self.screen.post_message(events.TextSelected())
