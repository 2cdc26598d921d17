"""Which calls of a plan are next: each comes after all that had come before it in the recording (recordings.md §6.3)."""

from collections.abc import Iterator
from itertools import islice

from lab.core.clock import Millis
from lab.recording.client_replay.plan import ClientPlan, PlannedCall, PlannedEvent


class CallOrder:
    """The calls that aren't sent yet, and the events that they wait for."""

    def __init__(self, plan: ClientPlan, *, fast: bool) -> None:
        """`fast`: without the recorded pauses."""
        self._plan, self._fast = plan, fast
        self._times: dict[PlannedEvent, Millis] = {}
        """When each came that has come."""
        self._come = 0
        """So many events have come, without a gap."""
        self._next = 0
        """The first call that isn't sent; those behind it wait for as many events, or for more."""
        self._again: list[tuple[Millis, PlannedCall]] = []
        self._start: Millis | None = None

    @property
    def over(self) -> bool:
        """Whether none is left."""
        return not self._again and self._next == len(self._plan.calls)

    def due(self, now: Millis) -> Millis | None:
        """When the next one is to be sent; None: it waits for an event."""
        first = (self._when(call, now) for call in islice(self._eligible(), 1))
        return min((*first, *(at for at, _ in self._again)), default=None)

    def take_due(self, now: Millis) -> list[PlannedCall]:
        """Those to be sent now, in their order; they aren't left any more."""
        self._start = now if self._start is None else self._start
        found = [call for at, call in self._again if at <= now]
        self._again = [(at, call) for at, call in self._again if at > now]
        for call in self._eligible():
            if self._when(call, now) > now:
                break  # those behind it were sent later
            found.append(call)
            self._next += 1
        return found

    def repeat(self, call: PlannedCall, at: Millis) -> None:
        """Send it once more, from that instant on."""
        self._again.append((at, call))

    def come(self, at: Millis, event: PlannedEvent) -> None:
        """It came, if it hadn't."""
        self._times.setdefault(event, at)
        while self._come < len(self._plan.events) and self._plan.events[self._come] in self._times:
            self._come += 1

    def _eligible(self) -> Iterator[PlannedCall]:
        for place in range(self._next, len(self._plan.calls)):
            call = self._plan.calls[place]
            if call.after > self._come:
                return
            yield call

    def _when(self, call: PlannedCall, now: Millis) -> Millis:
        anchor = self._times[self._plan.events[call.after - 1]] if call.after else self._start
        return (now if anchor is None else anchor) + (0 if self._fast else call.pause)
