"""A bug of the lab while it serves: one line on stderr, a fact, a refusal that names both; never a traceback."""

import asyncio
import logging
import traceback
from pathlib import Path
from typing import Any, Protocol

from lab.clocks import AnyClock
from lab.core.journal.fact import Fact
from lab.core.journal.shell import LabFailed
from lab.core.refusal import Refusal
from lab.plugin import packages_of_strangers
from lab.server.request_reader import shell_refusal

_LOG = logging.getLogger("lab")
_ROOT = Path(__file__).resolve().parents[1]


class FactReceiver(Protocol):
    """Who is told facts that no exchange brought: a service, or a server without one."""

    def note(self, fact: Fact) -> None:
        """Tell it."""


class Bugs:
    """Tells of the bugs of one lab, and numbers them."""

    def __init__(self, service: FactReceiver, clock: AnyClock) -> None:
        self._service = service
        self._clock = clock
        self.count = 0

    def found(self, fault: BaseException | None, c: int | None = None) -> Refusal:
        """What the peer of connection `c` is told; None: not one of the mock's connections."""
        self.count += 1
        bug, what, where = f"bug-{self.count}", type(fault).__name__, frame_of(fault)
        # no words of the error itself: they may hold what a client sent
        _LOG.error("lab: %s: %s at %s; the lab goes on.", bug, what, where)
        try:
            self._service.note(LabFailed(at=self._clock.now(), c=c, bug=bug, what=what, where=where))
        except Exception as again:  # noqa: BLE001 - the bug may be in who is told
            _LOG.error("lab: %s can't be recorded: %s at %s.", bug, type(again).__name__, frame_of(again))
        return shell_refusal(500, f"Internal error {bug}.")

    def outside(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """asyncio's exception handler: a bug that no request is answered with."""
        fault = context.get("exception")
        if isinstance(fault, BaseException):
            self.found(fault)
        else:
            loop.default_exception_handler(context)


def frame_of(fault: BaseException | None) -> str:
    """The innermost line of the lab, or of a stranger's plugin, that it went through, as `mock/mock.py:120`; empty: there is none."""
    strange = packages_of_strangers()
    for frame in reversed(traceback.extract_tb(fault.__traceback__ if fault is not None else None)):
        path = Path(frame.filename)
        if (package := next((each for each in strange if each in path.parts), None)) is not None:
            return f"{'/'.join(path.parts[path.parts.index(package) :])}:{frame.lineno}"
        if path.is_relative_to(_ROOT):
            return f"{path.relative_to(_ROOT).as_posix()}:{frame.lineno}"
    return ""
