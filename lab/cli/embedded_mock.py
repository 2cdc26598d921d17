"""The mock on its sockets for as long as a command needs it: the API, the control plane, the tape."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from lab.app import token_request
from lab.app.observe import Noted, Observation, Observer
from lab.cli.console import Console
from lab.cli.endings import EndingObserver
from lab.cli.entropy import control_token
from lab.cli.https import secured
from lab.cli.loop import Stop
from lab.cli.reload import ScenarioReloader
from lab.cli.setup import Setup, app_of
from lab.cli.tape_recorder import TapeRecorder
from lab.core.clock import Millis
from lab.core.journal.shell import RequestMalformed
from lab.core.seeds import Seed
from lab.files import publish_token, withdraw_token
from lab.identity.routes import PATHS
from lab.mock.service import Service
from lab.mock.views import Config
from lab.server.control.plane import ControlPlane
from lab.server.listen import bind
from lab.server.mock_server import MockServer
from lab.settings import Settings

_OWN_GRACE: Millis = 1_000
"""How long replies under way may take at most where the client is our own app, which is gone by then, in real ms."""


@dataclass(slots=True)
class EmbeddedMock:
    """Where the mock is, and what opens its control plane."""

    base_url: str
    control_url: str
    control_token: str
    https_url: str | None = None
    ca_file: str | None = None
    """What a client must trust to call `https_url`."""
    dead: int = 0
    """Afterwards: 4 if the tape died, else 0."""
    recast: Callable[[str, Seed], Config] = field(kw_only=True)
    """Follows a scenario with a seed, unless a tape runs; by what it serves now."""

    @property
    def token_url(self) -> str:
        """Where tokens are granted."""
        return self.base_url + PATHS["token"]


class _Hint:
    """Tells the person at the terminal, once, that a client speaks TLS to the plain port (bad-inputs.md row 2)."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = False

    def __call__(self, told: Observation) -> None:
        """Look for what the parser refused."""
        fact = told.fact if isinstance(told, Noted) else None
        if isinstance(fact, RequestMalformed) and fact.what == "tls-on-plain-port" and not self._said:
            self._said = True
            self._console.err("note: a client speaks TLS to the plain port: use http:// there.")


@asynccontextmanager
async def embedded(
    asked: Settings, made: Setup, console: Console, stop: Stop, *, outside: bool = False, told: Observer | None = None
) -> AsyncIterator[EmbeddedMock]:
    """Serve from the first line of the tape to its footer.

    `outside`: the client is another process. `told` hears in which step each job ended.
    """
    # First of all the port, for URLs in answers name it; nobody is accepted yet.
    bound = bind(asked.host, asked.port)
    secure = secured(asked, bound)
    # A pod is reached by https alone, so that is what URLs name where it is served.
    made = replace(made, config=replace(made.config, here=secure.origin if secure else bound.origin))
    service = Service(made.config)
    if told is not None:
        service.observers.append(EndingObserver(service, told))
    try:
        taping = TapeRecorder(asked, made, service, console, outside=outside)
    except BaseException:
        for taken in (bound, secure.bound if secure else bound):
            taken.close()
        raise
    if outside:
        service.observers.append(_Hint(console))

    def recast(scenario: str, seed: Seed) -> Config:
        if not taping.running:
            service.recast(scenario, seed)
        return service.config

    server = MockServer(service, made.clock, made.limits)
    token = control_token()
    control = ControlPlane(server, token, trouble=lambda: taping.trouble, recorder=taping)
    served: EmbeddedMock | None = None
    reloading: asyncio.Task[None] | None = None
    # The first signature loads libraries and the key: some 60 ms that no client should take for latency.
    Service(made.config).serve(token_request(app_of(made.config)), 0)
    try:
        base = await server.start(bound=bound)
        served = EmbeddedMock(base, await control.start(asked.host, asked.control_port), token, recast=recast)
        if secure is not None:
            served.https_url, served.ca_file = secure.start(server)
        if outside:
            reloading = asyncio.create_task(ScenarioReloader(asked, service, made.clock, console).watch())
        publish_token(served.control_url, token, runtime=asked.runtime)
        yield served
    finally:
        if reloading is not None:
            reloading.cancel()
        if served is not None:
            withdraw_token(served.control_url, runtime=asked.runtime)
        if secure is not None:
            secure.stop()
        await control.stop()
        grace = round(1000 * made.limits.grace)
        await server.stop(grace if outside else min(_OWN_GRACE, grace), stop.hurry)
        dead = taping.close(stop.footer)
        if served is not None:
            served.dead = dead
