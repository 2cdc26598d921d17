"""A key of the screen: when it is offered, and what it leads to: a form in which the person types, a page over the panes, or a
list of which one chooses. `screens.overlays` shows these."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec import Struct

from lab.tui.rows.spans import Row, TextSpan, cut, ends, plain, row, width
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
    page: "Page | ListPage | None" = None
    """What is laid over the panes."""
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


class Page:
    """A page. What it shows it takes from the state, so what comes while it is open shows."""

    keys: tuple[str, ...] = ()
    """Its own keys, as Textual names them."""

    def __init__(
        self,
        opener: str,
        title: str,
        foot: str,
        body: Callable[[ScreenState, int], list[Row]] = lambda state, inner: [],
    ) -> None:
        """`opener`: the face of the key that opens it, and closes it too; `foot`: what stands below it, its keys."""
        self.opener = opener
        self.title = title
        self.foot = foot
        self._body = body

    def body(self, state: ScreenState, inner: int) -> list[Row]:
        """Its rows, each at most `inner` columns."""
        return self._body(state, inner)

    def press(self, state: ScreenState, key: str) -> Reaction:
        """One of its own keys was pressed."""
        return Reaction()


class ListEntry(Struct, frozen=True):
    """An entry of a list: what its row says, and what taking it leads to."""

    name: str
    """What tells it from the others, whatever becomes of the list and of what it says."""
    head: Row
    """Its first columns, filled where it is chosen."""
    says: Row
    take: Callable[[str], Reaction]
    """What enter leads to, or one of the list's own keys."""
    right: Row = ()
    chosen_right: Row = ()
    """What stands at its right end, and what there if it is chosen."""
    searched: str = ""
    """What a filter looks at, if that isn't its row."""
    confirm: str = ""
    """What is said before enter takes it, where something would end by it: enter once more does."""
    more: Callable[[int, int], list[Row]] = lambda inner, rows: []
    """What is said of it below the list while it is chosen, in so many columns and rows."""

    def line(self, inner: int, *, chosen: bool) -> Row:
        """Its row; what it says is cut, not what stands at the end."""
        head = row((plain(self.head), "fill b @fill-run")) if chosen else self.head
        says = tuple(TextSpan(text, "fg" if role == "dim" and chosen else role) for text, role in self.says)
        right = self.chosen_right if chosen and self.chosen_right else self.right
        return ends(row(head, cut(says, inner - width(head) - width(right) - 1)), right, inner)

    def has(self, words: list[str]) -> bool:
        """Whether all these words are in it."""
        text = (self.searched or plain(row(self.head, self.says, self.right))).casefold()
        return all(word in text for word in words)


class ListPage(Struct, frozen=True):
    """A list of which one entry is chosen. What is typed filters it: every word must be in an entry."""

    opener: str
    title: str
    foot: str
    entries: Callable[[ScreenState, int], list[ListEntry]]
    """All entries, in order, for rows of so many columns."""
    first: Callable[[ScreenState], str] = lambda state: ""
    """The name of the one that is chosen at first."""
    hint: str = ""
    """What stands in the field as long as nothing is typed; empty: there is no field, letters are keys."""
    reading: str = ""
    """What stands there as long as there is no entry."""
    none_left: str = ""
    """What is said where the filter leaves nothing."""
    keys: tuple[str, ...] = ()
    """Keys of its own, as Textual names them, each handed to the chosen entry; where there is no field the name of an
    entry is a key, too, which takes that one."""
    least: int = 3
    most: int = 4
    """How many rows there are below the list for what is said of the chosen one."""
    steady: bool = False
    """Whether they are always as many, so that the list stays where it is."""
