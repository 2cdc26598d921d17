"""Each limit of the server as it is set: at it, and one past it (limits.md §2)."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from lab.clocks import ManualClock
from lab.core.exchange import json_bytes
from lab.dialects.router import ROUTER
from lab.server.control.plane import ControlPlane
from lab.server.limits import ServerLimits, limits_of
from lab.server.mock_server import MockServer
from tests.server.conftest import TEAM, Stage, bearer, make_service, request

SMALL = ServerLimits(line=400, headers=6, body=300, token_body=200, exchanges=2)


@pytest.fixture
def limits() -> ServerLimits:
    return SMALL


def padded(size: int) -> bytes:
    """A JSON body of exactly that size."""
    bare = json_bytes({"message": ""})
    return json_bytes({"message": "x" * (size - len(bare))})


JSON = ("content-type", "application/json")


@pytest.mark.parametrize(("size", "status"), [(300, 401), (301, 413)])
async def test_a_body(stage: Stage, size: int, status: int) -> None:
    peer = await stage.peer()
    got = await peer.ask(request("POST", ROUTER.path("invoke", code=TEAM), (JSON,), padded(size)))
    assert got.status == status


@pytest.mark.parametrize(("size", "status"), [(200, 401), (201, 413)])
async def test_a_body_at_the_token_endpoint(stage: Stage, size: int, status: int) -> None:
    form = ("content-type", "application/x-www-form-urlencoded")
    got = await (await stage.peer()).ask(request("POST", "/oauth2/v1/token", (form,), b"a=" + b"b" * (size - 2)))
    assert got.status == status


@pytest.mark.parametrize(("more", "status"), [(0, 404), (1, 400)])
async def test_a_request_line(stage: Stage, more: int, status: int) -> None:
    # aiohttp counts the target, not the whole line
    line = "GET /" + "x" * (SMALL.line - 1 + more)
    got = await (await stage.peer()).ask(f"{line} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert got.status in ((status,) if status == 404 else (400, 414, 431))


@pytest.mark.parametrize(("more", "status"), [(0, 401), (1, 400)])
async def test_header_lines(stage: Stage, more: int, status: int) -> None:
    # Host is one of them
    headers = tuple((f"x-{n}", "1") for n in range(SMALL.headers - 1 + more))
    got = await (await stage.peer()).ask(request("GET", ROUTER.path("status", code=TEAM, job="j"), headers))
    assert got.status in ((status,) if status == 401 else (400, 431))


async def test_exchanges_in_memory(stage: Stage) -> None:
    control = ControlPlane(stage.server, "t")
    await control.start()
    try:
        for _ in range(3):
            await (await stage.peer()).ask(request("GET", ROUTER.path("status", code=TEAM, job="j"), (bearer("x"),)))
        kept = [each for each in control._buffer.observations() if type(each).__name__ == "Requested"]
    finally:
        await control.stop()
    assert [each.x for each in kept] == [2, 3]


@pytest.fixture
async def plane() -> AsyncIterator[str]:
    server = MockServer(make_service(), ManualClock(), SMALL)
    await server.start()
    control = ControlPlane(server, "t")
    yield await control.start()
    await control.stop()
    await server.stop(100)


@pytest.mark.parametrize(("size", "status"), [(300, 400), (301, 413)])
async def test_a_body_at_the_control_plane(plane: str, size: int, status: int) -> None:
    port = plane.rpartition(":")[2]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    body = padded(size)
    head = f"POST /_lab/clock HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer t\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    got = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert int(got.split(b" ")[1]) == status


def test_a_time_is_given_in_milliseconds_and_kept_in_seconds() -> None:
    assert limits_of({"idle": 1_500, "jobs": 3}) == ServerLimits(idle=1.5, jobs=3)


def test_the_table_is_what_json_can_say() -> None:
    assert json.loads(json.dumps({name: getattr(SMALL, name) for name in ServerLimits.__slots__}))["line"] == 400
