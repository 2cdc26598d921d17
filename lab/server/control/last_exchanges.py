"""The last exchanges in memory, for whoever asks the control plane what happened: bounded in number and in bytes."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from lab.core.observe import Noted, Observation, Replied, Requested
from lab.mock.service import Service
from lab.server.backlog import SHORT, Backlog, Kept, Taker, request_weight, without_body
from lab.server.limits import ServerLimits

_OBSERVATIONS = 6
"""An exchange is told in three to six observations, connections included."""


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
    """Keeps the observations of the last exchanges.

    Calls that are refused need no token, so what they leave is small: a long body goes once the refusal is told.
    """

    def __init__(self, service: Service, limits: ServerLimits, shared: SharedBytes | None = None) -> None:
        """`shared` is what it counts its bytes in, beside other buffers."""
        self._shared = shared or SharedBytes()
        self._shared.buffers.append(self)
        self._exchanges, self._size = limits.exchanges, limits.exchange_bytes
        self._kept: deque[Kept] = deque()
        self._begun = 0
        """Exchanges whose request is kept."""
        self.bytes = 0
        """Bytes of it."""
        self._long: dict[int, Kept] = {}
        """Requests with long bodies that aren't answered, by exchange."""
        self._left = False
        """Whether some have left, so that the first kept may be the rest of an exchange."""
        self.after = 0
        """The exchanges up to this one are over: replies that still come are kept no more."""
        self.followers: Collection[Taker] = ()
        """Those who are told what is kept from now on."""
        self._service = service
        self.backlog = Backlog.of(service)
        """Gives what is told of the service."""
        self.backlog.hand_to(self.take)

    def restart(self, observations: Iterable[Observation]) -> None:
        """Begin anew, with these."""
        self.backlog.hand_on()
        self._kept.clear()
        self._long.clear()
        self._count(-self.bytes)
        self._left, self.after, self._begun = False, self._service.exchanges, 0
        # of a long past the last alone: it may be a day's
        last = deque(observations, maxlen=_OBSERVATIONS * self._exchanges)
        self.take([Kept.just(observation) for observation in last])

    def close(self) -> None:
        """Observe no more."""
        self.backlog.leave(self.take)
        with suppress(ValueError):
            self._shared.buffers.remove(self)
            self._shared.bytes -= self.bytes

    def exchanges(self) -> tuple[Kept, ...]:
        """What was observed of the last exchanges, oldest first; nothing of one whose request has left."""
        self.backlog.hand_on()
        kept = tuple(self._kept)
        if not self._left:
            return kept
        begins = (
            (place, each.observation.x) for place, each in enumerate(kept) if isinstance(each.observation, Requested)
        )
        begin, first = next(begins, (len(kept), 0))
        return tuple(each for each in kept[begin:] if _exchange(each.observation, first) >= first)

    def take(self, batch: Sequence[Kept]) -> None:
        """Take a batch of observations."""
        came, after, long = 0, self.after, self._long
        if after:
            batch = [each for each in batch if type(each.observation) is not Replied or each.observation.x > after]
        for each in batch:
            observation = each.observation
            if type(observation) is Replied:
                each.weight = len(observation.response.body)
                if long and (request := long.pop(observation.x, None)) is not None:
                    if observation.response.status >= 400:
                        self._shorten(request)
            elif type(observation) is Requested:
                each.weight = request_weight(observation.request)
                self._begun += 1
                if each.weight > SHORT and len(observation.request.body) > SHORT:
                    long[observation.x] = each
            came += each.weight
        self._kept.extend(batch)
        for follower in tuple(self.followers):
            follower(batch)
        self._count(came)
        self._forget(len(self._kept) - _OBSERVATIONS * self._exchanges, self._begun - self._exchanges)
        if self._shared.bytes > self._size:
            self._shared.keep_to(self._size)

    def _shorten(self, kept: Kept) -> None:
        assert isinstance(kept.observation, Requested)
        kept.observation = without_body(kept.observation)
        self._count(-kept.weight)
        kept.weight = request_weight(kept.observation.request)
        self._count(kept.weight)

    def _count(self, weight: int) -> None:
        self.bytes += weight
        self._shared.bytes += weight

    def forget_oldest(self) -> None:
        """Drop the oldest observation."""
        self._forget(1, 0)

    def _forget(self, observations: int, exchanges: int) -> None:
        """Drop the oldest observations: so many, and those up to the request of so many exchanges."""
        gone, oldest = 0, self._kept.popleft
        while observations > 0 or exchanges > 0:
            kept = oldest()
            gone += kept.weight
            observations -= 1
            if type(kept.observation) is Requested:
                self._begun -= 1
                exchanges -= 1
                if self._long:
                    self._long.pop(kept.observation.x, None)
            self._left = True
        if gone:
            self._count(-gone)


def _exchange(observation: Observation, otherwise: int) -> int:
    """To which it belongs; `otherwise` if to none."""
    x = observation.x if isinstance(observation, Requested | Replied | Noted) else None
    return otherwise if x is None else x
