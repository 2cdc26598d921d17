"""The texts of a job: what it says of itself at a span, before any wire words it, and the earlier turns of a conversation.

All dialects draw from `status_texts`, so they can't tell different stories about the same job. What a switch changes
here (the status word of a wait, an output while it waits) it changes on every wire.

What templates see at a span is settled when its step is entered: the invocation, the generated data, the votes *before*
the span, and `now` as the instant of its beginning. So a text is the same whoever asks, and when: a poll at the third
second renders what a poll at the thirtieth renders, and a replay what was recorded.

    A gate's question, opened at 2 100 and read at 9 000, has `now` = 2 100 and `decisions.boss.verdict` = null.
    The output of the step behind it sees how the gate ended.

The turns before are seen as they were when the message was accepted: one that was still running then has no output, and
gets none in this job's texts, though it ends while this job runs.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis, iso
from lab.core.seeds import Seed, hexes, odd_id, uuid4
from lab.jobs.gates import Decision
from lab.jobs.names import Writer, job_names, output_text, request_names, unwritten, writer_of
from lab.jobs.plan import Plan
from lab.jobs.span import DefaultEnding, Span
from lab.jobs.timeline import ENDS, UNWRITTEN, at
from lab.language.templates import RenderFailure
from lab.program.steps import Complete, Delegate, Failure, Gate, Pause, Step, Work
from lab.program.switches import Switches
from lab.program.words import Status


def writer_at(plan: Plan, span: Span, epoch: Epoch) -> Writer:
    """Renders texts at one span: of what was decided and handed back before it, and when its step was entered."""
    return writer_of(job_names(plan, span.settled, span.ends, now=partial(iso, epoch, span.entered)))


class Prompt(Struct, frozen=True):
    text: str
    """The gate's question, or what a wait says."""
    changes: str | None = None
    """Asks what should be different; None: changes can't be asked for."""
    last_round: str | None = None
    """Says that the last round of changes is over."""


class StatusTexts(Struct, frozen=True):
    status: Status
    progress: str | None = None
    """What it says while it works; None: nothing, or nobody asked."""
    output: str | None = None
    error: str | None = None
    follow_up: tuple[str, ...] = ()
    prompt: Prompt | None = None
    """None unless it is WAITING."""


def final_texts(plan: Plan, span: Span, write: Writer) -> StatusTexts:
    """What a job ends with, at a span in which it has ended."""
    match step := span.step:
        case Complete():
            output = output_text(step.output, plan.program.files, write)
            return StatusTexts(span.status, None, output, None, tuple(map(write, step.follow_up)))
        case Failure():
            output = write(step.output) if step.output is not None else None
            return StatusTexts(span.status, None, output, write(step.text))
        case DefaultEnding():
            text = write(step.text) if step.template else step.text
            if step.status is Status.ERROR:
                return StatusTexts(span.status, error=text)
            return StatusTexts(span.status, output=text if text or step.status is Status.COMPLETE else None)
    raise AssertionError("the job goes on")


def earlier_turns(
    thread: Sequence[tuple[Plan, tuple[Decision, ...]]], now: Millis, epoch: Epoch
) -> Sequence[Mapping[str, object]]:
    """The turns of a conversation as a message accepted at `now` sees them: an output only where the job had ended."""
    turns: list[tuple[Millis | None, Mapping[str, object]]] = []
    for plan, decisions in thread:
        # each turn sees those before it as they were when it was accepted itself
        plan = replace(plan, earlier=partial(_as_of, tuple(turns), plan.invocation.at))
        span = at(plan, decisions, now)
        turn, ended, output = request_names(plan), span.since if span.status.final else None, None
        del turn["parameters"]
        if ended is not None:
            with suppress(RenderFailure):  # then it ended ERROR, without an output
                output = final_texts(plan, span, writer_at(plan, span, epoch)).output
        turns.append((ended, {**turn, "output": output}))
    return _as_of(turns, now)


def _as_of(turns: Sequence[tuple[Millis | None, Mapping[str, object]]], now: Millis) -> Sequence[Mapping[str, object]]:
    """The turns, each with the instant at which it ended; the outputs of those that run on at `now` left out."""
    return [turn if ended is not None and ended <= now else {**turn, "output": None} for ended, turn in turns]


def status_texts(plan: Plan, span: Span, epoch: Epoch, switches: Switches, *, accepted: bool = False) -> StatusTexts:
    """What a job says of itself at a span; `accepted`: in the answer that brings the Job ID, which tells of no progress yet.

    A text that can't be rendered, for it looks at a decision that brought something unforeseen, is the job's error.
    """
    status, step, prompt = shown_status(span, switches), span.step, None
    write = writer_at(plan, span, epoch)
    try:
        if status.final:
            return final_texts(plan, span, write)
        if isinstance(first := span.at_work[0], Work | Delegate):
            return StatusTexts(status, None if accepted else progress_of(plan, first, write))
        if isinstance(step, Pause) and status is Status.WAITING:
            prompt = Prompt(write(step.says) if step.says else "")
        elif isinstance(step, Gate):
            asks = write(step.question(escalated=span.escalated))
            prompt = Prompt(asks, *map(write, (step.change_prompt, step.last_round) if takes_text(step) else ()))
    except RenderFailure as failure:
        unwritten(plan, span.id, ENDS, f"a text can't be written: {failure}")
        return StatusTexts(Status.ERROR, error=UNWRITTEN)
    output = prompt.text if prompt is not None and switches.waiting_output == "message" else None
    return StatusTexts(status, output=output, prompt=prompt)


def question_at(plan: Plan, span: Span, epoch: Epoch) -> str:
    """What the gate of a span asks; empty, if that can't be written."""
    assert isinstance(span.step, Gate)
    with suppress(RenderFailure):
        return writer_at(plan, span, epoch)(span.step.question(escalated=span.escalated))
    return ""


def progress_of(plan: Plan, step: Step | DefaultEnding, write: Writer) -> str | None:
    """What a step says while it is at work, if that was wanted."""
    says = step.says if isinstance(step, Work | Delegate) and plan.invocation.input.progress_message else None
    return write(says) if says else None


def shown_status(span: Span, switches: Switches) -> Status:
    """The status of a span on the wire: that of a wait is a switch."""
    return Status.RUNNING if isinstance(span.step, Pause) and switches.wait_status == "RUNNING" else span.status


def takes_text(gate: Gate) -> bool:
    """Whether a gate can be answered with words: changes may be asked for, or a reply is all that it asks for."""
    return gate.verdicts.changes_requested is not None or not gate.approval


def opening_token(plan: Plan, span: Span) -> str:
    """What names an opening of a gate, or a wait, to a client: 32 hex digits, new each time it opens."""
    return hexes(plan.seed, f"{plan.invocation.job}/{span.id}/callback#{span.visit}", 32)


def new_job_id(switches: Switches, seed: Seed, stream: str) -> str:
    """The id that is drawn for a job, in the form that the switch asks for."""
    return odd_id(seed, stream) if switches.job_ids == "odd" else uuid4(seed, stream)


def further_id(switches: Switches, plan: Plan, number: int) -> str:
    """The id that a job is given with its n-th decision, from 1, on a wire that gives it another one then."""
    return new_job_id(switches, plan.seed, f"{plan.invocation.job}/alias#{number}")


def conversation_of(plan: Plan, switches: Switches) -> str | None:
    """The conversation's id as shown; a one-shot has none, or one that is never honoured."""
    call = plan.invocation
    if call.conversation is None and switches.one_shot_conversation_id == "fresh":
        return uuid4(plan.seed, f"{call.job}/one-shot")
    return call.conversation
