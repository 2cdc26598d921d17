"""A load generator of raw bytes over keep-alive connections, and the CPU time that a server's process spent on it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONNECTIONS = 32
PATIENCE = 60
"""Seconds for all replies of one round."""


@dataclass
class Subject:
    """A server in a process of its own, and the request that is sent to it again and again."""

    process: subprocess.Popen[str]
    port: int
    requests: list[bytes]
    """Sent in turn, from the first one at each measurement."""

    def cpu(self) -> int:
        """Nanoseconds that its threads have run."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())

    def per_request(self, count: int, connections: int = CONNECTIONS) -> float:
        """CPU microseconds per request."""
        before = self.cpu()
        asyncio.run(hammer(self.port, self.requests, count, connections))
        return (self.cpu() - before) / count / 1_000


@contextmanager
def server(kind: str, *arguments: str) -> Iterator[Subject]:
    """A server of `tests.bench.servers`: its first line says port and request."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.servers", kind, *arguments], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        before, *jobs, after = json.loads(process.stdout.readline())
        yield Subject(process, port, [f"{before}{job}{after}".encode() for job in jobs])
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


class _Caller(asyncio.Protocol):
    """Sends the request, waits for a whole reply, sends it again."""

    def __init__(self, requests: Iterator[bytes], done: "asyncio.Future[None]") -> None:
        self.requests = requests
        self.done = done
        self.got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self.got += data
        head, blank, body = self.got.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            if not self.done.done():
                self.done.set_exception(AssertionError(head))
            return
        self.got = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(AssertionError("the server hung up"))

    def _send(self) -> None:
        request = next(self.requests, None)
        if request is not None:
            self.transport.write(request)
        elif not self.done.done():
            self.done.set_result(None)


async def hammer(port: int, requests: list[bytes], count: int, connections: int = CONNECTIONS) -> None:
    """Send `count` requests, by so many connections at once."""
    loop = asyncio.get_running_loop()
    ahead = islice(cycle(requests), count)
    callers: list[_Caller] = []
    for _ in range(connections):
        _, caller = await loop.create_connection(lambda: _Caller(ahead, loop.create_future()), "127.0.0.1", port)
        callers.append(caller)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(caller.done for caller in callers))
    for caller in callers:
        caller.transport.abort()
