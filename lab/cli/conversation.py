"""A conversation as `lab run` plays it: what the scenario asks, turn by turn, until one doesn't end COMPLETE."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from lab.app import App, Badge, Outcome
from lab.app.observe import Observation, Requested
from lab.core.clock import Millis
from lab.language.document import Scenario

READING: Millis = 4_000
"""How long a person reads an answer before the next message."""


@dataclass(slots=True)
class Conversation:
    """What a turn hands on to the next: the token, the conversation, the number of its first exchange."""

    apps: tuple[App, ...]
    badge: Badge | None = None
    conversation: str | None = None
    first: int = 1

    def __call__(self, told: Observation) -> None:
        """Keep count of the exchanges."""
        if isinstance(told, Requested):
            self.first = told.x + 1

    def keep(self, outcome: Outcome) -> bool:
        """Take over what the turn leaves; whether there is a next one."""
        self.badge, self.conversation = outcome.badge, outcome.conversation
        return outcome.complete

    def play(self, turn: Callable[[App], Outcome]) -> list[Outcome]:
        """The outcomes of the turns that were played."""
        outcomes: list[Outcome] = []
        for app in self.apps:
            outcomes.append(turn(app))
            if not self.keep(outcomes[-1]):
                break
        return outcomes

    async def drive(self, turn: Callable[[App], Awaitable[Outcome]]) -> list[Outcome]:
        """As `play`, for turns that take real time."""
        outcomes: list[Outcome] = []
        for app in self.apps:
            outcomes.append(await turn(app))
            if not self.keep(outcomes[-1]):
                break
        return outcomes


def thread(app: App, scenario: Scenario) -> Conversation:
    """The turns of a scenario, asked by one app."""
    return Conversation(
        tuple(replace(app, message=ask.message, parameters=dict(ask.parameters)) for ask in scenario.user_messages)
    )
