"""The way back through a run of ours: the answers it had are fed to it again, so it stands where it stood (screen.md §8)."""

from collections.abc import Callable, Sequence

from lab.app import Outcome, Received, Result, Run, Silence
from lab.app.observe import Asked, Ended, Observation, Replied, Requested

ROUTES = {"token": "token", "invoke": "invoke", "poll": "status"}
"""The route whose first reply shows a stage."""


def resumed(run: Run, answers: Sequence[Result], note: Callable[[Result], None]) -> Run:
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


def given(taken: Sequence[tuple[int, Result]], place: int) -> list[tuple[int, Result]]:
    """The answers that had been given when so much had been told: a reply is told and given in one."""
    return [
        (at, answer) for at, answer in taken if at < place or (at == place and isinstance(answer, Received | Silence))
    ]


def place_of(told: Sequence[Observation], stage: str) -> int | None:
    """Where a stage first shows: the index of the reply, the question, or the end; None if it doesn't yet."""
    routes: dict[int, str] = {}
    for at, each in enumerate(told):
        match each:
            case Requested():
                routes[each.x] = each.route
            case Replied() if routes.get(each.x) == ROUTES.get(stage):
                return at
            case Asked() if stage == "gate":
                return at
            case Ended() if stage == "output":
                return at
            case _:
                pass
    return None
