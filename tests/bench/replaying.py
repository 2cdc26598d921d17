"""Recordings to be replayed: shipped ones, long ones, and the same exchanges over loopback."""

import json
import time
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from lab import __version__
from lab.core.exchange import Request
from lab.core.observe import Replied
from lab.core.plan import Outline
from lab.core.service import Service
from lab.files import load_scenario
from lab.recording.header import header_of
from lab.recording.lines import Recording, Req, Res
from lab.recording.reader import read
from lab.recording.replay import replay
from lab.recording.tape import Tape
from tests.bench.mock import invoke_request, service, status_request, token_request

ROOT = Path(__file__).parents[2]


def recorded(name: str) -> tuple[Recording, tuple[Outline, ...]]:
    """A shipped recording and its scenario."""
    data = (ROOT / "recordings" / f"{name}.rec.jsonl").read_bytes()
    return read(data, name), (load_scenario(name, ROOT / "scenarios"),)


async def over_loopback(recording: Recording, _outlines: tuple[Outline, ...]) -> float:
    """Seconds for the recorded exchanges, asked by aiohttp's TestClient of a server that has the answers ready."""
    replies = {line.x: line for line in recording.lines if isinstance(line, Res)}
    requests = [line for line in recording.lines if isinstance(line, Req)]
    ahead = iter(requests)

    async def answer(_request: web.Request) -> web.Response:
        reply = replies[next(ahead).x]
        return web.json_response(reply.body.value, status=reply.status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestClient(TestServer(app)) as client:
        begun = time.perf_counter()
        for request in requests:
            body = None if request.body.value is None else json.dumps(request.body.value).encode()
            async with client.request(request.method, request.path, data=body) as got:
                await got.json()
        return time.perf_counter() - begun


def long_recording(polls: int) -> tuple[Recording, tuple[Outline, ...]]:
    """One job, polled so often."""
    lines: list[bytes] = []
    mock = service()
    clients = [(client.id, client.secret) for client in mock.config.clients]
    tape = Tape(mock, lines.append, header_of(mock.config, lab=__version__), clients=clients)
    mock.observers.append(tape)
    token = str(exchanged(mock, token_request(), 0)["access_token"])
    job = str(exchanged(mock, invoke_request(mock, token), 0)["jobId"])
    for poll in range(polls):
        exchanged(mock, status_request(mock, token, job), poll * 100)
    tape.close(polls * 100)
    return read(b"".join(lines)), mock.config.outlines


def exchanged(mock: Service, request: Request, now: int) -> dict[str, object]:
    """The body of a reply that is told to have left at once."""
    reply = mock.serve(request, now)
    mock.tell(Replied(now, reply.x, reply.response, reply.held))
    body: dict[str, object] = json.loads(reply.response.body)
    return body


def replaying(recorded: tuple[Recording, tuple[Outline, ...]], times: int) -> float:
    """Microseconds an exchange."""
    recording, outlines = recorded
    begun = time.process_time_ns()
    for _ in range(times):
        assert replay(recording, outlines).passed
    exchanges = sum(isinstance(line, Req) for line in recording.lines)
    return (time.process_time_ns() - begun) / times / exchanges / 1_000
