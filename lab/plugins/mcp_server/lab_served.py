"""The lab that the tools serve: one at a time, in this process, so that it can't outlive it."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from io import StringIO
from typing import TypeVar

from lab.cli.commands.serve import begin_as
from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.client.control import ControlClient
from lab.clocks import SystemClock
from lab.control import ControlCommand
from lab.core.clock import Clock, Millis
from lab.core.errors import UsageError
from lab.core.observe import Observation, Requested

_GRACE = 0.5
"""Real seconds in which replies under way may leave, once the lab is to end; then they are cut."""
_Answered = TypeVar("_Answered")


class LabServed:
    """Serves a lab when a tool asks for one, until a tool says so, nobody calls, or the process ends."""

    def __init__(self, wall: Clock | None = None) -> None:
        """`wall` tells since when nobody called; by default the system's clock."""
        self._work = asyncio.Lock()
        """Held while one begins, or ends."""
        self._ends: AsyncExitStack | None = None
        self._client: ControlClient | None = None
        self._remarks = StringIO()
        self._wall = wall or SystemClock()
        self._used = self._wall.now()

    async def begin(self, words: Sequence[str]) -> None:
        """Serve as `lab serve` with these words does, which its remarks tell of; LabError says why that can't be."""
        async with self._work, AsyncExitStack() as ends:
            if self._ends is not None:
                hint = "serve with end: true ends it; scenarios that stand beside are served then."
                raise UsageError(f"A lab is served already: its control plane is at {self.client.url}.", hint=hint)
            console, stop = Console(self._remarks, self._remarks), Stop()
            mock = await begin_as(words, console, ends, stop)
            mock.server.labs.watchers.append(lambda lab: lab.service.observers.append(self.touch))
            for lab in mock.server.labs:
                lab.service.observers.append(self.touch)
            self._client = ControlClient(mock.control_url, mock.control_token)
            ends.push_async_callback(self._client.close)
            ends.callback(lambda: asyncio.get_running_loop().call_later(_GRACE, stop.hurry.set))
            self._ends = ends.pop_all()

    async def end(self) -> bool:
        """End it, its tape whole; whether there was one."""
        async with self._work:
            ends, self._ends, self._client = self._ends, None, None
            if ends is not None:
                await ends.aclose()
            return ends is not None

    @property
    def client(self) -> ControlClient:
        """Of its control plane; UsageError if no lab is served."""
        if self._client is None:
            raise UsageError("No lab is served.", hint="The tool serve serves one; scenarios tells which there are.")
        return self._client

    async def ask(self, command: ControlCommand[_Answered]) -> _Answered:
        """What its control plane answers; UsageError with its words if it refuses."""
        answer = await self.client.ask(command)
        if not answer.done:
            raise UsageError(answer.why)
        return answer.value

    def remarks(self) -> list[str]:
        """What the lab has remarked since the last call: hints about clients, scenarios that were edited."""
        lines = self._remarks.getvalue().splitlines()
        self._remarks.truncate(self._remarks.seek(0))
        return lines

    def touch(self, observation: Observation | None = None) -> None:
        """Somebody has called a tool, or, if an observation says so, the lab."""
        if observation is None or isinstance(observation, Requested):
            self._used = self._wall.now()

    async def end_when_idle(self, idle: Millis) -> None:
        """End each lab once nobody has called for so many real milliseconds."""
        while True:
            await self._wall.sleep_until(self._used + idle)
            if self._wall.now() >= self._used + idle:
                await self.end()
                self.touch()
