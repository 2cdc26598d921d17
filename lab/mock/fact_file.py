"""Where the facts of a mock are kept for its next start, before they count."""

from collections.abc import Sequence
from typing import Protocol

from lab.core.journal.fact import Fact


class FactFile(Protocol):
    """Takes the facts of one call, or refuses them: then they never were, and nobody is told of them."""

    @property
    def trouble(self) -> str | None:
        """Why it takes none; None: it does."""

    def write(self, facts: Sequence[Fact]) -> None:
        """Keep those of one call, all or none; StoreRefused if it can't be done."""

    def reserve(self) -> None:
        """StoreRefused unless some could be kept now: for commands that change more than records."""


class NoFile:
    """That of a mock whose facts end with it."""

    trouble = None

    def write(self, facts: Sequence[Fact]) -> None:
        """Nothing is kept."""

    def reserve(self) -> None:
        """There is always room."""
