"""Rows about whole programs: how long they take to start, to start again, and to end."""

import json
import resource
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from lab.core.journal.fact import Fact
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.recording.format.journal_lines import facts_line, read_journal, sealed
from tests.bench.load import ROOT
from tests.bench.measure import Extent, Row
from tests.bench.mock import accepted, granted, invoke_request, service
from tests.bench.shipped import serving, without_latency
from tests.terminal import Terminal

PATIENCE = 60
"""Seconds for one program that ends by itself, or for one answer."""
LONG_RUN = 300
"""Seconds for one that has as many jobs to go through as a day brings."""


def help_(extent: Extent) -> Iterable[Row]:
    """`lab --help`: CPU from start to end, which unlike the wall doesn't move with the neighbours."""
    bare, lab = extent.interleaved(_starting("-c", "import argparse"), _starting("-m", "lab", "--help"))
    shown = f"CPU; python with argparse alone {bare.median:.0f} ms"
    yield Row("lab --help", 36, lab.median, shown, lab.spread, unit="ms", at_most=True)


def _starting(*arguments: str) -> Callable[[], float]:
    def start() -> float:
        begun = _children()
        command = [sys.executable, *arguments]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True, timeout=PATIENCE)
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


def first_answer(extent: Extent) -> Iterable[Row]:
    """CPU of `lab serve` from its start to the first 200, a token, against that of bare aiohttp."""
    with TemporaryDirectory() as folder:
        lab_serve = ("-m", "lab", "serve", str(without_latency(folder)), "--json", "--port", "0")
        bare, lab = extent.interleaved(_answering("-c", BARE), _answering(*lab_serve))
    shown = f"lab {lab.median:.0f} ms, bare aiohttp {bare.median:.0f} ms CPU"
    ratio = lab.median / bare.median
    yield Row("lab serve to the first 200 / bare aiohttp", 1.35, ratio, shown, lab.spread, unit="x", at_most=True)


def _answering(*arguments: str) -> Callable[[], float]:
    def answer() -> float:
        begun = _children()
        with subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                _grant(json.loads(process.stdout.readline())["token_url"])
            finally:
                process.kill()
        return (_children() - begun) * 1_000

    return answer


def _grant(url: str) -> None:
    login = b64encode(f"{DEMO.id}:{DEMO.secret}".encode()).decode()
    form = urlencode({"grant_type": "client_credentials", "scope": api_scope("acme-test")}).encode()
    with urlopen(Request(url, data=form, headers={"Authorization": f"Basic {login}"}), timeout=PATIENCE) as got:
        assert got.status == 200


MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("\\n".join(["Begin" + "." * 100] * 20))
Minimal().run()
"""


def first_paint(extent: Extent) -> Iterable[Row]:
    """The screen at 120x36, from start to the first frame with its keys, against a minimal Textual app."""
    minimal, lab = extent.interleaved(_painting("-c", MINIMAL), _painting("-m", "lab", "demo"))
    shown = f"lab demo {lab.median:.0f} ms, minimal Textual app {minimal.median:.0f} ms"
    ratio = lab.median / minimal.median
    yield Row("TUI, first paint / a minimal Textual app", 1.8, ratio, shown, lab.spread, unit="x", at_most=True)


def _painting(*arguments: str) -> Callable[[], float]:
    def paint() -> float:
        with Terminal([sys.executable, *arguments]) as terminal:
            return terminal.until(lambda seen: "Begin" in seen.text)

    return paint


def restart(extent: Extent) -> Iterable[Row]:
    """`lab serve --journal` that takes up a lab of many jobs, from its start to the first 200."""
    jobs = extent.of(100_000, 500)
    with TemporaryDirectory() as folder:
        journal = Path(folder, "lab.journal.jsonl")
        with serving(folder, "--journal", str(journal)):
            pass
        _accept(jobs, journal)

        def again() -> float:
            begun = time.perf_counter()
            with serving(folder, "--journal", str(journal)) as (_, lab):
                _grant(lab["token_url"])
                return time.perf_counter() - begun

        (lab,) = extent.interleaved(again, rounds=2)
    shown = "wall, to the first 200"
    yield Row(f"restart from a journal of {jobs:,} jobs", 2, lab.median, shown, lab.spread, unit="s", at_most=True)


def _accept(jobs: int, journal: Path) -> None:
    """Let a journal that has begun tell of so many jobs: what they are is drawn, so a mock of the same seed makes them."""
    mock, begun = service(), read_journal(journal.read_bytes(), journal.name)
    check = begun.check
    with journal.open("ab") as file:

        def write(facts: Sequence[Fact]) -> None:
            nonlocal check
            line, check = sealed(facts_line(facts), check)
            file.write(line)

        mock.journals.append(write)
        request = invoke_request(mock, granted(mock))
        for _ in range(jobs):
            accepted(mock, request)


def simulation(extent: Extent) -> Iterable[Row]:
    """`lab simulate`, from start to end, in its one process."""
    jobs = extent.of(100_000, 500)
    command = [sys.executable, "-m", "lab", "simulate", "item-comparison", "--jobs", str(jobs), "--seed", "1", "--json"]

    def simulate() -> float:
        begun = time.perf_counter()
        nowhere = subprocess.DEVNULL
        subprocess.run(command, cwd=ROOT, stdout=nowhere, stderr=nowhere, check=True, timeout=LONG_RUN)
        return time.perf_counter() - begun

    (lab,) = extent.interleaved(simulate, rounds=2)
    yield Row(f"lab simulate, {jobs:,} jobs", 12, lab.median, "wall", lab.spread, unit="s", at_most=True)
