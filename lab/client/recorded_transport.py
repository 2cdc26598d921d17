"""A transport whose exchanges are told: of a server that isn't ours there is no other witness (recordings.md §16)."""

from itertools import count
from typing import Protocol

from msgspec.structs import replace

from lab.client.driver import Transport, TransportLost
from lab.core.clock import Clock
from lab.core.exchange import Request, Response
from lab.core.observe import Observation, Replied, Requested
from lab.recording.tape.captured import OF_PACKED

_CUTS = {"refused": "reset", "reset": "reset", "timeout": "client_gone", "too-large": "client_gone"}
"""How a recording calls what became of a reply; anything else was broken."""


class Recorded(Protocol):
    """Who is told."""

    async def prepare(self, observation: Requested | Replied) -> None:
        """Do what takes long about what is about to be told."""

    def observe(self, observation: Observation) -> None:
        """Be told."""


class RecordedTransport:
    """Carries requests as another transport does, whose answers are unpacked."""

    def __init__(self, transport: Transport, clock: Clock, tape: Recorded) -> None:
        self._transport = transport
        self._clock = clock
        self._tape = tape
        self._ordinals = count(1)
        self._busy: set[int] = set()
        """Connections on which an answer is awaited: the first that is free is taken."""

    async def send(self, route: str, request: Request) -> Response:
        """As the other; a reply for which nobody waits any more is one that the client left."""
        await self._tape.prepare(Requested(0, 0, route, request))
        x, c = next(self._ordinals), next(each for each in count(1) if each not in self._busy)
        self._busy.add(c)
        self._tape.observe(Requested(self._clock.now(), x, route, request, c=c))
        cut: str | None = "client_gone"
        response = Response(0)
        try:
            response = await self._transport.send(route, request)
            cut = None
        except TransportLost as lost:
            cut = _CUTS.get(lost.why, "truncated")
            raise
        finally:
            self._busy.discard(c)
            headers = tuple(pair for pair in response.headers if pair[0] not in OF_PACKED)
            reply = replace(response, headers=headers)
            replied = Replied(self._clock.now(), x, reply, cut=cut, sent=0 if cut else None)
            try:
                await self._tape.prepare(replied)
            finally:
                self._tape.observe(replied)
        return response

    async def close(self) -> None:
        """Let go of what is held."""
        await self._transport.close()
