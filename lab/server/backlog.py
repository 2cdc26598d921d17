"""What is told of one mock, taken as it comes and handed on in batches: a call waits for one append, and for nobody's sums.

The ring of the control plane, what is counted, and the request log look at calls that are over. What follows for them is
found out a batch at a time, or when somebody asks. Who must know at once, as a tape, observes the service itself.
"""

from asyncio import get_running_loop
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from itertools import chain
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.clocks import real_micros
from lab.core.exchange import Headers
from lab.core.journal.shared import LogPosition
from lab.core.observe import Observation, Replied, Requested
from lab.mock.service import Service

_MOST_BEHIND = 96
"""Observations in a batch."""
SHORT = 4_096
"""Bytes of the longest body that waits for others: of what is larger none is kept unseen."""
_FEW = 24
"""Header lines of which the same holds."""


class Kept(Struct, gc=False):
    """One observation, which may be shortened later."""

    observation: Observation
    micros: int
    """When it came, in real microseconds from an arbitrary start."""
    order: LogPosition = 0
    """Of a shared lab, up to where the process in which it came about had folded the commits."""
    weight: int = 0

    @property
    def wall(self) -> int:
        """When it came, in real milliseconds."""
        return self.micros // 1_000

    @classmethod
    def just(cls, observation: Observation) -> "Kept":
        """One that has just come, weighed."""
        return cls(observation, real_micros(), 0, weight(observation))


Taker: TypeAlias = Callable[[Sequence[Kept]], object]
"""Is given each batch, in the order in which all was told."""


@lru_cache(maxsize=64)
def _fields_weight(headers: Headers) -> int:
    """Of a polling client's header fields once: they are the same object at each call."""
    return sum(map(len, chain.from_iterable(headers)))


def weight(observation: Observation) -> int:
    """Bytes in it that can be any number: a request's all, a reply's body."""
    if type(observation) is Requested:
        request = observation.request
        return len(request.body) + len(request.path) + len(request.query) + _fields_weight(request.headers)
    return len(observation.response.body) if type(observation) is Replied else 0


def without_body(requested: Requested) -> Requested:
    """A call that was refused, which needs no token, with a word for its long body.

    None of that is kept: a part of it could hold half of a secret, which no redaction knows.
    """
    body = f"{len(requested.request.body)} bytes of a refused call: not kept".encode()
    return replace(requested, request=replace(requested.request, body=body))


class Backlog:
    """An observer of one service, and those to whom it hands on."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._batch: list[Kept] = []
        self._takers: list[Taker] = []
        self.urgent: Collection[object] = ()
        """Those for whose sake what is told is handed on in the next turn of the loop."""

    @classmethod
    def of(cls, service: Service) -> "Backlog":
        """That of a service: one for all."""
        known = next((each for each in service.observers if isinstance(each, cls)), None)
        if known is None:
            service.observers.append(known := cls(service))
        return known

    def hand_to(self, taker: Taker) -> None:
        """Hand what is told from now on to this one, too."""
        self.hand_on()
        self._takers.append(taker)

    def leave(self, taker: Taker) -> None:
        """Hand on no more to it; nothing is taken any more once nobody is left."""
        self.hand_on()
        if taker in self._takers:
            self._takers.remove(taker)
        if not self._takers and self in self._service.observers:
            self._service.observers.remove(self)

    def __call__(self, observation: Observation) -> None:
        """Take an observation."""
        batch = self._batch
        batch.append(Kept(observation, real_micros(), self._service.position))
        if type(observation) is Replied:
            heavy = len(observation.response.body) > SHORT
        elif type(observation) is Requested:
            heavy = len(observation.request.body) > SHORT or len(observation.request.headers) > _FEW
        else:
            heavy = False
        if self.urgent and len(batch) == 1:
            get_running_loop().call_soon(self.hand_on)
        if heavy or len(batch) >= _MOST_BEHIND:
            self.hand_on()

    def hand_on(self) -> None:
        """Hand on what was told since the last time."""
        if self._batch:
            batch, self._batch = self._batch, []
            for taker in tuple(self._takers):
                taker(batch)
