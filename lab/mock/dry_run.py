"""What can be rendered when a job is accepted is tried then, so that a text that fails refuses the request.

So are the conditions that look at nothing that comes later (a decision, a delegate's output), and of the texts only those
of steps to which they let the job come: what a request lacks may be just what a condition asks for.
"""

from functools import lru_cache, partial

from lab.core.clock import Epoch
from lab.jobs.branches import holds_now, reachable
from lab.jobs.names import output_text
from lab.jobs.plan import Plan
from lab.jobs.program import Program
from lab.jobs.span import Span
from lab.jobs.texts import writer_at
from lab.language.step_texts import StepText, step_texts
from lab.language.templates import template
from lab.language.templates.bounds import Budget
from lab.program.steps import Output
from lab.program.words import KeyPath


def dry_run(plan: Plan, span: Span, epoch: Epoch) -> None:
    """Render what looks at nothing that comes later; RenderFailure if a text fails, or a condition has no answer."""
    write, program = writer_at(plan, span, epoch), plan.program
    judge = partial(holds_now, plan, budget=Budget(alone=True))
    places = reachable(program, judge) if program.conditional else program.steps
    for step, whole in _early(program):
        if step in places:
            output_text(whole, program.files, write)


@lru_cache(maxsize=256)
def _early(program: Program) -> tuple[tuple[str, Output], ...]:
    """The texts and outputs, by their steps, of which one part is a template, and none looks at what comes later."""
    wholes: dict[tuple[str, KeyPath], list[StepText]] = {}
    for each in step_texts(program.scenario.steps):
        if not each.is_condition:
            place = each.place[:1] if each.of_output else each.place
            wholes.setdefault((each.step.id, place), []).append(each)
    return tuple(
        (step, texts[0].whole)
        for (step, _), texts in wholes.items()
        if not any(each.read().decided_later for each in texts) and not all(template(each.text).plain for each in texts)
    )
