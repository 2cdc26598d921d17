"""The control plane's routes for the clock: tell, advance, pace, move on to where a job has a status; live by it (contract.md §2.7)."""

import asyncio

from msgspec import UNSET
from msgspec.structs import asdict

from lab.clocks import ManualClock, ScaledClock, SystemClock, breathe, first_of, real_millis
from lab.control import ClockDocument, DriveClock, LookClock, MovedClock, SetClock, VirtualTimeDocument
from lab.core.clock import LAST_WALL, Millis, has_date, iso
from lab.core.exchange import Json
from lab.jobs.facts import JobView
from lab.jobs.timeline import spans, spans_from
from lab.program.words import Status, Verdict
from lab.server.connection import Connection
from lab.server.control.jobs import job_now, viewed
from lab.server.control.observed import RouteContext
from lab.server.control.reading import CommandRefused, millis_of
from lab.server.mock_server import MockServer

_LOOK: Millis = 1
"""Real milliseconds between two looks at calls that other threads prepare."""
_SILENCE: Millis = 1_000
"""Real milliseconds for which time stands at most for one call of the lab's own."""
_HELD: Millis = 10
"""Between two looks while somebody holds an exchange, for which time stands."""
_STILL = 10
"""Turns of the loop without traffic after which none is to come: from a peer to its first byte it takes some six."""


async def look_clock(context: RouteContext, command: LookClock) -> ClockDocument:
    return clock_now(context)


async def set_clock(context: RouteContext, command: SetClock) -> MovedClock:
    """`advance`, and `job` and `until`, move a manual clock on, `factor` sets the pace of a scaled one."""
    job, sent = None, command.members()
    if sent.keys() == {"advance"}:
        moved, millis = manual(context), millis_of(str(command.advance))
        await context.lab.calls.advance(moved, lambda now: within_dates(context, now + millis))
    elif sent.keys() == {"factor"}:
        if not isinstance(context.lab.clock, ScaledClock):
            raise CommandRefused(409, "This clock has no pace to set.", "Start the lab with --clock scaled:1.")
        within_dates(context, context.lab.clock.now())
        await context.lab.calls.scale(context.lab.clock, str(command.factor))
    elif sent.keys() - {"timeout"} == {"job", "until"}:
        job = str(command.job)
        await _until(context, job, Status(str(command.until)), timeout=command.timeout is True)
    else:
        raise CommandRefused(400, "Send advance, factor, or job and until.", SetClock.hints[""])
    return MovedClock(**asdict(clock_now(context)), job=UNSET if job is None else job_now(context, job))


def clock_now(context: RouteContext) -> ClockDocument:
    """The clock as it is."""
    found, epoch = context.lab.clock, context.lab.service.config.epoch
    now = found.now()
    return ClockDocument(found.mode, found.factor, now, epoch, iso(epoch, now))


def manual(context: RouteContext, hint: str = "Start the lab with --clock manual.") -> ManualClock:
    """The clock, if it is moved by hand; else CommandRefused."""
    if not isinstance(context.lab.clock, ManualClock):
        raise CommandRefused(409, "This clock runs by itself.", hint)
    return context.lab.clock


def within_dates(context: RouteContext, instant: Millis) -> Millis:
    """The instant; CommandRefused if dates end before."""
    epoch = context.lab.service.config.epoch
    if not has_date(epoch, instant):
        now = iso(epoch, context.lab.clock.now())
        raise CommandRefused(400, f"No clock goes beyond {iso(LAST_WALL, 0)}.", f"It is {now} now.")
    return instant


async def _until(context: RouteContext, job: str, status: Status, *, timeout: bool) -> None:
    """Move on from one happening of the job to the next, for at each somebody may act who waits for it."""
    clock = manual(context, f"GET /_lab/jobs/{{job}}?until={status} waits for it.")

    def target(now: Millis) -> Millis:
        view = viewed(context.lab.service, job, now)
        if view.span.status == status:
            return now  # somebody else was faster
        within_dates(context, _comes(view, status, now, timeout=timeout))
        until = view.span.until
        assert until is not None
        # when the next vote of the open gate is due, or the job moves on, if nobody acts
        return min(until, next((vote.at for vote in view.span.votes if vote.at > now), until))

    while viewed(context.lab.service, job, clock.now()).span.status != status:
        await context.lab.calls.advance(clock, target)


def _comes(view: JobView, status: Status, now: Millis, *, timeout: bool) -> Millis:
    """When the job comes to have that status if nobody acts; with `timeout` patience may run out. Else CommandRefused."""
    why, hint = "", "Its history says where it has been."
    for span in spans_from(view.plan, view.decisions, view.span):
        if span.status == status and span.until != span.since:
            return span.since
        if span.opening is not None and span.votes[-1].verdict is Verdict.TIMED_OUT and not timeout:
            why = f"Nobody answers at {span.id}, where patience ends at {span.until}."
            hint = 'Decide over POST /_lab/jobs/{job}/decisions, or send "timeout":true.'
            break
        why = f"It ends {span.status} without."
    history: list[dict[str, Json]] = [
        {"at": span.since, "status": str(span.status), "step": span.id}
        for span in spans(view.plan, view.decisions)
        if span.since <= now
    ]
    what = f"The job is {view.span.status} and can't be {status}. {why}"
    raise CommandRefused(409, what, hint, more={"history": [*history]})


