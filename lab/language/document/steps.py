"""The steps: work, wait, gate, and the two endings."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from lab.language.document.draws import Latency
from lab.language.document.outputs import Output
from lab.language.document.words import Duration, Model

StepId: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$", description="the step's id")]
"""An id as authors write it; on the wire it is upper-cased, `-` as `_`."""


Next: TypeAlias = Annotated[str | None, Field(description="the step that follows, in place of the next in order")]
Title: TypeAlias = Annotated[str, Field(description="one line for people")]


class Again(Model):
    """The retry loop of a WAIT node: back to `to`, `rounds` times, then on."""

    to: str = Field(description="the step to go back to")
    rounds: int = Field(ge=1, le=1000, description="how often; then the job goes on")


class Work(Model):
    """A stretch of RUNNING."""

    work: StepId
    title: Title = ""
    tool: str | None = Field(None, description="the tool that the agent calls, as its node is shown")
    takes: Latency = Field(description="how long it lasts, drawn anew at each visit")
    says: str | None = Field(None, description="progressMessage while it runs (a template)")
    next: Next = None


class Pause(Model):
    """A WAIT node: WAITING without a person."""

    wait: StepId
    title: Title = ""
    takes: Latency = Field(description="how long it lasts; up to 60m is usual")
    says: str | None = Field(None, description="what the waiting node says (a template)")
    again: Again | None = Field(None, description="the node's retry loop")
    next: Next = None


class Routes(Model):
    """Where each verdict leads; one that is missing has a documented default."""

    approved: str | None = Field(None, description="default: the next step")
    rejected: str | None = Field(None, description="default: the job ends COMPLETE, and its output says so")
    changes_requested: str | None = Field(
        None, alias="changes-requested", description="may lead to an earlier step; default: not offered"
    )
    timed_out: str | None = Field(None, alias="timed-out", description="default: the job ends ERROR")


class Labels(Model):
    """What the actions are called on the wire and on buttons."""

    approve: str = Field("Approve", description="the label of APPROVE_ACTION")
    reject: str = Field("Reject", description="the label of REJECT_ACTION")
    changes: str = Field("Request changes", description="the label of RFI_ACTION")


class Vote(Model):
    """A scripted decision, at each opening, for every missing vote."""

    after: Duration = Field(description="counted from the opening, in a quorum from the vote before")
    verdict: Literal["approved", "rejected", "changes-requested"] = Field(description="how the person decides")
    by: str | None = Field(None, description="a name; left out where it has voted already")
    comment: str | None = Field(
        None, description="what the person says; changes-requested needs it; in templates the empty text if absent"
    )


class Script(Model):
    """Scripted decisions in order, one a vote; a live vote uses up its entry. Past the last: nobody."""

    script: tuple[Vote, ...] = Field(strict=False, min_length=1, max_length=100, description="the decisions, in order")


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
    title: Title = ""
    asks: str = Field(description="the question; initialMessage on the wire (a template)")
    channel: Literal["CHAT", "EMAIL", "APPROVAL_PROCESS"] = Field(
        "CHAT", description="CHAT can be answered over the API; the others from outside it only"
    )
    approvals: int = Field(
        1,
        ge=1,
        le=20,
        description="a quorum: how many must approve (not on CHAT); one other verdict ends the gate. "
        "In templates decisions.ID tells of the last vote, decisions.ID.votes of each: verdict, by, comment",
    )
    patience: Duration = Field(gt=0, description="how long the gate waits before it times out")
    verdicts: Routes = Field(Routes(), description="where each verdict leads")
    rounds: int = Field(3, ge=1, le=100, description="how often changes may be asked for, per job")
    reviewer: Reviewer | None = Field(
        None, description="who decides when nobody is there: {after, verdict, by, comment}, {script: [..]}, or nobody"
    )
    labels: Labels = Field(Labels(), description="what the actions are called")
    change_prompt: str = Field(
        "Say what should be different.", description="requestChangeMessage on the wire (a template)"
    )
    last_round: str = Field(
        "No further changes can be made.", description="maxIterationMessage on the wire (a template)"
    )
    approval: bool = Field(True, description="false: the gate only collects a person's text")
    next: Next = None


class Complete(Model):
    """An ending with an output."""

    complete: StepId
    title: Title = ""
    output: Output
    follow_up: tuple[str, ...] = Field((), strict=False, max_length=50, description="followUpQuestions (templates)")


class Failure(Model):
    """An ending with an error text, perhaps with a partial output."""

    error: StepId
    title: Title = ""
    text: str = Field(description="the error (a template)")
    output: str | None = Field(None, description="a partial answer (a template)")


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
