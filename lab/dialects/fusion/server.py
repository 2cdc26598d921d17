"""Fusion's wire, the server's half: what a request asks, and the words for what came of it."""

from collections.abc import Callable, Iterator
from typing import assert_never

import msgspec
from msgspec.structs import replace

from lab.core.exchange import JSON_HEADERS, Headers, Json, Request, Response, json_bytes, json_response
from lab.core.refusal import CANNOT_EXECUTE, Refusal, forbidden
from lab.core.routes import RouteMatch
from lab.dialects import base
from lab.dialects.fusion import documents, pod_tokens
from lab.dialects.fusion.bodies import NEVER, full_body, nodes, with_long_echo
from lab.dialects.fusion.refusals import error_response
from lab.dialects.fusion.requests import as_resumed, read_invoke, read_key, read_mode
from lab.dialects.fusion.routes import FUSION_ROUTES, TALKS, fusion_path
from lab.dialects.reading import Wrong, read_body
from lab.dialects.sse import Event, framed, streamed
from lab.identity.endpoints.context import TokenContext
from lab.jobs.facts import JobView
from lab.program.faults import Fault
from lab.program.switches import Switches
from lab.program.words import Status

_BY_REQUEST: dict[str, Callable[[TokenContext, Request], Response | Refusal]] = {
    "tokens": pod_tokens.tokens, "multiplex": pod_tokens.multiplex, "relay": pod_tokens.relay,
    "anticsrf": pod_tokens.anticsrf, "relay-basic": pod_tokens.relay_basic,
}  # fmt: skip
_BY_BODY: dict[str, Callable[[Json], documents.DocumentAnswer]] = {
    "documents": documents.upload_one,
    "documents-batch": documents.upload_many,
    "documents-attach": documents.attach,
}
"""The routes that only this dialect has, by what their handlers read."""
_AS_RUNNING: dict[str, Json] = {
    "output": None, "error": None, "followUpQuestions": [], "waitingToolCode": None, "waitingNodeDetails": None,
    "endTime": 0, "endDate": NEVER,
}  # fmt: skip
"""The members of a body by which RUNNING differs from what comes later."""
_FORBIDDEN = forbidden(CANNOT_EXECUTE)


class FusionServer:
    """What the port asks of a wire on the server's side (`lab.dialects.base.Dialect`)."""

    name = "fusion"
    routes = FUSION_ROUTES

    def renames_jobs(self, switches: Switches) -> bool:
        """As the switch says."""
        return switches.resume_job_id == "new"

    def read(self, match: RouteMatch, request: Request, switches: Switches, job_of: base.JobOf) -> base.Reading:
        """What is asked."""
        try:
            match match.route.kind:
                case "look":
                    return _look(match, request.query)
                case "list":
                    from lab.dialects.fusion.workflows import read_filter  # most clients know their team

                    return base.Describe(echo=read_filter(request.query))
                case "invoke" | "follow":
                    return _message(match, request, switches, job_of)
                case _:
                    return _private(match.name, request)
        except Wrong as error:
            return base.Unread(refusal=error.refusal, flags=error.flags)

    def write(
        self, match: RouteMatch, command: base.Reading, result: base.Result, context: base.WriteContext
    ) -> base.Written:
        """The answer: a job body, a stream of them or of deltas, the workflows, or ErrorResponse."""
        match result:
            case base.Found(view):
                mode = command.mode if isinstance(command, base.Look) else None
                return Response(200, JSON_HEADERS, _job(view, context, mode=mode))
            case base.Accepted(view):
                status = context.switches.invoke_status
                headers = (*JSON_HEADERS, *_location(match, view, context)) if status == 202 else JSON_HEADERS
                return Response(status, headers, _job(view, context, invoked=True))
            case base.Streamed(view):
                return streamed(framed(_events(match, view, context), context.switches, context.now))
            case base.Declined(refusal):
                if isinstance(refusal, base.TeamUnknown) and match.name in TALKS:
                    refusal = replace(base.TEAM_CLOSED, hint=refusal.hint)
                if (
                    refusal is base.JOB_UNKNOWN
                    and isinstance(command, base.Look)
                    and context.switches.unknown_job == 403
                ):
                    refusal = _FORBIDDEN
                return self.refuse(refusal, context.switches)
            case base.Described(teams):
                from lab.dialects.fusion.workflow_filter import Filter
                from lab.dialects.fusion.workflows import workflow_list

                wanted = command.echo if isinstance(command.echo, Filter) else None
                return json_response(workflow_list(teams, wanted))
            case base.JobPage() | base.Followed() | base.Receivers():
                raise AssertionError("nothing on this wire asks for it")
            case _:
                assert_never(result)

    def refuse(self, refusal: Refusal, switches: Switches, style: str | None = None) -> Response:
        """ErrorResponse, or RFC 9457 where the switch or `style` says so."""
        return error_response(refusal, switches, style)

    def alter(self, fault: Fault, members: dict[str, Json]) -> dict[str, Json]:
        """A job body with a status word that nobody documented, and what it says beside as while it ran."""
        if fault.status_word is None or members.get("status") is None:
            return members
        running = {name: value for name, value in _AS_RUNNING.items() if name in members}
        if members["status"] == Status.ERROR and "progressMessage" in members:
            running["progressMessage"] = ""
        return {**members, **running, "status": fault.status_word}


