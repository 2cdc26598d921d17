"""The steps: work, delegate, parallel, wait, gate, and the two endings.

What is true of a whole kind stands in its class: the key that names it in YAML (and holds the step's id), and the
status that a job has while it is there, its templates. A new kind is a class here and a branch of the unions below.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, Tag

from lab.language.document.base import Model, Status, branch_by_key
from lab.language.document.draws import Latency
from lab.language.document.gate_step import Gate
from lab.language.document.outputs import Output
from lab.language.document.step_model import Next, StepId, StepModel, Title


class Again(Model):
    """The retry loop of a WAIT node: back to `to`, `rounds` times, then on."""

    to: str = Field(description="the step to go back to")
    rounds: int = Field(ge=1, le=1000, description="how often; then the job goes on")


class Work(StepModel):
    """A stretch of RUNNING."""

    kind = "work"
    status = Status.RUNNING
    templates = ("says",)
    again: ClassVar[None] = None
    """Work has no retry loop."""

    work: StepId
    title: Title = ""
    tool: str | None = Field(None, description="the tool that the agent calls, as its node is shown")
    takes: Latency = Field(description="how long it lasts, drawn anew at each visit")
    says: str | None = Field(None, description="progressMessage while it runs (a template)")
    next: Next = None


class Delegate(StepModel):
    """A stretch of RUNNING in which another agent does part of the work; it has no scenario of its own."""

    kind = "delegate"
    status = Status.RUNNING
    templates = ("says", "output")
    again: ClassVar[None] = None
    """As of work."""

    delegate: StepId
    title: Title = ""
    agent: str = Field(pattern=r"^[A-Za-z0-9_]{1,200}$", description="the sub-agent's code, as its node is shown")
    takes: Latency = Field(description="how long it lasts, drawn anew at each visit")
    says: str | None = Field(None, description="progressMessage while it runs (a template)")
    output: Output = Field(
        None,
        description="what it hands back, in the forms of complete's output, templates without now, 64 KiB at most: "
        "in its node for ADMIN, and in later templates as delegates.ID.output",
    )
    next: Next = None


ParallelChild: TypeAlias = Work | Delegate
"""What may be at work side by side with others."""


class Parallel(StepModel):
    """A stretch of RUNNING in which several steps are at work side by side."""

    kind = "parallel"
    status = Status.RUNNING
    templates = ()
    again: ClassVar[None] = None
    """As of work."""

    parallel: StepId
    title: Title = ""
    of: tuple[
        Annotated[
            Annotated[Work, Tag("step:work")] | Annotated[Delegate, Tag("step:delegate")],
            branch_by_key("step", {each.kind: each for each in (Work, Delegate)}),
        ],
        ...,
    ] = Field(strict=False, min_length=2, max_length=20, description="work and delegate steps, without next")
    until: Literal["all", "any"] = Field(
        "all", description="when it ends: with the last of them, or with the first, and the others are left"
    )
    next: Next = None


class Pause(StepModel):
    """A WAIT node: WAITING without a person."""

    kind = "wait"
    status = Status.WAITING
    templates = ("says",)

    wait: StepId
    title: Title = ""
    takes: Latency = Field(description="how long it lasts; up to 60m is usual")
    says: str | None = Field(None, description="what the waiting node says (a template)")
    again: Again | None = Field(None, description="the node's retry loop")
    next: Next = None


class Complete(StepModel):
    """An ending with an output."""

    kind = "complete"
    status = Status.COMPLETE
    templates = ("output", "follow_up")

    complete: StepId
    title: Title = ""
    output: Output
    follow_up: tuple[str, ...] = Field((), strict=False, max_length=50, description="followUpQuestions (templates)")


class Failure(StepModel):
    """An ending with an error text, perhaps with a partial output."""

    kind = "error"
    status = Status.ERROR
    templates = ("text", "output")

    error: StepId
    title: Title = ""
    text: str = Field(description="the error (a template)")
    output: str | None = Field(None, description="a partial answer (a template)")


TimedStep: TypeAlias = Work | Delegate | Pause
"""A step that lasts as long as it `takes`."""
EndingStep: TypeAlias = Complete | Failure
"""A step in which a job ends."""
Step: TypeAlias = TimedStep | Parallel | Gate | EndingStep
STEPS: dict[str, type[StepModel]] = {
    each.kind: each for each in (Work, Delegate, Parallel, Pause, Gate, Complete, Failure)
}
"""The kinds of steps, each under the key that names it."""
AnyStep: TypeAlias = Annotated[
    Annotated[Work, Tag("step:work")]
    | Annotated[Delegate, Tag("step:delegate")]
    | Annotated[Parallel, Tag("step:parallel")]
    | Annotated[Pause, Tag("step:wait")]
    | Annotated[Gate, Tag("step:gate")]
    | Annotated[Complete, Tag("step:complete")]
    | Annotated[Failure, Tag("step:error")],
    branch_by_key("step", STEPS),
]


def with_children(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, those of a parallel behind it."""
    for step in steps:
        yield step
        yield from step.of if isinstance(step, Parallel) else ()
