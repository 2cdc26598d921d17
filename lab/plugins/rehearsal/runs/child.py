"""A client that the lab starts: a process group of its own, no shell, no stdin, its output kept to a bound."""

import asyncio
import os
import signal
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress

from lab.clocks import SystemClock, real_millis
from lab.core.clock import Millis
from lab.core.errors import HostError, UsageError
from lab.files.runtime import processes_with

KEPT = 64 * 1024
"""Bytes of each of its streams that are kept: the last ones."""
GRACE: Millis = 5_000
"""Real milliseconds between TERM and KILL."""
_LOOK: Millis = 20
"""Between two looks at whether the group has ended."""


class Child:
    """A process, and whatever it starts in its group."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str, out: "_Tail", err: "_Tail") -> None:
        self._process = process
        self._mark = mark
        self.out, self.err = out, err
        """The end of what it wrote to stdout and to stderr."""

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], mark: str) -> "Child":
        """Start it; UsageError if it can't be. `mark` is a variable whose value no other child has.

        HostError on Windows, where nothing ends all that a process has started.
        """
        if not hasattr(os, "killpg"):
            hint = (
                "Start `lab serve`, then the client by yourself, and ask `lab report URL` for the control plane's URL."
            )
            raise HostError("The lab starts no client on this system.", hint=hint)
        # pipes of our own: asyncio takes a process for running as long as anybody holds the other end of its
        out, err = await _Tail.open(), await _Tail.open()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out.end,
                stderr=err.end,
                env=dict(environment),
                start_new_session=True,
            )
        except (OSError, ValueError) as fault:
            out.close()
            err.close()
            why = getattr(fault, "strerror", None) or fault
            hint = "What follows -- is run without a shell."
            raise UsageError(f"{command[0]} can't be started: {why}.", hint=hint) from None
        finally:
            os.close(out.end)
            os.close(err.end)
        return cls(process, f"{mark}={environment[mark]}", out, err)

    async def end(self, limit: Millis, *ends: Coroutine[object, object, object]) -> int | None:
        """Its exit code, once it has ended by itself; None if it was ended, at the limit or as one of `ends` was over."""
        waits = [asyncio.ensure_future(each) for each in (self._process.wait(), *ends)]
        try:
            await asyncio.wait(waits, timeout=limit / 1_000, return_when=asyncio.FIRST_COMPLETED)
            ended = self._process.returncode
        finally:
            for each in waits:
                each.cancel()
            await self._end_group()
        return ended

    async def _end_group(self) -> None:
        """TERM for all that is left of the group, KILL for what that doesn't end."""
        deadline = real_millis() + GRACE
        self._signal(signal.SIGTERM)
        while self._alive() and real_millis() < deadline:
            await SystemClock().hold(_LOOK)
        self._signal(signal.SIGKILL)
        # some leave the group, as daemons do
        for process in processes_with(self._mark):
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        await self._process.wait()
        for tail in (self.out, self.err):
            await tail.finish()

    def _alive(self) -> bool:
        try:
            os.killpg(self._process.pid, 0)
        except OSError:
            return False
        return True

    def _signal(self, number: int) -> None:
        with suppress(OSError):
            os.killpg(self._process.pid, number)


class _Tail(asyncio.Protocol):
    """The last bytes that come out of a pipe."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._over = asyncio.Event()
        self._transport: asyncio.BaseTransport | None = None
        self.end = -1
        """Where a process writes."""

    @classmethod
    async def open(cls) -> "_Tail":
        """With a pipe of its own."""
        tail = cls()
        read, tail.end = os.pipe()
        await asyncio.get_running_loop().connect_read_pipe(lambda: tail, os.fdopen(read, "rb", 0))
        return tail

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The pipe is there."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """More came."""
        self._kept += data
        del self._kept[:-KEPT]

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody writes any more."""
        self._over.set()

    async def finish(self) -> None:
        """Read what is left; a process that left its group may hold the pipe open, and what it writes is nobody's."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK / 1_000):
                await self._over.wait()
        self.close()

    def close(self) -> None:
        """Read no more."""
        if self._transport is not None:
            self._transport.close()

    @property
    def text(self) -> str:
        """What was kept."""
        return self._kept.decode("utf-8", "replace")
