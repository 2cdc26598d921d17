"""What plugins put beside the question on the screen of `lab demo` (plugins.md §3)."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from lab.cli.installation import incomplete
from lab.cli.parser import given_to
from lab.cli.run_settings import DemoSettings
from lab.cli.setup import Setup
from lab.options import names_in
from lab.plugin import resolve

if TYPE_CHECKING:
    from lab.tui.screens.host import PanelSource  # lines need no screen

OpenPanel: TypeAlias = "Callable[[Setup], AbstractAsyncContextManager[PanelSource]]"
"""Has what is beside the question there as long as the screen shows."""
PanelOf: TypeAlias = Callable[[Any], OpenPanel]
"""What was asked of the plugin gives it; a LabError says why there can be no panel."""


class GivenPanel(NamedTuple):
    """A panel that the call asks for."""

    option: str
    open: OpenPanel


def panel_given(settings: DemoSettings) -> GivenPanel | None:
    """That of the first plugin of which the call gives an option; None if no such option is given."""
    for each, given in given_to("demo", settings.additions):
        if each.panel:
            try:
                panel = cast("PanelOf", resolve(each.panel))
            except ImportError as fault:
                raise incomplete(fault, settings.arguments) from None
            return GivenPanel(next(names_in(each.asks)), panel(given))
    return None
