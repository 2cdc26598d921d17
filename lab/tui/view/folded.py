"""What a screen folds: of a run of ours one stage, of a journal the jobs of all clients."""

from dataclasses import dataclass, field, replace

from lab.app.observe import Noted, Observation
from lab.tui.view.armed import Armed, with_fact
from lab.tui.view.follow import follow
from lab.tui.view.jobs import Jobs, Stood
from lab.tui.view.reduce import reduce
from lab.tui.view.state import Stage


@dataclass(frozen=True, slots=True)
class Folded:
    """All that was told so far."""

    stage: Stage = field(default_factory=Stage)
    jobs: Jobs | None = None
    """None where the run is ours."""
    armed: Armed = ()
    said: str = ""
    """A remark that the screen hasn't shown yet."""


def fold(folded: Folded, told: Observation | Stood) -> Folded:
    """The state after one more thing that a source told."""
    if isinstance(told, Stood):
        jobs = folded.jobs if told.jobs is None else told.jobs
        return replace(folded, jobs=jobs, armed=jobs.armed if jobs else folded.armed, said=told.said or folded.said)
    if folded.jobs is not None:
        jobs = follow(folded.jobs, told)
        return replace(folded, jobs=jobs, armed=jobs.armed)
    if isinstance(told, Noted):
        folded = replace(folded, armed=with_fact(folded.armed, told.fact))
    return replace(folded, stage=reduce(folded.stage, told))
