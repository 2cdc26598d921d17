"""Bad transport inputs, rows 1 to 28 of limits.md: answered, told, never echoed."""

import asyncio
import gzip
import socket
import struct
import tracemalloc
import zlib

import pytest
from msgspec.structs import replace

from lab.clocks import settle
from lab.core.journal.shell import ConnectionClosed, RequestMalformed, TapeNoted
from lab.core.observe import Replied, Requested
from lab.dialects.router import ROUTER
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.server.limits import ServerLimits
from tests.server.conftest import TEAM, Answer, Stage, request

HOST = b"Host: x\r\n"
SECRET = b"sEcReT"
REFUSED_BY_THE_PARSER = {
    "random bytes": b"\x00\xff" + SECRET + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length -1": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "length +5": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nabcde",
    "length 0x5": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\nabcde",
    "length of 30 digits": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
    "line of 9 kB": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 9_000 + b"\r\n\r\n",
    "200 headers": b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 200 + b"\r\n",
    "URL of 20 kB": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + SECRET + b"\x00\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + SECRET + b"\nY: z\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + SECRET + b"\rY: z\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + SECRET + b"\r\n folded\r\n\r\n",
    "blank before the colon": b"GET / HTTP/1.1\r\n" + HOST + b"X : " + SECRET + b"\r\n\r\n",
    "unknown method": b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
}


@pytest.mark.parametrize("name", REFUSED_BY_THE_PARSER)
async def test_what_the_parser_refuses_is_answered_400_without_an_echo(stage: Stage, name: str) -> None:
    peer = await stage.peer()
    got = await peer.ask(REFUSED_BY_THE_PARSER[name])
    assert got.status == 400, name
    assert SECRET not in got.body
    assert got.headers["connection"] == "close"
    assert await peer.rest() == b""
    await settle()
    (fact,) = stage.facts(RequestMalformed)
    assert fact.bytes > 0
    assert fact.what.replace("-", "").isalnum()
    assert not [each for each in stage.observations if isinstance(each, Requested)]


async def test_tls_on_the_plain_port_is_told_what_to_do(stage: Stage) -> None:
    peer = await stage.peer()
    got = await peer.ask(REFUSED_BY_THE_PARSER["TLS"])
    assert b"http://" in got.body
    assert stage.facts(RequestMalformed)[0].what == "tls-on-plain-port"


LARGE = b"x" * (2 * 1_048_576)
REFUSED_BY_THE_SHELL = {
    "10 TB": (request("POST", "/x", (("content-length", "10995116277760"),)), 413),
    "2 MiB in chunks": (
        request("POST", "/x", (("transfer-encoding", "chunked"),)) + b"200000\r\n" + LARGE + b"\r\n0\r\n\r\n", 413,
    ),
    "brotli": (request("POST", "/x", (("content-encoding", "br"),), b"abc"), 415),
    "unknown coding": (request("POST", "/x", (("content-encoding", "lzw"),), b"abc"), 415),
    "two codings": (request("POST", "/x", (("content-encoding", "gzip, gzip"),), b"abc"), 415),
    "a coding in two lines": (
        request("POST", "/x", (("content-encoding", "gzip"), ("content-encoding", "gzip")), gzip.compress(b"abc")), 415,
    ),
    "broken gzip": (request("POST", "/x", (("content-encoding", "gzip"),), b"abcdefghijklmnop"), 400),
    "Expect: foo": (request("POST", "/x", (("expect", "foo"),), b"abc"), 417),
    "WebSocket": (request("GET", "/x", (("upgrade", "websocket"), ("connection", "upgrade"))), 426),
    "bad chunk": (request("POST", "/x", (("transfer-encoding", "chunked"),)) + b"zz\r\n", 400),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_BY_THE_SHELL)
