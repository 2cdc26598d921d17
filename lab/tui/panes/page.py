"""What a page over the panes is: its rows, and its own keys. `screens.page` shows it, scrolls it and closes it."""

from dataclasses import dataclass
from typing import Protocol

from lab.tui.rows.spans import Row
from lab.tui.state.intents import Intent
from lab.tui.state.screen import UiState


@dataclass(frozen=True, slots=True)
class PageReaction:
    """What a key of a page leads to."""

    intent: Intent | None = None
    ui: UiState | None = None
    """Another choice of the person's."""
    close: bool = False
    copy: str = ""
    """Text for the terminal's clipboard."""
    to_top: bool = False
    """Whether the page shows something else, from its top."""


class PageContent(Protocol):
    """A page. It may keep which of its entries is chosen; everything else it takes from the state."""

    @property
    def opener(self) -> str:
        """The key that opens it, and closes it too."""

    @property
    def title(self) -> str:
        """What stands over it."""

    @property
    def foot(self) -> str:
        """What stands below it: its keys."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Its own keys, as Textual names them."""

    def body(self, inner: int, rows: int) -> list[Row]:
        """Its rows, each at most `inner` columns; more than `rows` if it scrolls."""

    def move(self, by: int) -> bool:
        """Choose the entry that is `by` further; False if it has none, and scrolls instead."""

    def press(self, key: str) -> PageReaction:
        """One of its own keys was pressed."""
