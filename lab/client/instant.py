"""A run against a mock in the same process with no loop and no waiting: both machines stepped by hand."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias, assert_never

from lab.app import Answer, Ask, Effect, EffectResult, Outcome, Received, Run, Send, Silence, Wait, Woke
from lab.app.observations import RunObservation, RunObserver
from lab.client.memory import JoinedServer, dated
from lab.client.observed_run import observed
from lab.core.clock import Millis
from lab.core.observe import Replied
from lab.dialects.client import Question

InstantReviewer: TypeAlias = Callable[[Question, Millis], Answer | None]
"""Answers at once, or lets the wait go by."""


def run_instantly(
    server: JoinedServer,
    turn: Run,
    observers: Iterable[RunObserver] = (),
    *,
    start: Millis = 0,
    first: int = 1,
    reviewer: InstantReviewer | None = None,
) -> Outcome:
    """One turn, which begins at `start` with the exchange `first`.

    `observers` see it as the external app does; the server has its own.
    """
    stepper = _Stepper(server, start, reviewer)

    def notify(observation: RunObservation) -> None:
        for observer in observers:
            observer(observation)

    story = observed(turn, lambda: stepper.now, notify, first=first)
    try:
        effect = next(story)
        while True:
            effect = story.send(stepper.perform(effect))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


class _Stepper:
    def __init__(self, server: JoinedServer, start: Millis, reviewer: InstantReviewer | None) -> None:
        self.server = server
        self.now = start
        self.reviewer = reviewer

    def perform(self, effect: Effect) -> EffectResult:
        match effect:
            case Send():
                return self.send(effect)
            case Wait(until):
                return self.woke(until)
            case Ask(until, question):
                answer = self.reviewer(question, self.now) if self.reviewer else None
                return self.woke(until) if answer is None else replace(answer, at=self.now)
            case _:
                assert_never(effect)

    def woke(self, until: Millis) -> Woke:
        self.now = max(self.now, until)
        return Woke(self.now)

    def send(self, effect: Send) -> Received | Silence:
        reply = self.server.serve(effect.request, self.now)
        arrived = reply.deliver(self.now, effect.until)
        self.now = arrived.at
        self.server.tell(
            Replied(self.now, reply.x, arrived.response, reply.latency, cut=arrived.cut, sent=arrived.sent)
        )
        if arrived.loss is not None:
            return Silence(self.now, arrived.loss)
        return Received(self.now, dated(arrived.response, self.server.config.epoch, self.now))
