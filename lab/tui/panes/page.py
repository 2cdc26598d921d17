"""What a page over the panes is: its rows, and its own keys. `screens.page` shows it, scrolls it and closes it."""

from collections.abc import Callable

from msgspec import Struct

from lab.tui.rows.spans import Row
from lab.tui.state.intents import Intent
from lab.tui.state.screen import ScreenState, UiState


class PageReaction(Struct, frozen=True):
    """What a key of a page leads to."""

    intent: Intent | None = None
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

    def __init__(self, state: Callable[[], ScreenState]) -> None:
        self._read = state

    @property
    def state(self) -> ScreenState:
        """The state as it is now: what comes while the page is open shows."""
        return self._read()

    def body(self, inner: int, rows: int) -> list[Row]:
        """Its rows, each at most `inner` columns; more than `rows` if it scrolls."""
        raise NotImplementedError

    def move(self, by: int) -> bool:
        """Choose the entry that is `by` further; False if it has none, and scrolls instead."""
        return False

    def press(self, key: str) -> PageReaction:
        """One of its own keys was pressed."""
        return PageReaction()
