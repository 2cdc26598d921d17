"""Spans: what a job is in for a stretch of time, one after the other (`timeline` walks them).

Parallels: steps at work side by side, cut into stretches in each of which the same ones are at work.

A job stays one line of spans. Its body is constant within a span, and a body says who is at work, so a parallel is not one
span but as many as it takes: it is cut where a child ends.

    children start together, when the parallel is entered, each for the time that is drawn under its own name
    all             ends when the last child has ended
    any             ends when the first has; those that are still at work are left, and hand nothing back
    no child        waits, is answered, or leads anywhere: the parallel does that, when it ends

What must hold
    1. The stretches tile the parallel: the first begins when it is entered, each begins where the one before it ended, and
       the last ends with the parallel. So the spans of a job stay half-open and without a gap.
    2. Children that end at one instant end with one cut. Where that instant ends an `any`, all of them have ended, so it
       is no matter of order who was first. A child of 0 ms makes a stretch of 0 ms, as a step of 0 ms makes a span.
    3. A child's id is unique among all steps, and it is visited as often as its parallel. So its draw is `CHILD/takes`, as
       if it stood alone: a child that is added moves no draw, nor does a step that is put into a parallel.
    4. A child's texts see what there was when the parallel was entered: nothing of each other, whoever ends first.

An example: entered at 1 000, `a` takes 2 s, `b` and `c` take 5 s, `d` takes 9 s

    all   since   until    at work   with it end      any   since   until   at work   with it end   left
          1 000   3 000    a b c d   a                      1 000   3 000   a b c d   a             b c d
          3 000   6 000    b c d     b c
          6 000   10 000   d         d
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.jobs.gates import Decision, Opening
from lab.program.steps import Delegate, EndingStep, Parallel, ParallelChild, Step
from lab.program.words import Status, Verdict


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


class DelegateEnd(Struct, frozen=True):
    step: str
    visit: int
    decided: int
    """How many decisions its output sees."""
    known: int
    """How many ends before it its output sees."""
    left: bool = False
    """Whether others went on without it: it handed nothing back."""


class ParallelStretch(Struct, frozen=True):
    """The time between two cuts of a parallel."""

    entered: Millis
    since: Millis
    until: Millis
    ended: tuple[ParallelChild, ...]
    """The children that ended before, in the order in which they did."""
    at_work: tuple[ParallelChild, ...]
    """Those that are at work, in the order in which they are written."""
    ending: tuple[ParallelChild, ...]
    """Those of them that end with it."""
    last: bool
    """Whether the parallel ends with it."""

    @property
    def left(self) -> tuple[ParallelChild, ...]:
        """The children that the job goes on without."""
        ending = {child.id for child in self.ending}
        return tuple(child for child in self.at_work if child.id not in ending) if self.last else ()


def stretches(parallel: Parallel, entered: Millis, takes: Callable[[str], Millis]) -> Iterator[ParallelStretch]:
    """A visit to a parallel; `takes` tells how long a child lasts at this visit."""
    ends = {child.id: entered + takes(child.id) for child in parallel.of}
    over = (max if parallel.until == "all" else min)(ends.values())
    since, at_work = entered, parallel.of
    ended: tuple[ParallelChild, ...] = ()
    for until in sorted({end for end in ends.values() if end <= over}):
        ending = tuple(child for child in at_work if ends[child.id] == until)
        yield ParallelStretch(entered, since, until, ended, at_work, ending, until == over)
        since, ended = until, (*ended, *ending)
        at_work = tuple(child for child in at_work if ends[child.id] > until)


def ends_of(
    children: tuple[ParallelChild, ...], visit: int, decided: int, known: int, *, left: bool = False
) -> tuple[DelegateEnd, ...]:
    """The ends of those children that are delegates, at one visit, in their order."""
    return tuple(
        DelegateEnd(child.id, visit, decided, known, left) for child in children if isinstance(child, Delegate)
    )


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
        return self.step.status

    @property
    def id(self) -> str:
        """The step's id; of a default ending, the gate's."""
        return self.step.id

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
        return (self.id,) if self.stretch is None else (self.id, *(child.id for child in self.stretch.at_work))

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

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """How the gates before it ended; of several openings the last."""
        return {vote.step: vote.verdict for vote in self.settled if vote.verdict is not None}

    def votes_at(self, now: Millis) -> tuple[Decision, ...]:
        return tuple(vote for vote in self.votes if vote.at <= now)


def node_code(step: str) -> str:
    """The node code on the wire of the step with this id (contract.md §4.3)."""
    return step.upper().replace("-", "_")
