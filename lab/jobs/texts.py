"""The texts of a job: what templates see at a span, what it ends with, the earlier turns of a conversation.

What templates see at a span is settled when its step is entered: the invocation, the generated data, the votes *before*
the span, and `now` as the instant of its beginning. So a text is the same whoever asks, and when: a poll at the third
second renders what a poll at the thirtieth renders, and a replay what was recorded.

    A gate's question, opened at 2 100 and read at 9 000, has `now` = 2 100 and `decisions.boss.verdict` = null.
    The output of the step behind it sees how the gate ended.

The turns before are seen as they were when the message was accepted: one that was still running then has no output, and
gets none in this job's texts, though it ends while this job runs.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import assert_never

from msgspec.structs import replace

from lab.core.clock import Epoch, Millis, iso
from lab.jobs.gates import Decision
from lab.jobs.names import request_names, timeless_names
from lab.jobs.outputs import Writer, output_text
from lab.jobs.plan import Plan
from lab.jobs.span import DefaultEnding, Span
from lab.jobs.timeline import at
from lab.language.templates import RenderFailure
from lab.program.steps import Complete, EndingStep, Failure
from lab.program.words import Status


def names(plan: Plan, span: Span, epoch: Epoch) -> Mapping[str, object]:
    """What templates see at a span: what was decided and handed back before it, and when its step was entered."""
    return {**timeless_names(plan, span.settled, span.ends), "now": iso(epoch, span.entered)}


def earlier_turns(
    thread: Sequence[tuple[Plan, tuple[Decision, ...]]], now: Millis, epoch: Epoch
) -> Sequence[Mapping[str, object]]:
    """The turns of a conversation as a message accepted at `now` sees them: an output only where the job had ended."""
    turns: list[tuple[Millis | None, Mapping[str, object]]] = []
    for plan, decisions in thread:
        # each turn sees those before it as they were when it was accepted itself
        plan = replace(plan, earlier=partial(_as_of, tuple(turns), plan.invocation.at))
        span = at(plan, decisions, now)
        ended = span.since if span.status.final else None
        of_request = request_names(plan)
        turn = {name: of_request[name] for name in ("message", "match", "data")}
        turns.append((ended, {**turn, "output": None if ended is None else _output_of(plan, span, epoch)}))
    return _as_of(turns, now)


def _as_of(turns: Sequence[tuple[Millis | None, Mapping[str, object]]], now: Millis) -> Sequence[Mapping[str, object]]:
    """The turns, each with the instant at which it ended; the outputs of those that run on at `now` left out."""
    return [turn if ended is not None and ended <= now else {**turn, "output": None} for ended, turn in turns]


def _output_of(plan: Plan, span: Span, epoch: Epoch) -> str | None:
    try:
        return final_texts(plan, span, writer_at(plan, span, epoch))[0]
    except RenderFailure:
        return None


def writer_at(plan: Plan, span: Span, epoch: Epoch) -> Writer:
    """Renders texts at one span."""
    return Writer(partial(names, plan, span, epoch))


def final_texts(plan: Plan, span: Span, write: Writer) -> tuple[str | None, str | None, list[str]]:
    """Output, error and follow-up questions of a final span; nothing of any other."""
    step = span.step
    if not isinstance(step, EndingStep | DefaultEnding):
        return None, None, []
    match step:
        case Complete():
            output = output_text(step.output, plan.compiled.files, write)
            return output, None, [write(each) for each in step.follow_up]
        case Failure():
            return write(step.output) if step.output is not None else None, write(step.text), []
        case DefaultEnding():
            text = write(step.text) if step.template else step.text
            return (text, None, []) if step.status is Status.COMPLETE else (None, text, [])
        case _:
            assert_never(step)
