"""What a server may send without an end or a bottom: our clients stop reading, and say why."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from lab.app.effects import App, Received, Send, Silence, Wait, Woke
from lab.app.run import run
from lab.client import transport as outgoing
from lab.client.control import ControlClient, read_journal_line
from lab.client.transport import HttpTransport, TransportLost
from lab.core.errors import ProtocolError
from lab.core.exchange import Request, Response, retry_after
from lab.core.jsontext import whole
from lab.recording.format.lines import LONGEST_LINE
from tests.conftest import each_row

CHUNK = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
MOST = 1_048_576
"""Bytes that are read of an answer, here."""


def packed(size: int) -> bytes:
    """A gzip bomb of that many bytes."""
    body = gzip.compress(b"x" * size, 1)
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def endless(kind: str, piece: bytes) -> Iterator[bytes]:
    yield f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    while True:
        yield piece


def document(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@asynccontextmanager
async def sending(pieces: Callable[[], Iterator[bytes]]) -> AsyncIterator[str]:
    """A server that answers everything with these, for as long as they are taken; its origin."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces():
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


@pytest.mark.parametrize(
    "pieces",
    [lambda: endless("text/plain", CHUNK), lambda: iter((packed(MOST + 1),)), lambda: iter((packed(50 * MOST),))],
)
async def test_an_answer_is_read_so_far_and_no_further(
    monkeypatch: pytest.MonkeyPatch, pieces: Callable[[], Iterator[bytes]]
) -> None:
    monkeypatch.setattr(outgoing, "LARGEST_ANSWER", MOST)
    async with sending(pieces) as origin:
        transport, client = HttpTransport(origin, origin), ControlClient(origin, "t")
        with pytest.raises(TransportLost, match="too-large"):
            await transport.send("status", Request("GET", "/x"))
        with pytest.raises(ProtocolError, match="larger than 32 MiB"):
            await client.lab()
        await transport.close()
        await client.close()


async def test_an_answer_of_just_that_size_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "LARGEST_ANSWER", MOST)
    async with sending(lambda: iter((packed(MOST),))) as origin:
        transport = HttpTransport(origin, origin)
        assert len((await transport.send("status", Request("GET", "/x"))).body) == MOST
        await transport.close()


@each_row("body", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5_000, b'{"clock":{"now":1e400}}'])
async def test_what_is_no_answer_of_a_lab_is_said(body: bytes) -> None:
    async with sending(lambda: iter((document(body),))) as origin:
        client = ControlClient(origin, "t")
        with pytest.raises(ProtocolError, match="no control plane of a lab"):
            await client.lab()
        await client.close()


async def test_a_line_without_an_end_is_not_followed() -> None:
    async with sending(lambda: endless("text/event-stream", CHUNK)) as origin:
        client = ControlClient(origin, "t")
        with pytest.raises(ProtocolError, match="longer than"):
            await anext(client.follow())
        await client.close()


@each_row(
    "line",
    [
        b"", b"{", b"[]", b"x" * LONGEST_LINE, b'{"k":"res","body":' + b"[" * 100_000,
        b'{"k":"res","n":1,"t":0,"x":1,"s":200,"h":[],"enc":"json","body":' + b"[" * 900 + b"]" * 900 + b"}",
    ],
    ids=len,
)  # fmt: skip
def test_a_line_that_can_not_be_read_is_said(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="too long, too deep, or no JSON"):
        read_journal_line(line)


DAY = 86_400_000


@each_row(
    ("headers", "pause"),
    [
        ((("retry-after", "9" * 5_000),), DAY),
        ((("retry-after", "0" * 19 + "2"),), DAY),
        ((("retry-after", "0" * 18 + "2"),), 2_000),
        ((("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"), ("date", "Thu, 01 Jan 1970 00:00:00 GMT")), DAY),
        ((("retry-after", "Thu, 01 Jan 1970 00:00:02 -0000"), ("date", "Thu, 01 Jan 1970 00:00:00 GMT")), None),
        ((("retry-after", "Thu, 01 Jan 99999999999 00:00:02 GMT"), ("date", "Thu, 01 Jan 1970 00:00:00 GMT")), None),
    ],
)
def test_no_server_makes_its_client_wait_for_more_than_a_day(
    headers: tuple[tuple[str, str], ...], pause: int | None
) -> None:
    assert retry_after(Response(429, headers)) == pause


@each_row(("number", "found"), [(1e400, None), (-1e400, None), (float("nan"), None), (2.0, 2), (2.5, None)])
def test_infinity_is_no_whole_number(number: float, found: int | None) -> None:
    assert whole(number) == found


def test_the_outcome_says_what_was_too_large() -> None:
    story = run(App("TEAM", "hi", "demo", "s", "x"), 0)
    effect = next(story)
    while True:
        try:
            match effect:
                case Send("token"):
                    effect = story.send(Received(0, Response(200, (), b'{"access_token":"t","expires_in":3600}')))
                case Send():
                    effect = story.send(Silence(0, "too-large"))
                case Wait(until):
                    effect = story.send(Woke(until))
        except StopIteration as end:
            why = end.value.why
            break
    assert why.startswith("The answer is larger than 32 MiB") and "A job may have begun" in why
