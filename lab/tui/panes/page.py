"""What a page over the panes is: its rows, and its own keys. `screens.page` shows it, scrolls it and closes it."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from lab.tui.rows.spans import Row
from lab.tui.state.screen import ScreenState, UiState
from lab.tui.state.source import SourceAsk

MOST_TYPED = 40
"""Characters of a filter."""


class PageReaction(Struct, frozen=True):
    """What a key of a page leads to."""

    ask: SourceAsk | None = None
    ui: UiState | None = None
    """Another choice of the person's."""
    close: bool = False
    copy: str = ""
    """Text for the terminal's clipboard."""
    to_top: bool = False
    """Whether the page shows something else, from its top."""


class PageContent:
    """A page. It may keep which of its entries is chosen; everything else it takes from the state."""

    opener: str
    """The key that opens it, and closes it too."""
    title: str
    foot: str
    """What stands below it: its keys."""
    keys: tuple[str, ...] = ()
    """Its own keys, as Textual names them."""
    below: int = 0
    """Of a list: how many of its entries are below those that `body` gave last."""

    def __init__(self, state: Callable[[], ScreenState]) -> None:
        self._read = state

    @property
    def state(self) -> ScreenState:
        """The state as it is now: what comes while the page is open shows."""
        return self._read()

    def body(self, inner: int, rows: int) -> list[Row]:
        """Its rows, each at most `inner` columns; more than `rows` if it scrolls."""
        raise NotImplementedError

    def edit(self, key: str, character: str | None) -> bool:
        """Whether the key was taken as text that filters; before any other meaning."""
        return False

    def move(self, by: int) -> bool:
        """Choose the entry that is `by` further; False if it has none, and scrolls instead."""
        return False

    def press(self, key: str) -> PageReaction:
        """One of its own keys was pressed."""
        return PageReaction()


ListEntry = TypeVar("ListEntry")


class ListPage(PageContent, Generic[ListEntry]):
    """A list that what one types filters: every word must be in an entry. One entry is chosen."""

    name: str

    def __init__(self, state: Callable[[], ScreenState]) -> None:
        super().__init__(state)
        self.filter = ""
        self.at = 0
        """Which of `entries` is chosen."""

    @property
    def title(self) -> str:  # type: ignore[override]  # it says what was typed
        """The page's name, and what was typed."""
        return f"{self.name} › {self.filter}" if self.filter else self.name

    def every(self) -> Sequence[ListEntry]:
        """All entries, and what of each is searched: `text_of`."""
        raise NotImplementedError

    def text_of(self, entry: ListEntry) -> str:
        """What of an entry is searched."""
        raise NotImplementedError

    def entries(self) -> list[ListEntry]:
        """Those that the filter leaves."""
        wanted = self.filter.casefold().split()
        return [each for each in self.every() if all(word in self.text_of(each).casefold() for word in wanted)]

    @property
    def chosen(self) -> ListEntry | None:
        """The chosen entry, if the filter leaves any."""
        found = self.entries()
        return found[max(0, min(self.at, len(found) - 1))] if found else None

    def edit(self, key: str, character: str | None) -> bool:
        """Add a character, take the last one away, or all."""
        if key == "escape" and self.filter:
            self.filter = ""
        elif character == "/" and not self.filter:
            return True  # as elsewhere it begins what is looked for
        elif key == "backspace" and self.filter:
            self.filter = self.filter[:-1]
        elif character is not None and character.isprintable() and (self.filter or character != " "):
            self.filter = (self.filter + character)[:MOST_TYPED]
        else:
            return False
        self.at = 0
        return True

    def move(self, by: int) -> bool:
        """Choose another one."""
        self.at = max(0, min(len(self.entries()) - 1, self.at + by))
        return True
