"""What it costs that several processes share a lab: a poll over Redis, and one of two workers."""

import asyncio
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.load import Subject, hammer, server
from tests.bench.measure import Extent, Row
from tests.bench.shipped import waiting_job
from tests.stores.redis_server import PROGRAM, RedisServer

POLLS = 8_000


def shared_polls(extent: Extent) -> Iterable[Row]:
    """A full status poll by 32 connections: CPU of the server's process, with a ledger in memory and one in Redis."""
    if _no_store("status poll over a shared ledger"):
        return
    count = extent.of(4_000, 400)
    with RedisServer() as store, server("full") as memory, server("sharing", store.url) as sharing:
        base, poll = extent.interleaved(partial(memory.per_request, count), partial(sharing.per_request, count))
    shown = f"memory {base.median:.1f} µs, Redis {poll.median:.1f} µs CPU a poll; {_load()}"
    yield Row("status poll over a shared ledger / over memory", 0.5, base.median / poll.median, shown, poll.spread)


def workers(extent: Extent) -> Iterable[Row]:
    """What a full poll of `lab serve --workers 2` costs against one of one worker, by one client on the same cores."""
    if _no_store("CPU a poll of two workers"):
        return
    polls = extent.of(POLLS, 400)
    with TemporaryDirectory() as folder, RedisServer() as store:
        environment = {"LAB_LEDGER": store.url}

        def of(count: int) -> tuple[str, ...]:
            return "--log", "none", "--ledger-prefix", f"workers-{count}", "--workers", str(count)

        with (
            waiting_job(folder, *of(1), environment=environment) as one,
            waiting_job(folder, *of(2), environment=environment) as two,
        ):
            single, double = extent.interleaved(partial(_cpu, one, polls), partial(_cpu, two, polls))
    shown = f"one {single.median:.1f} µs, two {double.median:.1f} µs CPU a poll, all processes together; {_load()}"
    yield Row("CPU a poll of one worker / of two", 0.8, single.median / double.median, shown, double.spread)


def _no_store(what: str) -> bool:
    if PROGRAM is None:
        print(f"{what}: there is no redis-server (apt-get install redis-server)", flush=True)
    return PROGRAM is None


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


def _cpu(subject: Subject, polls: int) -> float:
    """Microseconds of CPU a poll: of the process that starts the workers, and of theirs."""
    begun = _used(subject.process.pid)
    asyncio.run(hammer(subject.port, subject.requests, polls))
    return (_used(subject.process.pid) - begun) / polls * 1e6


def _used(pid: int) -> float:
    """Seconds of CPU that a process and its children have used."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in (str(pid), *children)]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")
