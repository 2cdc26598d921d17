"""What plugins put beside the question on the screen of `lab demo` (plugins.md §3)."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from lab.cli.grammar.parser import additions_given, command_of
from lab.cli.installation import incomplete
from lab.cli.setup import Setup
from lab.plugin import resolve
from lab.settings import Flags

if TYPE_CHECKING:
    from lab.tui.screens.host import PanelSource  # lines need no screen

OpenPanel: TypeAlias = "Callable[[Setup], AbstractAsyncContextManager[PanelSource]]"
"""Has what is beside the question there as long as the screen shows."""
PanelOf: TypeAlias = Callable[[Flags], OpenPanel]
"""Reads the plugin's options; a LabError says why there can be no panel."""


class GivenPanel(NamedTuple):
    """A panel that the call asks for."""

    option: str
    open: OpenPanel


def panel_given(flags: Flags) -> GivenPanel | None:
    """That of the first plugin of which the call gives an option; None if no such option is given."""
    for addition in additions_given(command_of("demo"), flags.arguments):
        if addition.panel:
            try:
                panel = cast("PanelOf", resolve(addition.panel))
            except ImportError as fault:
                raise incomplete(fault, flags.arguments) from None
            return GivenPanel(addition.options[0].name, panel(flags))
    return None
