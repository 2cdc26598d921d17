"""Listening on a loop that watches no sockets, as Windows' own doesn't: what a peer is served is the same."""

import asyncio
import ssl
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import AsyncIterator

import pytest

from lab.clocks import settle
from lab.server.limits import ServerLimits
from lab.server.listener import Listener, bind
from lab.server.tls import throwaway
from tests.server.conftest import Peer, Stage, request


@pytest.fixture(autouse=True)
def watching_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(BaseSelectorEventLoop, "add_reader", refuse)


@pytest.fixture
def limits() -> ServerLimits:
    return ServerLimits(connections=2)


@pytest.mark.parametrize("secure", [False, True])
async def test_peers_are_served_and_those_that_are_too_many_wait(stage: Stage, secure: bool) -> None:
    port, trusting = stage.port, None
    if secure:
        authority = throwaway()
        port = int(stage.server.start_tls(bind("127.0.0.1", 0), authority.context).rpartition(":")[2])
        trusting = ssl.create_default_context(cadata=authority.certificate.decode())

    async def peer() -> Peer:
        created = Peer(*await asyncio.open_connection("127.0.0.1", port, ssl=trusting))
        stage.peers.append(created)
        return created

    first, second = await peer(), await peer()
    assert (await first.ask(request("GET", "/x"))).status == 404
    assert (await second.ask(request("GET", "/x"))).status == 404
    waits = asyncio.ensure_future(peer())
    await settle()
    assert stage.server.connections == 2
    await first.close()
    async with asyncio.timeout(10):
        assert (await (await waits).ask(request("GET", "/x"))).status == 404


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    created = Listener(bind("127.0.0.1", 0), asyncio.Protocol)
    yield created
    created.close()


async def test_it_pauses_goes_on_and_closes(listener: Listener) -> None:
    assert listener.pause()
    assert not listener.pause()
    await settle()
    listener.resume()
    port = int(listener.origin.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    listener.close()
    await settle()
    listener.resume()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_it_waits_when_no_descriptor_is_left(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, later = asyncio.get_running_loop(), list[object]()

    async def none_left(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(loop, "sock_accept", none_left)
    monkeypatch.setattr(loop, "call_later", lambda _, act: later.append(act))
    listener.pause()
    listener.resume()
    await settle()
    assert later == [listener.resume]
    assert not listener.pause()
