"""The way back through a run of ours: the answers it had are fed to it again, so it stands where it stood (screen.md §8)."""

from collections.abc import Callable, Sequence
from typing import assert_never

from lab.app.effects import Asking, EffectResult, Outcome, Received, Run, RunEnded, RunObservation, Silence
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.tui.state.reading import call_request

COMMANDS = {"token": "token", "invoke": "invoke", "poll": "status"}
"""The command whose first reply shows a stage."""


class RunLog:
    """What was observed of a run, turn after turn, and what the present turn's run was answered."""

    def __init__(self) -> None:
        self.observations: list[RunObservation] = []
        self._turn = 0
        """Where the present turn begins in what was observed."""
        self.answers: list[tuple[int, EffectResult]] = []
        """What the present turn's run was answered, in order: how much had been observed by then, and the answer."""

    @property
    def last_exchange(self) -> int:
        """The ordinal of the last exchange; 0 before the first."""
        return max((each.x for each in self.observations if isinstance(each, Requested)), default=0)

    def begin_turn(self) -> None:
        """What is observed from here on is another turn's."""
        self._turn, self.answers = len(self.observations), []

    def note(self, answer: EffectResult) -> None:
        """The run was answered."""
        self.answers.append((len(self.observations), answer))

    def place_of(self, stage: str) -> int | None:
        """Where a stage of the present turn first shows; None if it doesn't yet."""
        place = place_of(self.observations[self._turn :], stage)
        return None if place is None else self._turn + place

    def cut(self, place: int) -> None:
        """Forget what was observed, and answered, from a place on: a reply is observed and given in one."""
        self.observations = self.observations[:place]
        self.answers = [
            (at, answer)
            for at, answer in self.answers
            if at < place or (at == place and isinstance(answer, Received | Silence))
        ]


def resumed(run: Run, answers: Sequence[EffectResult], note: Callable[[EffectResult], None]) -> Run:
    """The run from where these answers bring it; what it is answered then is noted."""
    try:
        effect = next(run)
        for answer in answers:
            effect = run.send(answer)
        while True:
            answer = yield effect
            note(answer)
            effect = run.send(answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


def place_of(observations: Sequence[RunObservation], stage: str) -> int | None:
    """Where a stage first shows: the index of the reply, the question, or the end; None if it doesn't yet."""
    commands: dict[int, str] = {}
    for at, each in enumerate(observations):
        match each:
            case Requested():
                commands[each.x] = call_request(each.route, each.request).command
            case Replied() if commands.get(each.x) == COMMANDS.get(stage):
                return at
            case Asking() if stage == "gate":
                return at
            case RunEnded() if stage == "output":
                return at
            case Replied() | Asking() | RunEnded() | Lost() | Noted() | Touched() | Waiting():
                pass  # it shows no stage, or another one
            case _:
                assert_never(each)
    return None
