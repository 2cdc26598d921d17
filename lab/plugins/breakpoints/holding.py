"""Which exchanges a lab holds, and until when: for a hand, for a time in the lab's, or until the peer or the lab is gone.

A breakpoint belongs to this process and to no record: who starts the lab again, or resets it, begins without any. What it
does to an exchange two facts tell, so a recording has all of it, and a replay, which holds nothing, says the same again.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from lab.clocks import first_of
from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.journal.fact import ClockRestarted, Fact, LedgerCleared
from lab.core.journal.holds import ExchangeHeld, ExchangeReleased, Side
from lab.core.observe import Noted
from lab.core.reply import Reply
from lab.dialects.router import ROUTER
from lab.faults.model import released
from lab.jobs.facts import job_named
from lab.plugins.breakpoints.commands import SetBreakpoint
from lab.program.words import duration
from lab.recording.exchange import ASKED_OVER_ANY_WIRE, call_kind, client_call_of
from lab.server.interceptor import Ends
from lab.server.labs import ServedLab

_ENDS: dict[str, Ends] = {"drop": "empty", "reset": "reset"}
"""How the connection of a request ends that nobody is to read."""


class HoldPlace(NamedTuple):
    """Where an exchange is, as breakpoints look at it."""

    side: Side
    routes: tuple[str, ...]
    """What the call goes by: the name of its route, and what it asks."""
    job: str | None
    status: int | None

    def fits(self, one: SetBreakpoint) -> bool:
        """Whether it is all that a breakpoint says."""
        route = one.route in (None, *self.routes)
        return one.side == self.side and route and one.job in (None, self.job) and one.status in (None, self.status)


class Hold(Struct, eq=False):
    """An exchange that is held."""

    number: int
    c: int
    breakpoint: str
    place: HoldPlace
    since: Millis
    until: Millis | None
    """When it goes by itself; None: it doesn't."""
    request: Request
    reply: Reply | None
    """What would leave; None: the mock hasn't read the request."""
    task: asyncio.Task[object] | None
    over: asyncio.Event
    """Set once it is let go."""
    fact: ExchangeReleased | None = None
    """How, then."""
    hand: Response = Response(0)
    """What leaves in the place of what would, as far as that says."""

    def release(self, fact: ExchangeReleased, hand: Response | None = None) -> None:
        """Let it go so; the first hand counts."""
        if self.fact is None:
            self.fact, self.hand = fact, hand or self.hand
            self.over.set()


class Breakpoints:
    """The breakpoints of one lab, and what they hold: its interceptor."""

    def __init__(self, lab: ServedLab) -> None:
        self._lab, self._last, self._ended = lab, 0, False
        self.breakpoints: dict[str, SetBreakpoint] = {}
        """By name, in the order in which they were set."""
        self._seen = Counter[str]()
        """How many exchanges have fitted each."""
        self.holds: dict[int, Hold] = {}
        """By number, in the order in which they began."""
        lab.service.journals.append(self._begin_anew)

    def _begin_anew(self, facts: Sequence[Fact]) -> None:
        if any(isinstance(fact, LedgerCleared | ClockRestarted) for fact in facts):
            self.breakpoints.clear()

    @property
    def holding(self) -> bool:
        return bool(self.holds)

    def end(self) -> None:
        self._ended = True
        for hold in self.holds.values():
            if hold.task is not None:
                hold.task.cancel()

    async def hold_request(self, c: int, request: Request) -> Ends | None:
        hold = await self._hold(HoldPlace("request", *self._of(request), None), c, request)
        return None if hold is None or hold.fact is None else _ENDS.get(hold.fact.how)

    async def hold_reply(self, c: int, request: Request, reply: Reply) -> Reply:
        routes, named = self._of(request)
        place = HoldPlace("reply", routes, reply.job or named, reply.response.status)
        hold = await self._hold(place, c, request, reply)
        if hold is None or hold.fact is None:
            return reply
        return released(reply, hold.fact, hold.hand, self._lab.clock.now())

    def _of(self, request: Request) -> tuple[tuple[str, ...], str | None]:
        """What a call goes by, and the job that it names."""
        route, match = ROUTER.name(request.method, request.path, local=True), ROUTER.at(request.path)
        call = client_call_of(route, request)
        command = None if call is None else call.command
        asks = ASKED_OVER_ANY_WIRE.get(call_kind(route, command), route)
        named = match.job if match is not None and match.job else getattr(command, "job", None)
        found = job_named(self._lab.service.ledger, named) if named else None
        return (route, asks), named if found is None else found[0]

    def _taker(self, place: HoldPlace) -> SetBreakpoint | None:
        """The first breakpoint that holds an exchange; all that fit count it, and those that hold once are over."""
        fitting = [each for each in self.breakpoints.values() if place.fits(each)]
        self._seen.update(each.name for each in fitting)
        takers = [each for each in fitting if each.call in (None, self._seen[each.name])]
        for each in takers:
            if each.once or each.call is not None:
                del self.breakpoints[each.name], self._seen[each.name]
        return next(iter(takers), None)

    async def _hold(self, place: HoldPlace, c: int, request: Request, reply: Reply | None = None) -> Hold | None:
        """Wait until it is let go, if it is held; None: it isn't."""
        if (one := self._taker(place)) is None:
            return None
        clock, name, after, self._last = self._lab.clock, one.name, one.release_after, self._last + 1
        number, now, task = self._last, clock.now(), asyncio.current_task()
        until = None if after is None else now + duration(after)
        hold = Hold(number, c, name, place, now, until, request, reply, task, asyncio.Event())
        self.holds[number], route = hold, place.routes[0]
        self._tell(hold, ExchangeHeld(at=now, hold=number, c=c, breakpoint=name, side=place.side, route=route))
        fact = ExchangeReleased(at=now, hold=number, c=c, how="time")
        try:
            if until is None:
                await hold.over.wait()
            else:  # `hold_until`: where a run of our own has the clock stand, it passes
                await first_of(clock.hold_until(until), hold.over.wait())
        except asyncio.CancelledError:
            fact = replace(fact, how="shutdown" if self._ended else "client_gone")
            raise
        finally:
            hold.release(fact)
            del self.holds[number]
            self._tell(hold, replace(hold.fact or fact, at=clock.now()))
        if hold.fact is not None and hold.fact.delay:
            await clock.hold_until(clock.now() + hold.fact.delay)
        return hold

    def _tell(self, hold: Hold, fact: Fact) -> None:
        self._lab.service.tell(Noted(fact.at, fact, None if hold.reply is None else hold.reply.x))
