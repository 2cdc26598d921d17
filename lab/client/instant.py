"""A run against a mock in the same process with no loop and no waiting: both machines stepped by hand."""

from collections.abc import Callable, Iterable
from typing import TypeAlias, assert_never

from lab.app import Answer, Ask, Effect, Outcome, Question, Received, Result, Run, Send, Silence, Wait, Woke
from lab.app.observations import RunObservation, RunObserver
from lab.client.memory import dated
from lab.client.observed_run import observed
from lab.core.clock import Millis
from lab.core.observe import Replied
from lab.mock.service import Service

InstantReviewer: TypeAlias = Callable[[Question, Millis], Answer | None]
"""Answers at once, or lets the wait go by."""


def run_instantly(
    service: Service,
    turn: Run,
    observers: Iterable[RunObserver] = (),
    *,
    start: Millis = 0,
    first: int = 1,
    reviewer: InstantReviewer | None = None,
) -> Outcome:
    """One turn, which begins at `start` with the exchange `first`.

    `observers` see it as the external app does; the service has its own.
    """
    stepper = _Stepper(service, start, reviewer)

    def tell(observation: RunObservation) -> None:
        for observer in observers:
            observer(observation)

    story = observed(turn, lambda: stepper.now, tell, first=first)
    try:
        effect = next(story)
        while True:
            effect = story.send(stepper.perform(effect))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


class _Stepper:
    def __init__(self, service: Service, start: Millis, reviewer: InstantReviewer | None) -> None:
        self.service = service
        self.now = start
        self.reviewer = reviewer

    def perform(self, effect: Effect) -> Result:
        match effect:
            case Send():
                return self.send(effect)
            case Wait(until):
                return self.woke(until)
            case Ask(until, question):
                answer = self.reviewer(question, self.now) if self.reviewer else None
                return self.woke(until) if answer is None else Answer(self.now, answer.action, answer.content)
            case _:
                assert_never(effect)

    def woke(self, until: Millis) -> Woke:
        self.now = max(self.now, until)
        return Woke(self.now)

    def send(self, effect: Send) -> Received | Silence:
        reply = self.service.serve(effect.request, self.now)
        arrived = reply.deliver(self.now, effect.until)
        self.now = arrived.at
        self.service.tell(
            Replied(self.now, reply.x, arrived.response, reply.latency, cut=arrived.cut, sent=arrived.sent)
        )
        if arrived.loss is not None:
            return Silence(self.now, arrived.loss)
        return Received(self.now, dated(arrived.response, self.service.config.epoch, self.now))
