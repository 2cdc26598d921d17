"""The rows of the table, each a function that measures and returns rows."""

import asyncio
import gc
import json
import resource
import subprocess
import sys
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.recording.format.lines import Req
from lab.recording.replay.replay import replay
from tests.bench.load import server
from tests.bench.measure import Row, interleaved
from tests.bench.mock import accepted, granted, invoke_request, service
from tests.bench.replaying import long_recording, over_loopback, replaying
from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
MANY = 100_000
TOKEN_LATENCY = "token: 120ms"
"""In item-comparison: time that passes on purpose is no time that a start takes."""
SEEN = 10_000
"""Jobs that a round polls once each, the same in every round."""


def polls() -> Iterable[Row]:
    """A full status poll against a constant: CPU of the server's process per request."""
    with (
        TemporaryDirectory() as folder,
        server("bare") as bare,
        server("full") as full,
        server("recording", f"{folder}/bench.rec.jsonl") as recording,
        server("logging") as logging,
        server("ringed") as ringed,
        server("counting") as counting,
    ):
        subjects = (each.per_request for each in (bare, full, recording, logging, ringed, counting))
        base, poll, taped, logged, kept, counted = interleaved(*subjects)
    us = f"bare {base.median:.1f} µs, lab {poll.median:.1f} µs, recording {taped.median:.1f} µs, "
    us += f"logging {logged.median:.1f} µs, keeping {kept.median:.1f} µs, counting {counted.median:.1f} µs"
    yield Row("status poll / bare json_response of the same body", 0.72, base.median / poll.median, us, poll.spread)
    yield Row("the same while recording", 0.64, base.median / taped.median, us, taped.spread)
    yield Row("status poll / the same with a line logged", 0.75, poll.median / logged.median, us, logged.spread)
    yield Row("status poll kept for the journal / counted too", 0.9, kept.median / counted.median, us, counted.spread)


def live_job() -> Iterable[Row]:
    """What a live job keeps in memory, by tracemalloc."""
    count = 20_000
    mock = service()
    request = invoke_request(mock, granted(mock))
    for _ in range(100):
        accepted(mock, request)
    gc.collect()
    tracemalloc.start()
    for _ in range(count):
        accepted(mock, request)
    gc.collect()
    size = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()
    yield Row("memory of a live job", 512, size, f"{count:,} jobs", unit="B", at_most=True)


def many_jobs() -> Iterable[Row]:
    """The rate of polls at 100,000 jobs against the rate at one; each job was looked at before in its span."""
    with server("full", "1") as one, server("full", str(MANY)) as many:
        single, among = interleaved(partial(one.per_request, SEEN), partial(many.per_request, SEEN))
    shown = f"one {single.median:.1f} µs, {MANY:,} {among.median:.1f} µs CPU a poll"
    yield Row(f"poll rate at {MANY:,} live jobs / at one", 0.90, single.median / among.median, shown, among.spread)


def help_() -> Iterable[Row]:
    """`lab --help`: CPU from start to end, which unlike the wall doesn't move with the neighbours."""
    bare, lab = interleaved(_starting("-c", "import argparse"), _starting("-m", "lab", "--help"))
    shown = f"CPU; python with argparse alone {bare.median:.0f} ms"
    yield Row("lab --help", 60, lab.median, shown, lab.spread, unit="ms", at_most=True)


def _starting(*arguments: str) -> Callable[[], float]:
    def start() -> float:
        begun = _children()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        return (_children() - begun) * 1_000

    return start


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


BARE = """
import asyncio
from aiohttp import web
async def main():
    async def answer(request):
        return web.json_response({})
    app = web.Application()
    app.router.add_route("*", "/oauth2/v1/token", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print('{"token_url":"http://127.0.0.1:%d/oauth2/v1/token"}' % runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def first_answer() -> Iterable[Row]:
    """`lab serve` from its start to the first 200, a token, against bare aiohttp; without the latency that is scripted."""
    with TemporaryDirectory() as folder:
        text = (ROOT / "scenarios/item-comparison.yaml").read_text()
        assert text.count(TOKEN_LATENCY) == 1
        scenario = Path(folder, "item-comparison.yaml")
        scenario.write_text(text.replace(TOKEN_LATENCY, "token: 0ms"))
        lab_serve = ("-m", "lab", "serve", str(scenario), "--json", "--port", "0")
        bare, lab = interleaved(_answering("-c", BARE), _answering(*lab_serve))
    shown = f"bare aiohttp {bare.median:.0f} ms"
    yield Row("lab serve to the first 200", 300, lab.median, shown, lab.spread, unit="ms", at_most=True)
    yield Row("the same / bare aiohttp", 2.0, lab.median / bare.median, shown, lab.spread, unit="x", at_most=True)


def _answering(*arguments: str) -> Callable[[], float]:
    login = b64encode(f"{DEMO.id}:{DEMO.secret}".encode()).decode()
    form = urlencode({"grant_type": "client_credentials", "scope": api_scope("acme-test")}).encode()

    def answer() -> float:
        begun = time.perf_counter()
        with subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                url = json.loads(process.stdout.readline())["token_url"]
                request = Request(url, data=form, headers={"Authorization": f"Basic {login}"})
                with urlopen(request) as got:
                    assert got.status == 200
                return (time.perf_counter() - begun) * 1_000
            finally:
                process.kill()

    return answer


MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("\\n".join(["Begin" + "." * 100] * 20))
Minimal().run()
"""


def first_paint() -> Iterable[Row]:
    """The screen at 120x36, from start to the first frame with its keys, against a minimal Textual app."""
    minimal, lab = interleaved(_painting("-c", MINIMAL), _painting("-m", "lab", "demo"))
    shown = f"minimal Textual app {minimal.median:.0f} ms"
    yield Row("TUI, start to first paint", 350, lab.median, shown, lab.spread, unit="ms", at_most=True)
    ratio = lab.median / minimal.median
    yield Row("the same / a minimal Textual app", 2.0, ratio, shown, lab.spread, unit="x", at_most=True)


def _painting(*arguments: str) -> Callable[[], float]:
    def paint() -> float:
        with Terminal([sys.executable, *arguments]) as terminal:
            return terminal.until(lambda seen: "Begin" in seen.text)

    return paint


def replays() -> Iterable[Row]:
    """Replay in memory against the same exchanges over loopback, with aiohttp's client and our server."""
    recording, scenarios = long_recording(500)
    exchanges = sum(isinstance(line, Req) for line in recording.lines)

    def evaluated() -> float:
        begun = time.perf_counter()
        assert replay(recording, scenarios).passed
        return (time.perf_counter() - begun) / exchanges * 1e6

    def called() -> float:
        return asyncio.run(over_loopback(500)) / 500 * 1e6

    memory, loopback = interleaved(evaluated, called)
    shown = f"replay {memory.median:.0f} µs an exchange, TestClient {loopback.median:.0f} µs"
    yield Row("replay in memory / over loopback", 5, loopback.median / memory.median, shown, memory.spread, unit="x")


def growing() -> Iterable[Row]:
    """The cost of an exchange in a long recording against a short one."""
    short, long = long_recording(50), long_recording(5_000)
    few, many = interleaved(partial(replaying, short, 20), partial(replaying, long, 1))
    shown = f"50 exchanges {few.median:.0f} µs each, 5,000 {many.median:.0f} µs each"
    yield Row("replay, an exchange of 5,000 / of 50", 1.2, many.median / few.median, shown, many.spread, at_most=True)
