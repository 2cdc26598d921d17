"""How long a client's polls wait beside messages of 1 MiB that are recorded, and beside a bare server that is sent the same.

    python -m tests.recording.waits [ROUNDS]

prints for each server, in turn, the waits' median, p99 and maximum in milliseconds, and how much CPU time the longest turn
of its loop took while the messages were there, and the longest step in one (a callback, a task's way to its next `await`):
these don't depend on what else the machine does. A client polls every 5 ms; after half a second three others send a message
of 1 MiB each, at once.
"""

import asyncio
import json
import re
import runpy
import socket
import subprocess
import sys
from asyncio.base_events import BaseEventLoop
from asyncio.events import Handle
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.synchronize import Event, Semaphore
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep, thread_time
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from tests.recording.joined import SCENARIO

PATH = "/api/fusion-ai/orchestrator/agent/v2/EXPENSES"
PERIOD = 0.005
WORDS = 'Please have a look at order 4711 of the 3rd: it\'s 12 boxes, "fragile", key=value, för Jürgen. '
MESSAGE = json.dumps({"message": WORDS * (1_000_000 // len(WORDS.encode()))}, ensure_ascii=False).encode()
_WHOLE = 2.0
"""Seconds of a round."""
_KEPT = 0.001
"""Seconds of CPU time: shorter turns aren't written down."""


def said(method: str, path: str, bearer: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """A request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {bearer}\r\n"
    return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Caller:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._rest = b""

    def ask(self, request: bytes) -> bytes:
        """The body of the answer."""
        self._wire.sendall(request)
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._wire.recv(65_536)
        head, _, rest = self._rest.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self._wire.recv(65_536)
        self._rest = rest[length:]
        return rest[:length]


def send(port: int, bearer: str, ready: Semaphore, go: Event) -> None:
    """Send a message once it is time, in a process of its own."""
    caller = Caller(port)
    ready.release()
    go.wait()
    caller.ask(said("POST", f"{PATH}/invokeAsync", bearer, MESSAGE))


def round_of(port: int) -> tuple[list[float], float]:
    """The waits of the polls from when the messages were sent, in milliseconds, and when that was."""
    basic = f"Basic {b64encode(f'{DEMO.id}:{DEMO.secret}'.encode()).decode()}"
    caller, form = Caller(port), f"grant_type=client_credentials&scope={api_scope('acme-test')}".encode()
    kind = "application/x-www-form-urlencoded"
    token = json.loads(caller.ask(said("POST", "/oauth2/v1/token", basic, form, kind)))["access_token"]
    bearer = f"Bearer {token}"
    job = json.loads(caller.ask(said("POST", f"{PATH}/invokeAsync", bearer, b'{"message": "Taxi"}')))["jobId"]
    poll = said("GET", f"{PATH}/status/{job}", bearer)
    context = get_context("fork")
    ready, go = context.Semaphore(0), context.Event()
    senders = [context.Process(target=send, args=(port, bearer, ready, go)) for _ in range(3)]
    for sender in senders:
        sender.start()
    for _ in senders:
        ready.acquire()
    waits, begun, sent = list[float](), perf_counter(), 0.0
    while perf_counter() < begun + _WHOLE:
        if not sent and perf_counter() > begun + _WHOLE / 4:
            sent = perf_counter()
            go.set()
        before = perf_counter()
        caller.ask(poll)
        if sent:
            waits.append(1000 * (perf_counter() - before))
        sleep(max(0.0, PERIOD - (perf_counter() - before)))
    for sender in senders:
        sender.join()
    return waits, sent


def watch(path: str, *command: str) -> None:
    """Be a command, and write down how long turns of its loop and steps in them took, and when they ended."""
    with Path(path).open("w", buffering=1) as file:

        def watched(kind: str, run: Callable[..., None]) -> Callable[..., None]:
            def timed(*given: Any) -> None:
                before = thread_time()
                run(*given)
                if (took := thread_time() - before) > _KEPT:
                    file.write(f"{kind} {perf_counter()} {took}\n")

            return timed

        # neither is public; aiohttp and the lab are told nothing of it
        BaseEventLoop._run_once = watched("turn", BaseEventLoop._run_once)  # type: ignore[attr-defined]
        Handle._run = watched("step", Handle._run)  # type: ignore[method-assign]
        sys.argv = [*command]
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)


def longest(path: Path, kind: str, spans: list[tuple[float, float]]) -> float:
    """Milliseconds of CPU time of the longest that ended within one of these spans."""
    lines = (line.split() for line in path.read_text().splitlines())
    took = (
        float(took)
        for word, end, took in lines
        if word == kind and any(begin < float(end) < over for begin, over in spans)
    )
    return 1000 * max(took, default=0.0)


async def bare() -> None:
    """aiohttp with answers like the lab's; the JSON that it is sent is read."""

    async def token(request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t" * 800})

    async def invoke(request: web.Request) -> web.Response:
        await request.json()
        return web.json_response({"jobId": "0" * 36, "status": "RUNNING"}, status=202)

    async def status(request: web.Request) -> web.Response:
        return web.json_response({"jobId": "0" * 36, "status": "RUNNING", "output": None})

    app = web.Application(client_max_size=1 << 21)
    app.router.add_post("/oauth2/v1/token", token)
    app.router.add_post(f"{PATH}/invokeAsync", invoke)
    app.router.add_get(PATH + "/status/{job}", status)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


@contextmanager
def running(turns: Path, *command: str) -> Iterator[str]:
    """A server whose turns are written down; the first origin that it says."""
    whole = [sys.executable, "-m", "tests.recording.waits", "watch", str(turns), *command]
    with subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "http://127.0.0.1" in line)
            yield next(word for word in line.split() if word.startswith("http://")).rstrip(".,")
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)


def main(rounds: int = 5) -> None:
    """Ask each in turn, so often."""
    found: dict[str, list[float]] = {}
    spans: dict[str, list[tuple[float, float]]] = {}
    with TemporaryDirectory() as folder, ExitStack() as stack:
        scenario = Path(folder) / "expense-approval.yaml"
        scenario.write_text(re.sub("latency: .*", "latency: {token: 0ms, invoke: 0ms, status: 0ms}", SCENARIO))
        serve = ("lab", "serve", str(scenario), "--port", "0", "--control-port", "0")
        commands: dict[str, tuple[str, ...]] = {
            "bare": ("tests.recording.waits", "bare"),
            "lab": serve,
            "lab, recording": (*serve, "--record", f"{folder}/a.rec.jsonl"),
            "capture": ("lab", "capture", "--pod", "", "--port", "0", f"{folder}/b.rec.jsonl"),
        }
        origins: dict[str, str] = {}
        for name, command in commands.items():
            known = (origins["bare"] if word == "" else word for word in command)
            origins[name] = stack.enter_context(running(Path(folder) / f"{name}.turns", *known))
        for _ in range(rounds):
            for name, origin in origins.items():
                waits, sent = round_of(urlsplit(origin).port or 0)
                found.setdefault(name, []).extend(waits)
                spans.setdefault(name, []).append((sent, perf_counter()))
        for name, waits in found.items():
            waits.sort()
            figures = ", ".join(
                f"{each} {waits[place]:.1f}"
                for each, place in (("median", len(waits) // 2), ("p99", len(waits) * 99 // 100), ("max", -1))
            )
            turn, step = (longest(Path(folder) / f"{name}.turns", kind, spans[name]) for kind in ("turn", "step"))
            cpu = f"CPU of a turn {turn:.1f}, of a step {step:.1f}"
            sys.stdout.write(f"{name}: {len(waits)} polls, ms: {figures}; {cpu}\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["bare"]:
        asyncio.run(bare())
    elif sys.argv[1:2] == ["watch"]:
        watch(*sys.argv[2:])
    else:
        main(*map(int, sys.argv[1:]))
