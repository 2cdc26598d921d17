"""The driver: performs what a run asks for, on a clock and over a transport."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias, assert_never

from lab.app import Answer, Ask, Effect, EffectResult, Outcome, Received, Run, Send, Silence, Wait, Woke
from lab.app.observations import RunObserver
from lab.client.memory import InMemoryTransport, Transport, TransportLost, pass_until
from lab.client.observed_run import observed
from lab.clocks import settle
from lab.core.clock import Clock, Millis
from lab.core.exchange import Request, Response
from lab.dialects.client import Question

Answers: TypeAlias = Callable[[Question], Awaitable[Answer]]
"""Asks a person; cancelled when the wait is over without an answer."""


_READING = 16
"""How often the loop settles before a call is given up: what lies in the socket by then, megabytes too, is read."""


async def drive(
    run: Run, transport: Transport, clock: Clock, notify: RunObserver, answers: Answers | None = None, *, first: int = 1
) -> Outcome:
    """Play a run to its outcome. `first` numbers its first exchange, for the later turns of a conversation.

    Joined with the mock in one process, a manual clock is advanced by what the run waits; with a peer behind a
    socket, whoever owns the clock moves it.
    """
    driver = _Driver(transport, clock, answers)
    story = observed(run, clock.now, notify, first=first)
    try:
        effect = next(story)
        while True:
            effect = story.send(await driver.perform(effect))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    finally:
        story.close()


class _Driver:
    def __init__(self, transport: Transport, clock: Clock, answers: Answers | None) -> None:
        self.transport = transport
        self.clock = clock
        self.answers = answers
        self.joined = isinstance(transport, InMemoryTransport)

    async def perform(self, effect: Effect) -> EffectResult:
        match effect:
            case Send(route, request, until):
                try:
                    response = await self.carry(route, request, until)
                except TransportLost as lost:
                    return Silence(self.clock.now(), lost.why)
                return Received(self.clock.now(), response)
            case Wait(until):
                await self.wait(until)
                return Woke(self.clock.now())
            case Ask(until, question):
                return await self.ask(until, question)
            case _:
                assert_never(effect)

    async def carry(self, route: str, request: Request, until: Millis | None) -> Response:
        """The reply; TransportLost also if it hasn't come by `until`, on the lab's clock."""
        transport = self.transport
        if isinstance(transport, InMemoryTransport):
            return await transport.send(route, request, until)
        if until is None:
            return await transport.send(route, request)
        sending = asyncio.ensure_future(transport.send(route, request))
        sleeper = asyncio.ensure_future(self.clock.sleep_until(until))
        try:
            await asyncio.wait((sending, sleeper), return_when=asyncio.FIRST_COMPLETED)
            for _ in range(_READING):
                if sending.done():
                    return sending.result()
                # this process may have been busy with other things while the reply came
                await settle()
            raise TransportLost("timeout")
        finally:
            sending.cancel()
            sleeper.cancel()
            await asyncio.gather(sending, sleeper, return_exceptions=True)

    async def wait(self, until: Millis) -> None:
        if self.joined:
            await pass_until(self.clock, until)
        else:
            await self.clock.sleep_until(until)

    async def ask(self, until: Millis, question: Question) -> EffectResult:
        """A person's answer, or the end of the wait, whichever is first; an answer that is ready wins."""
        if self.answers is None:
            await self.wait(until)
            return Woke(self.clock.now())
        person = asyncio.ensure_future(self.answers(question))
        await settle()
        sleeper = asyncio.ensure_future(self.wait(self.clock.now() if person.done() else until))
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
