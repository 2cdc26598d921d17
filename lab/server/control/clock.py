"""The control plane's routes for the clock: tell, advance, pace, and move on to where a job has a status (contract.md §2.7)."""

from msgspec import UNSET
from msgspec.structs import asdict

from lab.clocks import ManualClock, ScaledClock
from lab.control import ClockDocument, LookClock, MovedClock, SetClock
from lab.core.clock import LAST_WALL, Millis, has_date, iso
from lab.core.exchange import Json
from lab.jobs.facts import JobView
from lab.jobs.timeline import spans, spans_from
from lab.program.words import Status, Verdict
from lab.server.control.jobs import job_now, viewed
from lab.server.control.observed import RouteContext
from lab.server.control.reading import CommandRefused, millis_of


async def look_clock(context: RouteContext, command: LookClock) -> ClockDocument:
    return clock_now(context)


async def set_clock(context: RouteContext, command: SetClock) -> MovedClock:
    """`advance`, and `job` and `until`, move a manual clock on, `factor` sets the pace of a scaled one."""
    job, sent = None, command.members()
    if sent.keys() == {"advance"}:
        moved, millis = manual(context), millis_of(str(command.advance))
        await context.calls.advance(moved, lambda now: within_dates(context, now + millis))
    elif sent.keys() == {"factor"}:
        if not isinstance(context.clock, ScaledClock):
            raise CommandRefused(409, "This clock has no pace to set.", "Start the lab with --clock scaled:1.")
        within_dates(context, context.clock.now())
        await context.calls.scale(context.clock, str(command.factor))
    elif sent.keys() - {"timeout"} == {"job", "until"}:
        job = str(command.job)
        await _until(context, job, Status(str(command.until)), timeout=command.timeout is True)
    else:
        raise CommandRefused(400, "Send advance, factor, or job and until.", SetClock.hints[""])
    return MovedClock(**asdict(clock_now(context)), job=UNSET if job is None else job_now(context, job))


def clock_now(context: RouteContext) -> ClockDocument:
    """The clock as it is."""
    found, epoch = context.clock, context.service.config.epoch
    now = found.now()
    return ClockDocument(found.mode, found.factor, now, epoch, iso(epoch, now))


def manual(context: RouteContext, hint: str = "Start the lab with --clock manual.") -> ManualClock:
    """The clock, if it is moved by hand; else CommandRefused."""
    if not isinstance(context.clock, ManualClock):
        raise CommandRefused(409, "This clock runs by itself.", hint)
    return context.clock


def within_dates(context: RouteContext, instant: Millis) -> Millis:
    """The instant; CommandRefused if dates end before."""
    epoch = context.service.config.epoch
    if not has_date(epoch, instant):
        now = iso(epoch, context.clock.now())
        raise CommandRefused(400, f"No clock goes beyond {iso(LAST_WALL, 0)}.", f"It is {now} now.")
    return instant


async def _until(context: RouteContext, job: str, status: Status, *, timeout: bool) -> None:
    """Move on from one happening of the job to the next, for at each somebody may act who waits for it."""
    clock = manual(context, f"GET /_lab/jobs/{{job}}?until={status} waits for it.")

    def target(now: Millis) -> Millis:
        view = viewed(context.service, job, now)
        if view.span.status == status:
            return now  # somebody else was faster
        within_dates(context, _comes(view, status, now, timeout=timeout))
        until = view.span.until
        assert until is not None
        # when the next vote of the open gate is due, or the job moves on, if nobody acts
        return min(until, next((vote.at for vote in view.span.votes if vote.at > now), until))

    while viewed(context.service, job, clock.now()).span.status != status:
        await context.calls.advance(clock, target)


def _comes(view: JobView, status: Status, now: Millis, *, timeout: bool) -> Millis:
    """When the job comes to have that status if nobody acts; with `timeout` patience may run out. Else CommandRefused."""
    why, hint = "", "Its history says where it has been."
    for span in spans_from(view.plan, view.decisions, now):
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
