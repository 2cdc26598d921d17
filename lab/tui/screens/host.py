"""What the screens ask of the app: small, so that they need not know it."""

from collections.abc import Callable
from typing import Protocol

from lab.core.clock import Millis
from lab.core.errors import LabError
from lab.tui.screens.phone import PhoneGates
from lab.tui.state.preferences import ScreenStart
from lab.tui.state.source import ScreenSource
from lab.tui.themes import Styles


class Host(Protocol):
    """The app, as the screens see it."""

    source: ScreenSource
    start: ScreenStart
    real_millis: Callable[[], Millis]
    """Real time, whatever the lab's clock does."""
    phone: PhoneGates | None
    """The gates that phones may decide."""

    @property
    def can(self) -> frozenset[str]:
        """What the terminal can do beside the source: `suspend`."""

    @property
    def role_styles(self) -> Styles:
        """Roles to styles in the present theme."""

    @property
    def draws_blocks(self) -> bool:
        """Whether the terminal shows half-blocks, dark on light."""

    def survive(self, error: Exception) -> None:
        """A bug of ours must not end the show: tell of it, and go on."""

    def fail(self, error: LabError) -> None:
        """End the screen: the surroundings fail."""

    def mark(self, label: str) -> None:
        """The run has come to another phase."""

    def keep(self, name: str, value: str) -> None:
        """Keep another value of a preference for the next start."""

    def turn_theme(self) -> None:
        """Dark for light, light for dark."""

    def save_picture(self) -> str:
        """Save the screen; where it lies, in one sentence. HostError if it can't be written."""

    def leave(self) -> None:
        """End because the person says so."""
