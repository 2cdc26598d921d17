"""The door to time: clocks that run as the wall does (`real`), faster (`scaled`), or only when told (`manual`).

All of them count from the monotonic clock or from nothing, so a step of the wall clock moves no job.
`hold` is for replies: a latency in whole milliseconds that is never cut short.
"""

from lab.clocks.manual import ManualClock
from lab.clocks.real import SystemClock, real_micros, real_millis, wall_nanos, wall_second
from lab.clocks.scaled import RunClock, ScaledClock
from lab.clocks.waits import breathe, first_of, settle
from lab.core.clock import Clock

__all__ = [
    "AnyClock",
    "Clock",
    "ManualClock",
    "RunClock",
    "ScaledClock",
    "SystemClock",
    "apart",
    "breathe",
    "first_of",
    "real_micros",
    "real_millis",
    "settle",
    "wall_nanos",
    "wall_second",
]

AnyClock = SystemClock | ScaledClock | ManualClock


def apart(clock: AnyClock) -> bool:
    """Whether the time of clients, who live by the wall, is another than the lab's."""
    return clock.mode != "real" and not (isinstance(clock, ManualClock) and clock.shared)
