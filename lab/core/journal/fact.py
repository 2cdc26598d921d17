"""The base of all facts."""

from dataclasses import dataclass
from typing import ClassVar

from lab.core.clock import Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One entry: what happened at the instant `at`. A recording adds the exchange it belongs to."""

    type: ClassVar[str] = ""
    kind: ClassVar[str] = "input"
    at: Millis
