"""The one field in which the person types; it lies over the approval bar's row."""

from textual.screen import Screen
from textual.widgets import Input

from lab.tui.panes.approval import INPUT_ROWS
from lab.tui.panes.layout import Rect, projector
from lab.tui.state.screen import ScreenState


class InputField:
    """Shows, places and fills the field as the state says."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self.widget = Input(id="line", compact=True, max_length=500)
        self.widget.display = False

    def place(self, state: ScreenState, bar: Rect | None) -> None:
        """Show the field in the bar if something is typed, else hide it."""
        field, typing = self.widget, bool(state.ui.typing) and bar is not None
        if typing and bar is not None:
            tight = projector(state, self._screen.size.width)
            row = INPUT_ROWS[state.ui.typing]
            left = bar.x + (2 if tight else 3) + len(row.prompt)
            field.styles.offset = (left, bar.y + (row.tight if tight else row.row))
            field.styles.width = max(10, bar.width - (left - bar.x) - 2)
        if field.display == typing:
            return
        field.display = typing
        if typing:
            self._begin(state)
        else:
            self._screen.set_focus(None)

    def _begin(self, state: ScreenState) -> None:
        row, field = INPUT_ROWS[state.ui.typing], self.widget
        field.value = next(iter(row.suggestions(state)), "")
        # a first message is there to be edited; what is proposed for a next one goes as soon as another is typed
        field.select_on_focus = state.run.start is not None
        field.cursor_position = len(field.value)
        field.placeholder = row.placeholder(state)
        self._screen.set_focus(field)

    def suggest(self, state: ScreenState, by: int) -> None:
        """Put the next suggestion into the field."""
        offered, field = INPUT_ROWS[state.ui.typing].suggestions(state), self.widget
        if offered:
            at = offered.index(field.value) + by if field.value in offered else 0
            field.value = offered[at % len(offered)]
            field.cursor_position = len(field.value)
