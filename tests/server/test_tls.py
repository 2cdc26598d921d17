"""https beside http: one service and one ledger, an authority that must be trusted, and clear words at the wrong port."""

import asyncio
import gc
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from dataclasses import dataclass

import aiohttp
import pytest

from lab.clocks import breathe, settle
from lab.core.errors import UsageError
from lab.core.journal.shell import ConnectionClosed, RequestMalformed
from lab.dialects.router import ROUTER
from lab.server import tls
from lab.server.limits import ServerLimits
from lab.server.listener import bind
from lab.server.tls import Authority, throwaway
from tests.server.conftest import TEAM, Peer, Stage, request, status


@pytest.fixture(scope="module")
def authority() -> Authority:
    return throwaway(("pod.test",))


@dataclass
class Secure:
    stage: Stage
    origin: str
    trusting: ssl.SSLContext

    @property
    def port(self) -> int:
        return int(self.origin.rpartition(":")[2])

    async def peer(self, name: str = "127.0.0.1", **options: object) -> Peer:
        peer = Peer(
            *await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trusting, server_hostname=name, **options)
        )
        self.stage.peers.append(peer)
        return peer


@pytest.fixture
async def secure(stage: Stage, authority: Authority) -> Secure:
    origin = stage.server.start_tls(bind("127.0.0.1", 0), authority.context)
    return Secure(stage, origin, ssl.create_default_context(cadata=authority.certificate.decode()))


