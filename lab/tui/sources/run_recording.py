"""The recording of our runs, which the mock writes: begun and ended by a key, and looked after while it runs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from lab.core.errors import LabError

if TYPE_CHECKING:
    from lab.client.control import ControlClient


class RunRecording:
    """Whether a recording runs, and what killed it; `remark` is handed a sentence for the screen."""

    def __init__(
        self, running: bool, control: Callable[[], "Awaitable[ControlClient | None]"], remark: Callable[[str], object]
    ) -> None:
        self._control = control
        self._remark = remark
        self._checking: asyncio.Task[None] | None = None
        self._dead_before: str | None = None
        """What killed the recording before: the mock's health never forgets it."""
        self.running = running
        self.dead = ""

    def check_soon(self) -> None:
        """Look after it, if it runs and nobody does already."""
        if self.running and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check())

    async def _check(self) -> None:
        """Ask how the recording is; one that died is named once, and the show goes on."""
        control = await self._control()
        if control is None or self.dead:
            return
        why = None
        with suppress(LabError):  # a lab that is gone is named by whoever needs it
            why = (await control.lab()).trouble
        if why is not None and why != self._dead_before:
            self.dead = why
            self._remark(f"{why} The show goes on.")

    async def toggle(self, name: str, *, begun: bool = False) -> str:
        """Begin it under a name, or end it; what came of it, in one sentence. `begun`: whether a run has."""
        control = await self._control()
        if control is None:
            return "Only the lab's own mock can be recorded."
        ending = self.running
        answer = await (control.end_tape() if ending else control.begin_tape(name, numbered=True))
        if answer.refused is not None:
            return answer.refused
        self.running = not ending
        if ending and self.dead:
            self._dead_before, self.dead = self.dead, ""
            return f"The recording in {answer.file} ends early."
        if ending:
            return f"The recording is in {answer.file}: lab play shows it."
        since = ", from now on: the run so far isn't in it" if begun else ""
        return f"Recording to {answer.file}{since}."

    def stop(self) -> None:
        """Look after it no more."""
        if self._checking is not None:
            self._checking.cancel()
