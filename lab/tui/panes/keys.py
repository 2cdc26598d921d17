"""A key of the screen, and a form in which the person types: when they are offered, and what they lead to."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec import Struct

from lab.tui.state.screen import Ability, ScreenState, UiState
from lab.tui.state.source import SourceAsk


class Reaction(Struct, frozen=True):
    """What a key leads to: another choice, something to ask of the source, something that only the screen can do."""

    ui: UiState | None = None
    ask: SourceAsk | None = None
    command: str = ""
    """Of `MainScreen`'s."""
    form: "TextForm | None" = None
    """What is typed first."""
    copy: str = ""
    """Text for the terminal's clipboard."""
    close: bool = False
    """Whether what lies over the panes is left."""
    run: Callable[[], object] | None = None
    """What only the app can do, once that is left."""


React = Callable[[ScreenState], Reaction]
Offered = Callable[[ScreenState], bool]


_TEXTUAL = {
    ">": "greater_than_sign", "+": "plus", "-": "minus", "=": "equals_sign", "/": "slash", "?": "question_mark",
    "[": "left_square_bracket", "]": "right_square_bracket", "esc": "escape", "F9": "f9", "←": "left", "→": "right",
    "↑": "up,k", "↓": "down,j", "pgup": "pageup", "pgdn": "pagedown", "⇧←": "shift+left", "⇧→": "shift+right",
}  # fmt: skip
"""What Textual calls a key that shows otherwise."""


class ScreenKey(Struct, frozen=True):
    """A key, or a command of the palette: pure, the screen performs what it leads to."""

    name: str
    face: str
    """The key as it is shown; empty: it is a command of the palette alone."""
    label: str
    help: str
    react: React
    offered: Offered = lambda state: True
    group: str = "run"
    """Of `help.GROUPS`, or `palette`."""
    needs: Ability | None = None
    """What a source must be able to do for this to be one of its keys at all; offered only then."""
    word: Callable[[ScreenState], str] | None = None
    """Its label where that depends on the state."""
    silent: bool = False
    """Whether the palette leaves it out."""
    works_unseen: bool = False
    """Whether it is left where the terminal is too small: then nothing may act on what can't be seen."""
    why: "str | Callable[[ScreenState], str]" = ""
    """Why it isn't offered, where there is something to say."""
    bar: "int | Callable[[ScreenState], int]" = 0
    """How early the key bar gives it up where it has no room for all: the lowest last; 0: it isn't there."""
    pair: str = ""
    """The counterpart that is told of beside it, by name."""
    series: str = ""
    """What all keys do that are told of in one row."""

    @property
    def keys(self) -> str:
        """As Textual names it, alternatives by comma."""
        return _TEXTUAL.get(self.face, self.face)

    def is_offered(self, state: ScreenState) -> bool:
        """Whether it does something now."""
        return self.is_served(state) and self.offered(state)

    def is_served(self, state: ScreenState) -> bool:
        """Whether the source can ever do what the key asks, be it offered now or not."""
        return not self.needs or self.needs in state.source.can

    def label_in(self, state: ScreenState) -> str:
        """Its word in this state."""
        return self.label if self.word is None else self.word(state)

    def rank_in(self, state: ScreenState) -> int:
        """How early the key bar gives it up now; 0: it has no place there."""
        rank = self.bar if isinstance(self.bar, int) else self.bar(state)
        return rank if rank and self.is_offered(state) else 0

    def why_in(self, state: ScreenState) -> str:
        """Why it isn't offered now, or nothing."""
        return self.why if isinstance(self.why, str) else self.why(state)


def why_refused(keys: Iterable[ScreenKey], state: ScreenState) -> str:
    """Why none of the keys on one button is offered; empty if one is, or there is nothing to say."""
    found = list(keys)
    served = [key for key in found if key.is_served(state)]
    if any(key.offered(state) for key in served):
        return ""
    if found and not served:
        return f"{found[0].label}: not in {state.source.pill}."
    return next((why for key in served if (why := key.why_in(state))), "")


def asking(ask: SourceAsk) -> React:
    """A key that asks the same of the source in every state."""
    return lambda state: Reaction(ask=ask)


def commanding(command: str) -> React:
    """A key that has the screen do something."""
    return lambda state: Reaction(command=command)


class FormField(NamedTuple):
    """One text of a form: what stands before it, what is hinted at as long as it is empty, and what it holds at first."""

    prompt: str
    hint: str = ""
    text: str = ""
    edited: bool = False
    """Whether that is there to be edited; else it goes as soon as another is typed."""


class TextForm(Struct, frozen=True):
    """Texts that the person types, and sends with enter."""

    title: str
    fields: tuple[FormField, ...]
    send: Callable[[ScreenState, tuple[str, ...]], Reaction]
    """What enter leads to with the texts, one a field."""
    stands: Callable[[ScreenState], bool] = lambda state: True
    """Whether it can still be sent."""
    suggestions: tuple[str, ...] = ()
    """What ↑ ↓ go through in the last field."""
    optional: bool = False
    """Whether the last text may be empty."""
