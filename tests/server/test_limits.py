"""Each limit of the server as it is set: at it, and one past it (limits.md §2)."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from lab.clocks import ManualClock
from lab.core.exchange import Request, Response, json_bytes
from lab.core.journal.fact import ClockAdvanced
from lab.core.observe import Noted, Replied, Requested
from lab.dialects.router import ROUTER
from lab.jobs.facts import GateDecided
from lab.jobs.gates import Origin
from lab.program.words import Verdict
from lab.recording.redaction.redactor import Redactor
from lab.recording.tape.header import recording_header
from lab.server.backlog import SHORT, Kept, weight
from lab.server.control.journal import Buffer, Subscriber
from lab.server.control.plane import ControlPlane
from lab.server.limits import LONG_BODY, ServerLimits, limits_of
from lab.server.mock_server import MockServer
from tests.conftest import each_row
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
        kept = requests_in(control.usual.buffer)
    finally:
        await control.stop()
    assert [each.x for each in kept] == [2, 3]


def requests_in(ring: Buffer) -> list[Requested]:
    return [each.observation for each in ring.exchanges() if isinstance(each.observation, Requested)]


def exchanged(x: int, body: bytes, status: int) -> tuple[Requested, Replied]:
    """An exchange whose request weighs as many bytes as its body, and whose reply weighs none."""
    return Requested(0, x, "invoke", Request("", "", "", (), body)), Replied(0, x, Response(status))


@each_row(("more", "kept"), [(0, [1, 2]), (1, [2])])
def test_bytes_of_exchanges_in_memory(more: int, kept: list[int]) -> None:
    service = make_service()
    ring = Buffer(service, ServerLimits(exchange_bytes=20_000))
    for each in (*exchanged(1, b"a" * (10_000 + more), 202), *exchanged(2, b"b" * 10_000, 202)):
        service.tell(each)
    assert [each.x for each in requests_in(ring)] == kept
    assert len(ring.exchanges()) == 2 * len(kept)


def test_of_an_exchange_that_has_left_nothing_is_kept() -> None:
    service = make_service()
    ring = Buffer(service, ServerLimits(exchanges=1))
    (first, answer), (second, _) = exchanged(1, b"", 202), exchanged(2, b"", 202)
    noted = Noted(0, ClockAdvanced(at=0, by="control", origin=0))
    for each in (first, second, answer, Noted(0, ClockAdvanced(at=0, by="control", origin=0), 1), noted):
        service.tell(each)
    assert [each.observation for each in ring.exchanges()] == [second, noted]


@each_row(
    ("size", "status", "whole"),
    [(SHORT, 401, True), (SHORT + 1, 401, False), (SHORT + 1, 399, True), (SHORT + 1, 400, False)],
)
def test_a_long_body_is_not_kept_once_its_call_is_refused(size: int, status: int, whole: bool) -> None:
    service = make_service()
    ring = Buffer(service, ServerLimits(exchange_bytes=2 * size))
    for x in range(1, 50):
        for each in exchanged(x, b"a" * size, status):
            service.tell(each)
    requests = requests_in(ring)
    assert (requests[-1].request.body == b"a" * size) is whole
    # what was left out makes room for others
    assert len(requests) == (2 if whole else 49)


@each_row(
    "observation",
    [
        Requested(0, 1, "unknown", Request("", "", "", (), b"a" * (SHORT + 1))),
        Requested(0, 1, "unknown", Request("", "", "", (("a", "b"),) * 25, b"")),
        Replied(0, 1, Response(200, (), b"a" * (SHORT + 1))),
    ],
)
def test_nothing_large_waits_to_be_counted(observation: Requested | Replied) -> None:
    service = make_service()
    ring = Buffer(service, ServerLimits())
    small = Requested(0, 1, "unknown", Request("", "", "", (("a", "b"),) * 24, b"a" * SHORT))
    service.tell(small)
    assert not ring.bytes
    service.tell(observation)
    assert ring.bytes == weight(small) + weight(observation)


def test_headers_count_too() -> None:
    service = make_service()
    ring = Buffer(service, ServerLimits(exchange_bytes=9_999))
    for x in (1, 2):
        service.tell(Requested(0, x, "unknown", Request("", "", "", (("a", "b" * 4_999),), b"")))
    assert [each.x for each in requests_in(ring)] == [2]


async def test_a_journal_of_which_hopelessly_much_is_to_be_written_is_given_up() -> None:
    service, clock = make_service(), ManualClock()
    header = recording_header(service.config, lab="0")
    large = bytes(11_000_000)
    # what has happened already is no fault of the follower's
    past = map(Kept.just, (*exchanged(1, large, 202), *exchanged(2, large, 202)))
    subscriber = Subscriber(service, clock, header, past)
    for x in range(3, 9):
        for each in exchanged(x, large, 202):
            subscriber.take([Kept.just(each)])
    assert not subscriber.overrun
    subscriber.take([Kept.just(exchanged(9, large, 202)[0])])
    assert subscriber.overrun


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


async def test_who_looks_at_long_bodies_holds_nobody_up() -> None:
    service = make_service()
    header = recording_header(service.config, lab="0")
    past = [Kept.just(each) for x in range(1, 21) for each in exchanged(x, b"a" * 20_000, 202)]
    pieces = [lines async for lines in Subscriber(service, ManualClock(), header, past).so_far()]
    assert [line for lines in pieces for line in lines if b'"req"' in line] and max(map(len, pieces)) <= 3
    assert sum(map(len, pieces)) == 41


async def test_whoever_looks_has_long_bodies_redacted_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    flat = Redactor.flat

    def noted(redactor: Redactor, text: str) -> str:
        if len(text) > LONG_BODY:
            threads.append(threading.get_ident())
        return flat(redactor, text)

    monkeypatch.setattr(Redactor, "flat", noted)
    service, text = make_service(), "a" * (LONG_BODY + 1)
    decided = GateDecided(at=0, job="j", gate="g", verdict=Verdict.CHANGES, by=Origin.API, comment=text)
    # one that is said again is remembered
    requested, replied = exchanged(1, b"b" + text.encode(), 202)
    past = [
        Kept.just(each)
        for each in (
            requested,
            Noted(0, decided, 1),
            replace(replied, response=Response(200, (), b"c" + text.encode())),
        )
    ]
    subscriber = Subscriber(service, ManualClock(), recording_header(service.config, lab="0"), past)
    lines = [line async for lines in subscriber.so_far() for line in lines]
    assert len(lines) == len(threads) == 3 and threading.get_ident() not in threads
