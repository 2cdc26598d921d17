"""What the screens ask of the app: small, so that they need not know it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Protocol

from lab.core.clock import Clock, Millis
from lab.core.errors import LabError
from lab.tui.state.gate import GateAnswer
from lab.tui.state.preferences import ScreenStart
from lab.tui.state.screen import ScreenState, SidePanel
from lab.tui.state.source import ScreenSource
from lab.tui.themes import Styles


class PanelSource(Protocol):
    """What a plugin puts beside a question, and has decided there (plugins.md §3)."""

    def attach(self, answer: Callable[[GateAnswer], Awaitable[str | None]], clock: Clock) -> None:
        """Whom to ask for a decision, who says why not if there is none, and whose time patience is counted in; before all else."""

    def follow(self, state: ScreenState, *, drawable: bool) -> SidePanel:
        """Take up what the screen knows, each time that it changes; what to show. `drawable`: a picture in half-blocks, too."""


class Host(Protocol):
    """The app, as the screens see it; there each is explained."""

    source: ScreenSource
    start: ScreenStart
    real_millis: Callable[[], Millis]
    panel: PanelSource | None
    mark: Callable[[str], object]

    @property
    def can(self) -> frozenset[str]: ...
    @property
    def role_styles(self) -> Styles: ...
    def surviving(self, *but: type[Exception]) -> AbstractContextManager[None]: ...
    def fail(self, error: LabError) -> None: ...
    def keep(self, name: str, value: str) -> None: ...
    def turn_theme(self) -> None: ...
    def save_picture(self) -> str: ...
    def leave(self) -> None: ...
