"""A2A's wire, the server's half: agent cards, their search, and JSON-RPC on the same jobs (contract.md §9).

What is wrong with the HTTP request or the team is said in HTTP, as Fusion says it, on whose pod this is served; all else
in JSON-RPC, with the call's id and HTTP 200.
"""

from typing import assert_never

from msgspec.structs import replace

from lab.core.exchange import Json, Request, Response, json_response
from lab.core.jsontext import BadJson
from lab.core.refusal import Refusal, bad_request, named
from lab.core.routes import RouteMatch
from lab.dialects import base
from lab.dialects.fusion.refusals import error_response
from lab.dialects.reading import Wrong, check_json_kind, json_of, read_body
from lab.dialects.sse import streamed
from lab.plugins.a2a.cards import Search, card, found_teams, read_search
from lab.plugins.a2a.routes import A2A_ROUTES
from lab.plugins.a2a.rpc import Code, Rpc, RpcError, TaskMessage, check_history, read_message, read_rpc, read_task_id
from lab.plugins.a2a.tasks import task, task_events
from lab.program.faults import Fault
from lab.program.switches import Switches

NAMES = {"conversation": "contextId", "job": "taskId", "message": "message"}
"""What this wire calls the things of which a refusal may speak."""
_IN_RPC = frozenset((400, 404, 409))
"""The refusals that are about the call, by the HTTP status that would fit; the others are about who may call, and when."""

_GOES_ON = "No task can be canceled: it goes on to its end."


class A2AServer:
    """What the port asks of a wire on the server's side (`lab.dialects.base.Dialect`)."""

    name = "a2a"
    routes = A2A_ROUTES

    def renames_jobs(self, switches: Switches) -> bool:
        """A task stays the same."""
        return False

    def read(self, match: RouteMatch, request: Request, switches: Switches, job_of: base.JobOf) -> base.Reading:
        """What is asked."""
        if match.name == "a2a-card":
            return base.Describe(team=match.code)
        try:
            if match.name == "a2a-search":
                return base.Describe(echo=read_search(read_body(request)))
            check_json_kind(request)
            return _command(read_rpc(json_of(request)), match)
        except Wrong as error:
            return base.Unread(refusal=error.refusal, flags=error.flags)
        except BadJson as bad:
            flags = (bad.flag,) if bad.flag else ()
            return base.Unread(refusal=bad_request(str(bad)), flags=flags, echo=RpcError(Code.PARSE, str(bad)))
        except RpcError as error:
            # the team comes first: it may be closed
            refusal = replace(bad_request(error.message), near=error.near)
            return base.Unread(refusal=refusal, wanted=base.Wanted(), echo=error)

    def write(
        self, match: RouteMatch, command: base.Reading, result: base.Result, context: base.WriteContext
    ) -> base.Written:
        """The answer: a card, teams found, a task, a stream of what becomes of one, or what is wrong."""
        if isinstance(result, base.Declined):
            return _declined(command, result.refusal, context.switches)
        if isinstance(result, base.Described):
            if isinstance(command.echo, Search):
                return json_response(found_teams(result.teams, command.echo, context.origin))
            return json_response(card(*result.teams[0], context.origin))
        assert not isinstance(result, base.JobPage | base.Followed)
        rpc, view = command.echo, result.view
        assert isinstance(rpc, Rpc)
        match result:
            case base.Found() if rpc.method == "tasks/cancel":
                return RpcError(Code.NOT_CANCELABLE, _GOES_ON, rpc.id).response()
            case base.Found():
                return json_response(rpc.result(task(view.plan, view.span, context, history=rpc.history)))
            case base.Accepted(first=first):
                return json_response(rpc.result(task(view.plan, view.span, context, first=first)))
            case base.Streamed(first=first):
                events = task_events(rpc, view, context, first=first)
                return streamed(events, context.switches, context.now, done=False)
            case _:
                assert_never(result)

    def refuse(self, refusal: Refusal, switches: Switches, style: str | None = None) -> Response:
        """As the pod does that serves it."""
        return error_response(refusal, switches, style)

    def alter(self, fault: Fault, members: dict[str, Json]) -> dict[str, Json]:
        """A task, or the update of one, with a state that nobody documented, and what it says beside as while it worked."""
        seen = members.get("result")
        status = seen.get("status") if isinstance(seen, dict) else None
        if fault.status_word is None or not isinstance(seen, dict) or not isinstance(status, dict):
            return members
        odd: dict[str, Json] = {"state": fault.status_word, "timestamp": status.get("timestamp")}
        beside: dict[str, Json] = {"artifacts": []} if "artifacts" in seen else {}
        return {**members, "result": {**seen, "status": odd, **beside}}


def _command(rpc: Rpc, match: RouteMatch) -> base.Command:
    if rpc.method in ("tasks/get", "tasks/cancel"):  # to cancel is to look, for nothing can be canceled
        job = read_task_id(rpc)
        check_history(rpc)
        return base.Look(team=match.code, job=job, published=True, echo=rpc)
    message = read_message(rpc)
    command = _message(rpc, match, message, read_task_id(rpc) if rpc.method == "tasks/send" else None)
    return base.Follow(command) if rpc.method == "message/stream" else command


def _message(rpc: Rpc, match: RouteMatch, message: TaskMessage, new_id: str | None) -> base.Invoke | base.Say:
    flags = ("unused_field",) if "configuration" in rpc.params else ()
    if message.task is not None:
        return base.Say(
            team=match.code, job=message.task, message=message.text, conversation=message.context, published=True,
            flags=flags, echo=rpc,
        )  # fmt: skip
    members: dict[str, Json] = {"message": message.text, "conversational": True}
    parameters: Json = None
    if message.metadata is not None:
        members["metadata"] = message.metadata
        parameters = message.metadata.get("parameters")
    if isinstance(parameters, dict):
        members["parameters"] = parameters
    return base.Invoke(
        team=match.code, message=message.text, conversation=message.context, blank=not message.text.strip(),
        new_id=new_id, members=members, flags=flags, echo=rpc,
    )  # fmt: skip


def _declined(command: base.Reading, refusal: Refusal, switches: Switches) -> Response:
    if isinstance(command.echo, RpcError) and isinstance(command, base.Unread) and refusal is command.refusal:
        return command.echo.response()
    if refusal is base.TEAM_CLOSED:
        refusal = base.TEAM_UNKNOWN
    if not isinstance(command.echo, Rpc) or isinstance(refusal, base.TeamUnknown) or refusal.status not in _IN_RPC:
        return error_response(refusal, switches)
    if refusal is base.JOB_UNKNOWN:
        return RpcError(Code.TASK_UNKNOWN, "There is no such task.", command.echo.id).response()
    return RpcError(Code.PARAMS, named(f"{refusal.message} {refusal.hint}".strip(), NAMES), command.echo.id).response()


A2A = A2AServer()
