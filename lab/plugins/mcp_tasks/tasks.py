"""A job at an instant as a task of MCP: its status, what it asks for, its result; and what becomes of it as it comes (mcp.md §4)."""

from collections.abc import Iterator
from heapq import merge
from operator import itemgetter

from msgspec.structs import replace

from lab.app.pauses import STEADY
from lab.core.clock import Millis, iso
from lab.core.exchange import Json
from lab.dialects.base import WriteContext
from lab.dialects.sse import Event
from lab.jobs.facts import JobView, forgotten_at
from lab.jobs.gates import Decision, Origin, labels
from lab.jobs.span import Span
from lab.jobs.texts import Prompt, StatusTexts, conversation_of, opening_token, status_texts
from lab.jobs.timeline import spans_from
from lab.plugins.mcp_tasks.rpc import CONVERSATION_KEY, SUBSCRIPTION_KEY, McpCall, notifications_in
from lab.program.steps import Gate
from lab.program.words import Status

WORKING, INPUT_REQUIRED, COMPLETED, CANCELLED = "working", "input_required", "completed", "cancelled"
_ENDS = {Status.COMPLETE: COMPLETED, Status.ERROR: COMPLETED, Status.CANCELLED: CANCELLED}


def open_gate(span: Span) -> Gate | None:
    """The gate at which a job waits for an answer over the wire; None: it works, or waits for time, or for people elsewhere."""
    return span.step if isinstance(span.step, Gate) and span.step.channel == "CHAT" else None


def input_key(view: JobView) -> str:
    """The key of the request for input that is open: another for each that was answered over the API.

    A gate that takes several answers has one opening, but asks each time anew: no key may be used twice.
    """
    token, answered = opening_token(view.plan, view.span), len(_answers(view.span, view.decisions))
    return f"{token}-{answered + 1}" if answered else token


def _answers(span: Span, decisions: tuple[Decision, ...]) -> list[Decision]:
    here = span.id, span.visit
    return [each for each in decisions if (each.step, each.visit) == here and each.by is Origin.API]


def task_members(view: JobView, context: WriteContext) -> dict[str, Json]:
    """A job as a look at its task shows it."""
    plan, span, epoch = view.plan, view.span, context.epoch
    state, gate, forgotten = (
        status_texts(plan, span, epoch, context.switches),
        open_gate(span),
        forgotten_at(plan, span),
    )
    updated = max([span.since, *(each.at for each in _answers(span, view.decisions))])
    meta: Json = {CONVERSATION_KEY: conversation_of(plan, context.switches)}
    members: dict[str, Json] = {
        "taskId": plan.shown,
        "status": _ENDS.get(state.status, WORKING),
        "createdAt": iso(epoch, plan.invocation.at),
        "lastUpdatedAt": iso(epoch, updated),
        "ttlMs": None if forgotten is None else forgotten - plan.invocation.at,
        "pollIntervalMs": STEADY,
        "_meta": meta,
    }
    if gate is not None and state.prompt is not None:
        requests: Json = {input_key(view): _elicitation(gate, state.prompt)}
        return {**members, "status": INPUT_REQUIRED, "inputRequests": requests}
    if state.status in (Status.COMPLETE, Status.ERROR):
        return {**members, "result": {"resultType": "complete", **_tool_result(state), "_meta": meta}}
    said = state.output if state.status.final else state.prompt.text if state.prompt is not None else state.progress
    return {**members, "statusMessage": said} if said else members


def _tool_result(state: StatusTexts) -> dict[str, Json]:
    """What the call of the tool comes to; that it failed stands within it, for the task itself went well."""
    texts = (state.error, state.output)  # of one that went well there is no error
    content: list[Json] = [{"type": "text", "text": text} for text in texts if text is not None]
    return {"content": content, "isError": state.status is Status.ERROR}


def _elicitation(gate: Gate, prompt: Prompt) -> dict[str, Json]:
    """What a person is asked: a choice among the gate's verdicts, and a comment; or a text, where that is all it takes."""
    offered = {str(verdict): label for verdict, label in labels(gate).items()}
    properties: dict[str, Json] = {"text": {"type": "string", "title": next(iter(offered.values())), "minLength": 1}}
    if gate.approval:
        titles: Json = [{"const": word, "title": label} for word, label in offered.items()]
        comment: dict[str, Json] = {} if prompt.changes is None else {"description": prompt.changes}
        properties = {
            "verdict": {"type": "string", "title": "Verdict", "enum": [*offered], "oneOf": titles},
            "comment": {"type": "string", "title": "Comment", **comment},
        }
    schema: Json = {"type": "object", "properties": properties, "required": [next(iter(properties))]}
    return {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": prompt.text, "requestedSchema": schema},
    }


def task_notifications(call: McpCall, views: tuple[JobView, ...], context: WriteContext) -> Iterator[Event]:
    """The acknowledgement; each task as it is, and whenever it has changed; and the answer, once all of them have ended."""
    meta: dict[str, Json] = {SUBSCRIPTION_KEY: call.named}
    honoured: Json = {"taskIds": [view.plan.shown for view in views]} if "taskIds" in notifications_in(call) else {}
    when = context.now
    yield when, _notification("notifications/subscriptions/acknowledged", {"notifications": honoured, "_meta": meta})
    for when, view in merge(*(_changes(view, context.now) for view in views), key=itemgetter(0)):
        members = task_members(view, context)
        own = members["_meta"]
        assert isinstance(own, dict)
        yield when, _notification("notifications/tasks", {**members, "_meta": {**own, **meta}})
    yield when, call.result({"_meta": meta})


def _changes(view: JobView, now: Millis) -> Iterator[tuple[Millis, JobView]]:
    """The job as it is, and at each change of its task: a span begins, or an answer is given that doesn't end one."""
    for span in spans_from(view.plan, view.decisions, view.span):
        since = max(now, span.since)
        given = (each.at for each in _answers(span, view.decisions) if since < each.at and each.at != span.until)
        for when in (since, *given):
            known = tuple(each for each in view.decisions if each.at <= when)
            yield when, replace(view, record=replace(view.record, decisions=known), span=span)


def _notification(method: str, params: dict[str, Json]) -> dict[str, Json]:
    return {"jsonrpc": "2.0", "method": method, "params": params}
