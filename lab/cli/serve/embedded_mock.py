"""The mock on its sockets for as long as a command needs it: the API, the control plane, the tape."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.logs.request_log import RequestLog
from lab.cli.loop import Stop
from lab.cli.run.conversation import job_facts_observer
from lab.cli.serve.hints import client_hints
from lab.cli.serve.ports import Ports
from lab.cli.serve.reload import ScenarioReloader
from lab.cli.serve.serve_extras import ServeExtras
from lab.cli.serve.served_labs import ServedLabs
from lab.cli.serve.surroundings import look_around
from lab.cli.setup import Setup, credentials_for, own_client
from lab.cli.tapes.tape_recorder import TapeRecorder
from lab.clocks import SystemClock
from lab.core.clock import Millis
from lab.core.observe import Observer
from lab.core.seeds import Seed
from lab.files.runtime import publish_token, withdraw_token
from lab.identity.keys import load_library
from lab.identity.routes import PATHS
from lab.identity.scopes import api_scope
from lab.mock.config import Config
from lab.mock.service import Service
from lab.server.control.plane import ControlPlane
from lab.server.labs import Lab, Labs
from lab.server.listener import Bound, bind
from lab.server.mock_server import MockServer

if TYPE_CHECKING:  # a lab of one process without a journal starts without what they need
    from lab.cli.serve.shared_lab import SharedLab
    from lab.server.shared.batch_loop import BatchLoop

_SWITCH = 0.001
"""Seconds for which a thread that redacts or judges may keep the interpreter from the loop, which waits so several times in
one call; Python's own 5 ms would make a poll take 20."""
_UP: Millis = 1_000
"""After so long, in real ms, a lab is up, and loads what it can do without until then."""
_OWN_GRACE: Millis = 1_000
"""How long replies under way may take at most where the client is our own app, which is gone by then, in real ms."""


class EmbeddedMock(Struct):
    """Where the mock is, and what opens its control plane."""

    service: Service
    recorder: TapeRecorder
    labs: ServedLabs | None = None
    """The labs of a process that serves scenarios to others, and shares none of them."""
    control_token: str = ""
    base_url: str = ""
    control_url: str = ""
    https_url: str | None = None
    ca_file: str | None = None
    """What a client must trust to call `https_url`."""
    server: MockServer | None = None
    """Once it listens."""
    exit_code: int = 0
    """Afterwards: 4 if the tape died, else 0."""

    @property
    def token_url(self) -> str:
        """Where tokens are granted."""
        return self.base_url + PATHS["token"]

    def recast(self, scenario: str, seed: Seed) -> Config:
        """Follow a scenario with a seed, unless a tape runs, whose header tells of the one before; what is served now."""
        if not self.recorder.running:
            self.service.recast(scenario, seed)
        return self.service.config


def connection_document(setup: Setup, mock: EmbeddedMock) -> dict[str, str]:
    """What a client needs; of a scenario that is served alone and only for users, a user's name and password too."""
    alone = setup.scenario.callers if setup.config.token_scenario is not None else None
    client, user = credentials_for(setup.config, alone) or (own_client(setup.config), None)
    return {
        "base_url": mock.base_url,
        "token_url": mock.token_url,
        "client_id": client.id,
        "client_secret": client.secret,
        **({"user": user.name, "password": user.password} if user is not None else {}),
        "scope": api_scope(setup.config.switches.pod),
        "control_url": mock.control_url,
        "control_token": mock.control_token,
        **({"https_url": mock.https_url, "ca_file": mock.ca_file} if mock.https_url and mock.ca_file else {}),
    }


@asynccontextmanager
async def embedded_mock(
    setup: Setup,
    console: Console,
    stop: Stop,
    *,
    outside: bool = False,
    job_facts: Observer | None = None,
    extras: ServeExtras | None = None,
) -> AsyncIterator[EmbeddedMock]:
    """Serve from the first line of the tape to its footer; what was begun ends in reverse.

    `outside`: the client is another process. `job_facts` is told who decided, and in which step each job ended.
    `extras`: what `lab serve` has beside; without it clients may choose nothing.
    """
    beside, listen = extras or ServeExtras(), setup.settings.listen
    async with AsyncExitStack() as stack:
        ports = beside.ports(setup.settings, stack)
        config, decoy = _decoy(setup, stack)
        service = setup.make_service(replace(config, here=ports.origin))
        _observe(service, setup, beside, client_hints(console, setup.clock.mode, service) if outside else (), job_facts)
        mock = EmbeddedMock(service, TapeRecorder(setup, service, console, outside=outside))
        stack.callback(_close_files, mock, stop, beside.logs)
        labs = partial(_labs, mock, setup, console, extras, stack)
        server = _server(mock, setup, beside, _calls(beside.ledger, service, stack), labs)
        control = _control_plane(mock, setup, beside, server) if ports.control is not None else None
        stack.push_async_callback(server.stop, _grace(setup, outside=outside), stop.hurry)
        if control is not None:
            stack.push_async_callback(control.stop)
        mock.base_url = await server.start(bound=ports.api)
        _start_others(mock, server, ports, decoy, stack)
        # what nobody tells of: the files that are being written
        written = (mock.recorder, mock.labs, beside.journal, *beside.logs)
        looks: list[Callable[[], None]] = [each.look for each in written if each is not None]
        if control is not None:
            mock.control_url = await control.start(listen.host, names=beside.control.names, bound=ports.control)
            _publish_token(mock, listen.runtime, stack)
            looks += _edits(mock, setup, console, shared=beside.ledger is not None) if outside else []
        stack.callback(asyncio.create_task(look_around(looks, server.bugs)).cancel)
        stack.callback(asyncio.create_task(_load_later()).cancel)
        stack.push_async_callback(server.drain, beside.drain, stop.hurry)
        yield mock


