"""The palette: every key that is offered, and what has no key, by name."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from lab.tui.panes.keys import Reaction
from lab.tui.panes.page import ListContent
from lab.tui.rows.spans import Row, cut, ends, ink, row, width
from lab.tui.state.screen import ScreenState


class PaletteCommand(Struct, frozen=True):
    """What can be done now: its name, its key, what it does."""

    name: str
    key: str
    help: str
    run: Callable[[], object]


class PalettePage(ListContent[PaletteCommand]):
    """The commands; enter does what is chosen."""

    opener = "ctrl+p"
    title = "PALETTE"
    foot = "↑ ↓   enter does it   esc"
    hint = "every command by name · type to find"
    none_left = "no command has these words"

    def __init__(self, state: Callable[[], ScreenState], commands: Sequence[PaletteCommand]) -> None:
        super().__init__(state)
        self._commands = commands

    def entries(self) -> Sequence[PaletteCommand]:
        """Those that were offered when it was opened."""
        return self._commands

    def line(self, entry: PaletteCommand, inner: int, *, chosen: bool) -> Row:
        """Its name, what it does, and at the right end its key."""
        names = max(len(each.name) for each in self._commands)
        name = row((f" {entry.name:<{names}} ", "fill b @fill-run" if chosen else "fg"))
        key = row(ink(f"{entry.key} ", "wait", bold=True))
        return ends(row(name, cut(row(ink(f" {entry.help}", "dim")), inner - width(name) - width(key) - 1)), key, inner)

    def take(self, key: str, entry: PaletteCommand) -> Reaction:
        """Do it, once this is closed."""
        return Reaction(close=True, run=entry.run)
