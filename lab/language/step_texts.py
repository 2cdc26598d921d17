"""One walk over the texts and conditions of steps: where each stands, what reads it, and with what it is rendered."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct

from lab.language.complaints import path_text
from lab.language.templates import Expression, Template, condition, template, timeless_template
from lab.program.steps import Complete, Delegate, Failure, Output, Step, placed_steps, targets_of, texts_of
from lab.program.words import KeyPath

TextReader: TypeAlias = Callable[[str], Template | Expression]
"""What reads a text: `template`, `timeless_template`, `condition` or `derivation`."""


class StepText(Struct, frozen=True, eq=False):
    """A text or a condition of a step."""

    step: Step
    at: KeyPath
    """Of the step."""
    place: KeyPath
    """Within it."""
    text: str
    reading: TextReader
    whole: Output
    """What is rendered at once: the output in which it stands, else the text."""

    @property
    def path(self) -> KeyPath:
        return (*self.at, *self.place)

    @property
    def what(self) -> str:
        """What it is, for people."""
        return f"the {path_text(self.place)} of {self.step.id}"

    @property
    def is_condition(self) -> bool:
        return self.reading is condition

    @property
    def of_output(self) -> bool:
        return self.place[0] == "output"

    def read(self) -> Template | Expression:
        """Read once, however often it is asked for; TemplateError for what is not allowed."""
        return self.reading(self.text)


def step_texts(steps: Iterable[Step], at: KeyPath = ("steps",)) -> Iterator[StepText]:
    """All of them, those within a parallel too, in the order of the file but for conditions, which end each step's."""
    for path, step in placed_steps(steps, at):
        output = step.output if isinstance(step, Complete | Delegate | Failure) else None
        for place, text in texts_of(step):
            of_output = place[0] == "output"
            # a condition may look at what a delegate hands back, and where a job goes doesn't depend on now
            reading = timeless_template if of_output and isinstance(step, Delegate) else template
            yield StepText(step, path, place, text, reading, output if of_output else text)
        for place, target in targets_of(step):
            for number, branch in enumerate(() if isinstance(target, str) else target):
                if branch.when is not None:
                    yield StepText(step, path, (*place, number, "when"), branch.when, condition, branch.when)