async def test_what_the_shell_refuses_is_told_as_its_own(stage: Stage, name: str) -> None:
    data, expected = REFUSED_BY_THE_SHELL[name]
    peer = await stage.peer()
    sending = asyncio.create_task(peer.send(data))
    got = await peer.answer()
    assert got.status == expected, name
    assert got.json["status"] == f"FAI-{expected}00"
    await asyncio.gather(sending, return_exceptions=True)
    await settle()
    if not stage.facts(RequestMalformed):
        assert [each.by for each in stage.observations if isinstance(each, Replied)] == ["shell"]


FORM_PATHS = ("/oauth2/v1/token", "/oauth2/v1/device", "/oauth2/v1/introspect", "/oauth2/v1/revoke")


@pytest.mark.parametrize("path", FORM_PATHS)
@pytest.mark.parametrize("size", [65_537, 10**13])
async def test_a_form_that_is_too_large_is_refused_early_and_without_a_word(stage: Stage, path: str, size: int) -> None:
    got = await (await stage.peer()).ask(request("POST", path, (("content-length", str(size)),)))
    assert (got.status, got.body, got.headers.get("content-type")) == (413, b"", None)
    assert (got.headers["cache-control"], got.headers["pragma"]) == ("no-store", "no-cache")


@pytest.mark.parametrize("path", FORM_PATHS)
async def test_the_identity_domain_refuses_in_its_own_dialect(stage: Stage, path: str) -> None:
    got = await (await stage.peer()).ask(request("POST", path, (("content-encoding", "lzw"),), b"abc"))
    assert (got.status, got.json["error"]) == (415, "invalid_request")


TEAMS_OWN = "lab: 1\nname: styled\ntitle: T\nagent: {code: STYLED}\nask: x\nsettings: {error_body: problem}\n"
TEAMS_OWN += "steps: [{complete: c, output: x}]\n"


