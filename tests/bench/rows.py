"""The rows of the table, each a function that measures and returns rows."""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Iterable
from functools import partial
from tempfile import TemporaryDirectory

from lab.recording.format.lines import Req
from lab.recording.replay.replay import replay
from tests.bench.load import CONNECTIONS, server
from tests.bench.measure import Extent, Row
from tests.bench.mock import accepted, granted, invoke_request, service
from tests.bench.replaying import long_recording, over_loopback, replaying
from tests.bench.shipped import waiting_job

MANY = 100_000
SEEN = 10_000
"""Jobs that a round polls once each, the same in every round."""


def polls(extent: Extent) -> Iterable[Row]:
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
        servers, count = (bare, full, recording, logging, ringed, counting), extent.of(4_000, 400)
        subjects = (partial(each.per_request, count) for each in servers)
        base, poll, taped, logged, kept, counted = extent.interleaved(*subjects)
    us = f"bare {base.median:.1f} µs, lab {poll.median:.1f} µs, recording {taped.median:.1f} µs, "
    us += f"logging {logged.median:.1f} µs, keeping {kept.median:.1f} µs, counting {counted.median:.1f} µs"
    yield Row("status poll / bare json_response of the same body", 1.15, base.median / poll.median, us, poll.spread)
    yield Row("the same while recording", 0.90, base.median / taped.median, us, taped.spread)
    yield Row("status poll / the same with a line logged", 0.90, poll.median / logged.median, us, logged.spread)
    yield Row("status poll / the same kept for the journal", 0.90, poll.median / kept.median, us, kept.spread)
    yield Row("status poll / the same kept and counted", 0.90, poll.median / counted.median, us, counted.spread)


def shipped(extent: Extent) -> Iterable[Row]:
    """A poll of `lab serve` with whatever it keeps and counts, by one connection and by many, against a constant."""
    count = extent.of(4_000, 400)
    with TemporaryDirectory() as folder, server("bare") as bare, waiting_job(folder) as lab:
        for connections in (1, CONNECTIONS):
            base, poll = extent.interleaved(
                partial(bare.per_request, count, connections), partial(lab.per_request, count, connections)
            )
            us = f"bare {base.median:.1f} µs, lab {poll.median:.1f} µs CPU a poll"
            what = f"lab serve / bare json_response, {connections} at once"
            yield Row(what, 1.0, base.median / poll.median, us, poll.spread)


def live_job(extent: Extent) -> Iterable[Row]:
    """What a live job keeps in memory, by tracemalloc."""
    count = extent.of(20_000, 500)
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
    yield Row("memory of a live job", 440, size, f"{count:,} jobs", unit="B", at_most=True)


def many_jobs(extent: Extent) -> Iterable[Row]:
    """The rate of polls at 100,000 jobs against the rate at one; each job was looked at before in its span."""
    jobs, seen = extent.of(MANY, 500), extent.of(SEEN, 500)
    with server("full", "1") as one, server("full", str(jobs)) as many:
        single, among = extent.interleaved(partial(one.per_request, seen), partial(many.per_request, seen))
    shown = f"one {single.median:.1f} µs, {jobs:,} {among.median:.1f} µs CPU a poll"
    yield Row(f"poll rate at {jobs:,} live jobs / at one", 0.92, single.median / among.median, shown, among.spread)


def replays(extent: Extent) -> Iterable[Row]:
    """Replay in memory against the same exchanges over loopback, with aiohttp's client and our server."""
    polls = extent.of(500, 50)
    recording, scenarios = long_recording(polls)
    exchanges = sum(isinstance(line, Req) for line in recording.lines)

    def evaluated() -> float:
        begun = time.perf_counter()
        assert replay(recording, scenarios).passed
        return (time.perf_counter() - begun) / exchanges * 1e6

    def called() -> float:
        return asyncio.run(over_loopback(polls)) / polls * 1e6

    memory, loopback = extent.interleaved(evaluated, called)
    shown = f"replay {memory.median:.0f} µs an exchange, TestClient {loopback.median:.0f} µs"
    yield Row("replay in memory / over loopback", 15, loopback.median / memory.median, shown, memory.spread, unit="x")


def growing(extent: Extent) -> Iterable[Row]:
    """The cost of an exchange in a long recording against a short one."""
    short, long = long_recording(50), long_recording(length := extent.of(5_000, 500))
    few, many = extent.interleaved(partial(replaying, short, 20), partial(replaying, long, 1))
    shown = f"50 exchanges {few.median:.0f} µs each, {length:,} {many.median:.0f} µs each"
    yield Row(
        f"replay, an exchange of {length:,} / of 50", 0.6, many.median / few.median, shown, many.spread, at_most=True
    )
