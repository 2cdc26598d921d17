"""A long day: `lab serve` recording, 200 requests a second, `python -m tests.bench.soak [SECONDS, else 900]`.

Memory has to level off, no answer may be a 5xx, and with the last client all descriptors and tasks are gone; the tape has
to replay in bounded memory, an exchange for what it costs in a short tape. Prints a row each, then a verdict in one line,
and ends with 1 if one was missed.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from lab.cli.main import run_command
from lab.clocks import SystemClock
from lab.server.mock_server import MockServer
from tests.bench.measure import Row
from tests.bench.parked import descriptors, resident

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "recordings" / "anomaly-flag.rec.jsonl"
RATE = 200
CLIENTS = 40
SERVE = "--serve"
TASKS = "tasks: "
SHORT = 30
"""Seconds of the tape that the long one is compared with."""
SCENARIO = """\
lab: 1
name: soak
title: A day
agent: {code: SOAK, version: 1}
ask: Go on
latency: {token: 5ms, invoke: 10ms, status: 20ms}
steps:
  - work: read
    takes: {between: [1s, 2s]}
  - gate: consent
    asks: May {{ message }} go on?
    patience: 15m
    reviewer: {after: 1s, verdict: approved, by: Script}
    verdicts: {rejected: declined}
  - work: write
    takes: {between: [500ms, 1s]}
  - complete: done
    output: "{{ message }} is done."
  - complete: declined
    output: Kept.
