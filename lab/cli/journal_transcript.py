"""A journal as lines, for people and for logs: line mode of `lab play` and `lab watch`."""

from collections.abc import Callable

from lab.cli.console import Console
from lab.language.document import Scenario
from lab.tui.line_mode import lines
from lab.tui.state import clean
from lab.tui.state.follow import RunChange, RunChanges
from lab.tui.state.journal import JournalState
from lab.tui.state.screen import SourceState

Known = Callable[[str], Scenario | None]
"""The scenario of a name, if it is at hand."""


class JournalTranscript:
    """Prints what each step changed; before a line of another job than the last one's it names the job."""

    def __init__(self, console: Console, known: Known, only: Scenario | None = None) -> None:
        self._console = console
        self._known = known
        self._only = only
        """The scenario of what comes before a job is accepted, where there is but one."""
        self._shown: int | None = None

    def __call__(self, way: RunChanges, jobs: JournalState) -> None:
        """Print what one observation, and what follows from it, changed."""
        for step in way:
            client_run = jobs.client_runs.get(step.client_run or 0)
            name = client_run.scenario if client_run is not None else None
            show = SourceState(scenario=self._known(name) if name else self._only, follows=True)
            printed = lines(step.observation, step.before, step.after, show)
            if printed and step.client_run is not None:
                self._turn(step.client_run, step, jobs)
            for line in printed:
                self._console.out(line)

    def _turn(self, key: int, step: RunChange, jobs: JournalState) -> None:
        job = step.after.job.job if step.after.job is not None else None
        if job is None or key == self._shown:
            return
        if len(jobs.keys()) > 1:
            self._console.out(f"# job {clean.line(job)}")
        self._shown = key
