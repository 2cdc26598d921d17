"""A run as lines for people and for logs: the observer of `lab run` and `lab demo --plain`."""

from lab.app.effects import RunObservation
from lab.cli.console import Console
from lab.core.seeds import Seed
from lab.language.document import Scenario
from lab.tui import line_mode
from lab.tui.state.reduce import reduce
from lab.tui.state.run import RunState
from lab.tui.state.screen import SourceState


class Transcript:
    """Prints what it is told, a line each; a quiet one prints nothing."""

    def __init__(self, console: Console, scenario: Scenario, seed: Seed | None, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._show = SourceState(title=scenario.title, team=scenario.agent.code, seed=seed, scenario=scenario)
        self._stage = RunState()
        self._print(line_mode.opening(self._show))

    def __call__(self, observation: RunObservation) -> None:
        """Print one observation."""
        if self._quiet:
            return
        before, self._stage = self._stage, reduce(self._stage, observation)
        self._print(line_mode.lines(observation, before, self._stage, self._show))

    def _print(self, lines: list[str]) -> None:
        for line in () if self._quiet else lines:
            self._console.out(line)
