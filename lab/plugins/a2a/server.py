"""A2A's wire, the server's half: agent cards, their search, and calls of 1.0 and 0.3 on the same jobs (a2a.md).

What is wrong with the HTTP request or the team is said in HTTP, as Fusion says it, on whose pod this is served; all else
as A2A says it, in the version and the binding of the call (`calls.py`).
"""

from typing import assert_never

from msgspec.structs import replace

from lab.core.exchange import Json, Request, Response, json_response
from lab.core.refusal import Refusal, bad_request, named, not_found
from lab.core.routes import RouteMatch
from lab.dialects import base
from lab.dialects.fusion.refusals import error_response
from lab.dialects.reading import Wrong, read_body
from lab.dialects.sse import framed, streamed
from lab.jobs.program import Program
from lab.plugins.a2a.calls import CallError, Code, TaskCall, call_of, read_list, read_message, read_page, read_task_id
from lab.plugins.a2a.cards import Search, card, found_teams, read_search
from lab.plugins.a2a.routes import A2A_ROUTES, a2a_path
from lab.plugins.a2a.tasks import TaskWriter, followed_events, message_events
from lab.plugins.a2a.versions import TASK, UPDATES, TaskOperation
from lab.program.faults import Fault
from lab.program.switches import Switches

NAMES = {"conversation": "contextId", "job": "taskId", "message": "message"}
"""What this wire calls the things of which a refusal may speak."""
_ABOUT_CALL = frozenset((400, 404, 409))
"""The refusals that are about the call, by the HTTP status that would fit; the others are about who may call, and when."""
LONGEST_SILENCE = 4_000
"""Of a stream, until a comment comes: the clients of most people give up after 5 s."""


class A2AServer:
    """What the port asks of a wire on the server's side (`lab.dialects.base.Dialect`)."""

    name = "a2a"
    routes = A2A_ROUTES

    def renames_jobs(self, switches: Switches) -> bool:
        """A task stays the same."""
        return False

    def read(self, match: RouteMatch, request: Request, switches: Switches, job_of: base.JobOf) -> base.Reading:
        """What is asked."""
        try:
            if match.route.kind in ("public", "describe"):
                search = read_search(read_body(request)) if match.name == "a2a-search" else None
                return base.Describe(team=match.code, echo=search)
            return _command(call_of(match, request), match, job_of)
        except Wrong as error:
            return base.Unread(refusal=error.refusal, flags=error.flags)
        except CallError as error:
            # the team comes first: it may be closed
            flag = getattr(error.__cause__, "flag", None)
            refusal = replace(bad_request(error.message), near=error.near)
            return base.Unread(refusal=refusal, wanted=base.Wanted(), flags=(flag,) if flag else (), echo=error)

    def write(
        self, match: RouteMatch, command: base.Reading, result: base.Result, context: base.WriteContext
    ) -> base.Written:
        """The answer: cards, a task, tasks, a stream of what becomes of one, or what is wrong."""
        if isinstance(result, base.Declined):
            return _declined(command, result.refusal, context.switches)
        if isinstance(result, base.Described):
            return _described(command.echo, result.teams, context)
        call = command.echo
        assert isinstance(call, TaskCall)
        version = call.by.version
        match result:
            case base.Found(view):
                return call.by.answer(TaskWriter(version, view.plan, context).task(view.span, history=call.history))
            case base.Accepted(view, first):
                task = TaskWriter(version, view.plan, context).task(view.span, first=first, history=call.history)
                return call.by.answer(task if call.asks is TaskOperation.CANCEL else version.task_event(task))
            case base.Streamed(view, first):
                events = message_events(call, view, context, first=first)
            case base.Followed((view,)):
                events = followed_events(call, view, context)
            case base.JobPage():
                return call.by.answer(_page(call, result, context))
            case base.Followed():
                return call.by.error(Code.TASK_NOT_FOUND, _NO_TASK)
            case base.Receivers():
                raise AssertionError("nothing on this wire asks for it")
            case _:
                assert_never(result)
        return streamed(framed(events, context.switches, context.now, done=False, beat=LONGEST_SILENCE))

    def refuse(self, refusal: Refusal, switches: Switches, style: str | None = None) -> Response:
        """As the pod does that serves it."""
        return error_response(refusal, switches, style)

    def alter(self, fault: Fault, members: dict[str, Json]) -> dict[str, Json]:
        """A task, or the update of one, with a state that nobody documented, and what it says beside as while it worked."""
        if fault.status_word is None:
            return members
        for name in ("result", TASK, *UPDATES.values()):  # what is around it
            if isinstance(inner := members.get(name), dict):
                return {**members, name: self.alter(fault, inner)}
        status = members.get("status")
        if not isinstance(status, dict) or "state" not in status:
            return members
        odd: dict[str, Json] = {"state": fault.status_word, "timestamp": status.get("timestamp")}
        beside: dict[str, Json] = {"artifacts": []} if "artifacts" in members else {}
        return {**members, "status": odd, **beside}


