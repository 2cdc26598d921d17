"""What can be rendered when a job is accepted is tried then, so that a text that fails refuses the request."""

from functools import lru_cache

from lab.core.clock import Epoch
from lab.jobs.plan import Plan
from lab.jobs.texts import Writer, output_templates, output_text
from lab.jobs.timeline import Span
from lab.language.document import Complete, Failure, Gate, Pause, Work
from lab.language.templates import template


def try_texts(planned: Plan, span: Span, epoch: Epoch) -> None:
    """Render what looks at no decision; RenderFailure if a text fails."""
    write = Writer(planned, span, epoch)
    for step in planned.compiled.scenario.steps:
        texts: list[str] = []
        match step:
            case Work() | Pause():
                texts += [step.says] if step.says else []
            case Gate():
                texts += [step.asks, step.change_prompt, step.last_round]
            case Complete():
                texts += step.follow_up
                if _early(tuple(output_templates(step.output))):
                    output_text(step.output, planned.compiled.files, write)
            case Failure():
                texts += [step.text] + ([step.output] if step.output else [])
        for text in texts:
            if _early((text,)):
                write(text)


@lru_cache(maxsize=4096)
def _early(texts: tuple[str, ...]) -> bool:
    """Whether any of the texts is a template, and none looks at a decision."""
    made = [template(text) for text in texts]
    looks = any(path[0] == "decisions" for each in made for _, path in each.paths)
    return not looks and not all(each.plain for each in made)
