"""A run that is observed: what both drivers notify an observer of, whatever performs its effects."""

from collections.abc import Callable, Generator
from typing import assert_never

from lab.app import Ask, Effect, EffectResult, Outcome, Received, Run, Send, Silence, Wait
from lab.app.observations import Asking, RunEnded, RunObserver
from lab.core.clock import Millis
from lab.core.observe import Lost, Replied, Requested, Waiting


def observed(
    run: Run, now: Callable[[], Millis], notify: RunObserver, *, first: int
) -> Generator[Effect, EffectResult, Outcome]:
    """The run's effects, each observed before it is performed; then what came of them, and its end.

    `first` numbers its first exchange. Closing it closes the run.
    """
    x = first
    try:
        effect = next(run)
        while True:
            match effect:
                case Send(route, request):
                    notify(Requested(now(), x, route, request))
                case Wait(until, why):
                    notify(Waiting(now(), until, why))
                case Ask(until, question):
                    notify(Asking(now(), until, question))
                case _:
                    assert_never(effect)
            result = yield effect
            if isinstance(result, Received | Silence):
                at = result.at
                notify(Replied(at, x, result.response) if isinstance(result, Received) else Lost(at, x, result.why))
                x += 1
            effect = run.send(result)
    except StopIteration as end:
        outcome: Outcome = end.value
        notify(RunEnded(now(), outcome))
        return outcome
    finally:
        run.close()
