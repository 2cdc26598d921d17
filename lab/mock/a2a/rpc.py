"""JSON-RPC: a message starts a task or answers its gate, a task can be looked at, or followed as a stream."""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.core.exchange import JSON_HEADERS, Json, Response, json_bytes
from lab.core.jsontext import BadJson, read_json, whole
from lab.core.refusal import TEAM_UNKNOWN, Refusal
from lab.dialects.a2a.a2a import Code, Failure, Rpc, Told, read_message, read_rpc, read_task_id, task
from lab.dialects.fusion import SSE_HEADERS, framed
from lab.dialects.fusion.events import Event, coming
from lab.dialects.fusion.requests import Asked
from lab.jobs.gates import Decision, Inadmissible
from lab.jobs.plan import CompiledScenario, Plan
from lab.jobs.records import job_key
from lab.jobs.timeline import at
from lab.language.document import Status
from lab.mock.a2a.cards import published
from lab.mock.calls import Answered, Call
from lab.mock.doors import own_job
from lab.mock.invoke import take_turn
from lab.mock.reading import json_kind
from lab.mock.refusals import refusal
from lab.mock.views import Views

_UNKNOWN = "There is no such task."


def rpc(call: Call) -> Answered:
    """Answer a call: HTTP 404 for the team alone, all else is said in JSON-RPC."""
    wrong = json_kind(call.request)
    if wrong is not None:
        return Answered(wrong)
    try:
        value = read_json(call.request.body)
    except BadJson as bad:
        return Answered(Failure(Code.PARSE, str(bad)).response(), flags=(bad.flag,) if bad.flag else ())
    team = call.views.by_team.get(call.route.code, ())
    if not published(team):
        return Answered(TEAM_UNKNOWN)
    asked = read_rpc(value, call.route.name)
    done = asked if isinstance(asked, Failure) else _Rpc(call, asked, team).answer()
    return Answered(done.response()) if isinstance(done, Failure) else done


@dataclass(frozen=True, slots=True)
class _Rpc:
    call: Call
    rpc: Rpc
    team: tuple[CompiledScenario, ...]

    def answer(self) -> Answered | Failure:
        if self.rpc.method == "tasks/get":
            return self._get()
        told = read_message(self.rpc)
        if isinstance(told, Failure):
            return told
        if self.rpc.method == "tasks/send":
            return self._start(told)
        return self._send(told)

    def _get(self) -> Answered | Failure:
        named, wanted = read_task_id(self.rpc), self.rpc.params.get("historyLength")
        if isinstance(named, Failure):
            return named
        length = whole(0 if wanted is None else wanted)
        if length is None or length < 0:
            return self.rpc.wrong("historyLength must be an integer from 0.")
        look = own_job(self.call, named)
        if look is None:
            return self.rpc.wrong(_UNKNOWN, Code.TASK_UNKNOWN)
        views, planned = self.call.views, look.plan
        seen = task(
            planned, look.span, views.config.epoch, views.switches_for(planned), history=length > 0
        )  # fmt: skip
        response = Response(200, JSON_HEADERS, json_bytes(self.rpc.result(seen)))
        return Answered(response, planned.invocation.job, planned.compiled, latency="status")

    def _start(self, told: Told) -> Answered | Failure:
        named = read_task_id(self.rpc)
        if isinstance(named, Failure):
            return named
        if self.call.ledger.get(job_key(named)) is not None:
            return self.rpc.wrong("id is in use.")
        return self._turn(told, named)

    def _send(self, told: Told) -> Answered | Failure:
        if told.task is not None:
            look = own_job(self.call, told.task)
            if look is None:
                return self.rpc.wrong(_UNKNOWN, Code.TASK_UNKNOWN)
            if look.span.status is not Status.WAITING:
                return self.rpc.wrong(f"The task needs no input. {refusal(look, None, Inadmissible.EARLY)}")
            if not self.call.views.config.switches.answer_by_message:
                return self.rpc.wrong("Gates are not answered by messages here.")
        return self._turn(told)

    def _turn(self, told: Told, named: str | None = None) -> Answered | Failure:
        members: dict[str, Json] = {"message": told.text, "conversational": True}
        if told.metadata is not None:
            members["metadata"] = told.metadata
        asked = Asked(members, None, told.task, told.context, self._noted())
        done = take_turn(self.call, asked, self.team, self._tell, named)
        if isinstance(done.response, Refusal) and done.response.status in (400, 404, 409):
            if done.response == TEAM_UNKNOWN:
                return done
            return self.rpc.wrong(f"{done.response.message} {done.response.hint}".strip())
        return done

    def _noted(self) -> tuple[str, ...]:
        return ("unused_field",) if "configuration" in self.rpc.params else ()

    def _tell(self, views: Views, planned: Plan, decisions: tuple[Decision, ...]) -> Answered:
        job, now = planned.invocation.job, self.call.now
        switches = views.switches_for(planned)
        if self.call.route.name == "a2a-stream":
            pieces = framed(self._events(views, planned, decisions), switches, now)
            return Answered(Response(200, SSE_HEADERS), job, planned.compiled, parts=pieces)
        seen = task(planned, at(planned, decisions, now), views.config.epoch, switches, first=not decisions)
        return Answered(Response(200, JSON_HEADERS, json_bytes(self.rpc.result(seen))), job, planned.compiled)

    def _events(self, views: Views, planned: Plan, decisions: tuple[Decision, ...]) -> Iterator[Event]:
        """A Task at each change of state, to the end or to where somebody has to say something."""
        now, epoch, switches = self.call.now, views.config.epoch, views.switches_for(planned)
        before = ""
        for span in coming(planned, decisions, now):
            when = max(now, span.since)
            if not before and not decisions:
                yield when, self.rpc.result(task(planned, span, epoch, switches, first=True))
            seen = task(planned, span, epoch, switches)
            status = seen["status"]
            assert isinstance(status, dict)
            state = str(status["state"])
            if state != before and (before or decisions or state == "working"):
                yield when, self.rpc.result(seen)
            before = state
            if state != "working":
                return
