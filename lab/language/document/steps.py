"""The steps: work, delegate, wait, gate, and the two endings.

What is true of a whole kind stands in its class: the key that names it in YAML (and holds the step's id), and the
status that a job has while it is there, its templates. A new kind is a class here and a branch of the unions below.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, Tag

from lab.language.document.base import Duration, Model, Status, Verdict, branch_by_key
from lab.language.document.branches import Target
from lab.language.document.draws import Latency
from lab.language.document.outputs import Output

StepId: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$", description="the step's id")]
"""An id as authors write it; on the wire it is upper-cased, `-` as `_`."""


Next: TypeAlias = Annotated[
    Target | None,
    Field(
        description="what follows in place of the next in order: a step, or a list of {when, to}, {chance, to}, {to}, "
        "of which the first that fits is taken, else the next in order"
    ),
]
Title: TypeAlias = Annotated[str, Field(description="one line for people")]


class Again(Model):
    """The retry loop of a WAIT node: back to `to`, `rounds` times, then on."""

    to: str = Field(description="the step to go back to")
    rounds: int = Field(ge=1, le=1000, description="how often; then the job goes on")


class StepModel(Model):
    """What all kinds of steps have in common."""

    kind: ClassVar[str]
    """The key that says what kind of step it is; its value is the id."""
    status: ClassVar[Status]
    """That of a job in such a step; in one whose status is final the job stays for ever."""
    templates: ClassVar[tuple[str, ...]]
    """Its members that are templates, or hold some."""

    @cached_property
    def id(self) -> str:
        """The step's id, unique in its scenario or turn."""
        name: str = getattr(self, self.kind.replace("-", "_"))
        return name

    @property
    def texts(self) -> Iterator[str]:
        """Those of its templates that are texts by themselves; an output may be of another form."""
        for name in self.templates:
            value = getattr(self, name)
            yield from (each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, str))


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


class Routes(Model):
    """Where each verdict leads, a step or branches as in `next`; one that is missing has a documented default."""

    approved: Target | None = Field(None, description="default: the next step")
    rejected: Target | None = Field(None, description="default: the job ends COMPLETE, and its output says so")
    changes_requested: Target | None = Field(
        None, alias="changes-requested", description="may lead to an earlier step; default: not offered"
    )
    timed_out: Target | None = Field(None, alias="timed-out", description="default: the job ends ERROR")

    def of(self, verdict: Verdict) -> Target | None:
        """Where a verdict leads, if it is said."""
        found: Target | None = getattr(self, verdict.replace("-", "_"))
        return found


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
    late: bool = Field(False, description="true: it is meant to come after patience ends, so nothing warns of it")


class Script(Model):
    """Scripted decisions in order, one a vote; a live vote uses up its entry. Past the last: nobody."""

    script: tuple[Vote, ...] = Field(strict=False, min_length=1, max_length=100, description="the decisions, in order")


Reviewer: TypeAlias = Annotated[
    Annotated[Literal["nobody"], Tag("reviewer:nobody")]
    | Annotated[Vote, Tag("reviewer:verdict")]
    | Annotated[Script, Tag("reviewer:script")],
    branch_by_key("reviewer", {"script": Script, "verdict": Vote}, mapping="verdict", other="nobody"),
]


class Escalation(Model):
    """What becomes of a gate that nobody has decided for a while; the first question stays open."""

    after: Duration = Field(gt=0, description="counted from the opening; shorter than patience")
    asks: str | None = Field(None, description="the question from then on (a template); default: the gate's own")
    reviewer: (
        Annotated[
            Annotated[Literal["nobody"], Tag("escalated:nobody")] | Annotated[Vote, Tag("escalated:verdict")],
            branch_by_key("escalated", {"verdict": Vote}, mapping="verdict", other="nobody"),
        ]
        | None
    ) = Field(
        None,
        description="who may decide too from then on, its `after` counted from the escalation: "
        "{after, verdict, by, comment}, or nobody",
    )


class Gate(StepModel):
    """A step at which a job waits for a person."""

    kind = "gate"
    status = Status.WAITING
    templates = ("asks", "change_prompt", "last_round")

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
    escalate: Escalation | None = Field(
        None, description="who is asked too, and what, where nobody decides for a while: {after, asks, reviewer}"
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

    @property
    def texts(self) -> Iterator[str]:
        """As of every step, and the question of the escalation."""
        yield from super().texts
        if self.escalate is not None and self.escalate.asks is not None:
            yield self.escalate.asks

    def question(self, *, escalated: bool) -> str:
        """What is asked (a template)."""
        asks = self.escalate.asks if escalated and self.escalate is not None else None
        return self.asks if asks is None else asks


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
Step: TypeAlias = TimedStep | Gate | EndingStep
STEPS: dict[str, type[StepModel]] = {each.kind: each for each in (Work, Delegate, Pause, Gate, Complete, Failure)}
"""The kinds of steps, each under the key that names it."""
AnyStep: TypeAlias = Annotated[
    Annotated[Work, Tag("step:work")]
    | Annotated[Delegate, Tag("step:delegate")]
    | Annotated[Pause, Tag("step:wait")]
    | Annotated[Gate, Tag("step:gate")]
    | Annotated[Complete, Tag("step:complete")]
    | Annotated[Failure, Tag("step:error")],
    branch_by_key("step", STEPS),
]