def _look(match: RouteMatch, query: str) -> base.Look | base.Unread:
    mode = read_mode(query) if query else None
    if isinstance(mode, Refusal):
        return base.Unread(refusal=mode, job=match.job)
    return base.Look(team=match.code, job=match.job, mode=mode)


def _message(match: RouteMatch, request: Request, switches: Switches, job_of: base.JobOf) -> base.Reading:
    value = read_body(request)
    if isinstance(value, dict):
        value = as_resumed(value, switches, job_of)
    key = read_key(request, switches) if match.name == "invoke" else None
    command = read_invoke(value, match, switches, key=key)
    if match.route.kind == "invoke" or isinstance(command, base.Unread):
        return command
    return base.Follow(command)


def _private(name: str, request: Request) -> base.Private:
    if name in _BY_REQUEST:
        handler = _BY_REQUEST[name]
        return base.Private(answer=lambda context: handler(context, request))
    return base.Private(answer=_BY_BODY[name](read_body(request)))


def _job(view: JobView, context: base.WriteContext, *, invoked: bool = False, mode: str | None = None) -> bytes:
    switches, plan = context.switches, view.plan
    admin = switches.admin_nodes and (mode or plan.invocation.input.invocation_mode) == "ADMIN"
    passed = nodes(plan, view.span, view.decisions) if admin else []
    long = plan.invocation.input.long
    body = full_body(plan, view.span, context, invoked=invoked, passed=passed, echoed="" if long else None)
    try:
        written = msgspec.json.encode(
            body
        )  # the same bytes, for no float is in it: those alone are written differently
    except UnicodeEncodeError:  # half a surrogate pair
        written = json_bytes(body)
    return with_long_echo(written, plan, switches) if long else written


def _location(match: RouteMatch, view: JobView, context: base.WriteContext) -> Headers:
    """Where to poll, on the version of the path that was asked (RFC 9110 §15.3.3), with its switch."""
    if not context.switches.location_header:
        return ()
    where = fusion_path("status", code=match.code, job=view.plan.shown, older="/v1/" in match.route.path)
    return (("location", context.origin + where), ("retry-after", "2"))


def _events(match: RouteMatch, view: JobView, context: base.WriteContext) -> Iterator[Event]:
    from lab.dialects.fusion.events import chat_events, job_events  # no start waits for a stream

    if match.name != "stream":
        return chat_events(view, context)
    admin = context.switches.admin_nodes and view.plan.invocation.input.invocation_mode == "ADMIN"
    return job_events(view, context, admin=admin)


FUSION = FusionServer()
