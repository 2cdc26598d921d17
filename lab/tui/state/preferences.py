"""How the screen begins: what the person prefers, and where a change of it is kept."""

from collections.abc import Callable

from msgspec import Struct


class Preferences(Struct, frozen=True):
    """What a person prefers (screen.md §12); what is empty isn't said."""

    theme: str = ""
    """`dark` or `light`."""
    layout: str = ""
    """`panes`, `wire` (with the drawer), or `presenter`."""
    stage: str = ""
    """`off`, or the seconds for which an act stays; 0: until space."""


def _forget(name: str, value: str) -> str | None:
    """Keep nothing."""
    return None


class ScreenStart(Struct, frozen=True):
    """What a screen begins with; by itself as a film does, which knows nobody's preferences."""

    preferences: Preferences = Preferences()
    first: bool = False
    """Whether nothing was ever kept: the person may see the screen for the first time."""
    notice: str = ""
    """What is wrong with the file of preferences."""
    keep: Callable[[str, str], str | None] = _forget
    """Keeps another value of a preference; why not, if it can't."""
