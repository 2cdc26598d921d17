"""What can be rendered when a job is accepted is tried then, so that a text that fails refuses the request.

So are the conditions that look at nothing that comes later (a decision, a delegate's output), and of the texts only those of steps to which they let the job come: what a
request lacks may be just what a condition asks for.
"""

from functools import partial

from lab.core.clock import Epoch
from lab.jobs.branches import holds_now, reachable
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.texts import writer_at
from lab.language.templates import template
from lab.program.steps import texts_of


def dry_run(plan: Plan, span: Span, epoch: Epoch) -> None:
    """Render what looks at nothing that comes later; RenderFailure if a text fails, or a condition has no answer."""
    write, compiled = writer_at(plan, span, epoch), plan.compiled
    places = reachable(compiled, partial(holds_now, plan)) if compiled.conditional else compiled.steps
    for step in (compiled.steps[name] for name in compiled.steps if name in places):
        for text in (text for _, text in texts_of(step)):
            read = template(text)
            if not read.plain and not read.decided_later:
                write(text)
