"""Ten thousand requests withheld at once: what the server's process holds for them, and whether all of it comes back."""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from lab.clocks import ScaledClock, SystemClock
from lab.identity.clients import DEMO
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.server.mock_server import MockServer
from tests.bench.load import PATIENCE
from tests.bench.measure import Extent, Row
from tests.bench.mock import accepted, granted, invoke_request, status_path

COUNT = 10_000
SCENARIO = """\
lab: 1
name: parked
title: Parked
agent: {code: PARKED_TEAM}
ask: x
latency: {status: 1s}
steps:
  - work: think
    takes: 1h
  - complete: done
    output: Done.
"""


def more_descriptors() -> None:
    """As many as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve() -> None:
    """A mock whose clock stands still: it answers no poll until a line comes, and tells of itself before and after."""
    mock = Service(Config((program_of(parse_scenario(SCENARIO, "parked.yaml")),), Switches(), 42, 0, (DEMO,)))
    token = granted(mock)
    path = status_path(mock, accepted(mock, invoke_request(mock, token)))
    clock = ScaledClock("0")
    server = MockServer(mock, clock)
    port = int((await server.start()).rpartition(":")[2])
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    print(json.dumps([port, head]), flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.readline)
    clock.scale("1000")
    await loop.run_in_executor(None, sys.stdin.readline)


def resident(pid: int) -> float:
    """MiB that a process holds."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1_024


def descriptors(pid: int) -> int:
    """How many a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def park(port: int, head: bytes, process: subprocess.Popen[str], count: int) -> tuple[float, float, float, int]:
    """Resident before and while parked, seconds until all were answered, descriptors left over."""
    pause = SystemClock()
    before, opened = resident(process.pid), descriptors(process.pid)
    peers = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        peers.append((reader, writer))
    async with asyncio.timeout(PATIENCE):
        while descriptors(process.pid) < opened + count:
            await pause.hold(50)
    await pause.hold(500)
    delayed = resident(process.pid)
    since = time.perf_counter()
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    async with asyncio.timeout(PATIENCE):
        heads = await asyncio.gather(*(reader.readuntil(b"\r\n\r\n") for reader, _ in peers))
    answered = time.perf_counter() - since
    assert all(each.startswith(b"HTTP/1.1 200 ") for each in heads)
    for _, writer in peers:
        writer.close()
    for _ in range(100):
        if descriptors(process.pid) <= opened:
            break
        await pause.hold(50)
    return before, delayed, answered, descriptors(process.pid) - opened


def parked(extent: Extent) -> Iterable[Row]:
    """The parked requests of limits.md §5: under 300 MB for 10,000 parked requests, and every descriptor back."""
    more_descriptors()
    count = extent.of(COUNT, 200)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.parked"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port, head = json.loads(process.stdout.readline())
        before, delayed, answered, left = asyncio.run(park(port, head.encode(), process, count))
    finally:
        process.kill()
        process.wait()
    shown = f"{before:.0f} MiB before; all answered in {answered:.1f} s once the clock ran"
    yield Row(f"resident with {count:,} parked requests", 286, delayed, shown, unit="MiB", at_most=True)
    yield Row("descriptors left over afterwards", 0, left, "", at_most=True)


if __name__ == "__main__":
    more_descriptors()
    asyncio.run(serve())