_NO_TASK = "There is no such task."
_NO_PUSH = "There are no push notifications here: poll, or subscribe."


def _command(call: TaskCall, match: RouteMatch, job_of: base.JobOf) -> base.Command:
    team = match.code
    _ = call.history  # wrong, it is refused
    if call.by.version.push in call.configuration:
        raise call.wrong(_NO_PUSH, Code.PUSH_NOTIFICATION_NOT_SUPPORTED)
    match call.asks:
        case TaskOperation.SEND | TaskOperation.STREAM | TaskOperation.START:
            command = read_message(call, team)
            if call.asks is TaskOperation.STREAM:
                return base.Follow(command)
            return base.Settle(command) if call.blocks else command
        case TaskOperation.GET:
            return base.Look(team=team, job=read_task_id(call), published=True, echo=call)
        case TaskOperation.CANCEL:
            return base.Cancel(team=team, job=read_task_id(call), echo=call)
        case TaskOperation.SUBSCRIBE:
            job = read_task_id(call)
            if (view := job_of(job)) is not None and view.span.status.final:
                raise call.wrong("The task has ended: nothing more comes of it.", Code.UNSUPPORTED_OPERATION)
            return base.FollowJobs(team=team, jobs=(job,), echo=call)
        case TaskOperation.LIST:
            return read_list(call, team, job_of)
        case TaskOperation.EXTENDED_CARD:
            raise call.wrong("The card at its usual place is all there is.", Code.UNSUPPORTED_OPERATION)
        case _:
            raise call.wrong(_NO_PUSH, Code.PUSH_NOTIFICATION_NOT_SUPPORTED)


def _page(call: TaskCall, page: base.JobPage, context: base.WriteContext) -> dict[str, Json]:
    wanted, tasks = read_page(call), list[Json]()
    for view in page.views:
        writer = TaskWriter(call.by.version, view.plan, context)
        tasks.append(writer.task(view.span, history=call.history, artifacts=wanted.include_artifacts))
    token = page.views[-1].plan.invocation.job if page.more else ""
    return {"tasks": tasks, "nextPageToken": token, "pageSize": wanted.page_size, "totalSize": page.total}


def _described(
    search: object, teams: tuple[tuple[str, tuple[Program, ...]], ...], context: base.WriteContext
) -> Response:
    if isinstance(search, Search):
        return json_response(found_teams(teams, search, context.origin))
    if len(teams) > 1:
        where = ", ".join(f"{a2a_path('a2a', code)}/.well-known/agent-card.json" for code, _ in teams[:5])
        return error_response(not_found("Several agents are served here.", f"Their cards: {where}"), context.switches)
    return json_response(card(*teams[0], context.origin))


def _declined(command: base.Reading, refusal: Refusal, switches: Switches) -> Response:
    call = command.echo
    if isinstance(call, CallError) and isinstance(command, base.Unread) and refusal is command.refusal:
        return call.by.error(call.code, call.message)
    if refusal is base.TEAM_CLOSED:
        refusal = base.TEAM_UNKNOWN
    if not isinstance(call, TaskCall) or isinstance(refusal, base.TeamUnknown) or refusal.status not in _ABOUT_CALL:
        return error_response(refusal, switches)
    if refusal is base.JOB_UNKNOWN:
        return call.by.error(Code.TASK_NOT_FOUND, _NO_TASK)
    said = named(f"{refusal.message} {refusal.hint}".strip(), NAMES)
    if isinstance(refusal, base.NotCancelable):
        return call.by.error(Code.TASK_NOT_CANCELABLE, said)
    # what a task as it is now doesn't take, or what is wrong in itself
    late = refusal.status == 409 and refusal is not base.OTHER_CONVERSATION
    return call.by.error(Code.UNSUPPORTED_OPERATION if late else Code.INVALID_PARAMS, said)


A2A = A2AServer()
