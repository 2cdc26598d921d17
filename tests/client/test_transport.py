"""The outgoing door: where requests go, and what comes back untouched."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from lab.client.control import read_journal_line
from lab.client.transport import HttpTransport, PodTransport, TransportLost
from lab.core.errors import HostError, ProtocolError, UsageError
from lab.core.exchange import Request
from lab.core.version import __version__
from lab.recording.format.lines import Header
from lab.recording.redaction.writings import writings
from tests.conftest import each_row
from tests.steering import Steering

REPLY = (
    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nX-Two: a\r\nX-Two: b\r\nContent-Length: 2\r\n\r\nhi"
)


@dataclass
class Echo:
    """A server that keeps the heads it was sent, and gives one reply to all."""

    origin: str = ""
    heads: list[list[str]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head.decode().strip().split("\r\n"))
                writer.write(REPLY)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield echo
    server.close()
    await server.wait_closed()


async def test_paths_are_appended_to_the_base_and_the_token_url_is_taken_exactly(echo: Echo) -> None:
    transport = HttpTransport(f"{echo.origin}/pod%2Fone/", f"{echo.origin}/idcs/token")
    await transport.send("token", Request("POST", "/oauth2/v1/token"))
    await transport.send("status", Request("GET", "/api/a%20b/status", "q=%2F"))
    await transport.close()
    assert [head[0] for head in echo.heads] == [
        "POST /idcs/token HTTP/1.1", "GET /pod%2Fone/api/a%20b/status?q=%2F HTTP/1.1",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["@{host}/x", "a@{host}", "?a", "*"])
async def test_no_path_leads_to_another_host(echo: Echo, path: str) -> None:
    named = HttpTransport("http://127.0.0.1:1", "http://127.0.0.1:1/token")
    pod = PodTransport("http://127.0.0.1:1", "http://127.0.0.1:1")
    for route, transport in (("unknown", named), ("unknown", pod), ("token", pod)):
        with pytest.raises(TransportLost, match="unreadable"):
            await transport.send(route, Request("GET", path.format(host=echo.origin.partition("//")[2])))
    await named.close()
    await pod.close()
    assert echo.heads == []


async def test_a_control_plane_that_leads_elsewhere_is_none(echo: Echo) -> None:
    client = Steering(echo.origin, "t")
    for call in (client.journal(), anext(client.follow()), client.look("health")):
        with pytest.raises(ProtocolError, match="control plane"):
            await call
    await client.close()
    assert [head[0].split()[1] for head in echo.heads] == ["/_lab/journal", "/_lab/journal?follow=1", "/_lab/health"]


async def test_a_redirect_is_an_answer_and_headers_come_as_pairs(echo: Echo) -> None:
    transport = HttpTransport(echo.origin, f"{echo.origin}/token")
    got = await transport.send("status", Request("GET", "/x"))
    await transport.close()
    assert (got.status, got.body) == (307, b"hi")
    assert got.headers[:3] == (("location", "/elsewhere"), ("x-two", "a"), ("x-two", "b"))


@each_row("text", ["s3cr-et/é+x", "s3cr-et%2F%C3%A9%2Bx", "bWU6czNjci1ldC/DqSt4", "czNjci1ldC_DqSt4"])
async def test_a_server_that_repeats_the_clients_secret_is_heard_as_saying_dots(text: str) -> None:
    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        said = text.encode()
        writer.write(
            b"HTTP/1.1 400 No\r\nX-Said: a %s b\r\nContent-Length: %d\r\n\r\n<%s>" % (said, len(said) + 2, said)
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(repeat, "127.0.0.1", 0) as server:
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        transport = HttpTransport(origin, f"{origin}/token", writings("s3cr-et/é+x") | writings("me:s3cr-et/é+x"))
        got = await transport.send("token", Request("POST", "/token"))
        await transport.close()
    assert (got.status, got.body, got.headers[0]) == (400, b"<......>", ("x-said", "a ...... b"))


async def test_a_reset_on_a_kept_connection_is_seen_and_nothing_is_sent_twice() -> None:
    heads = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heads
        await reader.readuntil(b"\r\n\r\n")
        heads += 1
        writer.write(REPLY)
        await reader.readuntil(b"\r\n\r\n")
        heads += 1
        writer.transport.abort()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = HttpTransport(origin, f"{origin}/token")
    await transport.send("status", Request("GET", "/x"))
    with pytest.raises(TransportLost, match="reset"):
        await transport.send("status", Request("GET", "/x"))
    await transport.close()
    server.close()
    await server.wait_closed()
    assert heads == 2


async def test_no_header_tells_of_the_machine(echo: Echo) -> None:
    transport = HttpTransport(echo.origin, f"{echo.origin}/token")
    await transport.send("invoke", Request("POST", "/x", headers=(("authorization", "Bearer t"),), body=b"{}"))
    await transport.close()
    names = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in echo.heads[0][1:]}
    assert names.pop("host").startswith("127.0.0.1:")
    assert names == {
        "user-agent": f"invoke-async-lab/{__version__}", "accept": "*/*", "accept-encoding": "gzip, deflate",
        "authorization": "Bearer t", "content-length": "2",
    }  # fmt: skip


@each_row("url", ["", "pod.example", "ftp://x", "http://", "http://h/?a=b", "http://h/#f", "http://[::1"])
def test_a_base_that_is_no_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        HttpTransport(url, "http://127.0.0.1/token")


async def test_a_peer_that_is_not_there_is_refused_and_a_lab_that_is_not_there_is_named() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()
    transport, client = HttpTransport(origin, origin), Steering(origin, "t")
    with pytest.raises(TransportLost, match="refused"):
        await transport.send("status", Request("GET", "/x"))
    with pytest.raises(HostError, match="control plane"):
        await client.look("health")
    with pytest.raises(HostError, match="control plane"):
        await anext(client.follow())
    await transport.close()
    await client.close()


@each_row(
    "line",
    [
        b'{"k":"header","n":0,"t":0}', b'{"k":"end","n":1,"t":0}', b'{"k":"req","n":1}',
        b'{"k":"fact","n":1,"t":0,"type":"unheard.of"}', b'{"k":"fact","n":1,"t":0,"type":"job.status","job":"j"}',
        b'{"k":"res","n":1,"t":0,"x":1,"s":"200","h":[],"enc":"none"}',
        b'{"k":"req","n":1,"t":0,"x":1,"m":"GET","p":"/","h":[["a"]],"enc":"none"}',
        b'{"k":"req","n":1,"t":0,"x":1,"m":"GET","p":"/","h":[],"enc":"zip"}', b'{"k":"new","n":1,"t":0}',
    ],
)  # fmt: skip
def test_a_line_that_tells_nothing_is_nothing(line: bytes) -> None:
    found = read_journal_line(line)
    assert not found or isinstance(found, Header)
