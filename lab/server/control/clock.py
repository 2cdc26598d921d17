"""The control plane's routes for the clock: tell, advance, pace, and move on to where a job has a status (contract.md §2.7)."""

from aiohttp import web

from lab.clocks import AnyClock, ManualClock, ScaledClock
from lab.core.clock import LAST_WALL, Millis, has_date, iso
from lab.core.exchange import Json
from lab.jobs.facts import JobView
from lab.jobs.timeline import spans, spans_from
from lab.mock.service import Service
from lab.program.words import Status, Verdict
from lab.server.control.access import CommandRefused, millis_of
from lab.server.control.commands import SetClock, command_in
from lab.server.control.jobs import JobRoutes
from lab.server.shared.calls import LedgerCalls

_AT_REST = "Start the lab with --clock manual."


class ClockRoutes:
    """Handlers for one service and its jobs."""

    def __init__(self, service: Service, clock: AnyClock, jobs: JobRoutes, calls: LedgerCalls) -> None:
        self._service = service
        self._clock = clock
        self._jobs = jobs
        self._calls = calls

    def document(self) -> dict[str, Json]:
        """The clock as it is."""
        clock, epoch = self._clock, self._service.config.epoch
        now = clock.now()
        return {"mode": clock.mode, "factor": clock.factor, "now": now, "epoch": epoch, "wall": iso(epoch, now)}

    async def look(self, request: web.Request) -> Json:
        """The clock as it is."""
        return self.document()

    async def set(self, request: web.Request) -> Json:
        """`{"advance"}` and `{"job", "until"}` move a manual clock on, `{"factor"}` sets the pace of a scaled one."""
        match (await command_in(request, SetClock)).given():
            case {"advance": str(advance), **others} if not others:
                clock, millis = self.manual(), millis_of(advance)
                await self._calls.advance(clock, lambda now: self.dated(now + millis))
            case {"factor": str(factor), **others} if not others:
                await self._scale(factor)
            case {"job": str(job), "until": str(status), **others} if not others.keys() - {"timeout"}:
                return await self._until(job, Status(status), timeout=others.get("timeout") is True)
            case _:
                raise CommandRefused(400, "Send advance, factor, or job and until.", SetClock.hints[""])
        return self.document()

    def manual(self, hint: str = _AT_REST) -> ManualClock:
        """The clock, if it is moved by hand; else CommandRefused."""
        if not isinstance(self._clock, ManualClock):
            raise CommandRefused(409, "This clock runs by itself.", hint)
        return self._clock

    def dated(self, instant: Millis) -> Millis:
        """The instant; CommandRefused if dates end before."""
        epoch = self._service.config.epoch
        if not has_date(epoch, instant):
            raise CommandRefused(
                400, f"No clock goes beyond {iso(LAST_WALL, 0)}.", f"It is {iso(epoch, self._clock.now())} now."
            )
        return instant

    async def _scale(self, factor: str) -> None:
        clock = self._clock
        if not isinstance(clock, ScaledClock):
            raise CommandRefused(409, "This clock has no pace to set.", "Start the lab with --clock scaled:1.")
        self.dated(clock.now())
        await self._calls.scale(clock, factor)

    async def _until(self, job: str, status: Status, *, timeout: bool) -> Json:
        """Move on from one happening of the job to the next, for at each somebody may act who waits for it."""
        clock = self.manual(f"GET /_lab/jobs/{{job}}?until={status} waits for it.")

        def target(now: Millis) -> Millis:
            view = self._jobs.view(job, now)
            if view.span.status == status:
                return now  # somebody else was faster
            self.dated(_comes(view, status, now, timeout=timeout))
            return _next_happening(view, now)

        while self._jobs.view(job, clock.now()).span.status != status:
            await self._calls.advance(clock, target)
        return {**self.document(), "job": self._jobs.document(job)}


def _next_happening(view: JobView, now: Millis) -> Millis:
    """When the next vote of the open gate is due, or the job moves on, if nobody acts."""
    until = view.span.until
    assert until is not None
    return min(until, next((vote.at for vote in view.span.votes if vote.at > now), until))


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
    history: Json = [
        {"at": span.since, "status": str(span.status), "step": span.id}
        for span in spans(view.plan, view.decisions)
        if span.since <= now
    ]
    raise CommandRefused(
        409, f"The job is {view.span.status} and can't be {status}. {why}", hint, more={"history": history}
    )