@pytest.mark.parametrize("coding", ["br", "zstd", "lzw"])
@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_coding_that_nobody_decodes_is_refused_as_the_paths_team_refuses(
    stage: Stage, coding: str, pieces: int
) -> None:
    styled = program_of(parse_scenario(TEAMS_OWN, "styled.yaml"))
    config = stage.service.config
    stage.server.service = Service(replace(config, scenarios=(*config.scenarios, styled)))

    async def refused(path: str) -> Answer:
        data = request("POST", path, (("content-encoding", coding),), b"abc")
        peer, size = await stage.peer(), -(-len(data) // pieces)
        for at in range(0, len(data), size):
            await peer.send(data[at : at + size])
            await settle()
        return await peer.answer()

    own, others = ROUTER.path("invoke", code="STYLED"), ROUTER.path("invoke", code="DEMO_TEAM")
    for path, kind in ((own, "application/problem+json"), (others, "application/json"), ("/x", "application/json")):
        got = await refused(path)
        assert (got.status, got.headers["content-type"]) == (415, kind), path
    got = await refused("/oauth2/v1/token")
    assert (got.status, got.json["error"]) == (415, "invalid_request")


SHELL_AND_PARSER = {**REFUSED_BY_THE_SHELL, **{name: (data, 400) for name, data in REFUSED_BY_THE_PARSER.items()}}


@pytest.mark.parametrize("name", SHELL_AND_PARSER)
async def test_what_is_refused_before_the_mock_follows_the_switches_too(stage: Stage, name: str) -> None:
    stage.server.service = Service(replace(stage.service.config, switches=Switches(error_body="problem", hints=False)))
    data, expected = SHELL_AND_PARSER[name]
    peer = await stage.peer()
    sending = asyncio.create_task(peer.send(data))
    got = await peer.answer()
    await asyncio.gather(sending, return_exceptions=True)
    assert (got.status, got.headers["content-type"]) == (expected, "application/problem+json")
    assert got.json["code"] == f"FAI-{expected}00" and "Send" not in str(got.json["detail"])


@pytest.mark.parametrize("name", ["unknown coding", "10 TB", "WebSocket"])
async def test_the_shell_words_a_refusal_as_the_team_of_its_path(stage: Stage, name: str) -> None:
    config = stage.service.config
    (program,) = config.scenarios
    own = replace(program, scenario=replace(program.scenario, settings={"error_body": "problem"}))
    stage.server.service = Service(replace(config, scenarios=(own,)))
    data, expected = REFUSED_BY_THE_SHELL[name]
    for path, kind in ((ROUTER.path("invoke", code=TEAM), "application/problem+json"), ("/x", "application/json")):
        got = await (await stage.peer()).ask(data.replace(b" /x ", f" {path} ".encode()))
        assert (got.status, got.headers["content-type"]) == (expected, kind)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_is_stopped(stage: Stage, coding: str) -> None:
    plain = b"\0" * 50_000_000
    bomb = gzip.compress(plain, 1) if coding == "gzip" else zlib.compress(plain, 1)
    peer = await stage.peer()
    tracemalloc.start()
    got = await peer.ask(request("POST", "/x", (("content-encoding", coding),), bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert got.status == 413
    assert peak < 10_000_000, "of 50 MB not even what the limit lets in and one read more are unpacked"


def bare(plain: bytes) -> bytes:
    """Deflate without its wrapping."""
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(plain) + engine.flush()


PACKERS = {"gzip": gzip.compress, "GZip": gzip.compress, "deflate": zlib.compress, "Deflate": bare}


@pytest.mark.parametrize("coding", PACKERS)
@pytest.mark.parametrize("chunk", [0, 1, 7])
async def test_a_compressed_body_is_read(stage: Stage, coding: str, chunk: int) -> None:
    packed = PACKERS[coding](b"hello ") + PACKERS[coding](b"there")
    data = request("POST", "/x", (("content-encoding", coding),), packed)
    if chunk:
        pieces = [packed[at : at + chunk] for at in range(0, len(packed), chunk)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        data = request("POST", "/x", (("content-encoding", coding), ("transfer-encoding", "chunked"))) + body
    await (await stage.peer()).ask(data)
    (received,) = [each for each in stage.observations if isinstance(each, Requested)]
    assert received.request.body == b"hello there"


@pytest.mark.parametrize("coding", PACKERS)
async def test_a_compressed_body_that_lacks_its_end_is_refused(stage: Stage, coding: str) -> None:
    packed = PACKERS[coding](b"hello")
    for cut in (1, len(packed) // 2, len(packed) - 1):
        got = await (await stage.peer()).ask(request("POST", "/x", (("content-encoding", coding),), packed[:-cut]))
        assert got.status == 400 and "compression" in got.json["message"]
    got = await (await stage.peer()).ask(request("POST", "/x", (("content-encoding", coding),), packed + b"\xff\xff"))
    assert got.status == 400
    assert (await (await stage.peer()).ask(request("POST", "/x", (("content-encoding", coding),)))).status == 404


async def test_a_body_of_very_many_empty_streams_costs_no_time(stage: Stage) -> None:
    packed = gzip.compress(b"") * 1_001
    for body, status in ((packed, 400), (packed[20:], 404)):
        got = await (await stage.peer()).ask(request("POST", "/x", (("content-encoding", "gzip"),), body))
        assert got.status == status


async def test_a_request_one_byte_at_a_time_is_the_same_request(stage: Stage) -> None:
    peer = await stage.peer()
    data = request("POST", "/x?a=%20b", (("transfer-encoding", "chunked"),)) + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert (await peer.ask(data)).status == 404
    for index in range(len(data)):
        await peer.send(data[index : index + 1])
        await asyncio.sleep(0)
    assert (await peer.answer()).status == 404
    whole, dribbled = (each.request for each in stage.observations if isinstance(each, Requested))
    assert whole == dribbled
    assert (whole.path, whole.query, whole.body) == ("/x", "a=%20b", b"abcde")


async def test_a_chunk_extension_of_a_megabyte_is_refused(stage: Stage) -> None:
    peer = await stage.peer()
    head = request("POST", "/x", (("transfer-encoding", "chunked"),))
    sending = asyncio.create_task(peer.send(head + b"3;" + b"x" * 1_048_576 + b"\r\nabc\r\n0\r\n\r\n"))
    assert (await peer.answer()).status == 400
    await asyncio.gather(sending, return_exceptions=True)


async def test_expect_100_continue_is_met(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.send(request("POST", "/x", (("expect", "100-continue"), ("content-length", "3"))))
    assert (await peer.answer()).status == 100
    assert (await peer.ask(b"abc")).status == 404


async def test_http_0_9_is_refused(stage: Stage) -> None:
    peer = await stage.peer()
    assert (await peer.ask(b"GET /\r\n\r\n")).status == 400


async def test_http_1_0_is_answered_and_closed(stage: Stage) -> None:
    peer = await stage.peer()
    got = await peer.ask(b"GET /x HTTP/1.0\r\n\r\n")
    assert (got.status, got.headers["connection"]) == (404, "close")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT"])
async def test_other_methods_are_405_with_allow(stage: Stage, method: str) -> None:
    peer = await stage.peer()
    got = await peer.ask(request(method, ROUTER.path("token"), (("connection", "close"),)), method)
    assert (got.status, got.headers["allow"]) == (405, "POST")
    assert await peer.rest() == b""


async def test_connect_is_refused(stage: Stage) -> None:
    peer = await stage.peer()
    got = await peer.ask(b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert (got.status, got.headers["allow"]) == (405, "GET, POST")
    assert b"evil" not in got.body


async def test_an_absolute_target_is_routed_by_its_path_and_any_host_is_served(stage: Stage) -> None:
    peer = await stage.peer()
    got = await peer.ask(b"GET http://evil.example/oauth2/v1/token HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert got.status == 405


@pytest.mark.parametrize("path", ["/%zz", "/%ff", "/../..", "/%2e%2e%2f", "/a%00b", "/_lab/health"])
async def test_odd_paths_are_404(stage: Stage, path: str) -> None:
    peer = await stage.peer()
    assert (await peer.ask(request("GET", path))).status == 404
    (received,) = [each for each in stage.observations if isinstance(each, Requested)]
    assert received.request.path.isascii()


async def test_a_half_closed_peer_is_still_answered(stage: Stage) -> None:
    peer = await stage.peer()
    peer.writer.write(request("GET", "/x"))
    peer.writer.write_eof()
    assert (await peer.answer()).status == 404
    assert await peer.rest() == b""


async def test_a_half_closed_peer_is_answered_and_closed_by_the_server_whatever_its_body_looked_like(
    stage: Stage,
) -> None:
    peer = await stage.peer()
    head = request("POST", "/x", (("transfer-encoding", "chunked"),))
    peer.writer.write(head + b"4\r\n\r\n\r\n\r\n0\r\n\r\n")
    peer.writer.write_eof()
    assert (await peer.answer()).status == 404
    assert await peer.rest() == b""
    await settle()
    assert [fact.how for fact in stage.facts(ConnectionClosed)] == ["server"]


async def test_a_peer_that_resets_in_mid_body_harms_nobody(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.send(request("POST", "/x", (("content-length", "10"),)) + b"abc")
    await settle()
    sock = peer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.writer.transport.abort()
    other = await stage.peer()
    assert (await other.ask(request("GET", "/x"))).status == 404
    assert stage.facts(RequestMalformed)[0].what == "body-cut"
    assert [fact.how for fact in stage.facts(ConnectionClosed)] == ["reset"]


class TestDeadlines:
    """They run in real time: each test shortens the one that it waits for, once nothing else can be too late for it."""

    @pytest.fixture
    def limits(self) -> ServerLimits:
        return ServerLimits(lingering=0.01)

    @pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nHost:"])
    async def test_half_a_head_is_cut(self, stage: Stage, data: bytes) -> None:
        stage.shorten(header_deadline=0.05)
        peer = await stage.peer()
        await peer.send(data)
        await asyncio.gather(peer.rest(), return_exceptions=True)
        await settle()
        assert [fact.how for fact in stage.facts(ConnectionClosed)] == ["deadline"]

    @pytest.mark.parametrize("data", [b"G", b"GET", b"GET ", b"GET / HT"])
    async def test_half_a_later_head_is_cut(self, stage: Stage, data: bytes) -> None:
        peer = await stage.peer()
        await peer.ask(request("GET", "/x"))
        stage.shorten(header_deadline=0.05)
        await peer.send(data)
        await asyncio.gather(peer.rest(), return_exceptions=True)
        await settle()
        assert [fact.how for fact in stage.facts(ConnectionClosed)] == ["deadline"]

    async def test_a_head_that_dribbles_is_cut(self, stage: Stage) -> None:
        stage.shorten(header_deadline=0.05)
        peer = await stage.peer()
        gone = asyncio.create_task(peer.rest())
        for byte in b"GET / HTTP/1.1\r\nX: " + b"y" * 1_000:
            peer.writer.write(bytes((byte,)))
            await asyncio.wait({gone}, timeout=0.005)
            if gone.done():
                break
        await asyncio.gather(gone, return_exceptions=True)
        await settle()
        assert [fact.how for fact in stage.facts(ConnectionClosed)] == ["deadline"]

    async def test_a_last_chunk_that_never_comes_is_408(self, stage: Stage) -> None:
        stage.shorten(body_deadline=0.05)
        peer = await stage.peer()
        got = await peer.ask(request("POST", "/x", (("transfer-encoding", "chunked"),)) + b"3\r\nabc\r\n")
        assert got.status == 408

    async def test_a_body_that_stops_is_408(self, stage: Stage) -> None:
        stage.shorten(body_deadline=0.05)
        peer = await stage.peer()
        got = await peer.ask(request("POST", "/x", (("content-length", "10"),)) + b"a")
        assert (got.status, got.json["status"]) == (408, "FAI-40800")
        assert await peer.rest() == b""


class TestIdleness:
    @pytest.fixture
    def limits(self) -> ServerLimits:
        return ServerLimits(idle=0.15)

    async def test_an_idle_connection_is_closed(self, stage: Stage) -> None:
        peer = await stage.peer()
        await peer.ask(request("GET", "/x"))
        assert await peer.rest() == b""
        await settle()
        assert [fact.how for fact in stage.facts(ConnectionClosed)] == ["idle"]

    async def test_a_long_body_leaves_no_deadline_of_heads_behind(self, stage: Stage) -> None:
        peer = await stage.peer()
        await settle()
        stage.shorten(header_deadline=0.05)
        assert (await peer.ask(request("POST", "/x", (), b"x" * 200_000))).status == 404
        assert await peer.rest() == b""
        await settle()
        assert [fact.how for fact in stage.facts(ConnectionClosed)] == ["idle"]


class TestAFullHouse:
    """Beyond the limit, peers wait until somebody leaves."""

    @pytest.fixture
    def limits(self) -> ServerLimits:
        return ServerLimits(connections=2)

    async def test_accepting_pauses_and_goes_on(self, stage: Stage) -> None:
        first, second, third = await stage.peer(), await stage.peer(), await stage.peer()
        assert (await first.ask(request("GET", "/x"))).status == 404
        await third.send(request("GET", "/x"))
        assert (await second.ask(request("GET", "/x"))).status == 404
        assert stage.server.connections == 2
        (noted,) = stage.facts(TapeNoted)
        assert noted.text == "2 connections are open: no more are accepted until one ends"
        await first.close()
        assert (await third.answer()).status == 404
