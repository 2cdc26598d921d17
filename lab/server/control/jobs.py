"""The control plane's routes that command the mock alone: jobs and their gates, faults, tokens, devices (contract.md §2.7)."""

import asyncio
import json
from collections import deque
from functools import partial
from itertools import dropwhile

from aiohttp import web
from msgspec import UNSET, UnsetType, to_builtins
from msgspec.structs import replace

from lab.clocks import ManualClock, breathe, first_of
from lab.control import (
    ArmFault,
    DecideDevice,
    DecideGate,
    DisarmFault,
    EndTokens,
    Faults,
    GateDocument,
    JobDocument,
    ListedFault,
    ListFaults,
    ListJobs,
    LookJob,
    Named,
    Obeyed,
    VoteDocument,
)
from lab.core.clock import Epoch, Millis
from lab.core.exchange import Json, json_bytes
from lab.core.observe import Noted, Observation
from lab.jobs.facts import JobView
from lab.jobs.gates import offers
from lab.jobs.span import node_code
from lab.jobs.texts import question_at
from lab.mock.service import ControlResult, Service
from lab.program.faults import JobFault
from lab.server.control.observed import RouteContext
from lab.server.control.reading import JSON, CommandRefused, check_names, millis_of, obeyed

_SLICE = 64
"""Jobs looked at before the mock has its turn."""
_OF_CALLS = 'Send calls: "1-2" strikes the next two.'
_MEANT = {"status": "Send answer, as 503.", "code": "Send answer, as 503.", "times": _OF_CALLS, "count": _OF_CALLS}
_NOBODY_WAITS = "The clock is manual, so the reply leaves at once and its delay is only recorded; a client that drives the clock does wait."


async def list_jobs(context: RouteContext, command: ListJobs) -> web.Response:
    """In pieces, for there may be many."""
    service, now, most, documents = context.lab.service, context.lab.clock.now(), command.limit, deque[bytes]()
    looked: set[str] = set()
    while len(documents) < most:
        # those that are forgotten don't count, so older ones may; jobs that came meanwhile aren't meant
        wanted = len(looked) + most - len(documents)
        newest = service.newest_jobs(wanted)[::-1]
        older = dropwhile(lambda job: job not in looked, newest) if looked else newest
        for number, job in enumerate([job for job in older if job not in looked], 1):
            if (view := service.look(job, now)) is not None:
                documents.appendleft(json_bytes(to_builtins(shown(job, view, now, service.config.epoch))))
            if number % _SLICE == 0:
                await breathe()
        looked.update(newest)
        if len(newest) < wanted:
            break
    return web.Response(body=b'{"now":%d,"jobs":[%b]}' % (now, b",".join(documents)), headers=JSON)


async def look_job(context: RouteContext, command: LookJob) -> JobDocument:
    if command.until is not UNSET:
        await _wait_for(context, command.job, command.until, millis_of(command.timeout))
    return job_now(context, command.job)


async def decide_gate(context: RouteContext, command: DecideGate) -> Obeyed:
    """Whatever the gate's channel."""
    decide = partial(
        context.lab.service.decide, command.job, command.gate, command.verdict, name=command.by, comment=command.comment
    )
    return obeyed(await context.lab.calls.run(decide), DecideGate.hints["gate"])


def job_now(context: RouteContext, job: str) -> JobDocument:
    """The job as it is now, with its body; CommandRefused if there is none."""
    now = context.lab.clock.now()
    body = context.lab.service.status_of(job, now)
    service = context.lab.service
    return shown(job, viewed(service, job, now), now, service.config.epoch, json.loads(body) if body else None)


def viewed(service: Service, job: str, now: Millis) -> JobView:
    """The job as it is then; CommandRefused if there is none."""
    if (view := service.look(job, now)) is None:
        raise CommandRefused(404, "There is no such job.", "GET /_lab/jobs lists them.")
    return view


