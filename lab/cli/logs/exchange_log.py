"""What looks on at every mock behind a listener, and writes in a thread: the request log, and the spans."""

from collections.abc import Callable
from typing import TypeVar

from lab.core.journal.fact import Fact
from lab.core.observe import Noted, Observation, Observer, Replied, Requested
from lab.server.mounts import Mount, Tenant

_Begun = TypeVar("_Begun")
_MOST_OPEN = 10_000
"""Requests without a reply that are remembered: a reset of the lab leaves some that never get one."""


class ExchangeLog:
    """Told of the exchanges of each mock, those too that clients choose later."""

    look: Callable[[], None]
    """Hands what has ended since the last time over to the thread."""

    def follow(self, tenant: Tenant) -> None:
        """Look on at a tenant's mocks."""
        for mount in tenant:
            self._observe(mount)
        tenant.watchers.append(self._observe)

    def leave(self, tenant: Tenant) -> None:
        """A tenant that was followed is ended."""

    def close(self) -> None:
        """Write what is left, for as long as the end of the lab may wait for it."""
        raise NotImplementedError

    def _observe(self, mount: Mount) -> None:
        raise NotImplementedError


def paired(
    begin: Callable[[Requested], _Begun],
    end: Callable[[_Begun, Replied], object],
    note: Callable[[Fact, _Begun | None], object],
) -> Observer:
    """Tells `end` of each reply with what `begin` made of its request, and `note` of facts with that of their exchange."""
    begun: dict[int, _Begun] = {}

    def observe(observation: Observation) -> None:
        if type(observation) is Requested:
            if len(begun) >= _MOST_OPEN:
                del begun[next(iter(begun))]
            begun[observation.x] = begin(observation)
        elif type(observation) is Replied and (exchange := begun.pop(observation.x, None)) is not None:
            end(exchange, observation)
        elif type(observation) is Noted:
            note(observation.fact, begun.get(observation.x or 0))

    return observe
