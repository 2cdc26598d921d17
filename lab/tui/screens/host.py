"""What the screens ask of the app: small, so that they need not know it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from lab.core.clock import Millis
from lab.core.errors import LabError
from lab.tui.screens.phone import PhoneGates
from lab.tui.state.preferences import ScreenStart
from lab.tui.state.source import ScreenSource
from lab.tui.themes import Styles


class Host(Protocol):
    """The app, as the screens see it; there each is explained."""

    source: ScreenSource
    start: ScreenStart
    real_millis: Callable[[], Millis]
    phone: PhoneGates | None
    mark: Callable[[str], object]

    @property
    def can(self) -> frozenset[str]: ...
    @property
    def role_styles(self) -> Styles: ...
    def surviving(self, *but: type[Exception]) -> AbstractContextManager[None]: ...
    def fail(self, error: LabError) -> None: ...
    def keep(self, name: str, value: str) -> None: ...
    def turn_theme(self) -> None: ...
    def leave(self) -> None: ...
