"""A run as lines for people and for logs: the observer of `lab run` and `lab demo --plain`."""

from lab.cli.console import Console
from lab.core import wire
from lab.core.clock import Epoch, Millis, clock_text
from lab.core.observe import Ended, Lost, Observation, Replied, Requested
from lab.core.service import Config
from lab.settings import Settings


class Transcript:
    """Prints what it is told, a line each; with `--json` nothing."""

    def __init__(self, asked: Settings, console: Console, epoch: Epoch) -> None:
        self._console = console
        self._quiet = asked.json
        self._sent: dict[int, tuple[Millis, str]] = {}
        self._polls = 0

    def opening(self, config: Config) -> None:
        """Say what will be seen."""
        scenario = config.outlines[0].scenario
        self._line(f"# {scenario.title}: {scenario.name}, team {scenario.agent.code}, seed {config.seed}")

    def __call__(self, told: Observation) -> None:
        """Print one observation."""
        match told:
            case Requested():
                self._sent[told.x] = (told.at, told.route)
            case Replied():
                self._replied(told)
            case Lost():
                self._line(f"{clock_text(told.at)} no answer: {told.why}")
            case Ended():
                self._ended(told)
            case _:
                return

    def _replied(self, told: Replied) -> None:
        since, route = self._sent.pop(told.x)
        body = wire.parse_job(told.response.body)
        word = body.status if body else "-"
        if route == "status":
            self._polls += 1
        what = f"poll {self._polls}" if route == "status" else route
        self._line(f"{clock_text(told.at)} {word:<8} {what:<8} {told.response.status}  {told.at - since} ms")

    def _ended(self, told: Ended) -> None:
        outcome = told.outcome
        self._line(f"# {outcome.why or outcome.error or outcome.status}")
        if outcome.output:
            self._line(outcome.output)

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._console.out(text)
