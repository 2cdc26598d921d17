"""What aiohttp and asyncio don't document is there, and does what the server needs; nothing else of the server uses such."""

import ast
import asyncio
import inspect
import re
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod

import lab.server.library_internals as internals
from lab.clocks import breathe, settle
from lab.server.connection import Connection
from lab.server.library_internals import HttpProtocol, RawRequest, Sent, TlsProtocol, raw_message, unsent
from lab.server.tls import throwaway
from tests.conftest import each_row

SERVER = Path(internals.__file__).parent
GET = b"GET /a HTTP/1.1\r\nhost: lab\r\n\r\n"
HALF = b"POST /b HTTP/1.1\r\nhost: lab\r\ncontent-length: 9\r\n\r\nhalf"
GARBAGE = b"\x00\x01 nothing\r\n\r\n"


class Pipe(asyncio.Transport):
    """A transport to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: Any) -> None:
        raise AssertionError(f"aiohttp wrote {data!r}")


class Protocol(HttpProtocol):
    """It, and what aiohttp calls it for."""

    def __init__(self, manager: Any, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self.idle = asyncio.Event()
        self.errors: list[tuple[int, BaseException | None]] = []
        self.finished: list[object] = []

    def idled(self) -> None:
        self.idle.set()

    def handle_error(self, request: Any, status: int = 500, exc: Any = None, message: str | None = None) -> Any:
        self.errors.append((status, exc))
        return Sent(keep_alive=False)

    async def finish_response(self, request: Any, resp: Any, start_time: float | None) -> Any:
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.finished.append(resp)


def connected(exchange: Callable[[Any], Awaitable[object]] | None = None, **settings: Any) -> Protocol:
    """A connection, whose requests `exchange` answers; without one nobody does."""

    async def unanswered(_: Any) -> object:
        return await asyncio.get_running_loop().create_future()

    manager = web.Server(exchange or unanswered, request_factory=RawRequest)  # type: ignore[arg-type]
    protocol = Protocol(manager, loop=asyncio.get_running_loop(), access_log=None, **settings)
    protocol.connection_made(Pipe())
    return protocol


async def test_requests_are_counted_and_wait_in_order_until_they_are_taken_up() -> None:
    protocol = connected()
    await settle()
    protocol.data_received(GET + HALF)
    assert protocol.parsed == len(protocol.waiting) == 2
    assert [message.path for message, _ in protocol.waiting] == ["/a", "/b"]
    assert not protocol.waiting[-1][1].is_eof()
    assert not protocol.latest_refused
    await settle()
    assert (protocol.parsed, len(protocol.waiting)) == (2, 1)


async def test_half_a_head_is_no_request_and_nothing_given_gives_nothing() -> None:
    protocol = connected()
    for part in (GET[:-1], b"", b"\n"):
        assert protocol.parsed == 0
        protocol.data_received(part)
    assert protocol.parsed == 1


async def test_what_the_parser_refuses_waits_as_a_request_that_handle_error_answers() -> None:
    protocol = connected()
    await settle()
    assert not protocol.latest_refused
    protocol.data_received(GARBAGE)
    assert protocol.latest_refused
    assert protocol.parsed == 1
    await settle()
    ((status, fault),) = protocol.errors
    assert status == 400
    assert isinstance(fault, BadHttpMethod)
    assert not protocol.latest_refused


async def test_a_bug_while_a_request_is_served_is_answered_by_handle_error_too() -> None:
    bug = ZeroDivisionError()

    async def broken(_: Any) -> object:
        raise bug

    protocol = connected(broken)
    await settle()
    protocol.data_received(GET)
    await settle()
    assert protocol.errors == [(500, bug)]


async def test_a_request_is_ours_and_what_was_sent_already_is_finished_without_a_byte() -> None:
    taken: list[Any] = []

    async def answered(incoming: Any) -> object:
        taken.append(incoming)
        return Sent(keep_alive=len(taken) < 2)

    protocol = connected(answered)
    pipe = protocol.transport
    await settle()
    protocol.data_received(GET)
    await settle()
    assert [type(each) for each in taken] == [RawRequest]
    assert (taken[0].message.path, taken[0].protocol, taken[0].writer.output_size) == ("/a", protocol, 0)
    assert len(protocol.finished) == 1
    assert not pipe.is_closing()
    protocol.data_received(GET)
    await settle()
    assert pipe.is_closing()


async def test_the_request_under_way_is_told_that_its_peer_has_gone() -> None:
    faults: list[BaseException] = []

    async def reading(incoming: Any) -> object:
        try:
            return await incoming.payload.read()
        except ConnectionResetError as fault:
            faults.append(fault)
            raise

    protocol = connected(reading)
    await settle()
    protocol.data_received(HALF)
    await settle()
    gone = ConnectionResetError()
    protocol.connection_lost(gone)
    await settle()
    assert faults == [gone]


@each_row("how", ["close", "force_close"])
async def test_a_connection_says_whether_it_takes_another_request(how: str) -> None:
    protocol = connected()
    await settle()
    assert not protocol.ends
    getattr(protocol, how)()
    assert protocol.ends


async def test_writing_waits_for_a_peer_that_reads() -> None:
    protocol = connected()
    await protocol.wait_until_writable()
    protocol.pause_writing()
    assert protocol.writing_paused
    waits = asyncio.ensure_future(protocol.wait_until_writable())
    await settle()
    assert not waits.done()
    protocol.resume_writing()
    await waits


async def test_a_peer_that_resets_ends_the_wait() -> None:
    protocol = connected()
    protocol.pause_writing()
    waits = asyncio.ensure_future(protocol.wait_until_writable())
    await settle()
    protocol.connection_lost(ConnectionResetError())
    with pytest.raises(ConnectionError):
        await waits


async def test_a_connection_that_is_idle_after_a_request_is_closed_and_said_to_be_idle() -> None:
    async def answered(_: Any) -> object:
        return Sent(keep_alive=True)

    protocol = connected(answered, keepalive_timeout=0.001)
    pipe = protocol.transport
    await settle()
    protocol.data_received(GET)
    async with asyncio.timeout(5):
        await protocol.idle.wait()
    assert pipe.is_closing()
    protocol = connected(answered, keepalive_timeout=0.001)
    await settle()
    protocol.data_received(GET)
    await settle()
    protocol.force_close()
    while protocol._keepalive_handle is not None:
        await breathe()
    assert not protocol.idle.is_set()  # somebody else had closed it


async def test_aiohttps_own_request_gives_its_message() -> None:
    found: list[Any] = []

    async def looked(request: web.BaseRequest) -> object:
        found.append(raw_message(request))
        return Sent(keep_alive=True)

    protocol = Protocol(web.Server(looked), loop=asyncio.get_running_loop(), access_log=None)  # type: ignore[arg-type]
    protocol.connection_made(Pipe())
    await settle()
    protocol.data_received(GET)
    await settle()
    assert [(each.method, each.path, each.raw_headers) for each in found] == [("GET", "/a", ((b"host", b"lab"),))]


class Below(Pipe):
    """What a TLS protocol writes into; some of it isn't taken yet."""

    sent = b""

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def writelines(self, parts: Any) -> None:
        self.sent += b"".join(parts)

    def get_write_buffer_size(self) -> int:
        return len(self.sent)

    def get_protocol(self) -> asyncio.BaseProtocol:
        raise NotImplementedError


