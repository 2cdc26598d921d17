"""A mock on loopback in a thread of its own, for clients that block. Where they would sleep, its clock moves on."""

import asyncio
import json
import socket
import threading
from base64 import b64encode
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from lab.clocks import AnyClock, ManualClock
from lab.core.clock import INSTANT_EPOCH, Epoch
from lab.core.journal.fact import Fact
from lab.core.observe import Noted, Observation, Requested
from lab.identity.clients import DEMO, JANE, Account, Client
from lab.identity.scopes import api_scope
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.server.acting import Acting
from lab.server.limits import ServerLimits
from lab.server.listener import bind
from lab.server.mock_server import MockServer
from tests.server.conftest import Answer, request
from tests.shapes import switched

API = "/api/fusion-ai/orchestrator"
SCOPE = api_scope("acme-test")


@dataclass
class Served:
    """What a client is told, and what a test looks at afterwards."""

    origin: str
    server: MockServer
    service: Service
    clock: AnyClock
    loop: asyncio.AbstractEventLoop
    observations: list[Observation] = field(default_factory=list)
    slept: Fraction = Fraction(0)
    """Seconds that clients have waited."""
    end_acting: Callable[[], Awaitable[list[str]]] = field(init=False)
    """Ends what plugins do about jobs; what is left to do."""

    @property
    def token_url(self) -> str:
        return f"{self.origin}/oauth2/v1/token"

    @property
    def api(self) -> str:
        return f"{self.origin}{API}"

    def sleep(self, seconds: float | str) -> None:
        """What a client calls in place of time.sleep: a manual clock moves on, another is waited for."""
        self.slept += Fraction(str(seconds))
        if isinstance(self.clock, ManualClock):
            self.run(self.clock.advance_to(int(self.slept * 1000)))
        else:
            self.run(self.clock.sleep_until(self.clock.now() + int(Fraction(str(seconds)) * 1000)))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something in the mock's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call something in the mock's own thread."""

        async def work() -> Any:
            return function(*arguments, **named)

        return self.run(work())

    def decide(self, job: str, gate: str, verdict: str, **more: Any) -> int:
        """A person decides outside the API."""
        now = self.clock.now()
        return int(self.call(self.service.decide, job, gate, verdict, now, **more).status)

    def facts(self, kind: type[Fact]) -> list[Any]:
        return [each.fact for each in self.observations if isinstance(each, Noted) and isinstance(each.fact, kind)]

    def requests(self, route: str) -> list[Requested]:
        return [each for each in self.observations if isinstance(each, Requested) and each.route == route]


def basic(identity: str = DEMO.id, secret: str = DEMO.secret) -> str:
    """The value of a Basic header, id and secret as they are."""
    return "Basic " + b64encode(f"{identity}:{secret}".encode()).decode()


def form(**fields: str) -> bytes:
    """A form body."""
    return urlencode(fields).encode()


def text(value: object) -> bytes:
    """A JSON body."""
    return json.dumps(value).encode()


@contextmanager
def serving(
    *documents: dict[str, Any],
    clients: tuple[Client, ...] = (DEMO,),
    accounts: tuple[Account, ...] = (JANE,),
    limits: ServerLimits | None = None,
    seed: int = 42,
    base: str = "",
    epoch: Epoch = INSTANT_EPOCH,
    clock: AnyClock | None = None,
    **switches: Any,
) -> Iterator[Served]:
    """A mock of the scenarios until the block ends; `base` is its public origin, else the one it listens on.

    Its clock is a manual one unless another is given: clients that block until something happens need one that goes by itself.
    """
    scenarios, chosen = (
        tuple(program_of(parsed(Scenario, each)) for each in documents),
        switched(switches),
    )
    bound = bind("127.0.0.1", 0)
    config = Config(
        scenarios, chosen, seed, epoch, clients, scripted=True, accounts=accounts,
        base=base, here=bound.origin,
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    service, clock = Service(config), clock or ManualClock()
    server = MockServer(service, clock, limits)
    served = Served(bound.origin, server, service, clock, loop)
    acting = Acting(server)
    served.end_acting = acting.end
    service.observers.append(served.observations.append)
    try:
        served.run(server.start(bound=bound))
        yield served
    finally:
        served.run(server.stop(1_000))
        served.run(acting.end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def ask(world: Served, data: bytes) -> Answer:
    """One request byte for byte on a connection of its own, and what came back until the end."""
    with socket.create_connection(("127.0.0.1", int(world.origin.rpartition(":")[2])), timeout=10) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        got = b"".join(iter(lambda: peer.recv(65_536), b""))
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split(" ")[1]), headers, body)


def token_of(world: Served, authorization: str = "", **fields: str) -> str:
    """A token by client credentials, or by the fields given."""
    body = form(**{"grant_type": "client_credentials", "scope": SCOPE, **fields})
    headers = (("authorization", authorization or basic()), ("content-type", "application/x-www-form-urlencoded"))
    got = ask(world, request("POST", "/oauth2/v1/token", headers, body))
    assert got.status == 200, got.body
    return str(got.json["access_token"])
