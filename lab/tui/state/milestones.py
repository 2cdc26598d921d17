"""Milestones: what a run has come to, made by the fold. Acts, stepper, marks of a recording, band and finale read them."""

from typing import Literal

from msgspec import Struct

from lab.core.clock import Millis
from lab.tui.state.gate import GateDecision

MilestoneKind = Literal[
    "token", "invoke", "poll", "status", "step", "gate", "decided", "refused", "fault", "output", "error"
]
"""`poll` is the first answer to a poll, `status` each after it that shows another word; `refused` a call that was."""


class Milestone(Struct, frozen=True):
    """One thing that a run has come to."""

    at: Millis
    place: int
    """How much had been observed by then: of a recording its lines."""
    kind: MilestoneKind
    value: str = ""
    """The token's ends, the Job ID, the status word, the step, the gate, the verdict, the fault, or which call."""
    word: str = ""
    """The status that a step brought, or the code of a refusal."""
    decision: GateDecision | None = None
