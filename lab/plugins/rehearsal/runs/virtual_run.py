"""A run of a client that lives by its lab's clock (clients.md §9): how it gets to, and whether it does."""

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path

import lab
from lab.clocks import AnyClock, ManualClock
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
    """Notices a client that lives by another clock: an observer of its lab."""

    def __init__(self, command: str, clock: AnyClock) -> None:
        assert isinstance(clock, ManualClock)
        self._command, self.clock = command, clock
        self.outside = asyncio.Event()
        """Set once it has called without driving the clock: such a call is none of a Python that was reached."""

    def __call__(self, observation: Observation) -> None:
        """Look at who calls."""
        if isinstance(observation, Noted) and isinstance(observation.fact, ConnectionOpened) and not self.clock.shared:
            self.outside.set()

    def check(self, errors: str) -> None:
        """UsageError if the client couldn't live by the clock; `errors` is the end of what it wrote to stderr."""
        if (found := _REFUSED.search(errors)) is not None:
            raise UsageError(f"{self._command} can't run in virtual time. {found[1]}", hint="Leave --virtual out.")
        if self.outside.is_set() or not self.clock.shared:
            raise UsageError(
                f"{self._command} lives by another clock: virtual time is for a client in Python.",
                hint="Leave --virtual out. It takes Python 3.9 or later, which looks at PYTHONPATH: not with -E, -I or -S.",
            )
