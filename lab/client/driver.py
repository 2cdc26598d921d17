"""The driver: performs what a run asks for, on a clock and over a transport, or at once; observers are notified of all of it."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import nullcontext
from typing import Protocol, TypeAlias, assert_never

from msgspec.structs import replace

from lab.app.effects import (
    Answer,
    Ask,
    Asking,
    Effect,
    EffectResult,
    Outcome,
    Received,
    Run,
    RunEnded,
    RunObservation,
    RunObserver,
    Send,
    Silence,
    Wait,
    Woke,
)
from lab.clocks import RunClock, settle
from lab.core.clock import Clock, Epoch, Millis, http_date
from lab.core.exchange import Request, Response
from lab.core.observe import Lost, Observation, Replied, Requested, Waiting
from lab.core.reply import Reply
from lab.dialects.client import Question

Answers: TypeAlias = Callable[[Question], Awaitable[Answer]]
"""Asks a person; cancelled when the wait is over without an answer."""

_READING = 16
"""How often the loop settles before a call is given up: what lies in the socket by then, megabytes too, is read."""


class TransportLost(Exception):
    """No reply came: `why` is reset, refused, timeout, unreadable, or too-large."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Transport(Protocol):
    """Carries requests of the external app."""

    async def send(self, route: str, request: Request) -> Response:
        """The reply; TransportLost says by its name why none came."""

    async def close(self) -> None:
        """Let go of what is held."""


class PacedTransport:
    """A transport whose requests go out when somebody lets them: none is even observed before `may_send` returns."""

    def __init__(self, inner: Transport, may_send: Callable[[], Awaitable[object]]) -> None:
        self.may_send = may_send
        self.send = inner.send
        self.close = inner.close


BEFORE_SEND = Wait(0, "send")
"""A wait that is over already, and isn't observed: a request is about to go out."""


async def drive(
    run: Run, transport: Transport, clock: Clock, notify: RunObserver, answers: Answers | None = None, *, first: int = 1
) -> Outcome:
    """Play a run to its outcome; whoever owns the clock moves it. With the mock in the same process it is a RunClock.

    `first` numbers its first exchange, for the later turns of a conversation.
    """
    driver = _Driver(transport, clock, answers)
    story = observed(run, clock.now, notify, first=first, announces=isinstance(transport, PacedTransport))
    try:
        effect = next(story)
        while True:
            effect = story.send(await driver.perform(effect))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    finally:
        story.close()


async def carry(transport: Transport, clock: Clock, route: str, request: Request, until: Millis | None) -> Response:
    """The reply; TransportLost also if it hasn't come by `until`, on that clock."""
    if until is None:
        return await transport.send(route, request)
    with clock.call(until) if isinstance(clock, RunClock) else nullcontext(clock) as deadlines:
        sending = asyncio.ensure_future(transport.send(route, request))
        sleeper = asyncio.ensure_future(deadlines.sleep_until(until))
        try:
            await asyncio.wait((sending, sleeper), return_when=asyncio.FIRST_COMPLETED)
            for _ in range(_READING):
                if sending.done():
                    return sending.result()
                # this process may have been busy with other things while the reply came
                await settle()
            raise TransportLost("timeout")
        finally:
            late = not sending.done()
            sending.cancel()
            sleeper.cancel()
            await asyncio.gather(sending, sleeper, return_exceptions=True)
            if late:
                await settle()  # a mock in the same process hears of it before the run goes on


class _Driver:
    def __init__(self, transport: Transport, clock: Clock, answers: Answers | None) -> None:
        self.transport = transport
        self.clock = clock
        self.answers = answers
        self.delayed: Millis = 0
        """For how long the request that goes out next wasn't let go: its reply may come so much later."""

    async def may_send(self) -> None:
        asked_at = self.clock.now()
        if isinstance(self.transport, PacedTransport):
            await self.transport.may_send()
        self.delayed = self.clock.now() - asked_at

    async def perform(self, effect: Effect) -> EffectResult:
        match effect:
            case Send(route, request, until):
                try:
                    until = None if until is None else until + self.delayed
                    response = await carry(self.transport, self.clock, route, request, until)
                except TransportLost as lost:
                    return Silence(self.clock.now(), lost.why)
                return Received(self.clock.now(), response)
            case Wait(until):
                await (self.may_send() if effect is BEFORE_SEND else self.clock.sleep_until(until))
                return Woke(self.clock.now())
            case Ask(until, question):
                return await self.ask(until, question)
            case _:
                assert_never(effect)

    async def ask(self, until: Millis, question: Question) -> EffectResult:
        """A person's answer, or the end of the wait, whichever is first; an answer that is ready wins."""
        if self.answers is None:
            await self.clock.sleep_until(until)
            return Woke(self.clock.now())
        person = asyncio.ensure_future(self.answers(question))
        await settle()
        sleeper = asyncio.ensure_future(self.clock.sleep_until(self.clock.now() if person.done() else until))
        try:
            await asyncio.wait((person, sleeper), return_when=asyncio.FIRST_COMPLETED)
            if person.done():
                return replace(person.result(), at=self.clock.now())
            sleeper.result()
            return Woke(self.clock.now())
        finally:
            person.cancel()
            sleeper.cancel()
            await asyncio.gather(person, sleeper, return_exceptions=True)


# What observers are notified of, whatever performs the effects


def observed(
    run: Run, now: Callable[[], Millis], notify: RunObserver, *, first: int, announces: bool = False
) -> Generator[Effect, EffectResult, Outcome]:
    """The run's effects, each observed before it is performed; then what came of them, and its end.

    `first` numbers its first exchange. If it `announces` them, BEFORE_SEND comes before each request. Closing it closes the run.
    """
    x = first
    try:
        effect = next(run)
        while True:
            match effect:
                case Send(route, request):
                    if announces:
                        yield BEFORE_SEND
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


# The same against a mock in this process, with no loop and no waiting: both machines are stepped by hand

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
