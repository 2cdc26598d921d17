"""The routes of the control plane that do otherwise where several processes serve the lab (control-plane.md)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import UNSET
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.shared import LogPosition
from lab.core.observe import Noted, Observation, Replied, Requested, Touched
from lab.mock.service import Service
from lab.mock.sizes import sizes_of
from lab.server.backlog import Kept
from lab.server.control.access import CommandRefused, Handler
from lab.server.control.commands import Reset, command_in
from lab.server.control.journal import Subscriber
from lab.server.control.last_exchanges import Buffer
from lab.server.shared.calls import LedgerCalls

if TYPE_CHECKING:
    from lab.server.shared.exchanges import ExchangeRelay

KEPT_BY_RESET = ("scenarios", "settings", "seed", "clock")
"""What a reset of a shared lab leaves."""


def refused(what: str, hint: str) -> Handler:
    """A route that a shared lab doesn't have."""

    async def handle(request: web.Request) -> Json:
        raise CommandRefused(409, what, hint)

    return handle


UNSHARED: Mapping[str, Handler] = {
    "tape": refused("A shared lab can't be recorded.", "GET /_lab/journal tells all that happened, at any process."),
    "virtual_time": refused(
        "The clock of a shared lab is driven by no client.", 'POST /_lab/clock {"advance":"10s"} moves it.'
    ),
}
"""Routes that only a lab of one process has."""


class SharedReset:
    """Clears a lab for all of its processes: each forgets what it remembers when it learns of it."""

    def __init__(self, service: Service, calls: LedgerCalls, forget: Callable[[], int]) -> None:
        """`forget` empties the journal of this process, and gives how many exchanges it told of."""
        self._service = service
        self._calls = calls
        self._forget = forget
        self._exchanges = 0
        # before any other, so that the journal begins with it
        service.observers.insert(0, self._observe)

    def _observe(self, observation: Observation) -> None:
        if type(observation) is Noted and isinstance(observation.fact, LedgerCleared):
            self._exchanges = self._forget()

    async def reset(self, request: web.Request) -> Json:
        """`{}` forgets everything but the clock; nothing goes back to an instant."""
        if (await command_in(request, Reset)).to is not UNSET:
            raise CommandRefused(409, "A shared lab can't be set back.", "POST {} forgets all; the clock goes on.")
        now, sizes = await self._calls.run(partial(_cleared, self._service))
        sizes["exchanges"] += self._exchanges
        return {"ok": True, "now": now, "tape": None, "cleared": dict(sizes), "kept": [*KEPT_BY_RESET]}


def _cleared(service: Service, now: Millis) -> tuple[Millis, Counter[str]]:
    sizes = sizes_of(service.ledger)
    service.reset(now)
    return now, sizes


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

    def _numbered(self, past: Iterable[Kept]) -> Iterable[Kept]:
        self._numbers: dict[int, int] = {}
        self._last = 0
        for kept in past:
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

    def __call__(self, observation: Observation, wall: Millis | None = None) -> None:
        """Take an observation of this process, or of another one, which came about at `wall`."""
        known = self._own(observation)
        if known is not None:
            super().__call__(known, wall)

    def relay(self, kept: Kept) -> None:
        """Take what another process observed."""
        self(kept.observation, kept.wall)


@contextmanager
def following(service: Service, relay: "ExchangeRelay | None", subscriber: Subscriber) -> Iterator[None]:
    """Let a subscriber be told what comes about until the block ends."""
    service.observers.append(subscriber)
    if relay is not None and isinstance(subscriber, SharedSubscriber):
        relay.followers.append(subscriber.relay)
    try:
        yield
    finally:
        service.observers.remove(subscriber)
        if relay is not None and isinstance(subscriber, SharedSubscriber):
            relay.followers.remove(subscriber.relay)