async def test_a_client_with_https_hard_coded_works_once_it_trusts_the_authority(secure: Secure) -> None:
    token = await secure.stage.token()
    url = f"https://127.0.0.1:{secure.port}{ROUTER.path('invoke', code=TEAM)}"
    head = {"Authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(ssl=secure.trusting)
    async with aiohttp.ClientSession(connector=connector, headers=head) as client:
        async with client.post(url, json={"message": "Share it"}) as got:
            assert got.status == 202
            job = (await got.json())["jobId"]
        async with client.get(f"https://127.0.0.1:{secure.port}{ROUTER.path('status', code=TEAM, job=job)}") as got:
            assert (got.status, (await got.json())["status"]) == (200, "RUNNING")
    # the job that came over TLS is there without it
    plain = await secure.stage.peer()
    assert (await plain.ask(status(token, job))).status == 200


async def test_an_idle_client_that_reads_no_more_does_not_hold_up_the_end(secure: Secure) -> None:
    def idle() -> ssl.SSLSocket:
        peer = secure.trusting.wrap_socket(
            socket.create_connection(("127.0.0.1", secure.port)), server_hostname="127.0.0.1"
        )
        peer.sendall(request("GET", "/x"))
        assert peer.recv(9) == b"HTTP/1.1 "
        return peer

    with await asyncio.to_thread(idle) as peer:
        async with asyncio.timeout(20):  # it used to wait for the client to say that it closes, as long as it may
            await secure.stage.server.stop(60_000)
        rest = b"".join(iter(lambda: peer.recv(65_536), b""))  # ends as TLS does, cut by nobody
        assert rest.endswith(b"}")
    assert [each.how for each in secure.stage.facts(ConnectionClosed)] == ["shutdown"]


async def test_a_client_that_does_not_trust_it_gets_nowhere(secure: Secure) -> None:
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(f"https://127.0.0.1:{secure.port}/")
    assert (await (await secure.peer()).ask(request("GET", "/x"))).status == 404


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost", "pod.test"])
async def test_the_certificate_names_what_it_is_called_by(secure: Secure, name: str) -> None:
    assert (await (await secure.peer(name)).ask(request("GET", "/x"))).status == 404


async def test_it_names_nothing_else(secure: Secure) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await secure.peer("other.test")


async def test_plain_http_at_the_tls_port_is_told_what_is_spoken_there(secure: Secure) -> None:
    for sent in (request("GET", "/x"), b"\x00", b"garbage\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"use https://" in answer
        assert b"garbage" not in answer
    facts = secure.stage.facts(RequestMalformed)
    assert {(each.what, each.bytes > 0) for each in facts} == {("plain-on-tls-port", True)}


async def test_tls_at_the_plain_port_is_told_what_is_spoken_there(secure: Secure) -> None:
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("127.0.0.1", secure.stage.port, ssl=secure.trusting, server_hostname="127.0.0.1")
    assert [each.what for each in secure.stage.facts(RequestMalformed)] == ["tls-on-plain-port"]


async def test_who_leaves_before_the_handshake_leaves_no_trace(secure: Secure) -> None:
    for sent in (b"", b"\x16", b"\x16\x03\x01garbage"):
        _, writer = await asyncio.open_connection("127.0.0.1", secure.port)
        writer.write(sent)
        writer.close()
        await writer.wait_closed()
    assert (await (await secure.peer()).ask(request("GET", "/x"))).status == 404
    assert secure.stage.server.connections == 1


HALF_A_HELLO = b"\x16\x03\x01\x02\x00"


def handshakes() -> int:
    return sum(isinstance(each, SSLProtocol) for each in gc.get_objects())


@pytest.mark.long
async def test_who_hangs_up_in_mid_handshake_leaves_nothing_in_memory(secure: Secure) -> None:
    gc.collect()
    gc.disable()  # it would come too late, for few objects hold much
    try:
        before = handshakes()
        for sent in (HALF_A_HELLO, HALF_A_HELLO + b"\0" * 512):
            peers = [Peer(*await asyncio.open_connection("127.0.0.1", secure.port)) for _ in range(5)]
            for peer in peers:
                await peer.send(sent)
            async with asyncio.timeout(5):
                while len(sent) < 9 and handshakes() != before + 5:
                    await breathe()
                for peer in peers:
                    await peer.close()
                while secure.stage.server.listeners[-1]._tasks:
                    await breathe()
            await settle()
            assert handshakes() == before
    finally:
        gc.enable()


def room_of(stage: Stage) -> asyncio.Semaphore:
    """What peers with TLS take a place of."""
    listener = stage.server.listeners[-1]
    assert isinstance(listener, tls.TlsListener)
    return listener._room


async def test_few_handshakes_are_under_way_at_once_and_others_have_their_turn(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "MOST_PEERS", 1)
    secure = Secure(
        stage,
        stage.server.start_tls(bind("127.0.0.1", 0), authority.context),
        ssl.create_default_context(cadata=authority.certificate.decode()),
    )
    room = room_of(stage)
    slow = Peer(*await asyncio.open_connection("127.0.0.1", secure.port))
    await slow.send(HALF_A_HELLO)
    async with asyncio.timeout(5):
        while not room.locked():
            await breathe()
        next_one = asyncio.create_task(secure.peer())
        while not room._waiters:
            await breathe()
        assert not next_one.done()
        await slow.close()
        assert (await (await next_one).ask(request("GET", "/x"))).status == 404


async def test_who_leaves_makes_room_for_the_next(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "MOST_PEERS", 1)
    origin = stage.server.start_tls(bind("127.0.0.1", 0), authority.context)
    secure = Secure(stage, origin, ssl.create_default_context(cadata=authority.certificate.decode()))
    first = await secure.peer()
    waits = asyncio.create_task(secure.peer())
    assert (await first.ask(request("GET", "/x"))).status == 404
    assert room_of(stage).locked() and not waits.done()
    await first.close()
    async with asyncio.timeout(5):
        assert (await (await waits).ask(request("GET", "/x"))).status == 404


async def test_who_is_served_keeps_its_place_beyond_the_deadline_of_the_handshake(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "MOST_PEERS", 1)
    stage.shorten(header_deadline=0.2)
    origin = stage.server.start_tls(bind("127.0.0.1", 0), authority.context)
    secure = Secure(stage, origin, ssl.create_default_context(cadata=authority.certificate.decode()))
    first = await secure.peer()
    assert (await first.ask(request("GET", "/x"))).status == 404
    with pytest.raises((ConnectionError, ssl.SSLError, TimeoutError)):  # whose handshake isn't begun in time
        await secure.peer(ssl_handshake_timeout=5)
    assert room_of(stage).locked()
    assert (await first.ask(request("GET", "/x"))).status == 404


async def test_a_handshake_is_traffic_and_one_that_fails_is_counted(secure: Secure) -> None:
    server = secure.stage.server
    _, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    for part in (HALF_A_HELLO, b"\0" * 512):
        came = server.traffic.left
        writer.write(part)
        async with asyncio.timeout(5):
            while server.traffic.left == came:
                await breathe()
    async with asyncio.timeout(5):
        while not server.traffic.failed_handshakes:
            await breathe()
    writer.close()
    assert (server.traffic.failed_handshakes, server.connections) == (1, 0)


async def test_what_is_encrypted_and_has_not_left_waits_too(secure: Secure) -> None:
    await (await secure.peer()).ask(request("GET", "/x"))
    (connection,) = secure.stage.server.peers
    assert connection.secure and connection.below is not None and connection.unsent == 0
    while not connection.below.get_write_buffer_size():
        assert connection.write(b"x" * 100_000)
    plain = connection.wire.get_write_buffer_size()
    assert connection.unsent == plain + connection.below.get_write_buffer_size() > plain


class TestDeadline:
    @pytest.fixture
    def limits(self) -> ServerLimits:
        return ServerLimits(header_deadline=0.05)

    @pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01"])
    async def test_a_handshake_that_does_not_come_is_not_waited_for(self, secure: Secure, sent: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
        writer.write(sent)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_a_head_that_does_not_come_isn_t_either(secure: Secure) -> None:
    secure.stage.shorten(header_deadline=0.05)  # that of the handshake was set when the port was opened
    peer = await secure.peer()
    assert await peer.rest() == b""
    assert [each.how for each in secure.stage.facts(ConnectionClosed)] == ["deadline"]


async def test_a_house_that_is_full_accepts_no_more_at_either_port(stage: Stage, authority: Authority) -> None:
    stage.server._most = 1
    origin = stage.server.start_tls(bind("127.0.0.1", 0), authority.context)
    secure = Secure(stage, origin, ssl.create_default_context(cadata=authority.certificate.decode()))
    first = await stage.peer()
    assert (await first.ask(request("GET", "/x"))).status == 404
    waiting = asyncio.create_task(secure.peer())
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    await first.close()
    async with asyncio.timeout(5):
        assert (await (await waiting).ask(request("GET", "/x"))).status == 404


async def test_both_stop(secure: Secure) -> None:
    await secure.stage.server.stop(100)
    for port in (secure.port, secure.stage.port):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="No certificate"):
        throwaway(("not a name",))
