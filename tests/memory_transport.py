"""A mock joined to the external app in one process: no socket, and a manual clock that goes from sleeper to sleeper."""

import asyncio
from collections.abc import Callable
from typing import Any

from lab.client.driver import TransportLost, dated
from lab.clocks import ManualClock, settle
from lab.core.clock import Clock
from lab.core.exchange import Request, Response
from lab.core.observe import Replied
from lab.mock.service import Service

_ARRIVING = 100
"""How often the loop settles before what hasn't come is taken to be withheld."""


class InMemoryTransport:
    """Asks the mock directly."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service = service
        self._clock = clock

    async def send(self, route: str, request: Request) -> Response:
        """The reply, once it was withheld its time; TransportLost if a fault struck it."""
        now = self._clock.now()
        reply = self._service.serve(request, now)
        delivery = reply.deliver(now)
        await self._clock.sleep_until(delivery.at)
        self._service.tell(
            Replied(delivery.at, reply.x, delivery.response, reply.latency, cut=delivery.cut, sent=delivery.sent)
        )
        if delivery.loss is not None:
            raise TransportLost(delivery.loss)
        return dated(delivery.response, self._service.config.epoch, delivery.at)

    async def close(self) -> None:
        """Nothing is held."""


async def advance_while(
    running: "asyncio.Future[Any]", clock: ManualClock, busy: Callable[[], bool] = lambda: False
) -> None:
    """Advance the clock to the next instant at which somebody wakes, again and again, until `running` is done.

    What comes over sockets is awaited as long as somebody is `busy` with it, up to a limit.
    """
    while True:
        await settle()
        for _ in range(_ARRIVING):
            if running.done() or not busy():
                break
            await settle()
        if running.done():
            return
        await clock.advance_to(min(due for due, _, sleeper in clock._sleepers if not sleeper.done()))
