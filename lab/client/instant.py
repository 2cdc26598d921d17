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
    now = start

    def notify(observation: RunObservation) -> None:
        for observer in observers:
            observer(observation)

    def woke(until: Millis) -> Woke:
        nonlocal now
        now = max(now, until)
        return Woke(now)

    def perform(effect: Effect) -> EffectResult:
        nonlocal now
        match effect:
            case Send(_, request, until):
                reply = server.serve(request, now)
                arrived = reply.deliver(now, until)
                now, response = arrived.at, arrived.response
                server.tell(Replied(now, reply.x, response, reply.latency, cut=arrived.cut, sent=arrived.sent))
                if arrived.loss is not None:
                    return Silence(now, arrived.loss)
                return Received(now, dated(response, server.config.epoch, now))
            case Wait(until):
                return woke(until)
            case Ask(until, question):
                answer = reviewer(question, now) if reviewer else None
                return woke(until) if answer is None else replace(answer, at=now)
            case _:
                assert_never(effect)

    story = observed(turn, lambda: now, notify, first=first)
    try:
        effect = next(story)
        while True:
            effect = story.send(perform(effect))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


def dated(response: Response, epoch: Epoch, at: Millis) -> Response:
    """The response with the `date` that a shell would add."""
    return Response(response.status, (*response.headers, ("date", http_date(epoch, at))), response.body)
