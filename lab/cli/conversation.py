"""A conversation as `lab run` plays it: what the scenario asks, turn by turn, until one doesn't end COMPLETE."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lab.app.effects import App, Outcome, Run, RunObservation
from lab.app.run import run
from lab.core.clock import Millis
from lab.core.observe import Requested
from lab.language.document import Scenario

READING: Millis = 4_000
"""How long a person reads an answer before the next message."""


@dataclass(slots=True)
class Conversation:
    """The turns that were played, and what one hands on to the next: token, conversation, number of its first exchange."""

    apps: tuple[App, ...]
    """The external app, a turn each."""
    outcomes: list[Outcome] = field(default_factory=list)
    first: int = 1

    def __call__(self, observation: RunObservation) -> None:
        """Keep count of the exchanges."""
        if isinstance(observation, Requested):
            self.first = observation.x + 1

    def turns(self) -> Iterator[App]:
        """The app of each turn; whoever plays one adds its outcome before the next."""
        for app in self.apps:
            yield app
            if not self.outcomes[-1].complete:
                return

    def run(self, app: App, start: Millis) -> Run:
        """A turn, with what the one before leaves."""
        if not self.outcomes:
            return run(app, start)
        return run(app, start, token=self.outcomes[-1].token, conversation=self.outcomes[-1].conversation)


def turns_of(app: App, scenario: Scenario) -> Conversation:
    """The turns of a scenario, asked by one app."""
    return Conversation(
        tuple(replace(app, message=ask.message, parameters=dict(ask.parameters)) for ask in scenario.user_messages)
    )
