"""MCP's wire, the server's half: what a request asks, and the words for what came of it (mcp.md)."""

from collections.abc import Mapping
from typing import Literal, assert_never

from msgspec import Struct

from lab.core.exchange import Json, Request, Response, json_response
from lab.core.refusal import Refusal, named
from lab.core.routes import RouteMatch
from lab.dialects import base
from lab.dialects.fusion.refusals import error_response
from lab.dialects.reading import Wrong, read_body
from lab.dialects.sse import framed, streamed
from lab.jobs.gates import labels
from lab.jobs.texts import opening_token
from lab.plugins.mcp_tasks import rpc
from lab.plugins.mcp_tasks.rpc import McpCall, McpCode, McpError
from lab.plugins.mcp_tasks.tasks import WORKING, input_key, open_gate, task_members, task_notifications
from lab.plugins.mcp_tasks.tools import read_tool_call, server_description, tool_list
from lab.program.faults import Fault
from lab.program.steps import Gate
from lab.program.switches import Switches
from lab.program.words import Verdict

_NAMES = {"conversation": "arguments.conversation", "job": "taskId", "message": "arguments.message"}
"""What this wire calls the things of which a refusal may speak."""
_ABOUT_CALL = frozenset((400, 404, 409))
"""The refusals that are about the call, by the HTTP status that fits; the others are about who may call, and when."""
_ONLY_LOOKS = ("result", "inputRequests")
"""What of a task only a look at it shows, or a notification."""


class McpServer:
    """What the port asks of a wire on the server's side (`lab.dialects.base.Dialect`)."""

    name = "mcp"
    routes = rpc.MCP_ROUTES

    def renames_jobs(self, switches: Switches) -> bool:
        """A task stays the same."""
        return False

    def read(self, match: RouteMatch, request: Request, switches: Switches, job_of: base.JobOf) -> base.Reading:
        """What is asked."""
        try:
            call = rpc.read_mcp_call(read_body(request), request)
            return base.Private(answer=lambda _: Response(202)) if call is None else _command(call, job_of)
        except Wrong as error:
            broken = McpError(McpCode.PARSE, error.refusal.message) if error.refusal.status == 400 else None
            return base.Unread(refusal=error.refusal, flags=error.flags, echo=broken)
        except McpError as error:
            return base.Unread(refusal=Refusal(error.status, error.message), echo=error)

    def write(
        self, match: RouteMatch, command: base.Reading, result: base.Result, context: base.WriteContext
    ) -> base.Written:
        """The answer: tools, a task, an acknowledgement, notifications of tasks, or what is wrong."""
        call = command.echo
        if isinstance(result, base.Declined):
            refusal = result.refusal
            return call.response() if isinstance(call, McpError) else _declined(call, refusal, context.switches)
        assert isinstance(call, McpCall)
        match result:
            case base.Described() if call.method == rpc.DISCOVER:
                return json_response(call.result(server_description()))
            case base.Described(teams):
                return json_response(call.result(tool_list(teams)))
            case base.Accepted(view) if call.method == rpc.CALL:
                # how it goes a look tells, even where the job has ended already
                begun = {**_without(_ONLY_LOOKS, task_members(view, context)), "status": WORKING}
                return json_response(call.result(begun, kind="task"))
            case base.Found(view) if call.method == rpc.GET:
                return json_response(call.result(task_members(view, context)))
            case base.Accepted() | base.Found():
                return json_response(call.result({}))
            case base.Followed(views):
                events = task_notifications(call, views, context)
                return streamed(framed(events, context.switches, context.now, done=False))
            case base.Streamed() | base.JobPage() | base.Receivers():
                raise AssertionError("nothing on this wire asks for it")
            case _:
                assert_never(result)

    def refuse(self, refusal: Refusal, switches: Switches, style: str | None = None) -> Response:
        """A refusal that is about the request line, the bearer, or the moment: an error without the request's id."""
        return error_response(refusal, switches, style) if style else _declined(None, refusal, switches)

    def alter(self, fault: Fault, members: dict[str, Json]) -> dict[str, Json]:
        """A task with a status that nobody documented, and what it says beside as while it worked."""
        task = members.get("result")
        if fault.status_word is None or not isinstance(task, dict) or "taskId" not in task:
            return members
        return {**members, "result": {**_without(_ONLY_LOOKS, task), "status": fault.status_word}}


