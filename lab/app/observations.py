"""What an observer of the external app is notified of: what every source tells, and its question and its outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from lab.app.effects import Outcome
from lab.core.clock import Millis
from lab.core.observe import Observation
from lab.dialects.client import Question


@dataclass(frozen=True, slots=True)
class Asking:
    """The external app waits until `until`, and a person may answer meanwhile."""

    at: Millis
    until: Millis
    question: Question


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over."""

    at: Millis
    outcome: Outcome


RunObservation: TypeAlias = Observation | Asking | RunEnded
RunObserver: TypeAlias = Callable[[RunObservation], None]