"""


@dataclass
class Lab:
    """A lab that is being served."""

    process: subprocess.Popen[str]
    start: dict[str, str]
    resident: list[float] = field(default_factory=list)
    """MiB, a second apart."""
    sent: int = 0
    broken: int = 0
    """Answers with 5xx."""
    left: tuple[int, int] = (0, 0)
    """Descriptors and tasks that are left over once all clients have gone."""

    def measure(self) -> float:
        return resident(self.process.pid)

    async def tasks(self) -> int:
        """How many tasks its loop has."""
        assert self.process.stderr is not None
        self.process.send_signal(signal.SIGUSR1)
        line = ""
        while not line.startswith(TASKS):
            line = await asyncio.to_thread(self.process.stderr.readline)
        return int(line.removeprefix(TASKS))


@contextmanager
def lab(folder: Path, name: str) -> Iterator[Lab]:
    """A lab that records into the folder."""
    (folder / "soak.yaml").write_text(SCENARIO)
    command = (
        sys.executable,
        "-m",
        "tests.bench.soak",
        SERVE,
        str(folder / "soak.yaml"),
        "--json",
        "--port",
        "0",
        "--record",
        name,
    )
    with subprocess.Popen(
        command, cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Lab(process, json.loads(process.stdout.readline()))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


class Client:
    """A connection of its own: a token for ten jobs, each polled to its end; some calls that are refused between."""

    def __init__(self, lab: Lab, clock: SystemClock, number: int) -> None:
        self.lab, self.clock, self.number = lab, clock, number
        self.due = number * 1_000 // RATE
        self.bearer = ""

    async def play(self, until: int) -> None:
        port = int(self.lab.start["base_url"].rpartition(":")[2])
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        turn = 0
        while self.due < until:
            if turn % 10 == 0:
                await self._token()
            turn += 1
            await self._job(turn)
        self.writer.close()

    async def _job(self, turn: int) -> None:
        path = "/api/fusion-ai/orchestrator/agent/v2/SOAK/"
        await self._ask("POST", f"{path}invokeAsync", b"{no json " + b"x" * 10_000)
        message = f"{self.number}/{turn} " + "lorem ipsum " * 20
        job = await self._ask("POST", f"{path}invokeAsync", json.dumps({"message": message}).encode())
        found: dict[str, Any] = {}
        while found.get("status") != "COMPLETE":
            found = await self._ask("GET", f"{path}status/{job['jobId']}")
        await self._ask("GET", f"{path}status/no-such-job-{turn}")

    async def _token(self) -> None:
        start = self.lab.start
        fields = urlencode({"grant_type": "client_credentials", "scope": start["scope"]}).encode()
        self.bearer = "Basic " + b64encode(f"{start['client_id']}:{start['client_secret']}".encode()).decode()
        got = await self._ask("POST", "/oauth2/v1/token", fields, "application/x-www-form-urlencoded")
        self.bearer = f"Bearer {got['access_token']}"

    async def _ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> dict[str, Any]:
        await self.clock.sleep_until(self.due)
        self.due += CLIENTS * 1_000 // RATE
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {self.bearer}\r\n"
        if body:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        self.lab.sent += 1
        self.lab.broken += answer.startswith(b"HTTP/1.1 5")
        length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        found: dict[str, Any] = json.loads(await self.reader.readexactly(length))
        return found


async def soak(lab: Lab, seconds: int) -> None:
    """Send the requests, and look at the memory each second."""
    clock = SystemClock()

    async def look() -> None:
        for second in range(seconds):
            await clock.sleep_until(second * 1_000)
            lab.resident.append(lab.measure())

    opened, tasks = descriptors(lab.process.pid), await lab.tasks()
    clients = (Client(lab, clock, number).play(seconds * 1_000) for number in range(CLIENTS))
    await asyncio.gather(look(), *clients)
    for _ in range(40):
        lab.left = descriptors(lab.process.pid) - opened, await lab.tasks() - tasks
        if lab.left == (0, 0):
            break
        await clock.hold(50)


@dataclass(frozen=True)
class Replayed:
    """What `lab replay` took for a file."""

    seconds: float
    """Of CPU."""
    mebibytes: float
    """At its peak."""


def replayed(file: Path) -> Replayed:
    """Replay it, which has to pass."""
    command = [sys.executable, "-m", "lab", "replay", "--scenarios", str(file.parents[1]), str(file)]
    if file == SHIPPED:
        command[4:6] = []
    process = subprocess.Popen(command, cwd=file.parent, env=_environment(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{file} doesn't replay"
    return Replayed(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def rows(seconds: int) -> Iterator[Row]:
    """Soak, then replay."""
    with TemporaryDirectory() as created:
        folder = Path(created)
        with lab(folder, "short") as short:
            asyncio.run(soak(short, SHORT))
        with lab(folder, "long") as long:
            asyncio.run(soak(long, seconds))
        size = len(long.resident)
        shown = "MiB after each sixth: " + " ".join(f"{long.resident[size * n // 6 - 1]:.0f}" for n in range(1, 7))
        shown += f"; {long.resident[0]:.0f} at the start, {long.sent:,} requests"
        half, end = long.resident[size // 2], long.resident[-1]
        yield Row("memory at the end / at half time", 1.1, end / half, shown, unit="x", at_most=True)
        yield Row("answers with 5xx", 0, long.broken, f"{long.sent / seconds:.0f} requests a second", at_most=True)
        yield Row("descriptors left over", 0, max(0, long.left[0]), "once all clients had gone", at_most=True)
        yield Row("tasks left over", 0, max(0, long.left[1]), "once all clients had gone", at_most=True)
        file = folder / "recordings" / "long.rec.jsonl"
        bare = replayed(SHIPPED).seconds
        few, many = replayed(folder / "recordings" / "short.rec.jsonl"), replayed(file)
        shown = f"a tape of {file.stat().st_size / 1e6:.0f} MB"
        yield Row("memory of its replay", 1_024, many.mebibytes, shown, unit="MiB", at_most=True)
        each, every = (few.seconds - bare) / short.sent * 1e6, (many.seconds - bare) / long.sent * 1e6
        shown = f"{short.sent:,} exchanges {each:.0f} µs each, {long.sent:,} {every:.0f} µs each"
        yield Row("replay, an exchange of the long tape / the short", 1.5, every / each, shown, unit="x", at_most=True)


def serve(arguments: list[str]) -> int:
    """`lab serve`, which says how many tasks it has whenever SIGUSR1 comes."""
    start = MockServer.start

    async def counted(server: MockServer, *given: Any, **named: Any) -> str:
        def tell() -> None:
            print(f"{TASKS}{len(asyncio.all_tasks())}", file=sys.stderr, flush=True)

        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
        return await start(server, *given, **named)

    MockServer.start = counted  # type: ignore[method-assign]
    return run_command(["serve", *arguments])


def main(arguments: list[str]) -> int:
    """1 if a goal was missed."""
    if arguments[:1] == [SERVE]:
        return serve(arguments[1:])
    seconds, missed = int(arguments[0]) if arguments else 900, []
    for row in rows(seconds):
        print(row.text(), flush=True)
        if not row.met:
            missed.append(row.what)
    print(f"soak of {seconds} s: {'failed: ' + '; '.join(missed) if missed else 'passed'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
