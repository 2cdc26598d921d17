"""The proxy of a capture: what passes is what was said, byte for byte and piece by piece, and what is told is that."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from lab.client.pod_client import PodClient
from lab.clocks import SystemClock, settle
from lab.core.journal.shell import TapeNoted
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.core.upstream import UpstreamRequest
from lab.server.connection import reset
from lab.server.fair_shares import BodyQueue
from lab.server.limits import LONG_BODY
from lab.server.pod_proxy import PodOrigins, PodProxy, passed_on
from tests.conftest import each_row
from tests.server.conftest import Peer

Script = Callable[["Pod", asyncio.StreamWriter], Awaitable[None]]


class Pod:
    """A server that answers with the bytes that a test gives it."""

    def __init__(self) -> None:
        self.script: Script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.requests: list[tuple[bytes, bytes]] = []
        """Head and body of each request."""
        self.goes_on = asyncio.Event()
        self.left = asyncio.Event()
        """A client has closed its connection."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                self.requests.append((head, await reader.readexactly(int(length or 0))))
                answer = asyncio.ensure_future(self.script(self, writer))
                while not answer.done() and not reader.at_eof():
                    await asyncio.wait((answer,), timeout=0.005)
                if not answer.done():  # the client has left
                    answer.cancel()
                await answer
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self.left.set()
            writer.close()


def answering(*pieces: bytes) -> Script:
    """Sends the pieces, the later ones once the test lets it."""

    async def script(pod: Pod, writer: asyncio.StreamWriter) -> None:
        for place, piece in enumerate(pieces):
            if place:
                await pod.goes_on.wait()
            writer.write(piece)
            await writer.drain()

    return script


def ending(piece: bytes, *, by_reset: bool) -> Script:
    async def script(pod: Pod, writer: asyncio.StreamWriter) -> None:
        writer.write(piece)
        await writer.drain()
        if by_reset:
            await pod.goes_on.wait()
            reset(writer.transport)
        writer.close()

    return script


