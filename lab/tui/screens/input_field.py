"""The one field in which the person types; it lies over the approval bar's row, and goes from one text of it to the next."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from lab.tui.panes.approval import INPUT_ROWS
from lab.tui.panes.layout import Rect, Rects, projector
from lab.tui.state.screen import ScreenState

MOST_CHARACTERS = 2_000
"""How many characters each text has at most."""
FULL = f"No more than {MOST_CHARACTERS:,} characters: the rest isn't taken."


class LineInput(Input):
    """Takes a row's texts one after the other: Enter and tab go on to the next, Enter on the last one sends them.

    It is one widget for all, so that keys which come in one read with an Enter are typed where they belong.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "turn(1)", show=False),
        Binding("shift+tab", "turn(-1)", show=False),
    ]

    class Typed(Message):
        """The row's texts, to be sent."""

        def __init__(self, texts: tuple[str, ...]) -> None:
            super().__init__()
            self.texts = texts

    class Turned(Message):
        """Another text of the row is typed now; `texts` are all as they are."""

        def __init__(self, texts: tuple[str, ...], field: int) -> None:
            super().__init__()
            self.texts, self.field = texts, field

    class Full(Message):
        """More was typed, or pasted, than a text may have."""

    def __init__(self) -> None:
        super().__init__(id="line", compact=True, max_length=MOST_CHARACTERS)
        self._texts = [""]
        self._placeholders: tuple[str, ...] = ("",)
        self._field = 0

    def begin(self, texts: tuple[str, ...], placeholders: tuple[str, ...]) -> None:
        """Type these, from the first one on."""
        self._texts, self._placeholders = list(texts), placeholders
        self._show(0)

    def _show(self, field: int) -> None:
        self._field, self.value, self.placeholder = field, self._texts[field], self._placeholders[field]
        self.cursor_position = len(self.value)

    def _all(self) -> tuple[str, ...]:
        self._texts[self._field] = self.value
        return tuple(self._texts)

    def action_turn(self, by: int) -> None:
        """Go on to the next text, or back."""
        texts = self._all()
        self._show((self._field + by) % len(texts))
        self.post_message(self.Turned(texts, self._field))

    def _on_paste(self, event: events.Paste) -> None:
        """Take all lines as one, as many characters as there is room for."""
        event.prevent_default()
        event.stop()
        text, room = " ".join(event.text.split()), MOST_CHARACTERS - len(self.value) + len(self.selected_text)
        self.replace(text[:room], *self.selection)
        if len(text) > room:
            self.restricted()

    def restricted(self) -> None:
        """Say that there is no room for more."""
        self.post_message(self.Full())

    async def action_submit(self) -> None:
        """Go on to the next text; from the last one send them."""
        texts = self._all()
        if self._field + 1 < len(texts):
            self.action_turn(1)
        else:
            self.post_message(self.Typed(tuple(text.strip() for text in texts)))


class InputField:
    """Shows, places and fills the field as the state says."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self.widget = LineInput()
        self._typed = ""
        """What the field holds the texts of, as `UiState.typing` says it."""
        self.widget.display = False

    def place(self, state: ScreenState, places: Rects) -> None:
        """Show the field in its bar if something is typed, else hide it."""
        bar = places.get(INPUT_ROWS[state.ui.typing].bar) if state.ui.typing else None
        field, typing = self.widget, bar is not None
        if bar is not None:
            self._lay_out(state, bar)
        if (field.display, self._typed) == (typing, state.ui.typing):
            return
        another, field.display = self._typed != state.ui.typing, typing
        if not typing:
            self._screen.set_focus(None)
        elif another:
            self._begin(state)
        else:  # the terminal was too small for it in between
            field.select_on_focus = False
            self._screen.set_focus(field)
        if typing or not state.ui.typing:
            self._typed = state.ui.typing

    def _lay_out(self, state: ScreenState, bar: Rect) -> None:
        tight = projector(state, self._screen.size.width)
        row = INPUT_ROWS[state.ui.typing]
        fields, at = row.fields(state), state.ui.field
        left = bar.x + 3
        left += sum(len(prompt) + cells for prompt, cells in fields[:at]) + len(fields[at][0])
        self.widget.styles.offset = (left, bar.y + (row.tight if tight else row.row))
        self.widget.styles.width = fields[at][1] or max(10, bar.width - (left - bar.x) - 2)

    def _begin(self, state: ScreenState) -> None:
        row, field = INPUT_ROWS[state.ui.typing], self.widget
        # a first message is there to be edited; what is proposed for a next one goes as soon as another is typed
        field.select_on_focus = state.run.start is not None
        first = next(iter(row.suggestions(state)), "")
        field.begin((state.ui.name, "") if len(row.fields(state)) > 1 else (first,), row.placeholders(state))
        self._screen.set_focus(field)

    def suggest(self, state: ScreenState, by: int) -> None:
        """Put the next suggestion into the field."""
        offered, field = INPUT_ROWS[state.ui.typing].suggestions(state), self.widget
        if offered:
            at = offered.index(field.value) + by if field.value in offered else 0
            field.value = offered[at % len(offered)]
            field.cursor_position = len(field.value)
