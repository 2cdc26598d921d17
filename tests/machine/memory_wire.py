"""Labs without sockets: real bytes go into the servers' own protocols, over transports that are lists of bytes.

A lab is a `MockServer` and a `ControlPlane` on a manual clock, in one event loop that runs only while `settle` does.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from lab.clocks import ManualClock, breathe, settle
from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Fact, Key, Record
from lab.core.journal.ledger import MemoryLedger
from lab.core.observe import Observation
from lab.mock.config import Config
from lab.mock.service import Service
from lab.server import listening_server
from lab.server.control import plane
from lab.server.listener import Bound
from lab.server.mock_server import MockServer
from lab.server.shared.batch_loop import LabCalls
from tests.server.conftest import Answer, bearer, request

CONTROL_TOKEN = "machine"


class MemoryTransport(asyncio.Transport):
    """What a protocol writes to; its peer reads `written`."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.written = b""
        self.over = False
        self._protocol = protocol

    def write(self, data: Any) -> None:
        if not self.over:
            self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.over

    def close(self) -> None:
        self.lose(None)

    def abort(self) -> None:
        self.lose(None)

    def lose(self, why: Exception | None) -> None:
        """End it: the protocol learns of it in a later turn of the loop, as from a socket."""
        if not self.over:
            self.over = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, why)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class MemoryPeer:
    """A client's end of a connection."""

    def __init__(self, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        protocol = factory()
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol
        self.transport = MemoryTransport(protocol)
        protocol.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def answer(self) -> Answer | None:
        """The next answer, if it is whole."""
        head, end, rest = self.transport.written.partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", "0"))
        if len(rest) < size:
            return None
        self.transport.written = rest[size:]
        return Answer(int(first.split(" ")[1]), headers, rest[:size])


class MemoryListener:
    """Stands for `lab.server.listener.Listener`: nobody connects but by its factory."""

    def __init__(self, bound: Bound, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self.origin = bound.origin
        self.factory = factory
        self.closed = False

    def pause(self) -> bool:
        return False

    def resume(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


BOUND = Bound(None, "http://127.0.0.1:9")  # type: ignore[arg-type]


@contextmanager
def _without_sockets() -> Iterator[None]:
    listener = partial(patch.object, attribute="Listener", new=MemoryListener)
    with listener(listening_server), listener(plane), patch.object(plane, "bind", lambda host, port: BOUND):
        yield


class MemoryServer:
    """One process of a lab: its service, its API and its control plane."""

    def __init__(self, service: Service, clock: ManualClock, calls: LabCalls | None = None) -> None:
        """`calls` is the loop of a process that shares its lab."""
        self.service = service
        self.clock = clock
        self.calls = calls
        self.server = MockServer(service, clock, calls=calls)
        self.plane = plane.ControlPlane(self.server, CONTROL_TOKEN)
        self._control: MemoryPeer | None = None

    async def start(self) -> None:
        with _without_sockets():
            await self.server.start(bound=BOUND)
            await self.plane.start()

    def peer(self) -> MemoryPeer:
        """A new connection to the API."""
        return MemoryPeer(self.server.factory())

    async def control(self, method: str, path: str, body: Json = None) -> tuple[int, Any]:
        """Status and document of a call of the control plane."""
        if self._control is None or self._control.transport.over:
            assert isinstance(self.plane._listener, MemoryListener)
            self._control = MemoryPeer(self.plane._listener.factory)
        sent = () if body is None else (("content-type", "application/json"),)
        text = b"" if body is None else json.dumps(body).encode()
        data = request(method, f"/_lab/{path}", (bearer(CONTROL_TOKEN), *sent), text)
        self._control.send(data.replace(b"Host: 127.0.0.1\r\n", b"Host: 127.0.0.1:9\r\n"))
        while (found := self._control.answer()) is None:
            await breathe()
        return found.status, found.json

    async def retire(self, grace: Millis = 3_600_000) -> "asyncio.Task[None]":
        """Begin to stop: nobody new is accepted, and what is under way may end. Done once it has."""
        listener = self.server.listeners[0]
        stopping = asyncio.create_task(self.server.stop(grace))
        await settle()
        assert isinstance(listener, MemoryListener) and listener.closed
        return stopping

    async def stop(self) -> None:
        """End at once: what is under way is cut."""
        await self.plane.stop()
        await self.server.stop(0)
        if self.calls is not None:
            await self.calls.loop.stop()


class MemoryLabs:
    """The processes that serve one lab: on the memory ledger one."""

    def __init__(self, config: Config, observer: Callable[[int, Observation], None]) -> None:
        """The observer is told the number of the start, too, from 1."""
        self.config = config
        self.observer = observer
        self.servers: list[MemoryServer] = []
        self._facts: list[Fact] = []
        self._starts = 0
        self._ended: list[MemoryServer] = []
        """Kept, with their clocks: what still waits there for a client that is gone has yet to be told as cut."""

    @property
    def facts(self) -> Sequence[Fact]:
        """The journal: all that was accepted."""
        return self._facts

    async def start(self) -> None:
        self.servers.append(await self._started(0))

    @property
    def awake(self) -> list[MemoryServer]:
        """The processes that don't stand still."""
        return self.servers

    async def restart(self, number: int) -> None:
        """Kill a process, and start another in its place from what was accepted."""
        old = self.servers[number]
        old.service.journals.clear()  # nothing that it does from now on is acknowledged
        await old.stop()
        self._ended.append(old)
        self.servers[number] = await self._started(old.clock.now())

    def meanwhile(self, number: int, call: Callable[[Service], object]) -> None:
        """Let something happen at a process before the next commit of another one is taken. With one process: at once."""
        call(self.servers[number].service)

    async def settle(self) -> None:
        """Return once each process knows what the others have committed."""
        await settle()

    async def records(self) -> Sequence[Mapping[Key, Record]]:
        """What each process holds."""
        return [server.service.ledger._records for server in self.servers]

    async def _server(self, clock: ManualClock) -> MemoryServer:
        service = Service(self.config, MemoryLedger())
        if self._facts:
            service.rewind(tuple(self._facts), self._facts[-1].at)
        service.journals.append(self._facts.extend)
        return MemoryServer(service, clock)

    async def _started(self, now: int) -> MemoryServer:
        self._starts += 1
        clock = ManualClock(now)
        clock.withhold()
        server = await self._server(clock)
        server.service.observers.append(partial(self.observer, self._starts))
        await server.start()
        return server

    async def stop(self) -> None:
        """End all, and what still waits for a client that is gone, as `asyncio.run` does."""
        for server in self.servers:
            await server.stop()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
