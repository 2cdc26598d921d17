"""Textual's palette of commands, left once however often its row is taken."""

from textual.await_complete import AwaitComplete
from textual.command import CommandPalette


class Palette(CommandPalette):
    """Every command by its name."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Leave it, unless it has been left: what lies beneath it stays."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()
