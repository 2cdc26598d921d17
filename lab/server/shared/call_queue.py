"""Calls that wait for their batch, in the order in which they came."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import cast

from msgspec import Struct

from lab.core.clock import Millis
from lab.server.shared.calls import CallResult

MOST_CALLS = 256
"""Calls of a batch: more would keep the process from its sockets."""


class WaitingCall(Struct, eq=False):
    """A call, and whoever waits for it."""

    call: Callable[[Millis], object]
    result: "asyncio.Future[object]"
    moves_clock: bool
    """Whether it is the last of its batch: those after it are of another instant."""

    def end(self, result: object) -> None:
        """Give what the call gave, or raise what it raised, to whoever waits for it still."""
        if self.result.done():
            return
        if isinstance(result, Exception):
            self.result.set_exception(result)
        else:
            self.result.set_result(result)


def fail(calls: Iterable[WaitingCall], why: Exception) -> None:
    """End these calls."""
    for waiting in calls:
        waiting.end(why)


class CallQueue:
    """The calls of one process."""

    def __init__(self) -> None:
        self._calls: deque[WaitingCall] = deque()
        self._called = asyncio.Event()

    async def run(self, call: Callable[[Millis], CallResult], *, moves_clock: bool) -> CallResult:
        """Let the call wait, and what its batch gives."""
        waiting = WaitingCall(call, asyncio.get_running_loop().create_future(), moves_clock)
        self._calls.append(waiting)
        self._called.set()
        return cast("CallResult", await waiting.result)

    async def next(self) -> list[WaitingCall]:
        """Those of the next batch, once there is one; nobody has given them up."""
        while True:
            while not self._calls:
                self._called.clear()
                await self._called.wait()
            calls: list[WaitingCall] = []
            while self._calls and len(calls) < MOST_CALLS and not (calls and calls[-1].moves_clock):
                waiting = self._calls.popleft()
                if not waiting.result.done():
                    calls.append(waiting)
            if calls:
                return calls

    def fail(self, why: Exception) -> None:
        """End all that wait."""
        fail(self._calls, why)
        self._calls.clear()
