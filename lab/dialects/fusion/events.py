"""Server-Sent Events of a job: whole bodies (invokeStream) or deltas (chat, debug), each with its instant (contract.md §8).

A stream ends at the first gate, wait or ending. Until then nobody can decide anything, so the whole stream is
known when it begins: it is computed like a view, and only the shell waits for its instants.
"""

import re
from collections.abc import Iterator, Sequence
from typing import assert_never

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.refusal import CANNOT_EXECUTE
from lab.dialects.base import WriteContext
from lab.dialects.fusion.bodies import NEVER, full_body, named_node, nodes
from lab.dialects.sse import Event
from lab.jobs.facts import JobView
from lab.jobs.names import Writer
from lab.jobs.plan import Plan
from lab.jobs.program import NO_SUCH_VERSION, ROLE_REFUSED
from lab.jobs.span import DefaultEnding, Span, node_code
from lab.jobs.texts import progress_of, writer_at
from lab.jobs.timeline import spans_from
from lab.language.templates import RenderFailure
from lab.program.steps import Step
from lab.program.words import Status

MOST_PIECES = 20
_LONGEST_SUM = 4 * 1024 * 1024
"""Characters that the growing outputs of one stream may add up to; a longer output comes in fewer pieces."""

_COMING: dict[str, Json] = {"status": str(Status.RUNNING), "followUpQuestions": [], "endTime": 0, "endDate": NEVER}
"""What the body says beside while its output still comes."""


def job_events(view: JobView, context: WriteContext, *, admin: bool) -> Iterator[Event]:
    """invokeStream: job bodies with a growing `output`; the first is what invoke would answer."""
    plan, now = view.plan, context.now
    seen: dict[str, Json] | None = None
    for span in spans_from(plan, view.decisions, view.span):
        when = max(now, span.since)
        passed = nodes(plan, span, view.decisions) if admin else []
        body = full_body(plan, span, context, passed=passed)
        if seen is None:
            yield when, full_body(plan, span, context, invoked=True, passed=passed)
            seen = {**body, "progressMessage": body["progressMessage"] and ""}  # the first tells of no progress yet
        elif body["status"] == Status.COMPLETE:
            for output in _growing(body["output"]):
                yield when, {**body, **_COMING, "output": output}
        if body != seen:
            yield when, body
            seen = body
        if body["status"] != Status.RUNNING:
            return


def chat_events(view: JobView, context: WriteContext) -> Iterator[Event]:
    """chat and debug: node events and deltas; the first also names the conversation.

    A refusal inside the job is one event, and so is a version that isn't published: no node of it can run
    (contract.md §8.2).
    """
    plan, now = view.plan, context.now
    refused = plan.program.scenario.steps == ROLE_REFUSED
    ended_only = refused or plan.program is NO_SUCH_VERSION
    head: dict[str, Json] = {"jobId": plan.shown}
    first: dict[str, Json] = {**head, "conversationId": plan.invocation.conversation}
    for span in spans_from(plan, view.decisions, view.span):
        if ended_only and span.until is not None:
            continue
        body = full_body(plan, span, context)
        nodes_begun = span.at_work if first is not head or not span.goes_on else ()
        begun = [_node_start(plan, step, writer_at(plan, span, context.epoch)) for step in nodes_begun]
        for when, members in _chat(body, span, max(now, span.since), begun):
            if refused and isinstance(message := members["message"], dict):
                message["output"] = f"FAI-40300: {CANNOT_EXECUTE}"
            yield when, {**first, **members}
            first = head
        if body["status"] != Status.RUNNING:
            return


def _node_start(plan: Plan, step: Step | DefaultEnding, write: Writer) -> Json:
    node: dict[str, Json] = {"nodeCode": "", "type": "NODE_START", **named_node(step)}
    try:
        text = progress_of(plan, step, write)
    except RenderFailure:  # of the first that is at work it is the job's error
        text = None
    return {**node, "progressMessage": text} if text else node


def _chat(
    body: dict[str, Json], span: Span, now: Millis, begun: Sequence[Json]
) -> Iterator[tuple[Millis, dict[str, Json]]]:
    """The events of one span, whose job body is this, and the nodes that begin with it."""
    status = Status(str(body["status"]))
    match status:
        case Status.RUNNING:
            for node in begun:
                yield now, {"nodeProgressMessage": node}
            assert span.until is not None
            for step in (span.step,) if span.stretch is None else span.stretch.ending:
                yield span.until, {"nodeProgressMessage": {
                    "nodeCode": node_code(step.id), "type": "NODE_END",
                    "nodeStepInfo": {"totalNodeTime": span.until - span.entered},
                }}  # fmt: skip
        case Status.WAITING:
            yield now, {"waitingNodeDetails": body["waitingNodeDetails"]}
            yield now, {"message": {"content": [{"text": ""}], "finishReason": "wait"}}
        case Status.ERROR | Status.CANCELLED:
            yield now, {"message": {"content": [{"text": ""}], "finishReason": "error", "output": body["error"]}}
        case Status.COMPLETE:
            output = body["output"] if isinstance(body["output"], str) else ""
            *deltas, last = pieces(output, MOST_PIECES)
            for text in deltas:
                yield now, {"message": {"content": [{"text": text}]}}
            yield now, {"message": {"content": [{"text": last}], "finishReason": "stop", "output": body["output"]}}
        case _:
            assert_never(status)


def pieces(output: str, most: int) -> list[str]:
    """The text cut after blanks into at most `most` pieces, at least one; joined they are the text again."""
    words = re.findall(r"\S*\s+|\S+", output)
    if len(words) <= most:
        return words or [""]
    return ["".join(words[len(words) * n // most : len(words) * (n + 1) // most]) for n in range(most)]


def _growing(output: Json) -> Iterator[str]:
    """What of the output has come before each further piece; not the whole."""
    if not isinstance(output, str):
        return
    most = max(1, min(MOST_PIECES, 2 * _LONGEST_SUM // max(1, len(output))))
    length = 0
    for piece in pieces(output, most)[:-1]:
        length += len(piece)
        yield output[:length]
