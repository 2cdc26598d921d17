"""What lies over the panes: a page that scrolls, or a list of which one chooses. `screens.overlays` shows both."""

from collections.abc import Callable

from msgspec import Struct

from lab.tui.panes.keys import Reaction
from lab.tui.rows.spans import Row, TextSpan, cut, ends, plain, row, width
from lab.tui.state.screen import ScreenState


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
