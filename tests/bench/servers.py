"""Servers to be measured, each in a process of its own: `python -m tests.bench.servers bare | full [JOBS] | fresh | lagging JOBS | ringed | counting | logging | sharing URL | recording FILE`."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial

from aiohttp import web
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.request_log import RequestLog
from lab.cli.serve.surroundings import look_around
from lab.clocks import SystemClock
from lab.core.exchange import Request
from lab.core.journal.shared import LogPlace, Synced
from lab.core.observe import Noted
from lab.jobs.facts import JobAccepted
from lab.mock.batches import BatchedService
from lab.mock.service import Service
from lab.server.bugs import Bugs
from lab.server.limits import ServerLimits
from lab.server.mock_server import MockServer
from lab.server.shared.batch_loop import BatchLoop, LabCalls
from lab.server.shared.lab_time import LabTime
from lab.stores.address import store_address
from lab.stores.redis_log import open_store
from tests.bench.mock import WAITING_AT, accepted, granted, invoke_request, service, status_path, waiting


def ready(port: int, path: str, token: str, jobs: list[str]) -> None:
    """Say where to call, and what to send: the bytes before the job's id, the ids, the bytes after."""
    after = f" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\r\n"
    print(port, flush=True)
    print(json.dumps([f"GET {path}", *jobs, after]), flush=True)


async def bare(mock: Service, token: str, job: str) -> None:
    """aiohttp's `json_response` of the same body, at the same path."""
    body = json.loads(mock.status_of(job, WAITING_AT) or b"")
    path = status_path(mock, job)

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body)

    app = web.Application()
    app.router.add_get(path, answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ready(runner.addresses[0][1], status_path(mock, ""), token, [job])


async def full(mock: Service, token: str, jobs: list[str]) -> MockServer:
    """The lab's own server."""
    server = MockServer(mock, SystemClock(WAITING_AT))
    origin = await server.start()
    ready(int(origin.rpartition(":")[2]), status_path(mock, ""), token, jobs)
    return server


async def sharing(url: str) -> MockServer:
    """The lab's own server in a process that shares its lab; the job was accepted by one before it."""
    store = await open_store(store_address(url), "bench")
    synced = await store.sync(LogPlace())
    assert isinstance(synced, Synced)

    def process(name: str, clock: SystemClock) -> LabCalls:
        time = LabTime(clock, synced.wall - clock.now())
        return LabCalls(BatchLoop(store, name), BatchedService(service().config), time)

    clock = SystemClock(WAITING_AT)
    first, second = process("first", SystemClock()), process("second", clock)
    await first.start()
    token = await first.run(partial(granted, first.service))
    job = await first.run(lambda now: accepted(first.service, invoke_request(first.service, token), now))
    await first.loop.stop()
    server = MockServer(second.service, clock, calls=second)
    origin = await server.start()
    ready(int(origin.rpartition(":")[2]), status_path(second.service, ""), token, [job])
    return server


def parked(mock: Service, request: Request, count: int) -> Iterator[str]:
    """Jobs put into the ledger as a long day would leave them there: by their facts, without their requests."""
    reported: list[JobAccepted] = []
    mock.observers.append(lambda each: reported.append(each.fact) if isinstance(each, Noted) else None)  # type: ignore[arg-type]
    accepted(mock, request)
    mock.observers.clear()
    fact = next(each for each in reported if isinstance(each, JobAccepted))
    for ordinal in range(2, count + 2):
        job = f"{ordinal:08x}-0000-4000-8000-{ordinal:012x}"
        mock.ledger.commit((replace(fact, job=job, ordinal=ordinal, conversation=job),))
        yield job


def logged(mock: Service) -> asyncio.Task[None]:
    """Log each request to nowhere, as `lab serve --log text` does to stderr."""
    log = RequestLog("text", Console(err=os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")))
    log.observe(mock)
    return asyncio.create_task(look_around([log.look], Bugs(mock, SystemClock())))


async def lag() -> None:
    """Note how late each tick of a millisecond comes; a line on stdin asks for them, and a pause begins anew."""
    loop = asyncio.get_running_loop()
    requested = loop.run_in_executor(None, sys.stdin.readline)
    late: list[float] = []
    while not requested.done():
        due = loop.time() + 0.001
        tick = loop.create_future()
        loop.call_at(due, tick.set_result, None)
        await tick
        late.append((loop.time() - due) * 1_000)
    print(json.dumps(late), flush=True)


async def fresh(accept: Callable[[], str]) -> None:
    """Accept as many jobs as a line on stdin says, and print their ids; again and again."""
    loop = asyncio.get_running_loop()
    while count := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        print(json.dumps([accept() for _ in range(int(count))]), flush=True)


async def serve(kind: str, arguments: list[str]) -> None:
    """Serve until killed."""
    mock, token, job = waiting()
    if kind == "sharing":
        assert await sharing(arguments[0])
    elif kind == "bare":
        await bare(mock, token, job)
    else:
        if kind == "recording":
            from tests.bench.taping import tape

            mock.observers.append(tape(mock, arguments[0]))
        if kind == "logging":
            kept_log = logged(mock)
            assert kept_log
        if kind in ("ringed", "counting"):
            from lab.server.control.journal import Buffer

            assert Buffer(mock, ServerLimits(exchanges=1_000))
        more = int(arguments[0]) - 1 if kind in ("full", "lagging") and arguments else 0
        invoke = invoke_request(mock, token)
        jobs = [
            job,
            *(parked(mock, invoke, more) if kind == "lagging" else (accepted(mock, invoke) for _ in range(more))),
        ]
        kept = await full(mock, token, jobs[:: max(1, len(jobs) // 10_000)])
        assert kept
        if kind == "counting":
            from lab.server.control.metrics import Meters

            assert Meters(kept).of
        if kind == "lagging":
            await lag()
        if kind == "fresh":
            await fresh(partial(accepted, mock, invoke))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2:]))
