"""Lines that change where they stand, on a terminal; what they say last stays."""

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console as Terminal
from rich.live import Live
from rich.text import Text


class LiveLines:
    """While it is open, `show` puts lines in the place of those before."""

    def __init__(self) -> None:
        self._terminal = Terminal(highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._terminal, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal, as it is now."""
        return self._terminal.size

    def show(self, lines: Sequence[str]) -> None:
        """Show these lines."""
        self._live.update(Text("\n".join(lines), no_wrap=True, overflow="crop"), refresh=True)

    def __enter__(self) -> "LiveLines":
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()
