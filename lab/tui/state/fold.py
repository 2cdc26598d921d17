"""What a screen folds: of a run of ours one stage, of a journal the jobs of all clients."""

from dataclasses import dataclass, field, replace

from lab.app.observe import Noted, Observation
from lab.tui.state.faults import ArmedFaults, with_fact
from lab.tui.state.follow import follow
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.reduce import reduce
from lab.tui.state.screen import RunState


@dataclass(frozen=True, slots=True)
class ObservedState:
    """All that was told so far."""

    stage: RunState = field(default_factory=RunState)
    jobs: JournalState | None = None
    """None where the run is ours."""
    armed: ArmedFaults = ()
    said: str = ""
    """A remark that the screen hasn't shown yet."""


def fold(folded: ObservedState, told: Observation | SourceUpdate) -> ObservedState:
    """The state after one more thing that a source told."""
    if isinstance(told, SourceUpdate):
        jobs = folded.jobs if told.jobs is None else told.jobs
        return replace(folded, jobs=jobs, armed=jobs.armed if jobs else folded.armed, said=told.said or folded.said)
    if folded.jobs is not None:
        jobs = follow(folded.jobs, told)
        return replace(folded, jobs=jobs, armed=jobs.armed)
    if isinstance(told, Noted):
        folded = replace(folded, armed=with_fact(folded.armed, told.fact))
    return replace(folded, stage=reduce(folded.stage, told))
