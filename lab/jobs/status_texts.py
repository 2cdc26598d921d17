"""What a job says of itself at a span: its status and its texts, before any wire words them.

All dialects draw from this one value, so they can't tell different stories about the same job. What a switch changes
here (the status word of a wait, an output while it waits) it changes on every wire.
"""

from collections.abc import Iterator

from msgspec import Struct

from lab.core.clock import Epoch
from lab.core.seeds import hexes, uuid4
from lab.jobs.gates import Decision
from lab.jobs.outputs import Writer
from lab.jobs.plan import Plan
from lab.jobs.span import DefaultEnding, Ending, Span
from lab.jobs.texts import final_texts, writer_at
from lab.jobs.timeline import UNWRITTEN, spans
from lab.language.templates import RenderFailure
from lab.program.steps import Delegate, Gate, Parallel, Pause, Step, Work
from lab.program.switches import Switches
from lab.program.words import Status


class Prompt(Struct, frozen=True):
    """The texts of a job that waits, rendered."""

    text: str
    """The gate's question, or what a wait says."""
    changes: str | None = None
    """Asks what should be different; None: changes can't be asked for."""
    last_round: str | None = None
    """Says that the last round of changes is over."""


class StatusTexts(Struct, frozen=True):
    """What a job says of itself at one span."""

    status: Status
    progress: str | None = None
    """What it says while it works; None: nothing, or nobody asked."""
    output: str | None = None
    error: str | None = None
    follow_up: tuple[str, ...] = ()
    prompt: Prompt | None = None
    """None unless it is WAITING."""


def status_texts(plan: Plan, span: Span, epoch: Epoch, switches: Switches, *, accepted: bool = False) -> StatusTexts:
    """What a job says of itself at a span; `accepted`: in the answer that brings the Job ID, which tells of no progress yet.

    A text that can't be rendered, for it looks at a decision that brought something unforeseen, is the job's error.
    """
    try:
        return render_status_texts(plan, span, epoch, switches, accepted=accepted)
    except RenderFailure:
        return StatusTexts(Status.ERROR, error=UNWRITTEN)


def render_status_texts(
    plan: Plan, span: Span, epoch: Epoch, switches: Switches, *, accepted: bool = False
) -> StatusTexts:
    """The same, but RenderFailure for a text that can't be rendered."""
    status, step = shown_status(span, switches), span.step
    write = writer_at(plan, span, epoch)
    if span.status.final:
        output, error, follow_up = final_texts(plan, span, write)
        return StatusTexts(status, None, output, error, tuple(follow_up))
    if isinstance(first := span.at_work[0], Work | Delegate):
        return StatusTexts(status, None if accepted else progress_of(plan, first, write))
    prompt = (
        _prompt(step, write, escalated=span.escalated)
        if status is Status.WAITING and isinstance(step, Gate | Pause)
        else None
    )
    output = prompt.text if prompt is not None and switches.waiting_output == "message" else None
    return StatusTexts(status, output=output, prompt=prompt)


def progress_of(plan: Plan, step: Step | DefaultEnding, write: Writer) -> str | None:
    """What a step says while it is at work, if that was wanted."""
    says = step.says if isinstance(step, Work | Delegate) and plan.invocation.input.progress_message else None
    return write(says) if says else None


def shown_status(span: Span, switches: Switches) -> Status:
    """The status of a span on the wire: that of a wait is a switch."""
    return Status.RUNNING if isinstance(span.step, Pause) and switches.wait_status == "RUNNING" else span.status


def _prompt(step: Gate | Pause, write: Writer, *, escalated: bool) -> Prompt:
    if isinstance(step, Pause):
        return Prompt(write(step.says) if step.says else "")
    asks = write(step.question(escalated=escalated))
    if not takes_text(step):
        return Prompt(asks)
    return Prompt(asks, write(step.change_prompt), write(step.last_round))


class PassedStep(Struct, frozen=True):
    """A step that a job has come to, at one visit."""

    step: Step
    under_way: bool


def passed_steps(plan: Plan, span: Span, decisions: tuple[Decision, ...]) -> Iterator[PassedStep]:
    """The steps that a job has come to at a span, that of the span too; no endings."""
    for each in spans(plan, decisions):
        for step in _shown_steps(each, here=each.index == span.index):
            under_way = each.same_visit(span) and step.id in span.ids and not span.status.final
            yield PassedStep(step, under_way)
        if each.index >= span.index:
            return


def _shown_steps(span: Span, *, here: bool) -> tuple[Step, ...]:
    """Those of a span that was passed, or in which the job is: in place of a parallel its children, but none that was left."""
    if isinstance(span.step, Ending) or span.escalated:
        return ()
    if span.stretch is None or not isinstance(span.step, Parallel):
        return (span.step,)
    if here:
        return span.step.of
    left = {child.id for child in span.stretch.left}
    return tuple(child for child in span.step.of if child.id not in left) if span.stretch.last else ()


def takes_text(gate: Gate) -> bool:
    """Whether a gate can be answered with words: changes may be asked for, or a reply is all that it asks for."""
    return gate.verdicts.changes_requested is not None or not gate.approval


def opening_token(plan: Plan, span: Span) -> str:
    """What names an opening of a gate, or a wait, to a client: 32 hex digits, new each time it opens."""
    return hexes(plan.seed, f"{plan.invocation.job}/{span.id}/callback#{span.visit}", 32)


def conversation_of(plan: Plan, switches: Switches) -> str | None:
    """The conversation's id as shown; a one-shot has none, or one that is never honoured."""
    call = plan.invocation
    if call.conversation is None and switches.one_shot_conversation_id == "fresh":
        return uuid4(plan.seed, f"{call.job}/one-shot")
    return call.conversation
