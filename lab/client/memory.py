"""What carries a request, and the transport that joins external app and mock in one process."""

from email.utils import formatdate
from typing import Protocol

from lab.clocks import ManualClock
from lab.core.clock import Clock, Epoch, Millis
from lab.core.exchange import Request, Response
from lab.core.observe import Observation, Replied
from lab.core.reply import Reply


class TransportLost(Exception):
    """No reply came: `why` is reset, refused, timeout, or unreadable."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Transport(Protocol):
    """Carries requests of the external app."""

    async def send(self, route: str, request: Request) -> Response:
        """The reply; TransportLost says by its name why none came."""

    async def close(self) -> None:
        """Let go of what is held."""


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


class InMemoryTransport:
    """Asks the server directly. On a manual clock it advances the clock by what a reply is withheld."""

    def __init__(self, server: JoinedServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    async def send(self, route: str, request: Request, until: Millis | None = None) -> Response:
        """The reply, once it was withheld its time; TransportLost if none is whole by `until`, or a fault struck it."""
        now = self._clock.now()
        reply = self._server.serve(request, now)
        delivery = reply.deliver(now, until)
        if reply.latency:
            await pass_until(self._clock, min(now + reply.latency, delivery.at))
        began = self._clock.now()
        if delivery.at > began:
            await pass_until(self._clock, delivery.at)
        at = self._clock.now()
        passed = began - now
        # None: when it was planned (recordings.md §2.2)
        first = passed if delivery.response.status and passed != reply.latency else None
        self._server.tell(
            Replied(at, reply.x, delivery.response, reply.latency, first, cut=delivery.cut, sent=delivery.sent)
        )
        if delivery.loss is not None:
            raise TransportLost(delivery.loss)
        return dated(delivery.response, self._server.config.epoch, at)

    async def close(self) -> None:
        """Nothing is held."""


async def pass_until(clock: Clock, instant: Millis) -> None:
    """Wait for an instant, in one process: a manual clock is advanced, any other slept on."""
    if isinstance(clock, ManualClock):
        await clock.advance_to(max(instant, clock.now()))
    else:
        await clock.sleep_until(instant)


def dated(response: Response, epoch: Epoch, at: Millis) -> Response:
    """The response with the `date` that a shell would add."""
    date = formatdate(epoch + at // 1000, usegmt=True)
    return Response(response.status, (*response.headers, ("date", date)), response.body)
