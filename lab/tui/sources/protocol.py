"""What the screen asks of a source, and what LIVE asks of the outer world."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lab.app import App, Outcome
from lab.app.observe import Observation
from lab.core.clock import Clock
from lab.language.document import Scenario
from lab.tui.state.intents import Intent
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.screen import PlaybackCursor, ScenarioChoice, SourceState

if TYPE_CHECKING:
    from lab.client.control import ControlClient
    from lab.client.memory import Transport


class FollowedJournal(Protocol):
    """What a source says besides that follows a journal, and so shows one job of many."""

    @property
    def cursor(self) -> PlaybackCursor | None:
        """Where a recording stands."""

    @property
    def trouble(self) -> str:
        """Why nothing comes at the moment."""

    def scenario_named(self, name: str | None) -> Scenario | None:
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
    """What killed the recording that runs; empty while it is well."""
    can: frozenset[str]
    """Of `pause step speed seek reset decide scenario message fault tape rewind`."""
    message: str
    """What a run would say first; nothing where the run isn't ours."""
    addresses: tuple[str, str]
    """The base URL and the token URL, empty where nobody knows them."""
    clock: Clock
    """For `now()` alone."""
    scenarios: tuple[ScenarioChoice, ...]
    paused: bool
    factor: str
    outcome: Outcome | None
    journal: FollowedJournal | None
    """None where the run is ours."""

    def observations(self) -> AsyncIterator[Observation | SourceUpdate]:
        """What happens, for as long as the screen lives."""

    async def perform(self, intent: Intent) -> str | None:
        """Do what was asked; the reason if it was refused."""


def source_state(source: ScreenSource, journal: JournalState | None, chosen: int | None) -> SourceState:
    """What a source says of itself: of a run of ours its scenario, of a journal that of the job that shows."""
    scenario, title, team = source.scenario, source.title, source.team
    follows = source.journal is not None and journal is not None
    if source.journal is not None and journal is not None:
        client_run = journal.chosen(chosen)
        if client_run.scenario:
            scenario = source.journal.scenario_named(client_run.scenario)
        title = scenario.title if scenario is not None else client_run.scenario or source.title
        team = scenario.agent.code if scenario else ""
        team = client_run.run.job.team if client_run.run.job is not None else team
    base, token_url = source.addresses
    return SourceState(
        source.pill,
        title,
        team,
        source.seed,
        scenario,
        source.recording,
        source.can,
        source.scenarios,
        "" if follows else source.message,
        base,
        token_url,
        follows,
        journal.place(chosen) if journal is not None else (0, 0),
        (journal.missed or 0) if journal is not None else 0,
        source.journal.cursor if source.journal is not None and follows else None,
        source.journal.trouble if source.journal is not None and follows else "",
        bool(source.dead),
    )


@dataclass(frozen=True, slots=True)
class Playable:
    """One thing that LIVE can play: a scenario (None against a pod), and our app made for it."""

    app: App
    seed: int | None = None
    scenario: Scenario | None = None
    name: str = ""
    title: str = ""

    @property
    def choice(self) -> ScenarioChoice:
        """The entry in the picker."""
        if self.scenario is None:
            return ScenarioChoice(self.name, self.title)
        known = self.scenario
        return ScenarioChoice(known.name, known.title, known.shows, known.story, known, self.seed or 0)


@dataclass(frozen=True, slots=True)
class RunConnection:
    """What a run needs of the outer world: made after the first paint."""

    transport: "Transport"
    control: "ControlClient | None" = None
    base: str = ""
    token_url: str = ""
    follow: Callable[[str], Playable] | None = None
    """Has the mock play a scenario as if it were served alone, where it can; the entry as it is played then."""


Connect = Callable[[], AbstractAsyncContextManager[RunConnection]]
