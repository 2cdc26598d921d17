"""Spans: what a job is in for a stretch of time, one after the other (`timeline` walks them)."""

from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.jobs.delegates import DelegateEnd
from lab.jobs.gates import Decision, Opening
from lab.jobs.parallel import ParallelStretch, ends_of
from lab.program.steps import EndingStep, Step
from lab.program.words import Status


class DefaultEnding(Struct, frozen=True):
    """An ending that no step of the scenario names: where a verdict leads that has no way of its own, or a condition without answer.

    So a scenario needs to say only what it wants to show: without `verdicts` a gate has them all the same.
    """

    status: Status
    id: str
    """That of the step that led here."""
    text: str
    """The output of COMPLETE, or the error of ERROR."""
    template: bool = False
    """Whether `text` is the author's, to be rendered; a person's words never are."""


Ending: TypeAlias = EndingStep | DefaultEnding
"""Where a walk ends."""


class Span(Struct, frozen=True):
    """A half-open stretch `since <= t < until` in one status and step; `until` None: for ever.

    Seen at `now`, `until` is when the job moves on if nobody acts. What a body says of a job is constant within a span,
    so a span's index (with what the body depends on beside it) is enough to remember a body by.
    """

    index: int
    step: Step | DefaultEnding
    visit: int
    since: Millis
    until: Millis | None
    settled: tuple[Decision, ...]
    """The votes of each gate and the end of each wait that was cut short, in order, before this span."""
    opening: Opening | None = None
    rounds_used: int = 0
    """Rounds of changes at this gate, or of the retry loop at this wait, before this span."""
    votes: tuple[Decision, ...] = ()
    """Of a gate: its votes if nobody else decides, those still due too; the last ends the span."""
    ends: tuple[DelegateEnd, ...] = ()
    """The visits to delegates that ended before its step was entered."""
    escalated: bool = False
    """Whether it is the second span of a gate's opening: token, deadline and votes are those of the first."""
    stretch: ParallelStretch | None = None
    """Of a parallel: who is at work in this span."""

    @property
    def status(self) -> Status:
        """That of its step."""
        return self.step.status

    @property
    def id(self) -> str:
        """The step's id; of a default ending, the gate's."""
        return self.step.id

    @property
    def code(self) -> str:
        """The node code on the wire (contract.md §4.3): the id upper-cased, `-` as `_`."""
        return node_code(self.id)

    @property
    def entered(self) -> Millis:
        """When its step was entered: `since`, but for the later spans of a parallel."""
        return self.since if self.stretch is None else self.stretch.entered

    @property
    def goes_on(self) -> bool:
        """Whether it is a later span of a parallel that was entered before."""
        return self.stretch is not None and bool(self.stretch.ended)

    @property
    def at_work(self) -> tuple[Step | DefaultEnding, ...]:
        """The steps that a job is at: its step, or the children of a parallel that are at work."""
        return (self.step,) if self.stretch is None else self.stretch.at_work

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of its step and of the children that are at work."""
        return (self.id,) if self.stretch is None else (self.id, *(child.id for child in self.stretch.at_work))

    @property
    def over(self) -> tuple[str, ...]:
        """The ids of the children of a parallel that are at work no more once it has ended."""
        part = self.stretch
        return () if part is None else tuple(child.id for child in (part.at_work if part.last else part.ending))

    @property
    def all_ends(self) -> tuple[DelegateEnd, ...]:
        """The visits to delegates that ended before this span, those within its parallel too."""
        within = self.stretch.ended if self.stretch is not None else ()
        return (*self.ends, *ends_of(within, self.visit, len(self.settled), len(self.ends)))

    @property
    def own_votes(self) -> tuple[Decision, ...]:
        """Of the opening's votes those that fall into this span, the one that ends it too."""
        parted = self.opening.escalates if self.opening is not None else None
        if parted is None:
            return self.votes
        return tuple(vote for vote in self.votes if (vote.at >= parted) == self.escalated)

    def same_visit(self, other: "Span") -> bool:
        """Whether another span is of the same visit to the same step."""
        return (self.id, self.visit) == (other.id, other.visit)

    def votes_at(self, now: Millis) -> tuple[Decision, ...]:
        """The votes that this opening has taken at `now`."""
        return tuple(vote for vote in self.votes if vote.at <= now)


def node_code(step: str) -> str:
    """The node code of the step with this id."""
    return step.upper().replace("-", "_")
