"""The control plane's routes for jobs: list, look, wait for a status, decide at a gate (contract.md §2.7)."""

import asyncio
import json
from collections import deque
from functools import partial
from itertools import dropwhile

from aiohttp import web
from msgspec import UNSET

from lab.clocks import breathe, first_of
from lab.core.clock import Clock, Millis
from lab.core.exchange import Json, json_bytes
from lab.core.observe import Noted, Observation
from lab.jobs.facts import JobView
from lab.jobs.gates import offers
from lab.jobs.span import node_code
from lab.mock.service import Service
from lab.server.control.access import JSON, CommandRefused, millis_of, obeyed
from lab.server.control.commands import DecideGate, JobQuery, JobsQuery, command_in, query_in
from lab.server.shared.calls import LedgerCalls

_SLICE = 64
"""Jobs looked at before the mock has its turn."""


class JobRoutes:
    """Handlers for one service."""

    def __init__(self, service: Service, clock: Clock, calls: LedgerCalls) -> None:
        self._service = service
        self._clock = clock
        self._calls = calls

    async def list(self, request: web.Request) -> web.Response:
        """The newest jobs, oldest first."""
        now, most, documents = self._clock.now(), query_in(request, JobsQuery).limit, deque[bytes]()
        looked: set[str] = set()
        while len(documents) < most:
            # those that are forgotten don't count, so older ones may; jobs that came meanwhile aren't meant
            wanted = len(looked) + most - len(documents)
            newest = self._service.newest_jobs(wanted)[::-1]
            older = dropwhile(lambda job: job not in looked, newest) if looked else newest
            for number, job in enumerate([job for job in older if job not in looked], 1):
                if (view := self._service.look(job, now)) is not None:
                    documents.appendleft(json_bytes(job_document(job, view, now)))
                if number % _SLICE == 0:
                    await breathe()
            looked.update(newest)
            if len(newest) < wanted:
                break
        return web.Response(body=b'{"now":%d,"jobs":[%b]}' % (now, b",".join(documents)), headers=JSON)

    async def look(self, request: web.Request) -> Json:
        """One job with its body; with `until` once it has that status."""
        job = request.match_info["job"]
        query = query_in(request, JobQuery)
        if query.until is not UNSET:
            await self._wait_for(job, query.until, millis_of(query.timeout))
        return self.document(job)

    def document(self, job: str) -> Json:
        """The job as it is now, with its body; CommandRefused if there is none."""
        now = self._clock.now()
        body = self._service.status_of(job, now)
        return {**job_document(job, self.view(job, now), now), "body": json.loads(body) if body else None}

    async def decide(self, request: web.Request) -> Json:
        """A person's decision at a gate, whatever its channel."""
        said = await command_in(request, DecideGate)
        if None not in (said.by, said.name) and said.by != said.name:
            raise CommandRefused(400, "by and name both say who decides, and differ.", "Send by alone.")
        name, job = said.name if said.by is None else said.by, request.match_info["job"]
        decide = partial(self._service.decide, job, said.gate, said.verdict, name=name, comment=said.comment)
        return obeyed(await self._calls.run(decide), DecideGate.hints["gate"])

    def view(self, job: str, now: Millis) -> JobView:
        """The job as it is then; CommandRefused if there is none."""
        view = self._service.look(job, now)
        if view is None:
            raise CommandRefused(404, "There is no such job.", "GET /_lab/jobs lists them.")
        return view

    async def _wait_for(self, job: str, status: str, timeout: Millis) -> None:
        """Return once the job has that status; CommandRefused 408 if it doesn't come in real time, or can't any more."""
        changed = asyncio.Event()

        def notice(observation: Observation) -> None:
            if isinstance(observation, Noted) and getattr(observation.fact, "job", job) == job:
                changed.set()

        self._service.observers.append(notice)
        try:
            async with asyncio.timeout(timeout / 1000):
                while (span := self.view(job, self._clock.now()).span).status != status and not span.status.final:
                    changed.clear()
                    await first_of(changed.wait(), self._moves(span.until))
        except TimeoutError:
            pass
        finally:
            self._service.observers.remove(notice)
        reached = self.view(job, self._clock.now()).span.status
        if reached != status:
            hint = "Wait longer, or look at what it waits for."
            raise CommandRefused(408, f"The job is {reached}, not {status}.", hint)

    async def _moves(self, until: Millis | None) -> None:
        if until is None:
            await asyncio.get_running_loop().create_future()
        else:
            await self._clock.sleep_until(until)


def job_document(job: str, view: JobView, now: Millis) -> dict[str, Json]:
    """A job at an instant, for people who steer it."""
    record, span = view.record, view.span
    gate: Json = None
    if span.opening is not None:
        opening = span.opening
        gate = {
            "gate": span.id, "code": node_code(span.id), "round": opening.visit, "channel": str(opening.gate.channel),
            "opened": opening.opened, "until": opening.deadline,
            "offers": [str(verdict) for verdict in offers(opening.gate)], "approvals": opening.gate.approvals,
            "votes": [{"at": vote.at, "verdict": vote.verdict, "by": vote.name} for vote in span.votes_at(now)],
        }  # fmt: skip
    return {
        "job": job, "status": str(span.status), "step": span.id, "since": span.since, "until": span.until,
        "team": record.team, "scenario": record.scenario, "client": record.client, "accepted": record.at,
        "conversation": record.conversation, "turn": record.turn, "gate": gate,
    }  # fmt: skip