# A client that lives by a manual clock (control-plane.md §4.3)
#
# It says until when it does nothing; the lab answers once it has nothing to do either, and the clock has moved on to
# whatever came first: the client's own instant, or a reply that was withheld. Silence would prove nothing: bytes may be
# under way. So the client asks after its last byte, and the loop is let run until nothing has come or left meanwhile.


async def drive_clock(context: RouteContext, command: DriveClock) -> VirtualTimeDocument:
    """The client does nothing until that instant (null: for ever) unless, if it `reads`, bytes come."""
    if context.lab.calls.shared:
        hint = 'POST /_lab/clock {"advance":"10s"} moves it.'
        raise CommandRefused(409, "The clock of a shared lab is driven by no client.", hint)
    clock, usual = manual(context), context.all[context.server.labs.usual]
    driven = usual.driven if isinstance(usual.driven, DrivenClock) else DrivenClock(context.server)
    usual.driven = driven
    until = clock.now() if command.until is UNSET else command.until
    await driven.wait(context, clock, until, command.reads)
    # at these the client calls the lab, or the lab the client: both live by this clock
    origins = [*context.server.origins, *(f"http://127.0.0.1:{port}" for port in context.server.calling())]
    return VirtualTimeDocument(**asdict(clock_now(context)), origins=origins)


class DrivenClock:
    """The clock of one server. The connection that asks first drives it until that ends, and no other may meanwhile."""

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self._driver: Connection | None = None
        self._watch: asyncio.Task[None] | None = None
        self._left = 0
        """Of the server's traffic, what the client has been told to look for."""
        self._idle: dict[Connection, tuple[int, Millis]] = {}
        """Connections without a request under way: the bytes that came over each so far, and since when no more have."""
        self._works: tuple[int, Millis] = 0, 0
        """How many calls of the lab's own had begun when one was last found under way, and when that was, in real time."""

    async def wait(self, context: RouteContext, clock: ManualClock, until: Millis | None, reads: bool) -> None:
        """Return once the clock has moved as far as the client lets it."""
        await self._drive(clock, context.request.protocol)
        await self._quiet()
        while not (reads and self._server.traffic.left != self._left):
            if clock.works and await self._stand(clock, reads):
                break
            ends = [each for each in (until, clock.due, self._next_idle(clock.now())) if each is not None]
            if not ends:
                raise CommandRefused(408, "Nothing is to come: the lab withholds no reply.")
            woken = clock.step_to(within_dates(context, min(ends)))
            if self._close_idle(clock.now()) or woken:
                await self._quiet()
            if until is not None and clock.now() >= until:
                break
        self._left = self._server.traffic.left

    async def _stand(self, clock: ManualClock, reads: bool) -> bool:
        """Let time stand while the lab calls somebody, be that the client itself, or a thread or process of its own, which
        live by the wall; whether the client is to look for what has come. Who is silent for long waits for time to pass."""
        if self._works[0] != clock.begun_works:
            self._works = clock.begun_works, real_millis()
        left = self._works[1] + _SILENCE - real_millis()
        if left > 0:
            await first_of(clock.rest(), SystemClock().hold(_LOOK if reads else left))
            await self._quiet()
        return left > 0 and reads

    async def _drive(self, clock: ManualClock, connection: object) -> None:
        assert isinstance(connection, Connection)
        if self._driver is not None and self._driver.lost.is_set() and self._watch is not None:
            await asyncio.shield(self._watch)
        if self._driver is None:
            self._driver = connection
            clock.withhold()
            self._watch = asyncio.create_task(self._until_gone(clock, connection))
        elif self._driver is not connection:
            raise CommandRefused(409, "Another connection drives this clock.", "It does until it ends.")

    async def _until_gone(self, clock: ManualClock, connection: Connection) -> None:
        await connection.lost.wait()
        await self._quiet()
        # no reply leaves to who is gone
        for each in self._peers():
            if each.busy and each.half_closed:
                each.cut("client")
        clock.release()
        self._driver = None
        self._idle.clear()

    def _peers(self) -> list[Connection]:
        """The connections that live by this clock: a tenant's don't."""
        usual = self._server.labs.usual
        return [each for each in self._server.peers if each.tenant in (None, usual)]

    async def _quiet(self) -> None:
        """Return once all that was sent to the lab is read, and every call is answered or withheld, none by hand."""
        server, before, still = self._server, None, 0
        while still < _STILL:
            still = still + 1 if before == (before := (server.traffic.came, server.traffic.left)) else 0
            if server.preparing or server.holding:
                await SystemClock().hold(_LOOK if server.preparing else _HELD)
                still = 0
            await breathe()

    # A connection that is kept without a request ends after a time, which is the lab's here

    def _next_idle(self, now: Millis) -> Millis | None:
        """When the next connection will have been idle for too long."""
        known, self._idle = self._idle, {}
        for each in self._peers():
            if not each.busy and each.how is None:
                total, since = known.get(each, (-1, now))
                self._idle[each] = (each.total, since if total == each.total else now)
        return min((since + self._longest for _, since in self._idle.values()), default=None)

    def _close_idle(self, now: Millis) -> bool:
        over = [connection for connection, (_, since) in self._idle.items() if now >= since + self._longest]
        for connection in over:
            connection.retire("idle")
        return bool(over)

    @property
    def _longest(self) -> Millis:
        return round(1000 * self._server.limits.idle)