def shown(job: str, view: JobView, now: Millis, epoch: Epoch, body: Json | UnsetType = UNSET) -> JobDocument:
    """A job at an instant, for people who steer it."""
    record, span, shown_gate = view.record, view.span, None
    if (opening := span.opening) is not None:
        gate, votes = opening.gate, [VoteDocument(vote.at, vote.verdict, vote.name) for vote in span.votes_at(now)]
        shown_gate = GateDocument(
            gate=span.id, asks=question_at(view.plan, span, epoch), code=node_code(span.id), round=opening.visit, channel=str(gate.channel), opened=opening.opened,
            until=opening.deadline, offers=list(offers(gate)), approvals=gate.approvals, votes=votes,
        )  # fmt: skip
    return JobDocument(
        job=job, status=span.status, step=span.id, since=span.since, until=span.until, team=record.team,
        scenario=record.scenario, client=record.client, accepted=record.at, conversation=record.conversation,
        turn=record.turn, gate=shown_gate, body=body,
    )  # fmt: skip


async def _wait_for(context: RouteContext, job: str, status: str, timeout: Millis) -> None:
    """Return once the job has that status; CommandRefused 408 if it doesn't come in real time, or can't any more."""
    service, clock, changed = context.lab.service, context.lab.clock, asyncio.Event()

    def notice(observation: Observation) -> None:
        if isinstance(observation, Noted) and getattr(observation.fact, "job", job) == job:
            changed.set()

    service.observers.append(notice)
    try:
        async with asyncio.timeout(timeout / 1000):
            while (span := viewed(service, job, clock.now()).span).status != status and not span.status.final:
                changed.clear()
                moves = () if span.until is None else (clock.sleep_until(span.until),)
                await first_of(changed.wait(), *moves)
    except TimeoutError:
        pass
    finally:
        service.observers.remove(notice)
    reached = viewed(service, job, clock.now()).span.status
    if reached != status:
        hint = "Wait longer, or look at what it waits for."
        raise CommandRefused(408, f"The job is {reached}, not {status}.", hint)


# Faults, tokens, devices


async def list_faults(context: RouteContext, command: ListFaults) -> Faults:
    """Those armed, then those of the scenarios."""
    found = context.lab.service.faults()
    return Faults(
        [ListedFault(each.name, each.scenario is None, each.scenario, each.struck, dict(each.fault)) for each in found]
    )


async def arm_fault(context: RouteContext, command: ArmFault) -> Named:
    fault, clock = command.fault, context.lab.clock
    check_names(fault, JobFault.__struct_fields__, _MEANT)
    answer = _named(await context.lab.calls.run(partial(context.lab.service.arm, fault)))
    waits = not isinstance(clock, ManualClock) or clock.withholds
    return answer if waits or "delay" not in fault else replace(answer, why=_NOBODY_WAITS)


async def disarm_fault(context: RouteContext, command: DisarmFault) -> Named:
    return _named(await context.lab.calls.run(partial(context.lab.service.disarm, command.name)))


def _named(result: ControlResult) -> Named:
    if result.status != 200:
        raise CommandRefused(result.status, result.why, "GET /_lab/faults lists them.")
    return Named(True, result.why)


async def end_tokens(context: RouteContext, command: EndTokens) -> Obeyed:
    service = context.lab.service
    if command.do == "rotate":
        if command.client is not UNSET:
            raise CommandRefused(400, "The key is every client's.", 'Send {"do": "rotate"} alone.')
        return obeyed(await context.lab.calls.run(service.rotate_key))
    if command.client is UNSET:
        raise CommandRefused(400, "client is missing.")
    return obeyed(await context.lab.calls.run(partial(service.end_tokens, command.client, command.do)))


async def decide_device(context: RouteContext, command: DecideDevice) -> Obeyed:
    return obeyed(
        await context.lab.calls.run(partial(context.lab.service.answer_device, command.user_code, command.answer))
    )
