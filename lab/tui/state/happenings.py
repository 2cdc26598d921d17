"""What happens in a run, told from polls that bring nothing new: where a skip ends (screen.md §8)."""

from typing import assert_never

from lab.app.effects import Asking, RunEnded, RunObservation
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.dialects.client import Seen
from lab.jobs.facts import GateDecided, GateExpired
from lab.tui.state.reading import call_request, job_in


class ShownAnswers:
    """What the last answer showed of each job."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[object, ...]] = {}

    def happens(self, seen: Seen | None, command: str) -> bool:
        """Whether something happens with an answer: all do but those to polls that show what the one before did."""
        return seen is None or self._is_new(seen) or command != "status"

    def _is_new(self, seen: Seen) -> bool:
        """Whether it shows another status, step or opening than the one before."""
        shown = (seen.word, seen.progress, None if seen.question is None else seen.question.key)
        before, self._last[seen.job] = self._last.get(seen.job), shown
        return shown != before


class Happenings:
    """Follows a run of our own."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[str, str]] = {}
        """Route and command of each call under way."""
        self._shown = ShownAnswers()

    def happens(self, observation: RunObservation) -> bool:
        """Whether something happens: a token, an acceptance, a change, a decision, a failure, the end."""
        match observation:
            case Requested(x=x, route=route):
                self._calls[x] = route, call_request(route, observation.request).command
                return False
            case Replied():
                route, command = self._calls.pop(observation.x, ("", ""))
                return self._shown.happens(job_in(route, observation.response), command)
            case Lost() | RunEnded() | Noted(fact=GateDecided() | GateExpired()):
                return True
            case Noted() | Touched() | Waiting() | Asking():
                return False
            case _:
                assert_never(observation)
