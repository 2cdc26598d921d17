"""Recordings to be replayed: shipped ones, long ones, and the same exchanges over loopback."""

import json
import time

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from lab.core.exchange import Request
from lab.core.observe import Replied
from lab.core.version import __version__
from lab.jobs.program import Program
from lab.mock.service import Service
from lab.recording.format.lines import Recording, Req
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.bench.mock import invoke_request, service, status_request, token_request


async def over_loopback(polls: int) -> float:
    """Seconds for the same exchanges asked of the same mock by aiohttp's TestClient, over loopback, and compared."""
    mock = service()

    async def answer(request: web.Request) -> web.Response:
        head = tuple((name.lower(), value) for name, value in request.headers.items())
        requested = Request(request.method, request.path, request.query_string, head, await request.read())
        reply = mock.serve(requested, now).response
        return web.Response(status=reply.status, body=reply.body, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestClient(TestServer(app)) as client:

        async def ask(request: Request) -> dict[str, object]:
            async with client.request(
                request.method, request.path, data=request.body or None, headers=request.headers
            ) as got:
                body: dict[str, object] = await got.json()
            return body

        now = 0
        token = str((await ask(token_request()))["access_token"])
        job = str((await ask(invoke_request(mock, token)))["jobId"])
        begun = time.perf_counter()
        for poll in range(polls):
            now = poll * 100
            body = await ask(status_request(mock, token, job))
            assert body == json.loads(mock.status_of(job, now) or b"")
        return time.perf_counter() - begun


def long_recording(polls: int) -> tuple[Recording, tuple[Program, ...]]:
    """One job, polled so often."""
    lines: list[bytes] = []
    mock = service()
    tape = Tape(mock, lines.append, recording_header(mock.config, lab=__version__))
    mock.observers.append(tape)
    token = str(exchanged(mock, token_request(), 0)["access_token"])
    job = str(exchanged(mock, invoke_request(mock, token), 0)["jobId"])
    for poll in range(polls):
        exchanged(mock, status_request(mock, token, job), poll * 100)
    tape.close(polls * 100)
    return read(b"".join(lines)), mock.config.scenarios


def exchanged(mock: Service, request: Request, now: int) -> dict[str, object]:
    """The body of a reply that is told to have left at once."""
    reply = mock.serve(request, now)
    mock.tell(Replied(now, reply.x, reply.response, reply.latency))
    body: dict[str, object] = json.loads(reply.response.body)
    return body


def replaying(recorded: tuple[Recording, tuple[Program, ...]], times: int) -> float:
    """Microseconds an exchange."""
    recording, scenarios = recorded
    begun = time.process_time_ns()
    for _ in range(times):
        assert replay(recording, scenarios).passed
    exchanges = sum(isinstance(line, Req) for line in recording.lines)
    return (time.process_time_ns() - begun) / times / exchanges / 1_000