def _without(names: tuple[str, ...], members: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in members.items() if name not in names}


def _declined(call: object, refusal: Refusal, switches: Switches) -> Response:
    hint = refusal.hint if switches.hints or refusal.promised else ""
    message = named(f"{refusal.message} {hint}".strip(), _NAMES)
    if not isinstance(call, McpCall):
        return McpError(McpCode.REFUSED, message).response(refusal.status, refusal.headers)
    if isinstance(refusal, base.NotCancelable):
        return json_response(call.result({}))  # a request to cancel is acknowledged, whatever comes of it
    if refusal is base.JOB_UNKNOWN:
        return call.wrong("There is no such task.").response()
    if isinstance(refusal, base.TeamUnknown) or refusal is base.TEAM_CLOSED:
        near = refusal.hint if refusal.near else "tools/list names those that there are."
        return call.wrong(f"There is no such tool. {near}").response()
    if refusal.status in _ABOUT_CALL:
        return call.wrong(message).response()
    return call.wrong(message, McpCode.REFUSED).response(refusal.status, refusal.headers)


class _OfTask(Struct, rename="camel"):
    task_id: str


class _Response(Struct):
    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Json] = {}


class _Update(_OfTask, rename="camel"):
    input_responses: dict[str, _Response]


class _Wanted(Struct, rename="camel"):
    task_ids: tuple[str, ...] = ()


class _Listen(Struct):
    notifications: _Wanted


def _command(call: McpCall, job_of: base.JobOf) -> base.Command:
    if call.method in (rpc.DISCOVER, rpc.LIST):
        return base.Describe(echo=call)
    if call.method == rpc.CALL:
        return read_tool_call(call)
    if call.method == rpc.LISTEN:
        return base.FollowJobs(team="", jobs=call.params_as(_Listen).notifications.task_ids, echo=call)
    if call.method == rpc.UPDATE:
        return _update(call, call.params_as(_Update), job_of)
    job = call.params_as(_OfTask).task_id
    if call.method == rpc.CANCEL:
        return base.Cancel(team="", job=job, echo=call)
    return base.Look(team="", job=job, echo=call)


def _update(call: McpCall, update: _Update, job_of: base.JobOf) -> base.Decide | base.Look:
    """The answer to the request for input that is open. To any other it has no effect, and is acknowledged all the same."""
    job, view = update.task_id, job_of(update.task_id)
    gate = open_gate(view.span) if view is not None else None
    key = input_key(view) if view is not None and gate is not None else None
    flags = () if view is None or update.input_responses.keys() <= {key} else ("ignored_input_response",)
    response = update.input_responses.get(key or "")
    if view is not None and gate is not None and response is not None:
        verdict, comment = _answer(call, gate, response)
        if verdict is not None:
            token = opening_token(view.plan, view.span)
            return base.Decide(
                team="", job=job, opening=token, verdict=verdict, comment=comment, flags=flags, echo=call
            )
    return base.Look(team="", job=job, flags=flags, echo=call)


def _answer(call: McpCall, gate: Gate, response: _Response) -> tuple[Verdict | None, str | None]:
    """Verdict and comment; no verdict: nobody decided, and it stays open.

    Who declines says no, where that can be said; who cancels has closed the form, and is asked again.
    """
    offered, content = labels(gate), response.content
    if response.action != "accept":
        return (Verdict.REJECTED if response.action == "decline" and Verdict.REJECTED in offered else None), None
    word, comment = content.get("verdict"), content.get("comment")
    if not gate.approval:
        word, comment = Verdict.CHANGES, content.get("text")
    verdict = next((each for each in offered if each == word), None)
    if verdict is None:
        raise call.wrong(f"content.verdict must be one of {', '.join(offered)}.")
    if comment is not None and not isinstance(comment, str):
        raise call.wrong("content.comment must be a string.")
    if verdict is Verdict.CHANGES and not (comment or "").strip():
        what = "content.text must not be blank." if not gate.approval else f"content.comment is required with {word}."
        raise call.wrong(f"{what} Say what you want.")
    return verdict, comment or None
