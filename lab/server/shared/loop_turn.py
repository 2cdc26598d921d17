"""What a loop that goes on beside the calls does once: whatever comes of it, the loop goes on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from lab.core.journal.shared import StoreLost


@contextmanager
def loop_turn() -> Iterator[None]:
    """A store that is lost is told of by the lab's own loop, and a bug as one that no call is answered with."""
    try:
        yield
    except StoreLost:
        pass
    except Exception as bug:  # noqa: BLE001 - else the loop would end, and nobody would know
        tell_bug(bug)


def tell_bug(bug: Exception) -> None:
    """Tell of a bug that no call is answered with."""
    context = {"message": "A bug of the lab where several processes share it.", "exception": bug}
    asyncio.get_running_loop().call_exception_handler(context)
