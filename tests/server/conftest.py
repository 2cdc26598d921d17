"""A mock on loopback with a manual clock, and a peer that speaks raw bytes to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from lab.clocks import AnyClock, ManualClock
from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.core.observe import Noted, Observation
from lab.dialects.router import ROUTER
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.server.connection import Shell
from lab.server.limits import ServerLimits
from lab.server.mock_server import MockServer
from lab.testing.story import facts_of

TEAM = "DOCUMENT_TEAM"
SCOPE = "urn:opc:resource:fusion:acme-test:fusion-ai/"
SCENARIO = """\
lab: 1
name: consent
title: A person consents
agent: {code: DOCUMENT_TEAM, version: 1}
ask: Share it
latency: {token: 0ms, invoke: 0ms, status: 80ms}
steps:
  - work: read
    takes: 3s
  - gate: consent
    asks: May it be shared?
    channel: CHAT
    patience: 15m
    verdicts: {rejected: declined}
  - complete: shared
    output: Shared.
  - complete: declined
    output: Kept.
"""


@dataclass
class Answer:
    """A reply as it came over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body)


@dataclass
class Peer:
    """A client that sends what it is told, byte for byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, method: str = "GET") -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        status = int(head[0].split(" ")[1])
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, await self._chunks())
        size = 0 if method == "HEAD" or status < 200 else int(headers.get("content-length", "0"))
        return Answer(status, headers, await self.reader.readexactly(size))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def ask(self, data: bytes, method: str = "GET") -> Answer:
        await self.send(data)
        return await self.answer(method)

    async def rest(self) -> bytes:
        return await self.reader.read()

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


@dataclass
class Stage:
    """Everything that a test has at hand."""

    service: Service
    clock: ManualClock
    server: MockServer
    port: int
    observations: list[Observation] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    shells: list[Shell] = field(default_factory=list)
    """Further listeners'."""

    async def peer(self) -> Peer:
        created = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        self.peers.append(created)
        return created

    def shorten(self, **deadlines: float) -> None:
        """Have these deadlines, in real seconds, from now on: of those that begin later."""
        for shell in (self.server, *self.shells):
            shell.limits = replace(shell.limits, **deadlines)

    def facts(self, kind: type[Fact]) -> list[Fact]:
        return [each.fact for each in self.observations if isinstance(each, Noted) and isinstance(each.fact, kind)]

    async def token(self) -> str:
        sent = token_request(DEMO.id, DEMO.secret, SCOPE)
        peer = await self.peer()
        got = await peer.ask(request(sent.method, sent.path, sent.headers, sent.body))
        assert got.status == 200, got.body
        return str(got.json["access_token"])

    async def job(self, token: str) -> str:
        peer = await self.peer()
        got = await peer.ask(invoke(token, {"message": "Share it", "conversational": True}))
        assert got.status == 202, got.body
        return str(got.json["jobId"])


def request(
    method: str, path: str, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"", *, port: int | None = None
) -> bytes:
    """The bytes of a well-made request; a control plane wants its port named."""
    host = "127.0.0.1" if port is None else f"127.0.0.1:{port}"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def bearer(token: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token}")


TOKEN = "control-token-of-a-test"


def control_request(port: int, method: str, path: str, document: Json = None, *, token: str = TOKEN) -> bytes:
    """A request to the control plane at that port."""
    kind = () if document is None else (("content-type", "application/json"),)
    body = b"" if document is None else json.dumps(document).encode()
    return request(method, f"/_lab/{path}", (bearer(token), *kind), body, port=port)


def lines_in(journal: bytes) -> list[dict[str, Json]]:
    """The lines of a journal, each fact as one of its own: of a request they stand behind it."""
    lines: list[dict[str, Json]] = []
    for line in map(json.loads, journal.splitlines()):
        lines += [{name: value for name, value in line.items() if name != "facts"}] if line["k"] != "fact" else []
        at = {name: line[name] for name in ("n", "t", "x") if name in line}
        lines += [{"k": "fact", **at, **fact} for fact in facts_of(line)]
    return lines


async def ask_once(port: int, data: bytes) -> Answer:
    """The answer, over a connection of its own."""
    peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
    got = await peer.ask(data)
    await peer.close()
    return got


def invoke(token: str, document: Json) -> bytes:
    headers = (bearer(token), ("content-type", "application/json"))
    return request("POST", ROUTER.path("invoke", code=TEAM), headers, json.dumps(document).encode())


def status(token: str, job: str) -> bytes:
    return request("GET", ROUTER.path("status", code=TEAM, job=job), (bearer(token),))


def make_service(*, scripted: bool = True) -> Service:
    return Service(
        Config(
            (program_of(parse_scenario(SCENARIO, "consent.yaml")),),
            Switches(),
            42,
            INSTANT_EPOCH,
            scripted=scripted,
        )
    )


@pytest.fixture
def limits() -> ServerLimits:
    """Overridden where a test wants a deadline to come."""
    return ServerLimits()


@asynccontextmanager
async def serving(service: Service, clock: AnyClock, limits: ServerLimits | None = None) -> AsyncIterator[Stage]:
    """A mock on a socket, observed; in the end its peers are closed, and it stops."""
    server = MockServer(service, clock, limits)
    port = int((await server.start()).rpartition(":")[2])
    created = Stage(service, clock, server, port)  # type: ignore[arg-type]
    service.observers.append(created.observations.append)
    try:
        yield created
    finally:
        for peer in created.peers:
            await peer.close()
        await server.stop(100)


@pytest.fixture
async def stage(limits: ServerLimits) -> AsyncIterator[Stage]:
    async with serving(make_service(), ManualClock(), limits) as created:
        yield created
