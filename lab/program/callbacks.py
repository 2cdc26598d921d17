"""`callbacks`: which changes of a job are told to a receiver, when, how often, and what goes wrong with that."""

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from lab.core.clock import Millis
from lab.program.callers import Callers
from lab.program.draws import Latency
from lab.program.faults import CallNumbers, Calls
from lab.program.steps import StepId
from lab.program.words import Chance, Duration, Part, StatusWord

CallbackStrike: TypeAlias = Literal[
    "lost", "late", "twice", "reordered", "bad-signature", "old-timestamp", "other-job", "truncated"
]
"""What goes wrong with a callback, named by what its receiver observes."""

STANDARD_TRIES: tuple[Millis, ...] = (
    0,
    5_000,
    300_000,
    1_800_000,
    7_200_000,
    18_000_000,
    36_000_000,
    50_400_000,
    72_000_000,
    86_400_000,
)
"""The schedule that Standard Webhooks 1.0 gives as its example: at once, then 5 s, 5 min, 30 min, 2, 5, 10, 14, 20, 24 h."""
LATE: Millis = 600_000
"""By how much a late callback is, unless it says so itself."""


class CallbackFault(Part, frozen=True, kw_only=True, rename={"callers": "for"}):
    """What goes wrong with a callback: which one, and what."""

    strike: CallbackStrike
    """lost: none of its tries arrives; late, twice, reordered: of the callback; bad-signature, old-timestamp, other-job,
    truncated: of its first try, and those behind it are as they should be"""
    calls: CallNumbers | None = None
    """2, 2-4 or every 3: counted among the job's callbacks that fit step; 1 if absent, with chance all"""
    step: StepId | None = None
    """only callbacks that tell of a change into this step count"""
    chance: Chance | None = None
    """5%: drawn by the callback's number"""
    callers: Callers | None = None
    """only callbacks of jobs that they began count; everybody's, if absent"""
    delay: Duration | None = None
    """by how much a late one is: 10m, if absent"""

    @property
    def numbers(self) -> Calls:
        """Which callbacks are meant: the first, or with a chance all, unless said otherwise."""
        if self.calls is not None:
            return self.calls
        return Calls() if self.chance is None else Calls(1, None)

    def flaws(self) -> Iterator[str]:
        if self.delay is not None and self.strike != "late":
            yield "delay is of a late callback: add strike: late, or leave it out"


class Callbacks(Part, frozen=True, kw_only=True, rename={"callers": "for"}):
    """What a receiver is told of the scenario's jobs, where there is one."""

    on: Annotated[tuple[StatusWord, ...], Meta(min_length=1, max_length=5)] = (
        "WAITING",
        "COMPLETE",
        "ERROR",
        "CANCELLED",
    )
    """the statuses whose beginning is told"""
    after: Latency = 0
    """how long after the change the first try comes; a millisecond at least"""
    tries: Annotated[tuple[Duration, ...], Meta(min_length=1, max_length=20)] = STANDARD_TRIES
    """the pause before each try, as long as none is answered 2xx; each lasts up to a tenth longer, drawn by its name"""
    callers: Callers | None = None
    """whose jobs are told; everybody's, if absent"""
    faults: Annotated[tuple[CallbackFault, ...], Meta(max_length=50)] = ()
    """what goes wrong; of those that fit a callback the first strikes"""
