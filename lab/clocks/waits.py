"""Turns of the loop, and waits for the first of several things."""

import asyncio
from collections.abc import Coroutine
from typing import Any

_SETTLING = 32
"""Turns of the loop between two timers: a woken sleeper goes through a few futures before it sleeps again."""


async def breathe() -> None:
    """Let others have their turn of the loop."""
    await asyncio.sleep(0)


async def settle() -> None:
    """Let everything that is ready run, and what that makes ready too."""
    for _ in range(_SETTLING):
        await asyncio.sleep(0)


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when one of the waits is over; the others are cancelled, all of them if the caller is."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # not awaited: a caller that is cancelled ends in the same turn of the loop
        for task in tasks:
            task.cancel()


def wake(sleeper: "asyncio.Future[None]") -> None:
    """Let a sleeper go on, unless it does already."""
    if not sleeper.done():
        sleeper.set_result(None)
