"""Intents: what the person at the keys wants; a source performs them, or says why not."""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json


class StartRun(Struct, frozen=True):
    """Begin the run."""


class TogglePause(Struct, frozen=True):
    """Freeze the lab's clock, or let it go on."""


class StepForward(Struct, frozen=True):
    """Run on to the next observation, then pause."""


class SetSpeed(Struct, frozen=True):
    """Run at another pace: decimal text."""

    factor: str


class SkipAhead(Struct, frozen=True):
    """Let time run fast until something happens, or until this is asked once more."""

    until: Millis | None = None
    """The latest instant to come to."""
    limit: str = ""
    """What is to be said there."""


class ResetRun(Struct, frozen=True):
    """Back to the start, same seed."""


class AnswerGate(Struct, frozen=True):
    """Answer the open gate: the verdict, and what there is to say with it."""

    verdict: str
    content: str | None = None
    job: str = ""
    """Whose gate: a journal has many jobs."""
    gate: str = ""
    opening: str = ""
    """What tells one opening of it from the next."""
    name: str | None = None
    """Who answers."""
    by_phone: bool = False
    """Whether a phone answers: of two that do, or if a key was faster, the second must know that it came late."""


class SendTurn(Struct, frozen=True):
    """Say this: the next turn of the conversation, or before the run its first message."""

    message: str


class ChooseScenario(Struct, frozen=True):
    """Play another scenario, from its start."""

    name: str


class MoveCursor(Struct, frozen=True):
    """Move a recording's cursor by one observation, or by one mark, and stand."""

    by: int
    marks: bool = False


class SeekInstant(Struct, frozen=True):
    """Go to an instant of a recording."""

    at: int


class SeekStage(Struct, frozen=True):
    """Go to where a stage shows: token, invoke, poll, gate, output."""

    stage: str


class StandAtActs(Struct, frozen=True):
    """Have the clock stand where an act begins, until `EndHold`; or no more."""

    on: bool


class EndHold(Struct, frozen=True):
    """The act at which the run stood has been seen: go on. `stop` is which stop it was, from 1."""

    stop: int


class NextAct(Struct, frozen=True):
    """Run fast until the next act begins."""


class SeekAct(Struct, frozen=True):
    """Go back to where an act began, and stand there."""

    key: tuple[int | None, str, int]
    """`state.acts.Act.key`."""


class ArmFault(Struct, frozen=True):
    """Arm a fault, written as in a scenario."""

    fault: Mapping[str, Json]


class DisarmFault(Struct, frozen=True):
    """Disarm a fault that was armed, by its name."""

    name: str


class ToggleRecording(Struct, frozen=True):
    """Begin a tape, or end the one that runs."""


Intent: TypeAlias = (
    StartRun | TogglePause | StepForward | SetSpeed | SkipAhead | ResetRun | AnswerGate | SendTurn | ChooseScenario
    | MoveCursor | SeekInstant | SeekStage | StandAtActs | EndHold | NextAct | SeekAct
    | ArmFault | DisarmFault | ToggleRecording
)  # fmt: skip
