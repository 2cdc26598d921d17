"""The rows of the table, each a function that measures and returns rows."""

import gc
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.load import server
from tests.bench.measure import Row, interleaved
from tests.bench.mock import accepted, granted, invoke_request, service

ROOT = Path(__file__).parents[2]
MANY = 100_000
SEEN = 10_000
"""Jobs that a round polls once each, the same in every round."""


def polls() -> Iterable[Row]:
    """A full status poll against a constant: CPU of the server's process per request."""
    with (
        TemporaryDirectory() as folder,
        server("bare") as bare,
        server("full") as full,
        server("recording", f"{folder}/bench.rec.jsonl") as recording,
    ):
        base, poll, taped = interleaved(bare.per_request, full.per_request, recording.per_request)
    us = f"bare {base.median:.1f} µs, lab {poll.median:.1f} µs, recording {taped.median:.1f} µs"
    yield Row("status poll / bare json_response of the same body", 0.72, base.median / poll.median, us, poll.spread)
    yield Row("the same while recording", 0.64, base.median / taped.median, us, taped.spread)


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
    """`lab --help`, from start to end."""
    bare, lab = interleaved(_starting("-c", "import argparse"), _starting("-m", "lab", "--help"))
    shown = f"python with argparse alone {bare.median:.0f} ms"
    yield Row("lab --help", 60, lab.median, shown, lab.spread, unit="ms", at_most=True)


def _starting(*arguments: str) -> Callable[[], float]:
    def start() -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        return (time.perf_counter() - begun) * 1_000

    return start
