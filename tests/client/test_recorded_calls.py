"""A recording is sent over sockets to labs that stand for a pod and its identity domain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from lab.client.recorded_calls import send_recorded
from lab.client.transport import PodTransport
from lab.clocks import ManualClock, settle
from lab.core.errors import HostError
from lab.core.observe import Observation, Requested
from lab.mock.service import Service
from lab.recording.client_replay.plan import client_plan
from lab.recording.client_replay.polls import ClientTerms
from lab.recording.client_replay.replay import ClientReplay
from lab.recording.client_replay.values import Credentials
from lab.recording.divergences import Divergences
from lab.recording.format.reader import read
from lab.server.mock_server import MockServer
from tests.recording.joined import Joined, config

SECRETS = Credentials({"lab-C1-secret": config().clients[0].secret})


@pytest.fixture
def clock() -> ManualClock:
    """Of all servers, and of whoever calls them."""
    return ManualClock()


@pytest.fixture
async def server(clock: ManualClock) -> AsyncIterator[MockServer]:
    """A lab with another seed."""
    server = MockServer(Service(config(seed=7)), clock)
    await server.start()
    yield server
    await server.stop()


async def replayed(clock: ManualClock, api: str, tokens: str) -> Divergences:
    """A day that a lab recorded, sent there; the clock is moved whenever no call is under way."""
    peer = Joined(config())
    peer.play()
    peer.tape.close(peer.now)
    machine = ClientReplay(client_plan(read(peer.data, "a")), SECRETS, (api, tokens), ClientTerms())
    transport = PodTransport(api, tokens)
    sending = asyncio.ensure_future(send_recorded(machine, transport, clock))
    try:
        while not sending.done():
            await settle()
            due = machine.due(clock.now())
            if not machine.under_way and due is not None and due > clock.now():
                await clock.advance_to(due)
        await sending
    finally:
        await transport.close()
    return machine.result()


async def test_a_server_of_the_same_scenario_keeps_a_recording(clock: ManualClock, server: MockServer) -> None:
    found = await replayed(clock, server.origins[0], server.origins[0])
    assert found.passed, found.text()
    assert len(list(server.service.jobs())) == 1


async def test_tokens_are_asked_for_elsewhere_and_the_bearer_goes_to_the_api_alone(
    clock: ManualClock, server: MockServer
) -> None:
    identity = MockServer(Service(config(seed=7)), clock)
    await identity.start()
    routes: dict[str, set[str]] = {"api": set(), "identity": set()}

    def follow(at: str, service: Service) -> None:
        def note(observation: Observation) -> None:
            if isinstance(observation, Requested):
                routes[at].add(observation.route)

        service.observers.append(note)

    follow("api", server.service)
    follow("identity", identity.service)
    await replayed(clock, server.origins[0], identity.origins[0])
    await identity.stop()
    assert routes == {"api": {"invoke"}, "identity": {"token"}}  # where its token isn't known: 401, and no job


async def test_a_token_endpoint_with_another_path_is_called_as_it_is_named(clock: ManualClock) -> None:
    paths: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            paths.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
            writer.write(b"HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:9/stolen\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    found = await replayed(clock, origin, f"{origin}/other/token")
    listener.close()
    assert paths == ["/other/token"], "a redirect is an answer, and nothing follows it"
    assert "expected status 200, got 307" in found.differences[0].what


async def test_nobody_there_is_the_surroundings_fault(clock: ManualClock) -> None:
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    listener.close()
    await listener.wait_closed()
    said = "nobody answers POST /oauth2/v1/token there: it can't be reached"
    with pytest.raises(HostError, match=said) as refused:
        await replayed(clock, origin, origin)
    assert refused.value.hint == "Is it running?"


async def test_who_speaks_plainly_where_tls_is_meant_is_said_to(clock: ManualClock, server: MockServer) -> None:
    origin = server.origins[0].replace("http:", "https:")
    with pytest.raises(HostError, match=r"its TLS can't be trusted .* --ca FILE") as refused:
        await replayed(clock, origin, origin)
    assert not refused.value.hint