@dataclass
class Stage:
    """A client, the proxy, and a pod."""

    pod: Pod
    proxy: PodProxy
    port: int
    origin: str
    peers: list[Peer] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    async def peer(self) -> Peer:
        self.peers.append(Peer(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.peers[-1]

    async def ask(self, method: str = "GET", path: str = "/a", *headers: str, body: bytes = b"") -> bytes:
        """The whole answer to one request, for a client that closes."""
        peer = await self.peer()
        length = (f"Content-Length: {len(body)}",) if body else ()
        lines = (f"{method} {path} HTTP/1.1", "Host: me", "Connection: close", *length, *headers, "", "")
        await peer.send("\r\n".join(lines).encode() + body)
        return await peer.rest()

    async def replied(self) -> Replied:
        """What was told of the last answer, once it was."""
        async with asyncio.timeout(5):
            while not (found := [each for each in self.observations if isinstance(each, Replied)]):
                await asyncio.wait((asyncio.ensure_future(asyncio.Event().wait()),), timeout=0.005)
        return found[-1]

    @property
    def requested(self) -> Requested:
        return [each for each in self.observations if isinstance(each, Requested)][-1]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    pod = Pod()
    server = await asyncio.start_server(pod, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    notes: list[str] = []
    proxy = PodProxy(SystemClock(), 1_800_000_000, PodOrigins(origin, origin), PodClient, notes.append)
    own = await proxy.start()
    created = Stage(pod, proxy, int(own.rpartition(":")[2]), origin, notes=notes)
    proxy.observers.append(created.observations.append)
    yield created
    pod.goes_on.set()
    for peer in created.peers:
        await peer.close()
    await proxy.stop(0)
    server.close()


async def test_a_request_goes_on_as_it_is_but_for_what_concerns_one_connection(stage: Stage) -> None:
    headers = (
        "X-Case: Kept",
        "x-twice: 1",
        "x-twice: 2",
        "TE: trailers",
        "X-Own: hop",
        "Connection: X-Own",
        "Accept-Encoding: br",
    )
    await stage.ask("POST", "/a%2Fb//c?q=%20+&q", *headers, body=b"\x00\xff body")
    head, body = stage.pod.requests[0]
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a%2Fb//c?q=%20+&q HTTP/1.1"
    assert lines[1] == f"Host: {stage.origin.removeprefix('http://')}"
    assert sorted(lines[2:-2]) == [
        "Accept-Encoding: br",
        "Content-Length: 7",
        "X-Case: Kept",
        "x-twice: 1",
        "x-twice: 2",
    ]
    assert body == b"\x00\xff body"
    request = stage.requested
    assert (request.route, request.request.path, request.request.query) == ("unknown", "/a%2Fb//c", "q=%20+&q")


async def test_an_answer_comes_back_as_it_is(stage: Stage) -> None:
    packed = gzip.compress(b'{"a": 1}')
    head = b"HTTP/1.1 299 Very Odd\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n"
    stage.pod.script = answering(head % len(packed) + b"Keep-Alive: timeout=5\r\nDate: then\r\n\r\n" + packed)
    got = await stage.ask()
    assert got == (head % len(packed)) + b"Date: then\r\nConnection: close\r\n\r\n" + packed
    reply = await stage.replied()
    assert reply.response.body == b'{"a": 1}'
    assert reply.response.headers == (("set-cookie", "a=1"), ("set-cookie", "b=2"), ("date", "then"))
    assert (reply.cut, reply.sent, reply.latency) == (None, None, None)
    assert reply.first is not None


class Broken:
    """An answer with line breaks where none may be: no client of ours would take it for one."""

    status, reason = 200, "OK\r\nset-cookie: a"
    headers = ((b"X-A", b"1\r\nset-cookie: b"), (b"X\nset-cookie: c", b"2"), (b"Content-Length", b"0"))

    async def piece(self) -> bytes:
        return b""

    def close(self) -> None:
        """There is nothing to close."""


class BrokenPod:
    async def ask(self, _: UpstreamRequest) -> Broken:
        return Broken()

    async def close(self) -> None:
        """There is nothing to close."""


async def test_no_line_of_a_head_is_broken_in_two(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.proxy, "_connect", BrokenPod)
    head = b"HTTP/1.1 200 OK  set-cookie: a\r\nX-A: 1  set-cookie: b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert await stage.ask() == head


async def test_what_nobody_can_look_into_is_passed_on_and_not_kept(stage: Stage) -> None:
    stage.pod.script = answering(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\n\x8b\x00\x80\x03"
    )
    assert (await stage.ask()).endswith(b"\x8b\x00\x80\x03")
    assert (await stage.replied()).response.body == b"(4 bytes of br, which can't be looked into: not kept)"


async def test_a_stream_passes_piece_by_piece(stage: Stage) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    stage.pod.script = answering(head + b"6\r\ndata 1\r\n", b"6\r\ndata 2\r\n0\r\n\r\n")
    peer = await stage.peer()
    await peer.send(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
    first = await peer.reader.readuntil(b"data 1\r\n")
    assert first.endswith(b"Transfer-Encoding: chunked\r\n\r\n6\r\ndata 1\r\n")
    stage.pod.goes_on.set()
    assert await peer.reader.readuntil(b"0\r\n\r\n") == b"6\r\ndata 2\r\n0\r\n\r\n"
    assert (await stage.replied()).response.body == b"data 1data 2"
    # and the connection goes on
    assert (await peer.ask(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")).body == b"data 1data 2"


async def test_of_a_stream_of_events_is_kept_when_each_came(stage: Stage) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    stage.pod.script = answering(head + b"9\r\ndata: 1\n\n\r\n", b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
    peer = await stage.peer()
    await peer.send(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
    await peer.reader.readuntil(b"data: 1\n\n")
    since = stage.proxy.clock.now()
    while stage.proxy.clock.now() < since + 2:
        await settle()
    stage.pod.goes_on.set()
    await peer.reader.readuntil(b"0\r\n\r\n")
    first, second = (await stage.replied()).response.times
    assert first + 2 <= second


async def test_a_long_answer_passes_whole(stage: Stage) -> None:
    long = bytes(range(256)) * 40_000
    stage.pod.script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(long) + long)
    assert (await stage.ask()).partition(b"\r\n\r\n")[2] == long
    assert (await stage.replied()).response.body == long


@pytest.mark.parametrize(
    ("piece", "by_reset", "cut", "status", "body"),
    [
        (b"", False, "truncated", 0, b""),
        (b"", True, "reset", 0, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", False, "truncated", 200, b"half"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", True, "reset", 200, b"half"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", False, "truncated", 200, b"half"),
    ],
)
async def test_how_the_pod_cuts_its_answer_is_passed_on_and_told(
    stage: Stage, piece: bytes, by_reset: bool, cut: str, status: int, body: bytes
) -> None:
    stage.pod.script = ending(piece, by_reset=by_reset)
    peer = await stage.peer()
    await peer.send(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
    if body:
        await peer.reader.readuntil(body)
    stage.pod.goes_on.set()
    try:
        assert await peer.rest() in (b"", b"\r\n")
        assert cut == "truncated"
    except ConnectionResetError:
        assert cut == "reset"
    reply = await stage.replied()
    assert (reply.cut, reply.response.status, reply.response.body, reply.sent) == (cut, status, body, len(body))
    assert len(stage.pod.requests) == 1, "nothing is asked twice"
    assert stage.notes


async def test_a_client_that_leaves_is_gone_for_the_pod_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.server.delivery.BEHIND", 0)  # it has had its answer for a while
    stage.pod.script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"never")
    peer = await stage.peer()
    await peer.send(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
    await peer.reader.readuntil(b"half")
    await peer.close()
    reply = await stage.replied()
    assert (reply.cut, reply.sent) == ("client_gone", 4)
    async with asyncio.timeout(5):
        await stage.pod.left.wait()


async def test_a_client_that_gives_up_while_it_waits_is_gone_for_the_pod_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.server.delivery.BEHIND", 0)  # it has waited long enough
    arrival = asyncio.Event()

    async def never(pod: Pod, writer: asyncio.StreamWriter) -> None:
        arrival.set()
        await pod.goes_on.wait()

    stage.pod.script = never
    peer = await stage.peer()
    await peer.send(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
    async with asyncio.timeout(5):
        await arrival.wait()
        await peer.close()
        assert (await stage.replied()).cut == "client_gone"
        await stage.pod.left.wait()


async def test_a_client_that_ends_its_side_with_the_request_is_answered(stage: Stage) -> None:
    peer = await stage.peer()
    peer.writer.write(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
    peer.writer.write_eof()
    assert (await peer.rest()).endswith(b"ok")


async def test_a_pod_that_is_not_there_is_told_and_not_the_end(stage: Stage) -> None:
    stage.proxy.pod_origins = PodOrigins("http://127.0.0.1:1", stage.origin)
    assert b"502 Bad Gateway" in (answer := await stage.ask())
    assert b"http://127.0.0.1:1: it can't be reached" in answer
    assert "exchange 1: it can't be reached" in stage.notes[0]
    assert (await stage.replied()).by == "shell"
    assert (await stage.ask("POST", "/oauth2/v1/token")).endswith(b"ok")


async def test_what_is_no_http_is_told(stage: Stage) -> None:
    stage.pod.script = answering(b"SSH-2.0-OpenSSH\r\n")
    assert b"is no HTTP/1.1" in await stage.ask()
    assert b"400 Bad Request" in await stage.ask("GET", "/\x01")
    assert len(stage.pod.requests) == 1


@pytest.mark.parametrize(
    ("location", "comes"),
    [
        ("{pod}/b?c#d", "{own}/b?c#d"),
        ("{POD}", "{own}"),
        ("/b", "/b"),
        ("http://127.0.0.1:2/{pod}", "http://127.0.0.1:2/{pod}"),
        ("http://elsewhere.example/b", "http://elsewhere.example/b"),
        ("http://[", "http://["),
    ],
)
async def test_a_redirect_is_passed_on_and_leads_to_the_lab_where_it_led_to_the_pod(
    stage: Stage, location: str, comes: str
) -> None:
    names = {"pod": stage.origin, "POD": stage.origin.replace("http", "HTTP"), "own": stage.proxy.origin}
    where = location.format_map(names)
    stage.pod.script = answering(f"HTTP/1.1 307 Go\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())
    assert f"\r\nLocation: {comes.format_map(names)}\r\n".encode() in await stage.ask()
    assert (await stage.replied()).response.header("location") == where
    assert len(stage.pod.requests) == 1, "it isn't followed"


@pytest.mark.parametrize(("method", "status"), [("HEAD", b"200 OK"), ("GET", b"204 Nothing"), ("GET", b"304 Same")])
async def test_what_has_no_body_has_none(stage: Stage, method: str, status: bytes) -> None:
    stage.pod.script = answering(b"HTTP/1.1 %b\r\nX-A: b\r\n\r\n" % status)
    assert await stage.ask(method) == b"HTTP/1.1 %b\r\nX-A: b\r\nConnection: close\r\n\r\n" % status


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("GET", b"HTTP/1.1 204 Nothing\r\nContent-Length: 2\r\n\r\nok"),
        ("GET", b"HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    ],
)
async def test_a_body_where_there_is_none_is_said_to_be_one(stage: Stage, method: str, answer: bytes) -> None:
    stage.pod.script = answering(answer)
    assert b"502 Bad Gateway" in await stage.ask(method)
    assert stage.notes == [
        f"note: {stage.origin}, asked in exchange 1: its answer is no HTTP/1.1: other bytes came where one should "
        "begin, as of a body after HEAD, 204 or 304, which have none."
    ]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"HTTP/1.1 101 Switch\r\nUpgrade: canary\r\nConnection: upgrade\r\n", b"the status 101, with which no answer"),
        (b"HTTP/1.1 000 Zero\r\nContent-Length: 2\r\n", b"the status 000, with which no answer ends"),
        (b"HTTP/1.1 099 Less\r\nContent-Length: 2\r\n", b"the status 099, with which no answer ends"),
        (b"HTTP/1.1 2000 canary\r\nContent-Length: 2\r\n", b'HTTP/1.1: Bad status line: Invalid response status."'),
        (b"HTTP/1.1 200 OK\r\nContent-Length: canary\r\n", b'HTTP/1.1: Invalid character in Content-Length."'),
        (b"HTTP/1.1 200 OK\r\nX: %b\r\n" % (b"canary" * 11_000), b"HTTP/1.1: Got more than 65536 bytes"),
    ],
    ids=["101", "000", "099", "2000", "length", "long"],
)
async def test_an_answer_that_is_none_is_told_in_words_and_not_in_its_bytes(
    stage: Stage, head: bytes, said: bytes
) -> None:
    stage.pod.script = answering(head + b"\r\nok")
    answer = await stage.ask()
    assert answer.startswith(b"HTTP/1.1 502 ") and said in answer
    assert b"canary" not in answer and "canary" not in stage.notes[0]
    assert ((await stage.replied()).response.status, (await stage.replied()).by) == (502, "shell")


async def test_a_length_that_concerns_one_hop_leaves_the_next_its_own(stage: Stage) -> None:
    stage.pod.script = answering(b"HTTP/1.1 200 OK\r\nConnection: x, Content-Length\r\nContent-Length: 2\r\n\r\nok")
    peer = await stage.peer()
    for _ in range(2):
        answer = await peer.ask(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
        assert (answer.headers, answer.body) == ({"transfer-encoding": "chunked"}, b"ok")


def test_no_blank_before_a_colon_goes_further() -> None:
    headers = (
        (b"Content-Length ", b"2"),
        (b"Connection\t", b"x-a"),
        (b"X-A ", b"1"),
        (b"Upgrade ", b"2"),
        (b"X-B", b"3"),
    )
    assert passed_on(headers) == ((b"Content-Length", b"2"), (b"X-B", b"3"))


async def test_an_old_client_reads_until_the_end(stage: Stage) -> None:
    stage.pod.script = answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    peer = await stage.peer()
    await peer.send(b"GET /a HTTP/1.0\r\n\r\n")
    assert await peer.rest() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"


async def test_an_answer_without_a_length_ends_with_the_pod_s_connection(stage: Stage) -> None:
    stage.pod.script = ending(b"HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nall of it", by_reset=False)
    peer = await stage.peer()
    answer = await peer.ask(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
    assert (answer.body, answer.headers) == (b"all of it", {"x-a": "b", "transfer-encoding": "chunked"})
    assert (await stage.replied()).cut is None


async def test_a_body_in_chunks_goes_on_with_its_length(stage: Stage) -> None:
    peer = await stage.peer()
    head = b"POST /a HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    packed = gzip.compress(b'{"a": 1}')
    assert (await peer.ask(b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(packed), packed))).status == 200
    sent, body = stage.pod.requests[0]
    assert body == packed
    assert b"Content-Encoding: gzip\r\n" in sent and b"Content-Length: %d\r\n" % len(packed) in sent
    assert stage.requested.request.body == b'{"a": 1}'
    assert stage.requested.request.header("content-encoding") is None


async def test_what_the_pod_says_before_its_answer_is_no_answer(stage: Stage) -> None:
    stage.pod.script = answering(
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    assert await stage.ask() == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def test_headers_are_as_long_as_a_pod_makes_them(stage: Stage) -> None:
    cookie = b"Set-Cookie: a=" + b"x" * 30_000
    stage.pod.script = answering(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: 2\r\n\r\nok" % cookie)
    assert cookie in await stage.ask("GET", "/a", "Authorization: Bearer " + "y" * 30_000)
    assert b"y" * 30_000 in stage.pod.requests[0][0]


@pytest.mark.parametrize("path", ["/a/../b", "/./a", "//a", "/%2e%2e/a", "/a;b=c", "/a?x=[1]&y={2}|3"])
async def test_a_path_is_nobody_s_to_tidy_up(stage: Stage, path: str) -> None:
    await stage.ask("GET", path)
    assert stage.pod.requests[0][0].split(b" ")[1] == path.encode()
    request = stage.requested.request
    assert f"{request.path}?{request.query}".removesuffix("?") == path


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("CONNECT", "a@{evil}"),
        ("CONNECT", "{evil}"),
        ("GET", "@{evil}/x"),
        ("GET", "a@{evil}/oauth2/v1/token"),
        ("OPTIONS", "*"),
        ("GET", "/a#b"),
        ("GET", "/a\\b"),
    ],
)
async def test_no_request_line_leads_to_a_server_that_was_not_named(stage: Stage, method: str, target: str) -> None:
    called: list[object] = []
    evil = await asyncio.start_server(lambda *streams: called.append(streams), "127.0.0.1", 0)
    place = f"127.0.0.1:{evil.sockets[0].getsockname()[1]}"
    answer = await stage.ask(method, target.format(evil=place), "Cookie: canary", "Authorization: Bearer canary")
    evil.close()
    assert (called, stage.pod.requests) == ([], [])
    if answer.startswith(b"HTTP/1.1 400"):  # the parser took it for no request
        assert method == "GET" and not target.startswith("/")
        return
    reply = await stage.replied()
    assert (answer[:12], reply.response.status, reply.by) == (b"HTTP/1.1 501", 501, "shell")
    assert stage.requested.request.path == target.format(evil=place)


async def test_of_a_whole_url_the_path_is_asked_of_the_pod(stage: Stage) -> None:
    await stage.ask("GET", "http://me@127.0.0.1:1/@b?c")
    assert stage.pod.requests[0][0].split(b" ")[1] == b"/@b?c"


async def test_a_body_that_is_announced_is_asked_for(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.send(b"POST /a HTTP/1.1\r\nHost: me\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await peer.ask(b"hi")).body == b"ok"
    assert stage.pod.requests[0][1] == b"hi"


@pytest.mark.parametrize("chunked", [False, True])
async def test_of_long_bodies_that_are_too_many_together_one_waits_and_short_ones_pass(
    stage: Stage, chunked: bool
) -> None:
    stage.proxy.bodies = BodyQueue(LONG_BODY + 1)
    stage.pod.script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok")
    first, second, third = await stage.peer(), await stage.peer(), await stage.peer()
    long = b"x" * (LONG_BODY + 1)
    head = b"POST /a HTTP/1.1\r\nHost: me\r\n%b\r\n\r\n"
    await first.send(head % b"Content-Length: %d" % len(long) + long)
    assert await first.reader.readuntil(b"\r\n\r\n")
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(long)
    await second.send(head % framing + (b"%x\r\n%b\r\n0\r\n\r\n" % (len(long), long) if chunked else long))
    await third.send(head % b"Content-Length: 5" + b"short")
    assert await third.reader.readuntil(b"\r\n\r\n")
    await settle()
    assert [body for _, body in stage.pod.requests] == [long, b"short"]
    stage.pod.goes_on.set()
    assert await first.reader.readexactly(2) == await third.reader.readexactly(2) == b"ok"
    assert (await second.answer()).body == b"ok"
    assert [body for _, body in stage.pod.requests] == [long, b"short", long]
    async with asyncio.timeout(5):
        while stage.proxy.bodies._left <= LONG_BODY:
            await settle()


async def test_one_connection_of_the_client_is_one_to_the_pod(stage: Stage) -> None:
    one, two = await stage.peer(), await stage.peer()
    for peer in (one, two, one):
        await peer.ask(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
    assert not stage.pod.left.is_set()
    await one.close()
    async with asyncio.timeout(5):
        await stage.pod.left.wait()
    assert [each.c for each in stage.observations if isinstance(each, Requested)] == [1, 2, 1]
    assert not [each for each in stage.observations if isinstance(each, Noted) and isinstance(each.fact, TapeNoted)]


@each_row(
    ("path", "tokens"),
    [
        ("/oauth2/v1/token", True),
        ("/oauth2/v1/userlogout", True),
        ("/.well-known/openid-configuration", True),
        ("/admin/v1/SigningCert/jwk", True),
        ("/tenant/oauth2/v2.0/token", True),
        ("/tenant/oauth2/v2.0/token/more", True),
        ("/tenant/oauth2/v2.0/tokens", False),
        ("/.well-known/agent-card.json", False),
        ("/api/fusion-ai/orchestrator/agent/v2/X/invokeAsync", False),
        ("/", False),
    ],
)
def test_which_origin_a_path_belongs_to(path: str, tokens: bool) -> None:
    origins = PodOrigins("https://pod", "https://tokens", "/tenant/oauth2/v2.0/token")
    assert origins.of("POST", path)[0] == ("https://tokens" if tokens else "https://pod")
