"""A job at a span as a Task, and its states as they come (contract.md §9)."""

from collections.abc import Iterator

from lab.core.clock import iso
from lab.core.exchange import Json
from lab.core.seeds import uuid4
from lab.dialects.base import WriteContext
from lab.dialects.sse import Event
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.status_texts import conversation_of, status_texts
from lab.jobs.timeline import spans_from
from lab.jobs.view import JobView
from lab.language.document import Status
from lab.plugins.a2a.rpc import Rpc

STATE_OF = {
    Status.RUNNING: "working", Status.WAITING: "input-required", Status.COMPLETE: "completed", Status.ERROR: "failed",
}  # fmt: skip
SUBMITTED = "submitted"
"""The state of a task in the answer that begins it."""
STATES = (SUBMITTED, *STATE_OF.values())
"""The states in which a task can be."""


def task(
    plan: Plan, span: Span, context: WriteContext, *, first: bool = False, history: bool = False
) -> dict[str, Json]:
    """A job at a span; `first`: in the answer that starts it. `history` adds what was asked."""
    state = status_texts(plan, span, context.epoch, context.switches)
    conversation, place = conversation_of(plan, context.switches), f"{plan.invocation.job}/a2a"

    def message(text: Json, role: str, use: str) -> dict[str, Json]:
        return {
            "kind": "message", "messageId": uuid4(plan.seed, f"{place}/{use}"), "role": role,
            "parts": [_text(text)], "taskId": plan.shown, "contextId": conversation,
        }  # fmt: skip

    status: dict[str, Json] = {
        "state": SUBMITTED if first and state.status is Status.RUNNING else STATE_OF[state.status],
        "timestamp": iso(context.epoch, span.since),
    }
    said = state.error if state.status is Status.ERROR else state.prompt.text if state.prompt is not None else None
    if said is not None:
        status["message"] = message(said, "agent", f"{span.id}#{span.visit}")
    artifacts: list[Json] = []
    if state.status is Status.COMPLETE and state.output is not None:
        artifacts.append({"artifactId": uuid4(plan.seed, f"{place}/answer"), "parts": [_text(state.output)]})
    said_first: list[Json] = [message(plan.invocation.input.message, "user", "asked")] if history else []
    metadata = plan.invocation.input.metadata
    return {
        "kind": "task", "id": plan.shown, "contextId": conversation, "status": status, "artifacts": artifacts,
        "history": said_first, **({} if metadata is None else {"metadata": dict(metadata)}),
    }  # fmt: skip


def _text(text: Json) -> dict[str, Json]:
    return {"kind": "text", "text": text}


def task_events(rpc: Rpc, view: JobView, context: WriteContext, *, first: bool) -> Iterator[Event]:
    """A Task at each change of state, to the end or to where somebody has to say something."""
    plan, now, before = view.plan, context.now, ""
    for span in spans_from(plan, view.decisions, now):
        when = max(now, span.since)
        if not before and first:
            yield when, rpc.result(task(plan, span, context, first=True))
        state = STATE_OF[status_texts(plan, span, context.epoch, context.switches).status]
        # a task that begins was said as it is then: working comes next, and any other state when it changes
        if state != before and (before or not first or state == STATE_OF[Status.RUNNING]):
            yield when, rpc.result(task(plan, span, context))
        before = state
        if state != STATE_OF[Status.RUNNING]:
            return
