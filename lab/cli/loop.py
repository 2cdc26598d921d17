"""One loop for one command: a signal ends its work, which closes what is open."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct, field

from lab.cli.signals import Interrupted, ending

T = TypeVar("T")


class Stop(Struct):
    """Why the work was ended, if it was: a recording's footer says it."""

    reason: str | None = None
    leave: Callable[[], object] = lambda: None
    """Ends the work, in its loop: cancels it, unless the work has put in its place what does so more gently."""
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by a second signal: what the first one lets end in peace is cut."""

    @property
    def footer(self) -> str:
        """The reason that ends a tape: closed, sigint, sigterm, or with what exit code the client that the lab ran ended."""
        return self.reason or "closed"

    def obeyed(self) -> None:
        """To be called by work that left by itself: Interrupted if a signal was why."""
        if self.reason is not None:
            raise Interrupted(self.reason)


def complete(work: Callable[[Stop], Awaitable[T]]) -> T:
    """What `work` returns; Interrupted if a signal ended it, after it has cleaned up."""
    stop = Stop()
    loops: list[asyncio.AbstractEventLoop] = []

    async def watched() -> T:
        task = asyncio.current_task()
        assert task is not None
        stop.leave = task.cancel
        loops.append(asyncio.get_running_loop())
        return await work(stop)

    def soon(act: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the work is over, and so is its loop
            loops[0].call_soon_threadsafe(act)

    def first(reason: str) -> None:
        if not loops:
            raise Interrupted(reason)
        stop.reason = reason
        soon(lambda: stop.leave())

    try:
        with ending(first, lambda: soon(stop.hurry.set)):
            return asyncio.run(watched())
    except asyncio.CancelledError:
        raise Interrupted(stop.footer) from None