def _observe(
    service: Service, setup: Setup, extras: ServeExtras, hints: Iterable[Observer], job_facts: Observer | None
) -> None:
    """Let those look on who do so from the beginning."""
    service.observers += hints
    service.observers += [job_facts_observer(service, job_facts)] if job_facts is not None else []
    if extras.journal is not None:
        extras.journal.attach(service, setup.clock)


def _calls(lab: "SharedLab | None", service: Service, stack: AsyncExitStack) -> "BatchLoop | None":
    """How calls reach the ledger of a lab that other processes serve too."""
    if lab is None:
        return None
    calls = lab.calls_on(service)
    stack.push_async_callback(calls.stop)
    return calls


def _labs(
    mock: EmbeddedMock, setup: Setup, console: Console, extras: ServeExtras | None, stack: AsyncExitStack, usual: Lab
) -> Labs:
    """Where scenarios are served to others there may be more labs: this process's own, or those of all that serve it."""
    if extras is None or not setup.config.scenarios:
        return Labs(usual)
    if extras.ledger is None:
        mock.labs = ServedLabs(setup, console, extras, usual)
        return mock.labs
    from lab.cli.serve.shared_tenants import StoredTenants  # no other start waits for it

    shared = StoredTenants(setup, console, extras, extras.ledger.tenants, usual)
    stack.push_async_callback(shared.close)
    return shared


def _start_others(
    mock: EmbeddedMock, server: MockServer, ports: Ports, decoy: Bound | None, stack: AsyncExitStack
) -> None:
    """Let the server listen wherever else it is to, and be linked to the other workers."""
    ports.link(server, stack)
    if ports.https is not None:
        stack.callback(ports.https.withdraw)
        mock.https_url, mock.ca_file = ports.https.start(server)
    if decoy is not None:
        server.start_decoy(decoy)


def _edits(mock: EmbeddedMock, setup: Setup, console: Console, *, shared: bool) -> list[Callable[[], None]]:
    """Takes up what is edited, where it was chosen too; nothing where no scenario is served."""
    edited = [] if mock.labs is None else [mock.labs.edited]
    reloader = ScenarioReloader(setup.settings, mock.service, setup.clock, console, *edited, shared=shared)
    return [reloader.look] if setup.config.scenarios else []


def _grace(setup: Setup, *, outside: bool) -> Millis:
    grace = round(1000 * setup.limits.grace)
    return grace if outside else min(_OWN_GRACE, grace)


def _publish_token(mock: EmbeddedMock, runtime: str | None, stack: AsyncExitStack) -> None:
    """The control token lies where programs of the same user find it, as long as the lab runs."""
    stack.callback(withdraw_token, mock.control_url, runtime=runtime)
    publish_token(mock.control_url, mock.control_token, runtime=runtime)


def _decoy(setup: Setup, stack: AsyncExitStack) -> tuple[Config, Bound | None]:
    """The origin to which redirects lead, if some do: of another name, for to some clients that alone matters."""
    faults = (fault for each in setup.config.scenarios for fault in each.scenario.faults)
    if not setup.leads_away and not any(fault.redirect == "other" for fault in faults):
        return setup.config, None
    host = setup.settings.listen.host
    bound = bind(host, 0)
    stack.callback(bound.close)
    scheme, _, place = bound.origin.partition("://")
    name = "localhost" if host == "127.0.0.1" else place.rpartition(":")[0]
    return replace(setup.config, elsewhere=f"{scheme}://{name}:{place.rpartition(':')[2]}"), bound


def _control_plane(mock: EmbeddedMock, setup: Setup, extras: ServeExtras, server: MockServer) -> ControlPlane:
    recorder, journal = mock.recorder, extras.journal
    mock.control_token = extras.control.token or control_token()
    parts = recorder, mock.labs, journal, server.labs.usual.calls
    return ControlPlane(
        server,
        mock.control_token,
        trouble=lambda: next((each.trouble for each in parts if each and each.trouble), None),
        recorder=recorder,
        second=setup.second,
    )


def _server(
    mock: EmbeddedMock, setup: Setup, extras: ServeExtras, calls: "BatchLoop | None", labs: Callable[[Lab], Labs]
) -> MockServer:
    server = MockServer(mock.service, setup.clock, setup.limits, calls, labs=labs)
    server.labs.usual.past = extras.journal.facts if extras.journal is not None else ()
    mock.server = server
    for log in extras.logs:
        log.follow(server.labs)
    sys.setswitchinterval(_SWITCH)
    asyncio.get_running_loop().set_exception_handler(server.bugs.outside)
    return server


async def _load_later() -> None:
    """What signs fast takes 60 ms to load: nobody waits for it, and no start does; the first tokens are signed without."""
    wall = SystemClock()
    await wall.sleep_until(wall.now() + _UP)
    await asyncio.to_thread(load_library)


def _close_files(mock: EmbeddedMock, stop: Stop, logs: Iterable[RequestLog]) -> None:
    for log in logs:
        log.close()
    mock.exit_code = max(each.close(stop.footer) for each in (mock.recorder, mock.labs) if each is not None)
