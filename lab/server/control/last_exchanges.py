"""The last exchanges in memory, for whoever asks the control plane what happened: bounded in number and in bytes."""

from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from lab.clocks import real_millis
from lab.core.clock import Millis
from lab.core.journal.shared import LogPosition
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.mock.service import Service
from lab.server.limits import ServerLimits

SHORT = 4_096
"""Bytes of the longest body that a refused call keeps."""
_OBSERVATIONS = 6
"""An exchange is told in three to six observations, connections included."""


def weight(observation: Observation) -> int:
    """Bytes in it that can be any number: a request's all, a reply's body."""
    if type(observation) is Requested:
        request = observation.request
        headers = sum([len(name) + len(value) for name, value in request.headers])
        return len(request.body) + len(request.path) + len(request.query) + headers
    return len(observation.response.body) if type(observation) is Replied else 0


class Kept(Struct):
    """One observation, which may be shortened later."""

    observation: Observation
    weight: int
    wall: Millis
    """When it came, in real milliseconds from an arbitrary start."""
    order: LogPosition = 0
    """Of a shared lab, up to where the process in which it came about had folded the commits."""

    @classmethod
    def just(cls, observation: Observation) -> "Kept":
        """One that has just come."""
        return cls(observation, weight(observation), real_millis())


class SharedBytes:
    """What several buffers may hold together: the one that holds most forgets first."""

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.bytes = 0

    def keep_to(self, most: int) -> None:
        """Let go of what is too much."""
        while self.bytes > most:
            max(self.buffers, key=lambda buffer: buffer.bytes).forget_oldest()


class Buffer:
    """Keeps the observations of the last exchanges; adding one is all that a poll pays for.

    Calls that are refused need no token, so what they leave is small: a long body goes once the refusal is told.
    """

    def __init__(self, service: Service, limits: ServerLimits, shared: SharedBytes | None = None) -> None:
        """`shared` is what it counts its bytes in, beside other buffers."""
        self._shared = shared or SharedBytes()
        self._shared.buffers.append(self)
        self._exchanges, self._size = limits.exchanges, limits.exchange_bytes
        self._kept: deque[Kept] = deque()
        self.bytes = 0
        """Bytes of it."""
        self._long: dict[int, Kept] = {}
        """Requests with long bodies that aren't answered, by exchange."""
        self._left = False
        """Whether some have left, so that the first kept may be the rest of an exchange."""
        self.after = 0
        """The exchanges up to this one are over: replies that still come are kept no more."""
        self._service = service
        service.observers.append(self.add)

    def restart(self, observations: Iterable[Observation]) -> None:
        """Begin anew, with these."""
        self._kept.clear()
        self._long.clear()
        self._count(-self.bytes)
        self._left, self.after = False, self._service.exchanges
        for observation in observations:
            self.add(observation)

    def close(self) -> None:
        """Observe no more."""
        with suppress(ValueError):
            self._service.observers.remove(self.add)
            self._shared.buffers.remove(self)
            self._shared.bytes -= self.bytes

    def exchanges(self) -> tuple[Kept, ...]:
        """What was observed of the last exchanges, oldest first; nothing of one whose request has left."""
        kept = tuple(self._kept)
        begins = [index for index, each in enumerate(kept) if isinstance(each.observation, Requested)]
        if not self._left and len(begins) <= self._exchanges:
            return kept
        kept = kept[begins[-self._exchanges :][0] :] if begins else ()
        first = next((each.observation.x for each in kept if isinstance(each.observation, Requested)), 0)
        return tuple(each for each in kept if _exchange(each.observation, first) >= first)

    def add(self, observation: Observation) -> None:
        """Take an observation."""
        if type(observation) is Replied and observation.x <= self.after:
            return
        self.keep(Kept.just(observation))

    def keep(self, added: Kept) -> None:
        """Keep it, and let go of what is too much."""
        observation = added.observation
        self._kept.append(added)
        self._count(added.weight)
        if self._long and type(observation) is Replied and (request := self._long.pop(observation.x, None)) is not None:
            if observation.response.status >= 400:
                self._shorten(request)
        elif added.weight > SHORT and type(observation) is Requested and len(observation.request.body) > SHORT:
            self._long[observation.x] = added
        if len(self._kept) > _OBSERVATIONS * self._exchanges:
            self.forget_oldest()
        if self._shared.bytes > self._size:
            self._shared.keep_to(self._size)

    def _shorten(self, kept: Kept) -> None:
        """Leave the body out: a part of it could hold half of a secret, which no redaction knows."""
        requested = kept.observation
        assert isinstance(requested, Requested)
        body = f"{len(requested.request.body)} bytes of a refused call: not kept".encode()
        kept.observation = replace(requested, request=replace(requested.request, body=body))
        self._count(-kept.weight)
        kept.weight = weight(kept.observation)
        self._count(kept.weight)

    def _count(self, weight: int) -> None:
        self.bytes += weight
        self._shared.bytes += weight

    def forget_oldest(self) -> None:
        """Drop the oldest observation."""
        kept = self._kept.popleft()
        self._count(-kept.weight)
        self._left = True
        if isinstance(kept.observation, Requested):
            self._long.pop(kept.observation.x, None)


def _exchange(observation: Observation, otherwise: int) -> int:
    """To which it belongs; `otherwise` if to none."""
    x = observation.x if isinstance(observation, Requested | Replied | Noted) else None
    return otherwise if x is None else x
