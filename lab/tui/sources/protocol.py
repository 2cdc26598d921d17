"""What the screen asks of a source, and what LIVE asks of the outer world."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lab.app import App, Outcome
from lab.app.observe import Observation
from lab.core.clock import Clock
from lab.language.document import Scenario
from lab.tui.panes.picker import Choice
from lab.tui.sources.intents import Intent
from lab.tui.state.journal import SourceUpdate
from lab.tui.state.screen import PlaybackCursor

if TYPE_CHECKING:
    from lab.client.control import ControlClient
    from lab.client.memory import Transport


class Journal(Protocol):
    """What a source tells besides that follows a journal, and so shows one job of many."""

    @property
    def cursor(self) -> PlaybackCursor | None:
        """Where a recording stands."""

    @property
    def trouble(self) -> str:
        """Why nothing comes at the moment."""

    def told(self, name: str | None) -> Scenario | None:
        """The scenario of this name that was served, if it is at hand."""


class ScreenSource(Protocol):
    """What a screen shows: observations, and what may be done to them."""

    pill: str
    title: str
    team: str
    seed: int | None
    scenario: Scenario | None
    recording: bool
    dead: str
    """What killed the tape that runs; empty while it is well."""
    can: frozenset[str]
    """Of `pause step speed seek reset decide scenario message fault tape rewind`."""
    message: str
    """What a run would say first; nothing where the run isn't ours."""
    addresses: tuple[str, str]
    """The base URL and the token URL, empty where nobody knows them."""
    clock: Clock
    """For `now()` alone."""
    scenarios: tuple[Choice, ...]
    paused: bool
    factor: str
    outcome: Outcome | None
    journal: Journal | None
    """None where the run is ours."""

    def observations(self) -> AsyncIterator[Observation | SourceUpdate]:
        """What happens, for as long as the screen lives."""

    async def perform(self, intent: Intent) -> str | None:
        """Do what was asked; the reason if it was refused."""


@dataclass(frozen=True, slots=True)
class Playable:
    """One thing that LIVE can play: a scenario (None against a pod), and our app made for it."""

    app: App
    seed: int | None = None
    scenario: Scenario | None = None
    name: str = ""
    title: str = ""

    @property
    def choice(self) -> Choice:
        """The act in the picker."""
        if self.scenario is None:
            return Choice(self.name, self.title)
        told = self.scenario
        return Choice(told.name, told.title, told.shows, told.story, told, self.seed or 0)


@dataclass(frozen=True, slots=True)
class RunConnection:
    """What a run needs of the outer world: made after the first paint."""

    transport: "Transport"
    control: "ControlClient | None" = None
    base: str = ""
    token_url: str = ""
    follow: Callable[[str], Playable] | None = None
    """Has the mock play a scenario as if it were served alone, where it can; the act as it is played then."""


Connect = Callable[[], AbstractAsyncContextManager[RunConnection]]
