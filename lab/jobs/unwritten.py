"""What of a job could not be written, and why: what it did instead says none of it.

A text or a condition that looks at nothing that comes later is tried when the job is accepted. One that looks at a
decision, or at what a delegate handed back, may fail while the job runs: a text or a condition ends it ERROR
(`timeline.UNWRITTEN`), a delegate hands back nothing. This is for onlookers; nothing that is served depends on it.
"""

from collections.abc import Iterator
from functools import lru_cache, partial

from msgspec import Struct

from lab.core.clock import Epoch
from lab.jobs.branches import Branching, Turnoff
from lab.jobs.gates import Decision
from lab.jobs.names import DelegateOutputs, render_failure
from lab.jobs.plan import Plan
from lab.jobs.program import Program
from lab.jobs.span import DefaultEnding, Span
from lab.jobs.texts import render_status_texts
from lab.jobs.timeline import UNWRITTEN, exit_of, spans
from lab.language.step_texts import step_texts
from lab.program.switches import Switches

ENDS = "the job ends ERROR"
HANDS_BACK_NOTHING = "it hands back nothing"


class Unwritten(Struct, frozen=True):
    """One text, condition or output that failed."""

    step: str
    instead: str
    """What came of it, in words."""
    why: str


def unwritten(
    plan: Plan, span: Span, decisions: tuple[Decision, ...], epoch: Epoch, switches: Switches
) -> Iterator[Unwritten]:
    """What fails at a span of a job, and of each delegate the latest visit before."""
    if not _looks_later(plan.program):
        return
    outputs = DelegateOutputs(plan, span.settled, span.all_ends)
    for name in {end.step: None for end in span.all_ends}:
        if why := render_failure(partial(outputs.__getitem__, name)):
            yield Unwritten(name, HANDS_BACK_NOTHING, why)
    if isinstance(span.step, DefaultEnding) and span.step.text == UNWRITTEN:
        before = next(each for each in spans(plan, decisions) if each.index == span.index - 1)
        turnoff = Turnoff(before.id, exit_of(before, span.settled) or "", before.visit, span.settled, span.ends)
        yield Unwritten(span.id, ENDS, render_failure(partial(Branching(plan).taken, turnoff)))
    elif why := render_failure(partial(render_status_texts, plan, span, epoch, switches)):
        yield Unwritten(span.id, ENDS, f"a text can't be written: {why}")


@lru_cache(maxsize=256)
def _looks_later(program: Program) -> bool:
    """Whether a text or a condition looks at what comes after a job's acceptance."""
    return any(each.read().decided_later for each in step_texts(program.scenario.steps))
