"""A long day: two labs, 200 requests a second each, `python -m tests.bench.soak [SECONDS, else 900]`.

One records. The other is left alone, and each of its clients logs in again and again in every way; jobs and logins are
forgotten within a minute. Memory has to level off, no answer may be a 5xx, and with the last client all descriptors and
tasks are gone; the tape has to replay in bounded memory, an exchange for what it costs in a short tape. Prints a row
each, then a verdict in one line, and ends with 1 if one was missed.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import jwt

from lab.cli.main import run_command
from lab.clocks import SystemClock, wall_second
from lab.identity import records
from lab.identity.clients import DEMO, JANE, Grant
from lab.identity.endpoints import device_code
from lab.identity.keys import private_key
from lab.identity.testkey import CLIENT_KEY_ID, CLIENT_PRIVATE_PEM
from lab.server.mock_server import MockServer
from tests.bench.measure import Row
from tests.bench.parked import descriptors, resident

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "recordings" / "anomaly-flag.rec.jsonl"
RATE = 200
CLIENTS = 40
SERVE = "--serve"
TASKS = "tasks: "
CLIENT_KEY = private_key(CLIENT_PRIVATE_PEM)
SHORT = 30
"""Seconds of the tape that the long one is compared with."""
SCENARIO = """\
lab: 1
name: soak
title: A day
agent: {code: SOAK, version: 1}
ask: Go on
retention: 20s
token: {lifetime: 1m}
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
    records: bool = False
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
def lab(folder: Path, name: str | None) -> Iterator[Lab]:
    """A lab that records into the folder; None: one that doesn't, and keeps what it must."""
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
        *(() if name is None else ("--record", name)),
    )
    with subprocess.Popen(
        command, cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Lab(process, json.loads(process.stdout.readline()), records=name is not None)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


class Client:
    """A connection of its own: jobs, each polled to its end; some calls that are refused between. For ten jobs a token,
    or for each one a login in every way, where nothing is recorded: a tape has to know every secret as long as it runs."""

    def __init__(self, lab: Lab, clock: SystemClock, number: int) -> None:
        self.lab, self.clock, self.number = lab, clock, number
        self.due = number * 1_000 // RATE
        self.bearer = ""

    async def play(self, until: int) -> None:
        port = int(self.lab.start["base_url"].rpartition(":")[2])
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        every = (self._password, self._assertion, self._code, self._device, self._credentials)
        turn = 0
        while self.due < until:
            for login in every if not self.lab.records else (self._credentials,) if turn % 10 == 0 else ():
                got = await login(turn)
                self.bearer = f"Bearer {got['access_token']}"
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

    async def _credentials(self, turn: int) -> dict[str, Any]:
        return await self._token("client_credentials")

    async def _password(self, turn: int) -> dict[str, Any]:
        stay = f"{self.lab.start['scope']} offline_access"
        got = await self._token("password", username=JANE.name, password=JANE.password, scope=stay)
        return await self._token("refresh_token", refresh_token=got["refresh_token"])

    async def _assertion(self, turn: int) -> dict[str, Any]:
        now = wall_second()
        claims = {"iss": DEMO.id, "sub": JANE.name, "aud": "oauth.idm.oracle.com", "iat": now, "exp": now + 20}
        signed = jwt.encode({**claims, "jti": f"{self.number}/{turn}"}, CLIENT_KEY, "RS256", {"kid": CLIENT_KEY_ID})
        return await self._token(str(Grant.ASSERTION), assertion=signed)

    async def _code(self, turn: int) -> dict[str, Any]:
        (redirect,) = DEMO.redirects
        query = {
            "response_type": "code",
            "client_id": DEMO.id,
            "redirect_uri": redirect,
            "scope": self.lab.start["scope"],
        }
        await self._ask("GET", f"/oauth2/v1/authorize?{urlencode(query)}")
        code = self.location.partition("code=")[2].partition("&")[0]
        return await self._token("authorization_code", code=code, redirect_uri=redirect)

    async def _device(self, turn: int) -> dict[str, Any]:
        client = {"client_id": DEMO.id, "client_secret": DEMO.secret}
        self.bearer = ""
        request = {**client, "scope": self.lab.start["scope"], "response_type": "device_code"}
        given = await self._form("/oauth2/v1/device", request)
        # nobody answers within the ten seconds: the device gives up, and logs in as a client
        await self._form(
            "/oauth2/v1/token", {**client, "grant_type": Grant.DEVICE, "device_code": given["device_code"]}
        )
        return await self._credentials(turn)

    async def _token(self, grant: str, **fields: str) -> dict[str, Any]:
        start = self.lab.start
        self.bearer = "Basic " + b64encode(f"{start['client_id']}:{start['client_secret']}".encode()).decode()
        return await self._form("/oauth2/v1/token", {"grant_type": grant, "scope": start["scope"], **fields})

    async def _form(self, path: str, fields: Mapping[str, str]) -> dict[str, Any]:
        return await self._ask("POST", path, urlencode(fields).encode(), "application/x-www-form-urlencoded")

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
        self.location = answer.partition(b"location: ")[2].partition(b"\r\n")[0].decode()
        found: dict[str, Any] = json.loads(await self.reader.readexactly(length) or b"{}")
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


async def _both(one: Lab, other: Lab, seconds: int) -> None:
    await asyncio.gather(soak(one, seconds), soak(other, seconds))


def _levelling(lab: Lab, what: str, goal: float) -> Row:
    """How much more memory there is at the end than at half time."""
    size = len(lab.resident)
    shown = "MiB after each sixth: " + " ".join(f"{lab.resident[size * n // 6 - 1]:.0f}" for n in range(1, 7))
    shown += f"; {lab.resident[0]:.0f} at the start, {lab.sent:,} requests"
    return Row(what, goal, lab.resident[-1] / lab.resident[size // 2], shown, unit="x", at_most=True)


def rows(seconds: int) -> Iterator[Row]:
    """Soak, then replay."""
    with TemporaryDirectory() as created:
        folder = Path(created)
        with lab(folder, "short") as short:
            asyncio.run(soak(short, SHORT))
        with lab(folder, "long") as long, lab(folder, None) as alone:
            asyncio.run(_both(long, alone, seconds))
        yield _levelling(alone, "memory at the end / at half time", 1.05)
        yield _levelling(long, "the same while recording", 1.1)
        broken, shown = long.broken + alone.broken, f"{(long.sent + alone.sent) / seconds:.0f} requests a second"
        yield Row("answers with 5xx", 0, broken, shown, at_most=True)
        for what, left in zip(("descriptors", "tasks"), zip(long.left, alone.left, strict=True), strict=True):
            yield Row(f"{what} left over", 0, max(0, *left), "once all clients had gone", at_most=True)
        file = folder / "recordings" / "long.rec.jsonl"
        bare = replayed(SHIPPED).seconds
        few, many = replayed(folder / "recordings" / "short.rec.jsonl"), replayed(file)
        shown = f"a tape of {file.stat().st_size / 1e6:.0f} MB"
        yield Row("memory of its replay", 1_024, many.mebibytes, shown, unit="MiB", at_most=True)
        each, every = (few.seconds - bare) / short.sent * 1e6, (many.seconds - bare) / long.sent * 1e6
        shown = f"{short.sent:,} exchanges {each:.0f} µs each, {long.sent:,} {every:.0f} µs each"
        yield Row("replay, an exchange of the long tape / the short", 1.5, every / each, shown, unit="x", at_most=True)


def serve(arguments: list[str]) -> int:
    """`lab serve`, which says how many tasks it has whenever SIGUSR1 comes; what it knows of a login for hours and days
    is forgotten within a minute, or it would take days to see that memory levels off."""
    records.EXPIRED_FOR, records.REFRESH_LIFETIME, device_code.DEVICE_LIFETIME = 5_000, 60_000, 20_000
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
