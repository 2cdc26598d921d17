"""A run against a mock in the same process with no loop and no waiting: both machines stepped by hand."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias, assert_never

from msgspec.structs import replace

from lab.app.effects import (
    Answer,
    Ask,
    Effect,
    EffectResult,
    Outcome,
    Received,
    Run,
    RunObservation,
    RunObserver,
    Send,
    Silence,
    Wait,
    Woke,
)
from lab.client.driver import observed
from lab.core.clock import Epoch, Millis, http_date
from lab.core.exchange import Request, Response
from lab.core.observe import Observation, Replied
from lab.core.reply import Reply
from lab.dialects.client import Question

InstantReviewer: TypeAlias = Callable[[Question, Millis], Answer | None]
"""Answers at once, or lets the wait go by."""


class _Dated(Protocol):
    """What an instant is counted from."""

    @property
    def epoch(self) -> Epoch:
        """The wall time of instant 0."""


class JoinedServer(Protocol):
    """A server in the same process, as a machine: no socket, and no time but what it is handed."""

    @property
    def config(self) -> _Dated:
        """What it is made with."""

    def serve(self, request: Request, now: Millis) -> Reply:
        """Answer a request; the caller tells when the reply has left."""

    def tell(self, observation: Observation) -> None:
        """Notify its observers."""


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


def dated(response: Response, epoch: Epoch, at: Millis) -> Response:
    """The response with the `date` that a shell would add."""
    return Response(response.status, (*response.headers, ("date", http_date(epoch, at))), response.body)
