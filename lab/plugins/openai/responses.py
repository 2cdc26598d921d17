"""A response as it stands in an answer, and what becomes of it as events (openai.md §2 to §4).

A job goes on under another id with each answer, so its responses part its course between them: the first begins with the
job, each further one with the answer that it was given for. One that was answered stays as it was just then.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias, cast

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, text_of
from lab.core.seeds import hexes
from lab.dialects.base import WriteContext
from lab.dialects.sse import Event
from lab.jobs.facts import JobView
from lab.jobs.gates import Decision, Origin
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.texts import StatusTexts, further_id, opening_token, status_texts
from lab.jobs.timeline import at, spans_from
from lab.plugins.openai.routes import APPROVAL, ASKS, MESSAGE, RESPONSE
from lab.program.steps import Gate
from lab.program.switches import Switches
from lab.program.words import Status

Item: TypeAlias = dict[str, Json]
QUEUED, IN_PROGRESS, COMPLETED, FAILED, CANCELLED = "queued", "in_progress", "completed", "failed", "cancelled"
STATUS_WORDS = {Status.COMPLETE: COMPLETED, Status.ERROR: FAILED, Status.CANCELLED: CANCELLED}
_ALWAYS: Mapping[str, Json] = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}


def gate_at(span: Span) -> Gate | None:
    """The gate that asks whoever sent the message; of one that is answered elsewhere this wire says nothing."""
    return span.step if isinstance(span.step, Gate) and span.step.channel == "CHAT" else None


def rests(span: Span) -> bool:
    """Whether a response has ended in this span."""
    return span.status.final or gate_at(span) is not None


def as_shown(view: JobView) -> JobView:
    """The job as the response shows it under whose id it is asked for: once that was answered, as it was just before."""
    known = view.decisions
    answer = next((number for number in range(view.given, len(known)) if renames(known[number])), None)
    if answer is None:
        return view
    before = known[:answer]
    return replace(view, record=replace(view.record, decisions=before), span=at(view.plan, before, known[answer].at))


def renames(decision: Decision) -> bool:
    """Whether a response begins with it."""
    return decision.by is Origin.API and not decision.cancels


def response_id(switches: Switches, plan: Plan, number: int) -> str:
    """That of the response which began with the job's decision of that number; 0: with the job itself."""
    return RESPONSE + (further_id(switches, plan, number) if number else plan.invocation.job)


def begins(view: JobView) -> Millis:
    """When the response began."""
    return view.decisions[view.given - 1].at if view.given else view.record.at


@lru_cache(maxsize=1024)
def sent_with(accepted: str) -> Mapping[str, Json]:
    """What the request said that began a job, by the record of it; of a job of another wire nothing that this one knows."""
    return cast("Mapping[str, Json]", json.loads(accepted))


def response_of(view: JobView, context: WriteContext, *, queued: bool = False) -> Item:
    """A response as it is; `queued`: in the answer that begins it in the background."""
    view = as_shown(view)
    state = status_texts(view.plan, view.span, context.epoch, context.switches)
    if not rests(view.span):
        return _response(view, context, QUEUED if queued else IN_PROGRESS)
    return _response(view, context, STATUS_WORDS.get(state.status, COMPLETED), _output(view, state), state.error)


def _response(view: JobView, context: WriteContext, word: str, output: Json = None, error: Json = None) -> Item:
    sent, plan, previous = sent_with(view.record.input), view.plan, None
    if view.given:
        before = next((n for n in range(view.given - 1, 0, -1) if renames(view.decisions[n - 1])), 0)
        previous = response_id(context.switches, plan, before)
    return {
        "id": RESPONSE + plan.shown,
        "object": "response",
        "created_at": context.epoch + begins(view) // 1000,
        "status": word,
        "background": sent.get("background") is True,
        "error": {"code": "server_error", "message": error} if word == FAILED else None,
        "metadata": sent.get("metadata") or {},
        "model": view.record.team,
        "output": output or [],
        "previous_response_id": previous or sent.get("previous_response_id"),
        **_ALWAYS,
    }


def approval_id(view: JobView) -> str:
    """What names the question that a gate asks now."""
    return APPROVAL + opening_token(view.plan, view.span)


def _output(view: JobView, state: StatusTexts) -> list[Json]:
    """What a response ends with: the job's output, or what its gate asks; one that takes a text asks by a message."""
    gate, text = gate_at(view.span), state.prompt.text if state.prompt is not None else state.output
    if gate is not None and gate.approval and state.prompt is not None:
        names: Item = {"id": approval_id(view), "name": gate.id, "server_label": "lab"}
        return [{"type": ASKS, **names, "arguments": text_of({"message": text})}]
    if text is None:
        return []
    own = hexes(view.plan.seed, f"{view.plan.invocation.job}/openai/message#{view.span.index}", 32)
    message: Item = {"type": "message", "id": MESSAGE + own, "role": "assistant", "status": COMPLETED}
    return [{**message, "content": [{"type": "output_text", "text": text, "annotations": []}]}]


def response_events(view: JobView, context: WriteContext, *, behind: int = -1) -> Iterator[Event]:
    """What becomes of a response, from its beginning to its end; `behind`: only what follows the event of that number.

    What was before the request is told at once, in the same words and numbers: whoever comes back misses nothing.
    """
    for number, (when, kind, members) in enumerate(_course(as_shown(view), context)):
        if number > behind:
            yield max(context.now, when), {"type": kind, "sequence_number": number, **members}


def _course(view: JobView, context: WriteContext) -> Iterator[tuple[Millis, str, Item]]:
    start, queued = begins(view), sent_with(view.record.input).get("background") is True
    begun: Item = {"response": _response(view, context, QUEUED if queued else IN_PROGRESS)}
    for kind in ("created", "queued") if queued else ("created",):
        yield start, f"response.{kind}", begun
    yield start, "response.in_progress", {"response": _response(view, context, IN_PROGRESS)}
    first = at(view.plan, view.decisions[: view.given], start)
    span = next(span for span in spans_from(view.plan, view.decisions, first) if rests(span))
    body = response_of(replace(view, span=span), context)
    for index, item in enumerate(cast("list[Item]", body["output"])):
        for kind, members in _pieces(item):
            yield span.since, f"response.{kind}", {"output_index": index, **members}
    if body["status"] != CANCELLED:  # no event is known for it
        yield span.since, f"response.{body['status']}", {"response": body}


def _pieces(item: Item) -> Iterator[tuple[str, Item]]:
    """An item as it comes: an approval request whole, a message line by line."""
    if item["type"] == ASKS:
        yield "output_item.added", {"item": item}
    else:
        (part,) = cast("list[Item]", item["content"])
        whose: Item = {"item_id": item["id"], "content_index": 0}
        yield "output_item.added", {"item": {**item, "status": IN_PROGRESS, "content": []}}
        yield "content_part.added", {**whose, "part": {**part, "text": ""}}
        for line in cast("str", part["text"]).splitlines(keepends=True):
            yield "output_text.delta", {**whose, "delta": line, "logprobs": []}
        yield "output_text.done", {**whose, "text": part["text"], "logprobs": []}
        yield "content_part.done", {**whose, "part": part}
    yield "output_item.done", {"item": item}
