"""The last exchanges in memory, for whoever asks the control plane what happened: bounded in number and in bytes."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from lab.core.observe import Observation, Replied, Requested
from lab.mock.service import Service
from lab.server.backlog import SHORT, Backlog, Kept, Taker, weight, without_body
from lab.server.limits import ServerLimits

_OBSERVATIONS = 6
"""An exchange is told in three to six observations, connections included."""


class Buffer:
    """Keeps the observations of the last exchanges.

    Calls that are refused need no token, so what they leave is small: a long body goes once the refusal is told.
    """

    def __init__(self, service: Service, limits: ServerLimits, together: "list[Buffer] | None" = None) -> None:
        """`together` are those that keep within the bytes together: the one that holds most forgets first."""
        self._together = [] if together is None else together
        self._together.append(self)
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
        self.bytes, self._left, self.after, self._begun = 0, False, self._service.exchanges, 0
        # of a long past the last alone: it may be a day's
        last = deque(observations, maxlen=_OBSERVATIONS * self._exchanges)
        self.take([Kept.just(observation) for observation in last])

    def close(self) -> None:
        """Observe no more."""
        self.backlog.leave(self.take)
        with suppress(ValueError):
            self._together.remove(self)

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
        return tuple(each for each in kept[begin:] if (getattr(each.observation, "x", None) or first) >= first)

    def take(self, batch: Sequence[Kept]) -> None:
        """Take a batch of observations."""
        batch = [each for each in batch if type(each.observation) is not Replied or each.observation.x > self.after]
        for each in batch:
            observation = each.observation
            each.weight = weight(observation)
            self._kept.append(each)
            self.bytes += each.weight
            if isinstance(observation, Requested):
                self._begun += 1
                if each.weight > SHORT and len(observation.request.body) > SHORT:
                    self._long[observation.x] = each
            elif isinstance(observation, Replied) and self._long:
                request = self._long.pop(observation.x, None)
                if request is not None and observation.response.status >= 400:
                    assert isinstance(request.observation, Requested)
                    self.bytes -= request.weight
                    request.observation = without_body(request.observation)
                    request.weight = weight(request.observation)
                    self.bytes += request.weight
        for follower in tuple(self.followers):
            follower(batch)
        while len(self._kept) > _OBSERVATIONS * self._exchanges or self._begun > self._exchanges:
            self.forget_oldest()
        while sum(each.bytes for each in self._together) > self._size:
            max(self._together, key=lambda each: each.bytes).forget_oldest()

    def forget_oldest(self) -> None:
        """Drop the oldest observation."""
        gone = self._kept.popleft()
        self.bytes -= gone.weight
        if isinstance(gone.observation, Requested):
            self._begun -= 1
            self._long.pop(gone.observation.x, None)
        self._left = True
