"""What can be rendered when a job is accepted is tried then, so that a text that fails refuses the request.

So are the conditions that look at nothing that comes later (a decision, a delegate's output), and of the texts only those of steps to which they let the job come: what a
request lacks may be just what a condition asks for.
"""

from functools import lru_cache, partial

from lab.core.clock import Epoch
from lab.jobs.branches import holds_now, reachable
from lab.jobs.names import output_text
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.texts import writer_at
from lab.language.templates import template
from lab.program.steps import Complete, Delegate, output_templates, texts_of


def dry_run(plan: Plan, span: Span, epoch: Epoch) -> None:
    """Render what looks at nothing that comes later; RenderFailure if a text fails, or a condition has no answer."""
    write, compiled = writer_at(plan, span, epoch), plan.compiled
    places = reachable(compiled, partial(holds_now, plan)) if compiled.conditional else compiled.steps
    for step in (compiled.steps[name] for name in compiled.steps if name in places):
        if isinstance(step, Complete | Delegate) and not isinstance(step.output, str):
            if _early(tuple(text for _, text in output_templates(step.output))):
                output_text(step.output, plan.compiled.files, write)
        for place, text in texts_of(step):
            if not (place[0] == "output" and len(place) > 1) and _early((text,)):
                write(text)


@lru_cache(maxsize=4096)
def _early(texts: tuple[str, ...]) -> bool:
    """Whether any of the texts is a template, and none looks at what comes later."""
    templates = [template(text) for text in texts]
    return not any(each.decided_later for each in templates) and not all(each.plain for each in templates)
