"""Intents: what the person at the keys wants; a source performs them, or says why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lab.core.exchange import Json


@dataclass(frozen=True, slots=True)
class StartRun:
    """Begin the run."""


@dataclass(frozen=True, slots=True)
class TogglePause:
    """Freeze the lab's clock, or let it go on."""


@dataclass(frozen=True, slots=True)
class StepForward:
    """Run on to the next observation, then pause."""


@dataclass(frozen=True, slots=True)
class SetSpeed:
    """Run at another pace: decimal text."""

    factor: str


@dataclass(frozen=True, slots=True)
class ResetRun:
    """Back to the start, same seed."""


@dataclass(frozen=True, slots=True)
class AnswerGate:
    """Answer the open gate: the verdict, and what should be different."""

    verdict: str
    content: str | None = None
    job: str = ""
    """Where a journal is followed: whose gate."""
    gate: str = ""
    opening: str = ""
    """What tells one opening of it from the next."""


@dataclass(frozen=True, slots=True)
class SendTurn:
    """Say this: the next turn of the conversation, or before the run its first message."""

    message: str


@dataclass(frozen=True, slots=True)
class ChooseScenario:
    """Play another scenario, from its start."""

    name: str


@dataclass(frozen=True, slots=True)
class MoveCursor:
    """Move a recording's cursor by one observation, or by one mark, and stand."""

    by: int
    marks: bool = False


@dataclass(frozen=True, slots=True)
class SeekInstant:
    """Go to an instant of a recording."""

    at: int


@dataclass(frozen=True, slots=True)
class SeekStage:
    """Go to where a stage shows: token, invoke, poll, gate, output."""

    stage: str


@dataclass(frozen=True, slots=True)
class ArmFault:
    """Arm a fault, written as in a scenario."""

    fault: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class DisarmFault:
    """Disarm a fault that was armed, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class ToggleRecording:
    """Begin a tape, or end the one that runs."""


Intent: TypeAlias = (
    StartRun | TogglePause | StepForward | SetSpeed | ResetRun | AnswerGate | SendTurn | ChooseScenario
    | MoveCursor | SeekInstant | SeekStage | ArmFault | DisarmFault | ToggleRecording
)  # fmt: skip
