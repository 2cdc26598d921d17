"""What lies over the panes: a page that scrolls, or a list of which one chooses. `screens.overlays` shows both."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from lab.tui.panes.keys import Reaction
from lab.tui.rows.spans import Row, plain
from lab.tui.state.screen import ScreenState


class PageContent:
    """A page. What it shows it takes from the state, so what comes while it is open shows."""

    opener: str
    """The face of the key that opens it, and closes it too."""
    title: str
    foot: str
    """What stands below it: its keys."""
    keys: tuple[str, ...] = ()
    """Its own keys, as Textual names them."""

    def __init__(self, state: Callable[[], ScreenState]) -> None:
        self._read = state

    @property
    def state(self) -> ScreenState:
        """The state as it is now."""
        return self._read()

    def body(self, inner: int) -> list[Row]:
        """Its rows, each at most `inner` columns."""
        raise NotImplementedError

    def press(self, key: str) -> Reaction:
        """One of its own keys was pressed."""
        return Reaction()


ListEntry = TypeVar("ListEntry")


class ListContent(PageContent, Generic[ListEntry]):
    """A list of which one entry is chosen. What is typed filters it: every word must be in an entry."""

    hint = "type to find"
    """What stands in the field as long as nothing is typed; empty: there is no field, letters are keys."""
    none_left = ""
    """What is said where the filter leaves nothing."""
    least, most = 3, 4
    """How many rows there are below the list for what `more` says."""
    steady = False
    """Whether they are always as many, so that the list stays where it is."""

    def entries(self) -> Sequence[ListEntry]:
        """All entries, in order."""
        raise NotImplementedError

    def text_of(self, entry: ListEntry) -> str:
        """What of an entry is searched: all that its row says."""
        return plain(self.line(entry, 1_000, chosen=False))

    def name_of(self, entry: ListEntry) -> object:
        """What tells an entry from the others, whatever becomes of the list and of what it says."""
        return entry

    def line(self, entry: ListEntry, inner: int, *, chosen: bool) -> Row:
        """An entry's row."""
        raise NotImplementedError

    def more(self, entry: ListEntry, inner: int, rows: int) -> list[Row]:
        """What is said of the chosen one below the list, where there are so many rows."""
        return []

    def moved(self) -> None:
        """Another one is chosen."""

    def first(self) -> int:
        """Which entry is chosen at first."""
        return 0

    def take(self, key: str, entry: ListEntry) -> Reaction:
        """Enter was pressed, or one of its own keys, with this entry chosen."""
        raise NotImplementedError

    def found(self, typed: str) -> list[ListEntry]:
        """The entries that have all words typed."""
        wanted = typed.casefold().split()
        return [each for each in self.entries() if all(word in self.text_of(each).casefold() for word in wanted)]
