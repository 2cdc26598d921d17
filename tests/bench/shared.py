"""What it costs that several processes share a lab: a poll over Redis, and the rate of one and of two workers."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.dialects.router import ROUTER
from tests.bench.load import ROOT, hammer, server
from tests.bench.measure import Row, interleaved
from tests.cli.test_shared_processes import CONTROL, TEAM, call
from tests.stores.redis_server import RedisServer

POLLS = 8_000
ASK = {"message": "Compare M1000034 of org IMO and M1000035 of org IMO", "conversational": True}


def shared_polls() -> Iterable[Row]:
    """A full status poll by 32 connections: CPU of the server's process, with a ledger in memory and one in Redis."""
    with RedisServer() as store, server("full") as memory, server("sharing", store.url) as sharing:
        base, poll = interleaved(memory.per_request, sharing.per_request)
    shown = f"memory {base.median:.1f} µs, Redis {poll.median:.1f} µs CPU a poll; {_load()}"
    yield Row("status poll over a shared ledger / over memory", 0.35, base.median / poll.median, shown, poll.spread)


def workers() -> Iterable[Row]:
    """The rate of full polls of `lab serve --workers 2` against that of one worker, by one client on the same cores."""
    with TemporaryDirectory() as folder, RedisServer() as store:
        text = (ROOT / "scenarios/item-comparison.yaml").read_text()
        plain, removed = re.subn(r"(?m)^latency:\n(?:[ #].*\n)+", "", text)
        assert removed == 1
        Path(folder, "item-comparison.yaml").write_text(plain)
        with _polled(folder, store.url, 1) as one, _polled(folder, store.url, 2) as two:
            single, double = interleaved(one, two)
    shown = f"one {1e6 / single.median:,.0f}, two {1e6 / double.median:,.0f} polls a second; {_load()}"
    yield Row("poll rate of two workers / of one", 1.0, single.median / double.median, shown, double.spread)


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


@contextmanager
def _polled(folder: str, url: str, count: int) -> Iterator[Callable[[], float]]:
    """Workers, and what polls them: real microseconds a poll."""
    ask = [sys.executable, "-m", "lab", "serve", "item-comparison", "--scenarios", folder, "--port", "0", "--json"]
    ask += ["--log", "none", "--clock", "manual", "--reviewer", "person", "--ledger-prefix", f"workers-{count}"]
    environment = {**os.environ, "LAB_LEDGER": url, "LAB_CONTROL_TOKEN": CONTROL}
    with subprocess.Popen(
        [*ask, "--workers", str(count)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield partial(_real, *_waiting_job(json.loads(process.stdout.readline())))
        finally:
            process.terminate()


def _waiting_job(lab: dict[str, str]) -> tuple[int, list[bytes]]:
    login = "Basic " + b64encode(f"{lab['client_id']}:{lab['client_secret']}".encode()).decode()
    granted = call(lab["token_url"], login, form=f"grant_type=client_credentials&scope={lab['scope']}")
    bearer = f"Bearer {granted['access_token']}"
    job = str(call(lab["base_url"] + ROUTER.path("invoke", code=TEAM), bearer, ASK)["jobId"])
    call(f"{lab['control_url']}/_lab/clock", f"Bearer {CONTROL}", {"job": job, "until": "WAITING"})
    path = ROUTER.path("status", code=TEAM, job=job)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {bearer}\r\n\r\n"
    return int(lab["base_url"].rpartition(":")[2]), [request.encode()]


def _real(port: int, requests: list[bytes]) -> float:
    begun = time.perf_counter()
    asyncio.run(hammer(port, requests, POLLS))
    return (time.perf_counter() - begun) / POLLS * 1e6
