"""The mock on its sockets for as long as a command needs it: the API, the control plane, the tape."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Protocol, Self

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.loop import Stop
from lab.cli.serve.hints import client_hints
from lab.cli.serve.ports import open_ports
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
from lab.server.labs import Labs, ServedLab
from lab.server.listener import bind
from lab.server.mock_server import MockServer

if TYPE_CHECKING:
    from lab.cli.request_log import RequestLog

_SWITCH = 0.001
"""Seconds for which a thread that redacts or judges may keep the interpreter from the loop, which waits so several times in
one call; Python's own 5 ms would make a poll take 20."""
_UP: Millis = 1_000
"""After so long, in real ms, a lab is up, and loads what it can do without until then."""
_OWN_GRACE: Millis = 1_000
"""How long replies under way may take at most where the client is our own app, which is gone by then, in real ms."""


class _Kept(Protocol):
    """What writes files for as long as the lab is served."""

    @property
    def trouble(self) -> str | None:
        """Why it can't."""

    def look(self) -> None:
        """Find out whether they are still there."""


class Serving:
    """A mock that is served, as an asynchronous context: from the first line of its tape to the footer.

    Each part is made once those that it needs are there, and beside its making stands how it ends: parts end the other
    way round, all of them, also where a later one can't be made.
    """

    service: Service
    recorder: TapeRecorder
    server: MockServer
    base_url: str
    _ends: AsyncExitStack

    def __init__(
        self, setup: Setup, console: Console, stop: Stop, *,
        outside: bool = False, job_facts: Observer | None = None, extras: ServeExtras | None = None,
    ) -> None:  # fmt: skip
        """`outside`: the client is another process. `job_facts` is told who decided, and in which step each job ended."""
        self.setup, self._console, self._stop = setup, console, stop
        self._outside, self._job_facts, self._extras = outside, job_facts, extras or ServeExtras()
        self.control_url = self.control_token = ""
        self.https_url: str | None = None
        self.ca_file: str | None = None
        """What a client must trust to call `https_url`."""
        self.exit_code = 0
        """Afterwards: 4 if a tape or the journal died, else 0."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as ends:
            await self._begin(ends)
            self._ends = ends.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.aclose()

    # What whoever serves wants to know

    @property
    def token_url(self) -> str:
        """Where tokens are granted."""
        return self.base_url + PATHS["token"]

    def document(self) -> dict[str, str]:
        """What a client needs; of a scenario that is served alone and only for users, a user's name and password too."""
        config = self.setup.config
        alone = self.setup.scenario.callers if config.token_scenario is not None else None
        client, user = credentials_for(config, alone) or (own_client(config), None)
        return {
            "base_url": self.base_url,
            "token_url": self.token_url,
            "client_id": client.id,
            "client_secret": client.secret,
            **({"user": user.name, "password": user.password} if user is not None else {}),
            "scope": api_scope(config.switches.pod),
            "control_url": self.control_url,
            "control_token": self.control_token,
            **({"https_url": self.https_url, "ca_file": self.ca_file} if self.https_url and self.ca_file else {}),
        }

    def recast(self, scenario: str, seed: Seed) -> Config:
        """Follow a scenario with a seed, unless a tape runs, whose header tells of the one before; what is served now."""
        if not self.recorder.running:
            self.service.recast(scenario, seed)
        return self.service.config

    # Its parts

    async def _begin(self, ends: AsyncExitStack) -> None:
        setup, extras, listen = self.setup, self._extras, self.setup.settings.listen
        if extras.journal is not None:
            ends.callback(self._note_exit, extras.journal.close)
        # ports first, for URLs in answers name them; nobody is accepted yet
        ports = open_ports(setup.settings) if extras.place is None else extras.place.take_ports(setup.settings)
        ends.callback(ports.close)
        decoy = bind(listen.host, 0) if _leads_away(setup) else None
        if decoy is not None:
            ends.callback(decoy.close)
        # the mock with who looks on from its beginning, and the server
        elsewhere = setup.config.elsewhere if decoy is None else _named_otherwise(listen.host, decoy.origin)
        self.service = self._mock(replace(setup.config, here=ports.origin, elsewhere=elsewhere))
        self.recorder = TapeRecorder(setup, self.service, self._console, outside=self._outside)
        ends.callback(self._note_exit, lambda: self.recorder.close(self._stop.footer))
        calls = None
        if extras.ledger is not None:
            calls = extras.ledger.calls_on(self.service)
            ends.push_async_callback(calls.loop.stop)
        log, labs = self._log(ends), partial(self._labs, ends)
        self.server = server = MockServer(self.service, setup.clock, setup.limits, calls, labs=labs)
        grace = round(1000 * setup.limits.grace)
        ends.push_async_callback(server.stop, grace if self._outside else min(_OWN_GRACE, grace), self._stop.hurry)
        if log is not None:
            log.follow(server.labs)
        # the control plane, unless another process has the lab's
        control = None if ports.control is None else self._control(ends)
        # they listen
        sys.setswitchinterval(_SWITCH)
        asyncio.get_running_loop().set_exception_handler(server.bugs.outside)
        self.base_url = await server.start(bound=ports.api)
        if extras.place is not None:
            ends.callback(extras.place.link(server))
        if ports.https is not None:
            ends.callback(ports.https.withdraw)
            self.https_url, self.ca_file = ports.https.start(server)
        if decoy is not None:
            server.start_decoy(decoy)
        if control is not None:
            self.control_url = await control.start(listen.host, names=extras.control.names, bound=ports.control)
            # where programs of the same user find it, as long as the lab runs
            publish_token(self.control_url, self.control_token, runtime=listen.runtime)
            ends.callback(withdraw_token, self.control_url, runtime=listen.runtime)
        # and what nobody tells of is looked at: files that are written, requests to be logged, scenarios that are edited
        looks = [each.look for each in self._kept()]
        looks += [] if log is None else [log.look]
        looks += [] if control is None or (reloader := self._reloader()) is None else [reloader.look]
        ends.callback(asyncio.create_task(look_around(looks, server.bugs)).cancel)
        if self._outside:  # our own app wants a token a run
            ends.callback(asyncio.create_task(_load_later()).cancel)
        ends.push_async_callback(server.drain, extras.drain, self._stop.hurry)

    def _mock(self, config: Config) -> Service:
        service, clock = self.setup.make_service(config), self.setup.clock
        service.observers += client_hints(self._console, clock.mode, service) if self._outside else ()
        if self._job_facts is not None:
            from lab.cli.run.conversation import job_facts_observer  # a run's: who only serves needs none

            service.observers.append(job_facts_observer(service, self._job_facts))
        if self._extras.journal is not None:
            self._extras.journal.attach(service, clock)
        return service

    def _labs(self, ends: AsyncExitStack, usual: ServedLab) -> Labs:
        """Where scenarios are served to others there may be more labs: this process's own, or those of all that serve it."""
        extras, parts = self._extras, (self.setup, self._console, self._extras)
        usual.past = () if extras.journal is None else extras.journal.facts
        if not extras.choosing or not self.setup.config.scenarios:
            return Labs(usual)
        if extras.ledger is None:
            own = ServedLabs(*parts, usual)
            ends.callback(self._note_exit, lambda: own.close(self._stop.footer))
            return own
        from lab.cli.serve.shared_tenants import SharedTenants  # no other start waits for it

        return SharedTenants(*parts, usual)

    @property
    def _own_labs(self) -> ServedLabs | None:
        return self.server.labs if isinstance(self.server.labs, ServedLabs) else None

    def _kept(self) -> list[_Kept]:
        parts = self.recorder, self._own_labs, self._extras.journal
        return [each for each in parts if each is not None]

    def _log(self, ends: AsyncExitStack) -> "RequestLog | None":
        if self._extras.log == "none":
            return None
        from lab.cli.request_log import RequestLog  # no other start waits for it

        log = RequestLog(self._extras.log, self._console)
        ends.callback(log.close)
        return log

    def _reloader(self) -> ScenarioReloader | None:
        setup, own = self.setup, self._own_labs
        if not self._outside or not setup.config.scenarios:
            return None
        edited, shared = (() if own is None else (own.edited,)), self._extras.ledger is not None
        return ScenarioReloader(setup.settings, self.service, setup.clock, self._console, *edited, shared=shared)

    def _control(self, ends: AsyncExitStack) -> ControlPlane:
        self.control_token = self._extras.control.token or control_token()

        def trouble() -> str | None:
            files = (each.trouble for each in self._kept())
            return next(filter(None, files), self.server.labs.usual.calls.trouble)

        control = ControlPlane(
            self.server, self.control_token, trouble=trouble, recorder=self.recorder, second=self.setup.second
        )
        ends.push_async_callback(control.stop)
        return control

    def _note_exit(self, close: Callable[[], int]) -> None:
        """Close what writes files; what it says of them counts for the exit code."""
        self.exit_code = max(self.exit_code, close())


def _leads_away(setup: Setup) -> bool:
    """Whether there are redirects to another origin."""
    faults = (fault for each in setup.config.scenarios for fault in each.scenario.faults)
    return setup.leads_away or any(fault.redirect == "other" for fault in faults)


def _named_otherwise(host: str, origin: str) -> str:
    """That origin by another name than the host's, if there is one: to some clients that alone matters."""
    scheme, _, place = origin.partition("://")
    name, _, port = place.rpartition(":")
    return f"{scheme}://{'localhost' if host == '127.0.0.1' else name}:{port}"


async def _load_later() -> None:
    """What signs fast takes 60 ms to load, and 7 MiB: nobody waits for it, and no start does; the first tokens are signed
    without."""
    wall = SystemClock()
    await wall.sleep_until(wall.now() + _UP)
    await asyncio.to_thread(load_library)
