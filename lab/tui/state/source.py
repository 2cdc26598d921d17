"""A source as the screen knows it: what it shows, and what may be asked of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeAlias, TypeVar

from lab.app.effects import Outcome, RunObservation
from lab.control import ControlCommand
from lab.core.clock import Clock, Millis
from lab.core.errors import HostError
from lab.core.exchange import Json
from lab.tui.state.acts import ActKey
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.screen import SourceState

ControlReply = TypeVar("ControlReply")
Refused: TypeAlias = str | None
"""Why something wasn't done; None if it was."""


class ScreenSource:
    """Observations, and what can be done to them. What a source can't do it refuses in its own words; `describe().can`
    says beforehand what it can."""

    follows = False
    """Whether it follows a journal, and so shows one job of many; else the run is ours."""
    clock: Clock
    """For `now()` alone."""
    outcome: Outcome | None = None
    """How the run ended, if it is ours."""
    refusal = ""
    """What it says where it can't do what is asked."""
    runs = True
    """Whether its time passes by itself, so that the screen has to look at it; else somebody puts it where it is."""
    paused = False
    """Whether its time stands."""
    factor = "1"
    """The pace of its time."""

    def describe(self, journal: JournalState | None, chosen: int | None) -> SourceState:
        """What it says of itself: of a run of ours its scenario, of a journal that of the job that shows."""
        raise NotImplementedError

    def observations(self) -> AsyncIterator[RunObservation | SourceUpdate]:
        """What happens, for as long as the screen lives."""
        raise NotImplementedError

    # Its time

    async def pause(self) -> Refused:
        """Have time stand, or go on."""
        return self.refusal

    async def scale(self, factor: str) -> Refused:
        """Run at another pace: decimal text."""
        return self.refusal

    async def step(self) -> Refused:
        """Run on to the next observation, then pause."""
        return self.refusal

    async def skip(self, until: Millis | None = None, limit: str = "") -> Refused:
        """Let time run fast until something happens, or this is asked once more; at most `until`, and say `limit` there."""
        return self.refusal

    async def move(self, by: int, *, marks: bool = False) -> Refused:
        """Move a recording's cursor by so many observations, or marks, and stand."""
        return self.refusal

    async def seek(self, at: Millis) -> Refused:
        """Go to an instant of a recording."""
        return self.refusal

    async def go_to(self, stage: str) -> Refused:
        """Go to where a stage shows: token, invoke, poll, gate, output."""
        return self.refusal

    # Act by act

    async def stand_at_acts(self, on: bool) -> Refused:
        """Have time stand where an act begins, until `end_hold`; or no more."""
        return None

    def end_hold(self, stop: int) -> None:
        """The act at which time stood has been seen: go on. `stop` is which stop it was, from 1."""

    async def next_act(self) -> Refused:
        """Run fast until the next act begins."""
        return self.refusal

    async def go_to_act(self, key: ActKey) -> Refused:
        """Go back to where an act began, and stand there."""
        return self.refusal

    # The run

    async def begin(self) -> Refused:
        """Begin it."""
        return self.refusal

    async def reset(self) -> Refused:
        """Back to the start, same seed."""
        return self.refusal

    async def choose(self, scenario: str) -> Refused:
        """Play a scenario from its start, with its own message."""
        return self.refusal

    async def say(self, message: str) -> Refused:
        """Say this: the next turn of the conversation, or before the run its first message, empty: the scenario's."""
        return self.refusal

    async def answer(self, answer: GateAnswer) -> Refused:
        """Answer the open gate."""
        return self.refusal

    async def arm(self, fault: Mapping[str, Json]) -> Refused:
        """Arm a fault, written as in a scenario."""
        return self.refusal

    async def disarm(self, name: str) -> Refused:
        """Disarm a fault that was armed, by its name."""
        return self.refusal

    async def ask(self, command: ControlCommand[ControlReply]) -> ControlReply:
        """What the control plane of the lab that shows answers to a plugin's key; LabError if it refuses, or there is none."""
        raise HostError(self.refusal)

    async def record(self) -> Refused:
        """Begin a tape, or end the one that runs."""
        return self.refusal


SourceAsk: TypeAlias = Callable[[ScreenSource], Awaitable[Refused]]
"""What a key asks of the source."""
