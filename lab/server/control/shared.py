"""The journal of the control plane where several processes serve the lab (control-plane.md §2.4)."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.journal.shared import LogPosition
from lab.core.observe import Noted, Observation, Replied, Requested, Touched
from lab.server.backlog import Kept
from lab.server.control.journal import Buffer, Subscriber


class SharedBuffer(Buffer):
    """Keeps what other processes tell of their exchanges among its own, in the order in which all came about."""

    def relay(self, kept: Kept) -> None:
        """Take what another process observed."""
        self.backlog.hand_on()
        self.take([kept])

    def restart(self, observations: Iterable[Observation]) -> None:
        """Begin anew; a reply that is under way is told apart by its request, which isn't here."""
        super().restart(observations)
        self.after = 0

    def exchanges(self) -> tuple[Kept, ...]:
        """What was observed, oldest first."""
        self.backlog.hand_on()
        placed, last = [], (0, 0, 0, 0)
        for kept in self._kept:
            place = _place(kept)
            # what is touched by an exchange stands in it
            last = last if type(kept.observation) is Touched and last[:2] == place[:2] else place
            placed.append((last, kept))
        placed.sort(key=lambda each: each[0])
        return tuple(kept for _, kept in placed)


def _place(kept: Kept) -> tuple[Millis, LogPosition, int, int]:
    """By instant, then by what had been committed; of one exchange its request first, its reply last."""
    observation = kept.observation
    kinds = (Requested, Noted, Replied)
    phase = kinds.index(type(observation)) if type(observation) in kinds else 1
    return observation.at, kept.order, getattr(observation, "x", None) or 0, phase


class SharedSubscriber(Subscriber):
    """A subscriber that is told what comes about at any process.

    It numbers the exchanges from 1, in the order of its journal: those of the processes leave gaps.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._numbers: dict[int, int] = {}
        self._last = 0
        super().__init__(*args, **options)

    def _numbered(self, batch: Iterable[Kept]) -> Iterable[Kept]:
        for kept in batch:
            if (observation := self._own(kept.observation)) is not None:
                yield replace(kept, observation=observation)

    def _own(self, observation: Observation) -> Observation | None:
        """The observation as this journal numbers it; None: it is of an exchange that the journal doesn't tell of.

        A fact is told all the same, and belongs to none then: its exchange may be told of later.
        """
        match observation:
            case Requested(x=x):
                self._last += 1
                self._numbers[x] = self._last
                return replace(observation, x=self._last, ordinal=x)
            case Replied(x=x):
                number = self._numbers.get(x)
                return None if number is None else replace(observation, x=number)
            case Noted(x=int(x)):
                return replace(observation, x=self._numbers.get(x))
        return observation
