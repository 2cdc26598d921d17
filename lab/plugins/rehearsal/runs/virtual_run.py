"""A run of a client that lives by its lab's clock (clients.md §9): how it gets to, and whether it does."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import lab
from lab.cli.serve.serving import Serving
from lab.clocks import AnyClock, ManualClock
from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.core.journal.shell import ConnectionOpened
from lab.core.observe import Noted, Observation

_STARTUP = Path(lab.__file__).parent / "testing" / "startup"
"""What a Python runs at its start that finds it on its path."""
_REFUSED = re.compile(r"^(?:\w+\.)*VirtualTimeRefused: (.+)$", re.MULTILINE)


def virtual_variables(document: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """What lets a client in Python live by the clock of the lab of that document."""
    path = [str(_STARTUP), *filter(None, [environment.get("PYTHONPATH")])]
    where = f"{document['control_url']} {document['control_token']}"
    return {"PYTHONPATH": os.pathsep.join(path), "LAB_VIRTUAL_TIME": where}


class VirtualRun:
    """Watches one run, and ends it at the limit on the lab's clock, or where the client lives by another one."""

    def __init__(self, command: Sequence[str], clock: ManualClock) -> None:
        self._command = command[0]
        self._clock = clock
        self._outside = False
        """Whether it has called without driving the clock."""
        self.ended = asyncio.Event()
        """Set once the run is to end."""

    def observe(self, observation: Observation) -> None:
        """A call that comes before anybody drives the clock is none of a Python that was reached."""
        if isinstance(observation, Noted) and isinstance(observation.fact, ConnectionOpened) and not self._clock.shared:
            self._outside = True
            self.ended.set()

    def check(self, errors: str) -> None:
        """UsageError if the client couldn't live by the clock; `errors` is the end of what it wrote to stderr."""
        if (found := _REFUSED.search(errors)) is not None:
            raise UsageError(f"{self._command} can't run in virtual time. {found[1]}", hint="Leave --virtual out.")
        if self._outside or not self._clock.shared:
            raise UsageError(
                f"{self._command} lives by another clock: virtual time is for a client in Python.",
                hint="Leave --virtual out. It takes Python 3.9 or later, which looks at PYTHONPATH: not with -E, -I or -S.",
            )


@asynccontextmanager
async def virtual_run(
    command: Sequence[str], clock: AnyClock, mock: Serving, limit: Millis, stopped: asyncio.Event
) -> AsyncIterator[VirtualRun]:
    """Watch a run that `stopped` or the limit, in the lab's time, ends."""
    assert isinstance(clock, ManualClock)
    run = VirtualRun(command, clock)

    async def end_after(wait: Coroutine[object, object, object]) -> None:
        await wait
        run.ended.set()

    mock.service.observers.append(run.observe)
    waits = [asyncio.create_task(end_after(each)) for each in (clock.sleep_until(limit), stopped.wait())]
    try:
        yield run
    finally:
        for each in waits:
            each.cancel()
