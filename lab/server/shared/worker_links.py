"""How the workers of one lab are asked by the first of them: over pairs of sockets that the process which starts them holds.

A pair outlives the workers at its ends: one that is started again goes on with it. What is asked, and what is answered,
is a line each, and both begin with a number. So what was meant for a worker that died is known for that: an answer that
nobody waits for any more, or the beginning of a line before the next one.
"""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping

from lab.clocks import real_millis
from lab.core.clock import Millis
from lab.server.shared.calls import tell_bug

WORKER_ANSWERS_WITHIN: Millis = 500
"""For so long, in real milliseconds, an answer is waited for."""
_LONGEST = 4 * 1024 * 1024


class WorkerLinks:
    """What the first of the workers has of the others."""

    def __init__(self, others: Mapping[int, int]) -> None:
        """By the workers' numbers, the descriptors of the asking ends."""
        self._descriptors = others
        self._streams: dict[int, tuple[StreamReader, StreamWriter]] = {}
        self._asking = asyncio.Lock()
        self._number = 0

    async def ask(self, question: bytes) -> dict[int, bytes | None]:
        """What each of the others answers, by its number; None: nothing in time, as one that is just started again."""
        async with self._asking:
            for each in self._descriptors.keys() - self._streams.keys():
                self._streams[each] = await _streams(self._descriptors[each])
            # none that was given to the worker before this one
            self._number = max(self._number + 1, real_millis())
            answers = await asyncio.gather(*(self._ask(*self._streams[each], question) for each in self._descriptors))
        return dict(zip(self._descriptors, answers, strict=True))

    async def _ask(self, reader: StreamReader, writer: StreamWriter, question: bytes) -> bytes | None:
        writer.write(b"%d %b\n" % (self._number, question))
        try:
            async with asyncio.timeout(WORKER_ANSWERS_WITHIN / 1_000):
                while line := await reader.readline():
                    number, _, answer = line.removesuffix(b"\n").partition(b" ")
                    if number == b"%d" % self._number:
                        return answer
        except (TimeoutError, OSError, ValueError):  # ValueError: a line too long
            pass
        return None

    def close(self) -> None:
        """Ask no more."""
        for _, writer in self._streams.values():
            writer.close()


async def answer_first(descriptor: int, answer: Callable[[bytes], Awaitable[bytes]]) -> None:
    """Answer what the first of the workers asks, until cancelled; a bug leaves one question without an answer."""
    reader, writer = await _streams(descriptor)
    try:
        while line := await reader.readline():
            number, _, question = line.removesuffix(b"\n").partition(b" ")
            try:
                writer.write(b"%b %b\n" % (number, await answer(question)))
                await writer.drain()
            except Exception as bug:  # noqa: BLE001 - else the lab would never be ready again
                tell_bug(bug)
    finally:
        writer.close()


async def _streams(descriptor: int) -> tuple[StreamReader, StreamWriter]:
    return await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor), limit=_LONGEST)
