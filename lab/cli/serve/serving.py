"""The mock on its sockets for as long as a command needs it: the API, the control plane, the tape."""

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.loop import Stop
from lab.cli.run.conversation import job_facts_observer
from lab.cli.serve.hints import client_hints
from lab.cli.serve.reload import ScenarioReloader
from lab.cli.serve.serve_extras import Ports, ServeExtras
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
from lab.server.listener import Bound, bind
from lab.server.mock_server import MockServer

if TYPE_CHECKING:  # a lab of one process without a journal starts without what they need
    from lab.cli.serve.shared_tenants import StoredTenants
    from lab.server.shared.batch_loop import BatchLoop

_SWITCH = 0.001
"""Seconds for which a thread that redacts or judges may keep the interpreter from the loop, which waits so several times in
one call; Python's own 5 ms would make a poll take 20."""
_UP: Millis = 1_000
"""After so long, in real ms, a lab is up, and loads what it can do without until then."""
_OWN_GRACE: Millis = 1_000
"""How long replies under way may take at most where the client is our own app, which is gone by then, in real ms."""


class Serving:
    """A mock that is served, as an asynchronous context: from the first line of its tape to the footer.

    `_begin` makes the parts in the order in which they need each other, `_end` ends them the other way round.
    """

    service: Service
    recorder: TapeRecorder

    def __init__(
        self, setup: Setup, console: Console, stop: Stop, *,
        outside: bool = False, job_facts: Observer | None = None, extras: ServeExtras | None = None,
    ) -> None:  # fmt: skip
        """`outside`: the client is another process. `job_facts` is told who decided, and in which step each job ended.

        `extras`: what `lab serve` has beside; without it clients may choose nothing.
        """
        self.setup, self._console, self._stop = setup, console, stop
        self._outside, self._job_facts = outside, job_facts
        self._beside, self._offers = extras or ServeExtras(), extras is not None and bool(setup.config.scenarios)
        self._ports: Ports | None = None
        self._decoy: Bound | None = None
        self._calls: BatchLoop | None = None
        self.labs: ServedLabs | None = None
        """The labs of a process that serves scenarios to others, and shares none of them."""
        self._stored: StoredTenants | None = None
        self.server: MockServer | None = None
        """Once there is one."""
        self._control: ControlPlane | None = None
        self._unlink: Callable[[], object] = lambda: None
        self._tasks: list[asyncio.Task[None]] = []
        """What goes on beside, once it listens."""
        self.base_url = self.control_url = self.control_token = ""
        self.https_url: str | None = None
        self.ca_file: str | None = None
        """What a client must trust to call `https_url`."""
        self.exit_code = 0
        """Afterwards: 4 if a tape died, else 0."""

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

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

    async def _begin(self) -> None:
        setup, beside, listen, console = self.setup, self._beside, self.setup.settings.listen, self._console
        # ports first, for URLs in answers name them; nobody is accepted yet
        self._ports = ports = beside.ports(setup.settings)
        # the mock, and who looks on from its beginning
        self.service = service = setup.make_service(replace(self._led_away(), here=ports.origin))
        service.observers += client_hints(console, setup.clock.mode, service) if self._outside else ()
        if self._job_facts is not None:
            service.observers.append(job_facts_observer(service, self._job_facts))
        if beside.journal is not None:
            beside.journal.attach(service, setup.clock)
        self.recorder = TapeRecorder(setup, service, console, outside=self._outside)
        # the server, with the labs behind it
        self._calls = beside.ledger.calls_on(service) if beside.ledger is not None else None
        self.server = server = MockServer(service, setup.clock, setup.limits, self._calls, labs=self._labs)
        server.labs.usual.past = beside.journal.facts if beside.journal is not None else ()
        for log in beside.logs:
            log.follow(server.labs)
        sys.setswitchinterval(_SWITCH)
        asyncio.get_running_loop().set_exception_handler(server.bugs.outside)
        # the control plane, unless another process has the lab's
        if ports.control is not None:
            self.control_token = beside.control.token or control_token()
            self._control = ControlPlane(
                server, self.control_token, trouble=self._trouble, recorder=self.recorder, second=setup.second
            )
        # they listen
        self.base_url = await server.start(bound=ports.api)
        self._unlink = ports.link(server)
        if ports.https is not None:
            self.https_url, self.ca_file = ports.https.start(server)
        if self._decoy is not None:
            server.start_decoy(self._decoy)
        if self._control is not None:
            self.control_url = await self._control.start(listen.host, names=beside.control.names, bound=ports.control)
            # where programs of the same user find it, as long as the lab runs
            publish_token(self.control_url, self.control_token, runtime=listen.runtime)
        # and what nobody tells of is looked at: files that are written, and scenarios that are edited
        looks: list[Callable[[], None]] = [
            each.look for each in (self.recorder, self.labs, beside.journal, *beside.logs) if each
        ]
        if self._control is not None and self._outside and setup.config.scenarios:
            edited = [] if self.labs is None else [self.labs.edited]
            shared = beside.ledger is not None
            looks.append(ScenarioReloader(setup.settings, service, setup.clock, console, *edited, shared=shared).look)
        self._tasks = [asyncio.create_task(look_around(looks, server.bugs))]
        if self._outside:  # our own app wants a token a run
            self._tasks.append(asyncio.create_task(_load_later()))

    async def _end(self) -> None:
        problems: list[BaseException] = []
        for end in (
            self._drain,
            self._stop_beside,
            self._stop_listening,
            self._let_go,
            self._close_files,
            self._close_ports,
        ):
            try:
                await end()
            except BaseException as problem:  # noqa: BLE001 - whatever it is, the others are ended too
                problems.append(problem)
        if problems:
            raise problems[0]

    async def _drain(self) -> None:
        if self._tasks and self.server is not None:
            await self.server.drain(self._beside.drain, self._stop.hurry)

    async def _stop_beside(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self.control_url:
            withdraw_token(self.control_url, runtime=self.setup.settings.listen.runtime)
        if self.https_url is not None and self._ports is not None and self._ports.https is not None:
            self._ports.https.withdraw()
        self._unlink()

    async def _stop_listening(self) -> None:
        try:
            if self._control is not None:
                await self._control.stop()
        finally:
            if self.server is not None:
                grace = round(1000 * self.setup.limits.grace)
                await self.server.stop(grace if self._outside else min(_OWN_GRACE, grace), self._stop.hurry)

    async def _let_go(self) -> None:
        """A store, where other processes serve the lab too."""
        if self._stored is not None:
            await self._stored.close()
        if self._calls is not None:
            await self._calls.stop()

    async def _close_files(self) -> None:
        for log in self._beside.logs:
            log.close()
        tapes = [getattr(self, "recorder", None), self.labs]
        self.exit_code = max((each.close(self._stop.footer) for each in tapes if each is not None), default=0)

    async def _close_ports(self) -> None:
        if self._decoy is not None:
            self._decoy.close()
        if self._ports is not None:
            self._ports.close()

    def _labs(self, usual: ServedLab) -> Labs:
        """Where scenarios are served to others there may be more labs: this process's own, or those of all that serve it."""
        if not self._offers:
            return Labs(usual)
        if self._beside.ledger is None:
            self.labs = ServedLabs(self.setup, self._console, self._beside, usual)
            return self.labs
        from lab.cli.serve.shared_tenants import StoredTenants  # no other start waits for it

        self._stored = StoredTenants(self.setup, self._console, self._beside, self._beside.ledger.tenants, usual)
        return self._stored

    def _trouble(self) -> str | None:
        calls = None if self.server is None else self.server.labs.usual.calls
        parts = (self.recorder, self.labs, self._beside.journal, calls)
        return next((each.trouble for each in parts if each and each.trouble), None)

    def _led_away(self) -> Config:
        """With the origin to which redirects lead, if some do: of another name, for to some clients that alone matters."""
        setup, host = self.setup, self.setup.settings.listen.host
        faults = (fault for each in setup.config.scenarios for fault in each.scenario.faults)
        if not setup.leads_away and not any(fault.redirect == "other" for fault in faults):
            return setup.config
        self._decoy = bind(host, 0)
        scheme, _, place = self._decoy.origin.partition("://")
        name = "localhost" if host == "127.0.0.1" else place.rpartition(":")[0]
        return replace(setup.config, elsewhere=f"{scheme}://{name}:{place.rpartition(':')[2]}")


async def _load_later() -> None:
    """What signs fast takes 60 ms to load, and 7 MiB: nobody waits for it, and no start does; the first tokens are signed
    without."""
    wall = SystemClock()
    await wall.sleep_until(wall.now() + _UP)
    await asyncio.to_thread(load_library)
