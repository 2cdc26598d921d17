"""What sources share, and what LIVE asks of the outer world."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lab.app.effects import App
from lab.program.scenario import Scenario
from lab.tui.state import clean
from lab.tui.state.journal import JournalState
from lab.tui.state.screen import ScenarioChoice, SourceState

if TYPE_CHECKING:
    from lab.client.control import ControlClient
    from lab.client.driver import Transport


def with_job(
    source: SourceState, journal: JournalState | None, chosen: int | None, served: Callable[[str], Scenario | None]
) -> SourceState:
    """A source that follows a journal, with what is known of the job that shows and its scenario, if it is at hand."""
    if journal is None:
        return source
    client_run = journal.chosen(chosen)
    name, job = client_run.scenario, client_run.run.job
    scenario = served(name) if name else source.scenario
    return replace(
        source,
        title=scenario.title if scenario is not None else clean.line(name or source.title),
        team=job.team if job is not None else scenario.agent.code if scenario is not None else "",
        scenario=scenario,
        follows=True,
        place=journal.place(chosen),
        missed=journal.missed or 0,
    )


class Playable(Struct, frozen=True):
    """A scenario that LIVE can play, with our app made for it."""

    app: App
    scenario: Scenario
    seed: int | None = None

    def app_saying(self, message: str) -> App:
        """The app with this message, and the parameters that the scenario sends with it in whichever turn."""
        known = (each.parameters for each in self.scenario.user_messages if each.message == message)
        return replace(self.app, message=message, parameters=next(known, self.app.parameters))

    @property
    def choice(self) -> ScenarioChoice:
        """The entry in the picker."""
        known = self.scenario
        return ScenarioChoice(known.name, known.title, known.shows, known.story, known, self.seed or 0)


class OwnMock(Struct, frozen=True):
    """The lab's own mock, where a run calls that."""

    control: "ControlClient"
    follow: Callable[[str], Playable]
    """Has it play a scenario as if that were served alone, where it can; the entry as it is played then."""
    choices: tuple[ScenarioChoice, ...] = ()
    """What can be played, and what can't, with the complaints about it."""
    paced: Callable[[str], object] = lambda factor: None
    """Told of each pace that our clock takes, for the tape."""
    dead: Callable[[], str | None] = lambda: None
    """What killed the tape that runs."""


class RunConnection(Struct, frozen=True):
    """What a run needs of the outer world: made after the first paint."""

    transport: "Transport"
    base: str = ""
    token_url: str = ""
    mock: OwnMock | None = None
    """None: the server is somebody else's, and so are its clock and its wire."""


Connect = Callable[[], AbstractAsyncContextManager[RunConnection]]
