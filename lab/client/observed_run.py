"""A run that is observed: what both drivers tell of it, whatever performs its effects."""

from collections.abc import Callable, Generator
from typing import assert_never

from lab.app import Ask, Effect, Outcome, Received, Result, Run, Send, Silence, Wait
from lab.app.observations import Asking, RunEnded, RunObserver
from lab.core.clock import Millis
from lab.core.observe import Lost, Replied, Requested, Waiting


def observed(
    run: Run, now: Callable[[], Millis], tell: RunObserver, *, first: int
) -> Generator[Effect, Result, Outcome]:
    """The run's effects, told of before they are performed; then what came of them, and its end.

    `first` numbers its first exchange. Closing it closes the run.
    """
    x = first
    try:
        effect = next(run)
        while True:
            match effect:
                case Send(route, request):
                    tell(Requested(now(), x, route, request))
                case Wait(until, why):
                    tell(Waiting(now(), until, why))
                case Ask(until, question):
                    tell(Asking(now(), until, question))
                case _:
                    assert_never(effect)
            result = yield effect
            if isinstance(result, Received | Silence):
                at = result.at
                tell(Replied(at, x, result.response) if isinstance(result, Received) else Lost(at, x, result.why))
                x += 1
            effect = run.send(result)
    except StopIteration as end:
        outcome: Outcome = end.value
        tell(RunEnded(now(), outcome))
        return outcome
    finally:
        run.close()
