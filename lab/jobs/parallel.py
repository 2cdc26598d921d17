"""Parallels: steps at work side by side, cut into stretches in each of which the same ones are at work.

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

from msgspec import Struct

from lab.core.clock import Millis
from lab.jobs.delegates import DelegateEnd
from lab.program.steps import Delegate, Parallel, ParallelChild


class ParallelStretch(Struct, frozen=True):
    """The time between two cuts of a parallel."""

    entered: Millis
    """When the parallel was."""
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
