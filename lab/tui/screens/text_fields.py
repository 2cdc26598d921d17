"""The texts that a person types in a bar: real fields over the places that the bar leaves for them."""

from textual import events
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from lab.tui.panes.approval import INPUT_ROWS
from lab.tui.panes.layout import Rects, projector
from lab.tui.state.screen import ScreenState

MOST_CHARACTERS = 2_000
"""How many characters each text has at most."""
FULL = f"No more than {MOST_CHARACTERS:,} characters: the rest isn't taken."


class TextField(Input):
    """One text: what is pasted becomes one line."""

    class Full(Message):
        """More was typed, or pasted, than a text may have."""

    def __init__(self) -> None:
        super().__init__(compact=True, max_length=MOST_CHARACTERS)
        self.display = False

    def _on_paste(self, event: events.Paste) -> None:
        """Take all lines as one, as many characters as there is room for."""
        event.prevent_default()
        event.stop()
        text, room = " ".join(event.text.split()), MOST_CHARACTERS - len(self.value) + len(self.selected_text)
        self.replace(text[:room], *self.selection)
        if len(text) > room:
            self.restricted()

    def on_blur(self) -> None:
        """What was typed stays, whoever comes back to it."""
        self.select_on_focus = False

    def restricted(self) -> None:
        """Say that there is no room for more."""
        self.post_message(self.Full())


class TextFields:
    """Shows, places and fills the fields as the state says."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self.fields = (TextField(), TextField())
        """As many as any row has."""
        self._typed = ""
        """What the fields hold the texts of, as `UiState.typing` says it."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What was typed, field by field."""
        return tuple(field.value.strip() for field in self.fields if field.display)

    @property
    def at(self) -> int:
        """Which field is typed in."""
        return self.fields.index(self._screen.focused) if self._screen.focused in self.fields else 0

    def turn(self) -> bool:
        """Go on to the next field; False on the last one."""
        on = self.at + 1 < len(self.texts)
        if on:
            self._screen.set_focus(self.fields[self.at + 1])
        return on

    def place(self, state: ScreenState, places: Rects) -> None:
        """Show the fields in their bar if something is typed, else hide them."""
        row = INPUT_ROWS.get(state.ui.typing)
        bar = places.get(row.bar) if row is not None else None
        before, now = any(field.display for field in self.fields), self.at
        for number, field in enumerate(self.fields):
            field.display = bar is not None and row is not None and number < len(row.fields(state))
        if row is None or bar is None:
            if before:
                self._screen.set_focus(None)
            self._typed = state.ui.typing
            return
        left, y = bar.x + 3, bar.y + (row.tight if projector(state, self._screen.size.width) else row.row)
        for field, (prompt, cells) in zip(self.fields, row.fields(state), strict=False):
            left += len(prompt)
            field.styles.offset = (left, y)
            field.styles.width = cells or max(10, bar.x + bar.width - left - 2)
            left += cells
        if self._typed != state.ui.typing:
            self._begin(state)
        elif not before:  # the terminal was too small for it in between
            self.fields[now].select_on_focus = False
            self._screen.set_focus(self.fields[now])
        self._typed = state.ui.typing

    def _begin(self, state: ScreenState) -> None:
        row = INPUT_ROWS[state.ui.typing]
        texts = (state.ui.name, "") if len(row.fields(state)) > 1 else (next(iter(row.suggestions(state)), ""), "")
        for field, text, hint in zip(self.fields, texts, (*row.placeholders(state), ""), strict=False):
            # a first message is there to be edited; what is proposed for a next one goes as soon as another is typed
            field.select_on_focus = state.run.start is not None
            field.value, field.placeholder, field.cursor_position = text, hint, len(text)
        self._screen.set_focus(self.fields[0])

    def suggest(self, state: ScreenState, by: int) -> None:
        """Put the next suggestion into the field."""
        offered, field = INPUT_ROWS[state.ui.typing].suggestions(state), self.fields[0]
        if offered:
            at = offered.index(field.value) + by if field.value in offered else 0
            field.value = offered[at % len(offered)]
            field.cursor_position = len(field.value)
