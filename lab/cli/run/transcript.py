"""A run, or a journal, as lines for people and for logs; and an outcome as one line for programs."""

from collections.abc import Callable

from lab.app.effects import Outcome, RunObservation
from lab.cli.console import Console
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.program.scenario import Scenario
from lab.tui import line_mode
from lab.tui.state import clean
from lab.tui.state.journal import JournalState, RunChange, RunChanges, changes
from lab.tui.state.screen import SourceState


def outcome_document(outcome: Outcome) -> dict[str, Json]:
    """What `lab run --json` prints, and `lab demo` when the screen is left: the same members over every wire."""
    return {
        "status": outcome.status,
        "output": outcome.output,
        "error": outcome.error,
        "jobId": outcome.job,
        "conversationId": outcome.conversation,
        "polls": outcome.polls,
        "elapsed_ms": outcome.elapsed,
        "followUpQuestions": list(outcome.follow_up),
        "why": outcome.why,
        "refused": outcome.refused,
    }


class Transcript:
    """The observer of `lab run` and `lab demo --plain`: prints what it is told, a line each; a quiet one prints nothing."""

    def __init__(self, console: Console, scenario: Scenario, seed: Seed | None, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._show = SourceState(title=scenario.title, team=scenario.agent.code, seed=seed, scenario=scenario)
        self._observed = JournalState(own=True)
        self._print(line_mode.opening(self._show))

    def __call__(self, observation: RunObservation) -> None:
        """Print one observation."""
        if self._quiet:
            return
        self._observed, way = changes(self._observed, observation)
        for step in way:
            self._print(line_mode.lines(step, self._show))

    def _print(self, lines: list[str]) -> None:
        for line in () if self._quiet else lines:
            self._console.out(line)


Known = Callable[[str], Scenario | None]
"""The scenario of a name, if it is at hand."""


class JournalTranscript:
    """Line mode of `lab play` and `lab watch`: prints what each step changed; before a line of another job than the last one's it names the job."""

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
            printed = line_mode.lines(step, show)
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
