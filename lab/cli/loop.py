"""One loop for one command: SIGINT and SIGTERM cancel its work, which closes what is open."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct, field

from lab.cli.console import SIGNALS, Interrupted

T = TypeVar("T")


class Stop(Struct):
    """Why the work was cancelled, if it was: a recording's footer says it."""

    reason: str | None = None
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by a second signal: what the first one lets end in peace is cut."""

    @property
    def footer(self) -> str:
        """The reason that ends a tape: closed, sigint or sigterm."""
        return self.reason or "closed"


def complete(work: Callable[[Stop], Awaitable[T]]) -> T:
    """What `work` returns; Interrupted if a signal cancelled it, after it has cleaned up."""
    stop = Stop()

    async def watched() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None

        def cancel(reason: str) -> None:
            # A second signal must not interrupt the cleaning up that the first one began; it shortens it.
            if stop.reason is not None:
                stop.hurry.set()
                return
            stop.reason = reason
            task.cancel()

        for number, reason in SIGNALS.items():
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, cancel, reason)
        return await work(stop)

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        raise Interrupted(stop.footer) from None