async def test_tls_closes_at_once_and_counts_what_is_encrypted() -> None:
    authority, loop = throwaway(), asyncio.get_running_loop()
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    ends = [
        TlsProtocol(loop, asyncio.Protocol(), context, loop.create_future(), server_side=server, server_hostname=name)
        for context, server, name in ((authority.context, True, None), (trusting, False, "localhost"))
    ]
    wires = [Below(), Below()]
    for end, wire in zip(ends, wires, strict=True):
        end.connection_made(wire)

    def carry() -> None:
        while any(wire.sent for wire in wires):
            for wire, other in zip(wires, reversed(ends), strict=True):
                data, wire.sent = wire.sent, b""
                for byte_at in range(0, len(data), TlsProtocol.max_size):
                    part = data[byte_at : byte_at + TlsProtocol.max_size]
                    room = other.get_buffer(len(part))
                    assert len(room) == 32_768
                    room[: len(part)] = part
                    other.buffer_updated(len(part))

    carry()
    await settle()
    transport = ends[0]._get_app_transport()
    transport.write(b"x" * 100)
    assert unsent(transport) > 100
    assert unsent(transport) == transport.get_write_buffer_size() + len(wires[0].sent)
    carry()
    assert unsent(transport) == 0
    assert unsent(wires[0]) == 0
    transport.close()
    await settle()
    assert wires[0].sent, "it says that it closes"
    assert wires[0].closed
    for end in ends:
        end.connection_lost(None)


def test_nothing_else_of_the_server_uses_private_members_of_libraries() -> None:
    own = Path(internals.__file__)
    for file in SERVER.rglob("*.py"):
        if file == own:
            continue
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("aiohttp", "asyncio")):
                assert not [each.name for each in node.names if each.name.startswith("_")], file
                assert node.module not in ("aiohttp.web_protocol", "asyncio.sslproto"), file
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                assert isinstance(node.value, ast.Name), (file, node.lineno)
                assert node.value.id == "self", (file, node.lineno)
    for library, member in ((web.RequestHandler, "_messages"), (SSLProtocol, "_do_shutdown")):
        assert member in undocumented(library)
        for kind in subclasses(library):
            if kind.__module__.startswith("lab.") and kind.__module__ != internals.__name__:
                used = set(re.findall(r"self\.(_\w+)", inspect.getsource(kind)))
                assert not used & undocumented(library), kind
    assert Connection in subclasses(web.RequestHandler)


def undocumented(kind: type) -> set[str]:
    """The private names of a class and those it is made of."""
    texts = (inspect.getsource(each) for each in kind.__mro__ if each.__module__ not in ("builtins", "typing"))
    return {name for text in texts for name in re.findall(r"(?:self\.|def )(_[a-z]\w*)", text)}


def subclasses(kind: type) -> set[type]:
    """All that are made of it."""
    return {each for direct in kind.__subclasses__() for each in (direct, *subclasses(direct))}
