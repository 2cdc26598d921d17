"""Exchanges that are held on their way: a request before the mock reads it, a reply before it leaves (control-plane.md §10).

Each is held in a task of its own, so nobody else waits: for a hand, for a time in the lab's, or until the peer or the lab is
gone. Two facts tell of it, so a recording has all of it, and a replay, which holds nothing, says the same again.
"""

import asyncio
from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.clocks import AnyClock, first_of
from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.journal.fact import Fact
from lab.core.journal.holds import ExchangeHeld, ExchangeReleased, HeldSide
from lab.core.observe import Noted
from lab.core.reply import Reply
from lab.faults.model import released
from lab.mock.service import Service

Ends: TypeAlias = Literal["empty", "reset"]
"""How the connection of a request ends that nobody is to read: closed without an answer, or reset."""
_ENDS: dict[str, Ends] = {"drop": "empty", "reset": "reset"}


class HoldOrder(Struct, frozen=True):
    """That an exchange is to be held: by what, and for how long."""

    breakpoint: str
    route: str
    job: str | None = None
    release_after: Millis | None = None
    """In the lab's time; None: it doesn't go by itself."""


class Hold(Struct, eq=False):
    """An exchange that is held."""

    number: int
    c: int
    side: HeldSide
    stop: HoldOrder
    since: Millis
    until: Millis | None
    request: Request
    """As it came; once it is let go as the mock is to read it."""
    reply: Reply | None
    """What would leave; None: the mock hasn't read the request."""
    task: asyncio.Task[object] | None
    over: asyncio.Event
    """Set once it is let go."""
    fact: ExchangeReleased | None = None
    """How, then."""
    hand: Response = Response(0)
    """What leaves in the place of what would, as far as that says."""

    def release(self, fact: ExchangeReleased, request: Request | None = None, hand: Response | None = None) -> None:
        """Let it go so; the first hand counts."""
        if self.fact is None:
            self.fact, self.request, self.hand = fact, request or self.request, hand or self.hand
            self.over.set()


Choose: TypeAlias = Callable[[HeldSide, Request, Reply | None], HoldOrder | None]
"""Whether an exchange is to be held; a reply is due then: it has settled, and what its latency says has passed."""


class Holds:
    """Those of one lab."""

    def __init__(self, service: Service, clock: AnyClock) -> None:
        self._service, self._clock = service, clock
        self._last, self._ended = 0, False
        self.choose: Choose | None = None
        """What holds exchanges (plugins.md §4); None: nothing does, and nobody is asked."""
        self.under_way: dict[int, Hold] = {}
        """By number, in the order in which they began."""

    def end(self) -> None:
        """The lab ends: whatever is held is cut."""
        self._ended = True
        for hold in self.under_way.values():
            if hold.task is not None:
                hold.task.cancel()

    async def pass_request(self, c: int, request: Request) -> Request | Ends:
        """A request once the mock may read it, as a hand has edited it; or how its connection is to end."""
        hold = await self._hold(c, "request", request, None)
        return request if hold is None or hold.fact is None else _ENDS.get(hold.fact.how, hold.request)

    async def pass_reply(self, c: int, request: Request, reply: Reply) -> Reply:
        """A reply that is due, as it is to leave now. A fault has struck it already."""
        hold = await self._hold(c, "reply", request, reply)
        if hold is None or hold.fact is None:
            return reply
        return released(reply, hold.fact, hold.hand, self._clock.now())

    async def _hold(self, c: int, side: HeldSide, request: Request, reply: Reply | None) -> Hold | None:
        """Wait until it is let go, if it is held; None: it isn't."""
        stop = None if self.choose is None else self.choose(side, request, reply)
        if stop is None:
            return None
        self._last += 1
        number, now, after = self._last, self._clock.now(), stop.release_after
        until, task = None if after is None else now + after, asyncio.current_task()
        hold = Hold(number, c, side, stop, now, until, request, reply, task, asyncio.Event())
        self.under_way[number] = hold
        self._tell(
            hold, ExchangeHeld(at=now, hold=number, c=c, breakpoint=stop.breakpoint, side=side, route=stop.route)
        )
        fact = ExchangeReleased(at=now, hold=number, c=c, how="time")
        try:
            if until is None:
                await hold.over.wait()
            else:  # `hold_until`: where a run of our own has the clock stand, it passes
                await first_of(self._clock.hold_until(until), hold.over.wait())
        except asyncio.CancelledError:
            fact = replace(fact, how="shutdown" if self._ended else "client_gone")
            raise
        finally:
            hold.release(fact)
            del self.under_way[number]
            self._tell(hold, replace(hold.fact or fact, at=self._clock.now()))
        if hold.fact is not None and hold.fact.delay:
            await self._clock.hold_until(self._clock.now() + hold.fact.delay)
        return hold

    def _tell(self, hold: Hold, fact: Fact) -> None:
        self._service.tell(Noted(fact.at, fact, None if hold.reply is None else hold.reply.x))
