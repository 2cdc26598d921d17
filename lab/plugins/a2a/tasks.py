"""A job at a span as a Task, and what becomes of it as it comes (contract.md §9)."""

from collections.abc import Iterator

from lab.core.clock import iso
from lab.core.exchange import Json
from lab.core.seeds import uuid4
from lab.dialects.base import WriteContext
from lab.dialects.sse import Event
from lab.jobs.facts import JobView
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.texts import StatusTexts, conversation_of, status_texts
from lab.jobs.timeline import spans_from
from lab.plugins.a2a.rpc import Rpc
from lab.plugins.a2a.updates import artifact_update, status_update
from lab.program.words import Status

STATE_OF = {
    Status.RUNNING: "working", Status.WAITING: "input-required", Status.COMPLETE: "completed", Status.ERROR: "failed",
    Status.CANCELLED: "canceled",
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
    begins = first and state.status is Status.RUNNING
    said_first: list[Json] = (
        [_message(plan, context, plan.invocation.input.message, "user", "asked")] if history else []
    )
    status = _status(plan, span, context, SUBMITTED) if begins else _stated(plan, span, context, state)
    return _task(plan, context, status, _artifacts(plan, state), said_first)


def _task(
    plan: Plan, context: WriteContext, status: Json, artifacts: list[Json], history: list[Json]
) -> dict[str, Json]:
    metadata = plan.invocation.input.metadata
    return {
        "kind": "task", "id": plan.shown, "contextId": conversation_of(plan, context.switches), "status": status,
        "artifacts": artifacts, "history": history, **({} if metadata is None else {"metadata": dict(metadata)}),
    }  # fmt: skip


def _status(plan: Plan, span: Span, context: WriteContext, word: str) -> dict[str, Json]:
    return {"state": word, "timestamp": iso(context.epoch, span.since)}


def _stated(plan: Plan, span: Span, context: WriteContext, state: StatusTexts) -> dict[str, Json]:
    """The status with what it says: the question, or the error."""
    status = _status(plan, span, context, STATE_OF[state.status])
    said = state.error if state.status is Status.ERROR else state.prompt.text if state.prompt is not None else None
    if said is not None:
        status["message"] = _message(plan, context, said, "agent", f"{span.id}#{span.visit}")
    return status


def _artifacts(plan: Plan, state: StatusTexts) -> list[Json]:
    """The answer, once there is one."""
    if state.status is not Status.COMPLETE or state.output is None:
        return []
    return [{"artifactId": uuid4(plan.seed, f"{_place(plan)}/answer"), "parts": [_text(state.output)]}]


def _message(plan: Plan, context: WriteContext, text: Json, role: str, use: str) -> dict[str, Json]:
    return {
        "kind": "message", "messageId": uuid4(plan.seed, f"{_place(plan)}/{use}"), "role": role,
        "parts": [_text(text)], "taskId": plan.shown, "contextId": conversation_of(plan, context.switches),
    }  # fmt: skip


def _place(plan: Plan) -> str:
    return f"{plan.invocation.job}/a2a"


def _text(text: Json) -> dict[str, Json]:
    return {"kind": "text", "text": text}


def task_events(rpc: Rpc, view: JobView, context: WriteContext, *, first: bool) -> Iterator[Event]:
    """The Task, then an update at each change, to the end or to where somebody has to say something.

    What the updates tell, the Task doesn't yet: one that ends at once was submitted, or works again, first.
    """
    plan, now, before = view.plan, context.now, ""
    shown: dict[str, Json] = {}
    for span in spans_from(plan, view.decisions, view.span):
        when, state = max(now, span.since), status_texts(plan, span, context.epoch, context.switches)
        word, ends = STATE_OF[state.status], state.status is not Status.RUNNING
        if not before:
            waits = state.status is Status.WAITING and not first  # as it did: its gate takes several answers
            before = SUBMITTED if first else word if waits else STATE_OF[Status.RUNNING]
            status = _stated(plan, span, context, state) if waits else _status(plan, span, context, before)
            shown = _task(plan, context, status, [], [])
            yield when, rpc.result(shown)
        if ends or word != before:
            for artifact in _artifacts(plan, state):
                yield when, rpc.result(artifact_update(shown, artifact))
            yield when, rpc.result(status_update(shown, _stated(plan, span, context, state), final=ends))
        before = word
        if ends:
            return
