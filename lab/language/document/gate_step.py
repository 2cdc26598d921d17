"""Gates: the question, who answers, and where each verdict leads."""

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, Tag

from lab.language.document.base import Duration, Model, Status, Verdict, branch_by_key
from lab.language.document.branches import Target
from lab.language.document.step_model import Next, StepId, StepModel, Title


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
