"""A run against a mock in the same process with no loop and no waiting: both machines stepped by hand."""

from collections.abc import Callable, Iterable
from typing import TypeAlias, assert_never

from lab.app import Answer, App, Ask, Badge, Effect, Outcome, Question, Received, Result, Send, Silence, Wait, Woke, run
from lab.app.observations import Asking, RunEnded, RunObservation, RunObserver
from lab.client.memory import dated
from lab.core.clock import Millis
from lab.core.observe import Lost, Replied, Requested, Waiting
from lab.mock.service import Service

InstantReviewer: TypeAlias = Callable[[Question, Millis], Answer | None]
"""Answers at once, or lets the wait go by."""


def run_instantly(
    service: Service, app: App, observers: Iterable[RunObserver] = (), *, start: Millis = 0, first: int = 1,
    badge: Badge | None = None, conversation: str | None = None, reviewer: InstantReviewer | None = None,
) -> Outcome:  # fmt: skip
    """One turn from `start` on. `observers` see it as the external app does; the service has its own."""
    play = run(app, start, badge=badge, conversation=conversation)
    stepper = _Stepper(service, tuple(observers), start, first, reviewer)
    try:
        effect = next(play)
        while True:
            effect = play.send(stepper.perform(effect))
    except StopIteration as end:
        outcome: Outcome = end.value
        stepper.tell(RunEnded(stepper.now, outcome))
        return outcome


class _Stepper:
    def __init__(
        self,
        service: Service,
        observers: tuple[RunObserver, ...],
        start: Millis,
        first: int,
        reviewer: InstantReviewer | None,
    ) -> None:
        self.service = service
        self.observers = observers
        self.now = start
        self.next_x = first
        self.reviewer = reviewer

    def tell(self, observation: RunObservation) -> None:
        for observer in self.observers:
            observer(observation)

    def perform(self, effect: Effect) -> Result:
        match effect:
            case Send():
                return self.send(effect)
            case Wait(until, why):
                self.tell(Waiting(self.now, until, why))
                self.now = max(self.now, until)
                return Woke(self.now)
            case Ask(until, question):
                self.tell(Asking(self.now, until, question))
                answer = self.reviewer(question, self.now) if self.reviewer else None
                if answer is not None:
                    return Answer(self.now, answer.action, answer.content)
                self.now = max(self.now, until)
                return Woke(self.now)
            case _:
                assert_never(effect)

    def send(self, effect: Send) -> Result:
        x, self.next_x = self.next_x, self.next_x + 1
        self.tell(Requested(self.now, x, effect.route, effect.request))
        began = self.now
        reply = self.service.serve(effect.request, began)
        delivery = reply.deliver(began, effect.until)
        self.now = delivery.at
        self.service.tell(
            Replied(self.now, reply.x, delivery.response, reply.held, cut=delivery.cut, sent=delivery.sent)
        )
        if delivery.loss is not None:
            self.tell(Lost(self.now, x, delivery.loss))
            return Silence(self.now, delivery.loss)
        seen = dated(delivery.response, self.service.config.epoch, self.now)
        self.tell(Replied(self.now, x, seen))
        return Received(self.now, seen)
