"""The steps: work, wait, gate, and the two endings."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag
from pydantic import JsonValue as Json

from lab.core.scenario.draws import Latency
from lab.core.scenario.words import Duration, Model

StepId: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$", description="the step's id")]
"""An id as authors write it; on the wire it is upper-cased, `-` as `_`."""


class Again(Model):
    """The retry loop of a WAIT node: back to `to`, `rounds` times, then on."""

    to: str
    rounds: int = Field(ge=1, le=1000)


class Work(Model):
    """A stretch of RUNNING."""

    work: StepId
    title: str = ""
    tool: str | None = None
    takes: Latency
    says: str | None = Field(None, description="progressMessage while it runs")
    next: str | None = None


class Pause(Model):
    """A WAIT node: WAITING without a person."""

    wait: StepId
    title: str = ""
    takes: Latency
    says: str | None = None
    again: Again | None = None
    next: str | None = None


class Routes(Model):
    """Where each verdict leads; one that is missing has a documented default."""

    approved: str | None = None
    rejected: str | None = None
    changes_requested: str | None = Field(None, alias="changes-requested")
    timed_out: str | None = Field(None, alias="timed-out")


class Labels(Model):
    """What the actions are called on the wire and on buttons."""

    approve: str = "Approve"
    reject: str = "Reject"
    changes: str = "Request changes"


class Vote(Model):
    """A scripted decision, `after` counted from the opening of the gate."""

    after: Duration
    verdict: Literal["approved", "rejected", "changes-requested"]
    by: str | None = None
    comment: str | None = None


class Script(Model):
    """Scripted decisions in order, one an opening; past the last: nobody."""

    script: tuple[Vote, ...] = Field(strict=False, min_length=1)


def _reviewer_form(value: object) -> str:
    if value == "nobody":
        return "reviewer:nobody"
    if isinstance(value, Script) or (isinstance(value, dict) and "script" in value):
        return "reviewer:script"
    return "reviewer:vote"


Reviewer: TypeAlias = Annotated[
    Annotated[Literal["nobody"], Tag("reviewer:nobody")]
    | Annotated[Vote, Tag("reviewer:vote")]
    | Annotated[Script, Tag("reviewer:script")],
    Discriminator(_reviewer_form),
]


class Gate(Model):
    """A step at which a job waits for a person."""

    gate: StepId
    title: str = ""
    asks: str = Field(description="the question; initialMessage on the wire")
    channel: Literal["CHAT", "EMAIL", "APPROVAL_PROCESS"] = "CHAT"
    patience: Duration = Field(gt=0, description="how long the gate waits before it times out")
    verdicts: Routes = Routes()
    rounds: int = Field(3, ge=1, le=100, description="how often changes may be asked for, per job")
    reviewer: Reviewer | None = Field(None, description="who decides when nobody is there")
    labels: Labels = Labels()
    change_prompt: str = "Say what should be different."
    last_round: str = "No further changes can be made."
    approval: bool = Field(True, description="false: the gate only collects a person's text")
    next: str | None = None


def _output_form(value: object) -> str:
    if value is None:
        return "output:null"
    return "output:json" if isinstance(value, dict) else "output:text"


Output: TypeAlias = Annotated[
    Annotated[str, Tag("output:text")]
    | Annotated[None, Tag("output:null")]
    | Annotated[dict[Literal["json"], Json], Field(min_length=1), Tag("output:json")],
    Discriminator(_output_form),
    Field(
        description="the answer: text (a template), null, or {json: …}, sent as JSON in a string. Strings within json"
        " are templates and stay strings; write the JSON as text where a drawn number should be a number"
    ),
]
"""What a job that ends COMPLETE answers, in the ways it may be written."""


class Complete(Model):
    """An ending with an output."""

    complete: StepId
    title: str = ""
    output: Output
    follow_up: tuple[str, ...] = Field((), strict=False)


class Failure(Model):
    """An ending with an error text, perhaps with a partial output."""

    error: StepId
    title: str = ""
    text: str
    output: str | None = None


STEP_KINDS = ("work", "wait", "gate", "complete", "error")


def _step_form(value: object) -> str | None:
    if isinstance(value, dict):
        kinds = [kind for kind in STEP_KINDS if kind in value]
        return f"step:{kinds[0]}" if kinds else None
    forms = {Work: "work", Pause: "wait", Gate: "gate", Complete: "complete", Failure: "error"}
    kind = forms.get(type(value))  # type: ignore[call-overload]
    return f"step:{kind}" if kind else None


Step: TypeAlias = Work | Pause | Gate | Complete | Failure
AnyStep: TypeAlias = Annotated[
    Annotated[Work, Tag("step:work")]
    | Annotated[Pause, Tag("step:wait")]
    | Annotated[Gate, Tag("step:gate")]
    | Annotated[Complete, Tag("step:complete")]
    | Annotated[Failure, Tag("step:error")],
    Discriminator(_step_form),
]


def step_id(step: Step) -> str:
    """The id that the step's kind names."""
    match step:
        case Work():
            return step.work
        case Pause():
            return step.wait
        case Gate():
            return step.gate
        case Complete():
            return step.complete
        case Failure():
            return step.error
