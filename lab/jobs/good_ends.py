"""How the run of a good client may end (clients.md §9)."""

from enum import StrEnum

from lab.core.clock import Millis
from lab.program.draws import longest_latency
from lab.program.scenario import Scenario
from lab.program.steps import Delegate, Work, with_children

LONGEST_DEADLINE: Millis = 172_800_000
"""Two days: no client works on one job for longer."""


class GoodEnd(StrEnum):
    """How a good client's run may end."""

    RESULT = "result"
    """It takes the job's end, whatever that is, and asks no more."""
    CLEAN_STOP = "clean stop"
    """It stops, and says so."""


def ends_in(scenario: Scenario) -> tuple[GoodEnd, ...]:
    """What a good client does: it stops where it is refused, and where the wire fails, or the work takes days, it may."""
    if scenario.expect.refused is not None:
        return (GoodEnd.CLEAN_STOP,)
    works = [longest_latency(step.takes) for step in with_children(scenario.steps) if isinstance(step, Work | Delegate)]
    may_stop = scenario.faults or any(each >= LONGEST_DEADLINE for each in works)
    return (GoodEnd.RESULT, GoodEnd.CLEAN_STOP) if may_stop else (GoodEnd.RESULT,)
