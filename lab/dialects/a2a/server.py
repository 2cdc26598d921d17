"""A2A's wire, the server's half: agent cards, their search, and JSON-RPC on the same jobs (contract.md §9).

What is wrong with the HTTP request or the team is said in HTTP, as Fusion says it, on whose pod this is served; all else
in JSON-RPC, with the call's id and HTTP 200.
"""

from collections.abc import Callable
from typing import assert_never

from lab.core.exchange import JSON_HEADERS, Json, Request, Response, json_bytes
from lab.core.jsontext import BadJson, read_json
from lab.core.refusal import Refusal, named
from lab.core.routes import RouteMatch
from lab.dialects.a2a.cards import Search, card, found_teams, read_search
from lab.dialects.a2a.routes import A2A_ROUTES
from lab.dialects.a2a.rpc import Code, Rpc, RpcError, TaskMessage, read_history, read_message, read_rpc, read_task_id
from lab.dialects.a2a.tasks import task, task_events
from lab.dialects.base import (
    JOB_UNKNOWN,
    TEAM_CLOSED,
    TEAM_UNKNOWN,
    Accepted,
    Command,
    Declined,
    Describe,
    Described,
    Follow,
    Found,
    Invoke,
    Look,
    Result,
    Say,
    Streamed,
    Unread,
    Wanted,
    WriteContext,
    Written,
)
from lab.dialects.fusion.refusals import error_response
from lab.dialects.fusion.requests import json_kind, read_body
from lab.dialects.sse import streamed
from lab.jobs.view import JobView
from lab.language.document import Fault, Switches

NAMES = {"conversation": "contextId", "job": "taskId", "message": "message"}
"""What this wire calls the things of which a refusal may speak."""
_IN_RPC = frozenset((400, 404, 409))
"""The refusals that are about the call, by the HTTP status that would fit; the others are about who may call, and when."""


class A2AServer:
    """What the port asks of a wire on the server's side (`lab.dialects.base.Dialect`)."""

    name = "a2a"
    routes = A2A_ROUTES
    renames_jobs = False

    def read(
        self, match: RouteMatch, request: Request, switches: Switches, job_of: Callable[[str], JobView | None]
    ) -> Command | Unread:
        """What is asked."""
        if match.name == "a2a-card":
            return Describe(team=match.code)
        if match.name == "a2a-search":
            body = read_body(request)
            if isinstance(body, Unread):
                return body
            search = read_search(*body)
            return Unread(refusal=search) if isinstance(search, Refusal) else Describe(echo=search)
        wrong = json_kind(request)
        if wrong is not None:
            return Unread(refusal=wrong)
        try:
            value = read_json(request.body)
        except BadJson as bad:
            return _unread(RpcError(Code.PARSE, str(bad)), first=True, flags=(bad.flag,) if bad.flag else ())
        rpc = read_rpc(value, match.name)
        return _unread(rpc) if isinstance(rpc, RpcError) else _command(rpc, match)

    def write(self, match: RouteMatch, command: Command | Unread, result: Result, context: WriteContext) -> Written:
        """The answer: a card, teams found, a task, a stream of tasks, or what is wrong."""
        if isinstance(result, Declined):
            return _declined(command, result.refusal, context.switches)
        if isinstance(result, Described):
            search = command.echo
            if isinstance(search, Search):
                return _json(found_teams(result.teams, search, context.origin))
            return _json(card(*result.teams[0], context.origin))
        rpc, view = command.echo, result.view
        assert isinstance(rpc, Rpc)
        epoch, switches, now = context.epoch, context.switches, context.now
        match result:
            case Found():
                return _json(rpc.result(task(view.plan, view.span, epoch, switches, history=rpc.history)))
            case Accepted(first=first):
                return _json(rpc.result(task(view.plan, view.span, epoch, switches, first=first)))
            case Streamed(first=first):
                return streamed(task_events(rpc, view, now, epoch, switches, first=first), switches, now)
            case _:
                assert_never(result)

    def refuse(self, refusal: Refusal, switches: Switches, style: str | None = None) -> Response:
        """As the pod does that serves it."""
        return error_response(refusal, hints=switches.hints, style=style or switches.error_body)

    def alter(self, fault: Fault, members: dict[str, Json]) -> dict[str, Json]:
        """A task with a state that nobody documented, and what it says beside as while it worked."""
        seen = members.get("result")
        status = seen.get("status") if isinstance(seen, dict) else None
        if fault.status_word is None or not isinstance(seen, dict) or not isinstance(status, dict):
            return members
        odd: dict[str, Json] = {"state": fault.status_word, "timestamp": status.get("timestamp")}
        return {**members, "result": {**seen, "status": odd, "artifacts": []}}


def _unread(error: RpcError, *, first: bool = False, flags: tuple[str, ...] = ()) -> Unread:
    refusal = Refusal(400, error.message)
    return Unread(refusal=refusal, wanted=None if first else Wanted(), flags=flags, echo=error)


def _command(rpc: Rpc, match: RouteMatch) -> Command | Unread:
    if rpc.method == "tasks/get":
        job, wrong = read_task_id(rpc), read_history(rpc)
        if isinstance(job, RpcError):
            return _unread(job)
        return _unread(wrong) if wrong is not None else Look(team=match.code, job=job, published=True, echo=rpc)
    message = read_message(rpc)
    if isinstance(message, RpcError):
        return _unread(message)
    new_id: str | RpcError | None = read_task_id(rpc) if rpc.method == "tasks/send" else None
    if isinstance(new_id, RpcError):
        return _unread(new_id)
    command = _message(rpc, match, message, new_id)
    return Follow(command) if rpc.method == "message/stream" else command


def _message(rpc: Rpc, match: RouteMatch, message: TaskMessage, new_id: str | None) -> Invoke | Say:
    flags = ("unused_field",) if "configuration" in rpc.params else ()
    if message.task is not None:
        return Say(
            team=match.code,
            job=message.task,
            message=message.text,
            conversation=message.context,
            published=True,
            flags=flags,
            echo=rpc,
        )
    members: dict[str, Json] = {"message": message.text, "conversational": True}
    if message.metadata is not None:
        members["metadata"] = message.metadata
    return Invoke(
        team=match.code, message=message.text, conversation=message.context, blank=not message.text.strip(),
        new_id=new_id, members=members, flags=flags, echo=rpc,
    )  # fmt: skip


def _declined(command: Command | Unread, refusal: Refusal, switches: Switches) -> Response:
    if isinstance(command.echo, RpcError) and isinstance(command, Unread) and refusal is command.refusal:
        return command.echo.response()
    if refusal is TEAM_CLOSED:
        refusal = TEAM_UNKNOWN
    if not isinstance(command.echo, Rpc) or refusal is TEAM_UNKNOWN or refusal.status not in _IN_RPC:
        return error_response(refusal, hints=switches.hints, style=switches.error_body)
    if refusal is JOB_UNKNOWN:
        return RpcError(Code.TASK_UNKNOWN, "There is no such task.", command.echo.id).response()
    return RpcError(Code.PARAMS, named(f"{refusal.message} {refusal.hint}".strip(), NAMES), command.echo.id).response()


def _json(body: dict[str, Json]) -> Response:
    return Response(200, JSON_HEADERS, json_bytes(body))


A2A = A2AServer()
