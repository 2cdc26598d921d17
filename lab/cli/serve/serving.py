"""The mock on its sockets for as long as a command needs it: the API, the control plane, the tape."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol, Self

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.loop import Stop
from lab.cli.serve.hints import client_hints
from lab.cli.serve.ports import Ports, open_mock_ports
from lab.cli.serve.served_labs import ServedLabs
from lab.cli.serve.settings import ServeSettings
from lab.cli.serve.surroundings import ScenarioReloader, look_around
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
from lab.server.acting import Acting
from lab.server.control.plane import ControlPlane
from lab.server.labs import Labs, OfferedChoices, ServedLab
from lab.server.listener import Bound, bind
from lab.server.mock_server import MockServer

if TYPE_CHECKING:  # a lab without them starts without what they need
    from lab.cli.request_log import RequestLog
    from lab.cli.serve.shared_lab import SharedLab
    from lab.cli.serve.state_journal import StateJournal
    from lab.cli.serve.workers import WorkerPlace

_SWITCH = 0.001
"""Seconds for which a thread that redacts or judges may keep the interpreter from the loop, which waits so several times in
one call; Python's own 5 ms would make a poll take 20."""
_UP: Millis = 1_000
"""After so long, in real ms, a lab is up, and loads what it can do without until then."""
_OWN_GRACE: Millis = 1_000
"""How long replies under way may take at most where the client is our own app, which is gone by then, in real ms."""


class _KeptFiles(Protocol):
    """What writes files for as long as the lab is served."""

    @property
    def trouble(self) -> str | None:
        """Why it can't."""

    def look(self) -> None:
        """Find out whether they are still there."""


class ServeCall(Struct, frozen=True):
    """A call of `lab serve`, and what came of it before anything listens. Who serves a mock otherwise has none of that."""

    settings: ServeSettings = ServeSettings()
    offers: Sequence[OfferedChoices] = ()
    """What clients may choose beside the scenarios."""
    journal: "StateJournal | None" = None
    """The lab goes on from it, and writes on."""
    place: "WorkerPlace | None" = None
    """That of this process among the workers; None: it is none of them."""


class Serving:
    """A mock that is served, as an asynchronous context: from the first line of its tape to the footer.

    `_begin` makes each part once those that it needs are there, and beside its making stands how it ends: parts end the
    other way round, all of them, also where a later one can't be made.
    """

    service: Service
    recorder: TapeRecorder
    server: MockServer
    base_url: str
    _ends: AsyncExitStack

    def __init__(
        self, setup: Setup, console: Console, stop: Stop, *,
        outside: bool = False, job_facts: Observer | None = None, call: ServeCall | None = None,
    ) -> None:  # fmt: skip
        """`outside`: the client is another process. `job_facts` is told who decided, and in which step each job ended."""
        self.setup, self._console, self._stop = setup, console, stop
        self._outside, self._job_facts = outside, job_facts
        self._call, self._choosing = call or ServeCall(), call is not None
        self.control_url = self.control_token = ""
        self._https: dict[str, str] = {}
        """Where https is served, if it is, and what a client must trust there."""
        self.shared: SharedLab | None = None
        """The lab that other processes serve too."""
        self._kept: list[_KeptFiles] = []
        self.beside: dict[str, str] = {}
        """What a client needs of what plugins do."""
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
            **self._https,
            **self.beside,
        }

    def recast(self, scenario: str, seed: Seed) -> Config:
        """Follow a scenario with a seed, unless a tape runs, whose header tells of the one before; what is served now."""
        if not self.recorder.running:
            self.service.recast(scenario, seed)
        return self.service.config

    # Its parts

    async def _begin(self, ends: AsyncExitStack) -> None:
        call, console, stop = self._call, self._console, self._stop
        settings, place, journal = call.settings, call.place, call.journal
        if place is not None:
            ends.callback(asyncio.create_task(place.beat()).cancel)
        # what is served: as was asked, or, of a lab that other processes serve too, as all of them agreed
        if journal is not None:
            self._keep(ends, journal, journal.close)
        if settings.ledger.url is not None:
            from lab.cli.serve.shared_lab import shared_lab  # no other start waits for it

            agreed = None if place is None else place.agreed
            self.shared = await ends.enter_async_context(shared_lab(settings.ledger, self.setup, agreed=agreed))
            common = self.shared.setup  # what is sent is one process's affair, and another may serve the job
            self.setup = replace(common, config=replace(common.config, callbacks=None))
        setup, limits = self.setup, self.setup.limits
        # ports, for URLs in answers name them; nobody is accepted yet
        ports = open_mock_ports(setup.settings) if place is None else place.take_ports(setup.settings)
        ends.callback(ports.close)
        decoy = bind(setup.settings.listen.host, 0) if _leads_away(setup) else None
        if decoy is not None:
            ends.callback(decoy.close)
        # the mock with who looks on from its beginning, and the server
        self.service = self._mock(ports, decoy)
        self.recorder = TapeRecorder(setup, self.service, console, outside=self._outside)
        self._keep(ends, self.recorder, lambda: self.recorder.close(stop.footer))
        calls = None if self.shared is None else self.shared.calls_on(self.service)
        if calls is not None:
            ends.push_async_callback(calls.loop.stop)
        log = self._log(ends)
        server = self.server = MockServer(self.service, setup.clock, limits, calls, labs=self._labs)
        if isinstance(labs := server.labs, ServedLabs):
            self._keep(ends, labs, lambda: labs.close(stop.footer))
        for open_beside in setup.beside:
            self.beside |= await ends.enter_async_context(open_beside(server, console))
        ends.push_async_callback(self._end_acting, Acting(server))
        grace = round(1000 * limits.grace)
        ends.push_async_callback(server.stop, grace if self._outside else min(_OWN_GRACE, grace), stop.hurry)
        if log is not None:
            log.follow(server.labs)
        # the control plane, unless another process has the lab's
        control = None if ports.control is None else self._control(ends)
        await self._listen(ports, decoy, control, ends)
        # and what nobody tells of is looked at: files that are written, requests to be logged, scenarios that are edited
        looks = [each.look for each in self._kept]
        looks += [] if log is None else [log.look]
        if control is not None and self._outside and setup.config.scenarios:
            looks.append(ScenarioReloader(setup.settings, server.labs, console).look)
        ends.callback(asyncio.create_task(look_around(looks, server.bugs)).cancel)
        if self._outside:  # our own app wants a token a run
            ends.callback(asyncio.create_task(_load_later()).cancel)
        ends.push_async_callback(server.drain, settings.drain, stop.hurry)

    async def _end_acting(self, acting: Acting) -> None:
        for line in await acting.end():
            self._console.err(line)

    async def _listen(
        self, ports: Ports, decoy: Bound | None, control: ControlPlane | None, ends: AsyncExitStack
    ) -> None:
        server, place, listen = self.server, self._call.place, self.setup.settings.listen
        sys.setswitchinterval(_SWITCH)
        asyncio.get_running_loop().set_exception_handler(server.bugs.outside)
        self.base_url = await server.start(bound=ports.api)
        if place is not None:
            ends.callback(place.link(server))
        self._https = ports.start_https(server, ends)
        if decoy is not None:
            server.start_decoy(decoy)
        if control is not None:
            names = self._call.settings.control.names
            self.control_url = await control.start(listen.host, names=names, bound=ports.control)
            # where programs of the same user find it, as long as the lab runs
            publish_token(self.control_url, self.control_token, runtime=listen.runtime)
            ends.callback(withdraw_token, self.control_url, runtime=listen.runtime)

    def _keep(self, ends: AsyncExitStack, files: _KeptFiles, close: Callable[[], int]) -> None:
        """Have an eye on what writes files, and close it; what that gives counts for the exit code."""

        def end() -> None:
            self.exit_code = max(self.exit_code, close())

        self._kept.append(files)
        ends.callback(end)

    def _mock(self, ports: Ports, decoy: Bound | None) -> Service:
        setup, journal = self.setup, self._call.journal
        config = replace(setup.config, here=ports.origin)
        if decoy is not None:
            # by another name than the host's, if there is one: to some clients that alone matters
            host, (_, _, port) = setup.settings.listen.host, decoy.origin.rpartition(":")
            elsewhere = f"http://localhost:{port}" if host == "127.0.0.1" else decoy.origin
            config = replace(config, elsewhere=elsewhere)
        service = setup.make_service(config)
        service.observers += client_hints(self._console, setup.clock.mode, service) if self._outside else ()
        if self._job_facts is not None:
            from lab.cli.run.conversation import job_facts_observer  # a run's: who only serves needs none

            service.observers.append(job_facts_observer(service, self._job_facts))
        if journal is not None:
            journal.attach(service, setup.clock)
        return service

    def _labs(self, usual: ServedLab) -> Labs:
        """Where scenarios are served to others there may be more labs: this process's own, or those of all that serve it."""
        most, journal = self._call.settings.tenants, self._call.journal
        usual.past = () if journal is None else journal.facts
        if not self._choosing or not self.setup.config.scenarios:
            return Labs(usual)
        if self.shared is not None:
            from lab.cli.serve.shared_lab import SharedTenants  # no other start waits for it

            return SharedTenants(self.setup, self._console, usual, most=most)
        choices = [choice for each in self._call.offers for choice in each.choices]
        return ServedLabs(self.setup, self._console, usual, most=most, choices=choices, journal=journal)

    def _log(self, ends: AsyncExitStack) -> "RequestLog | None":
        lines = self._call.settings.log or ("text" if self._console.remarks_shown else "none")
        if not self._choosing or lines == "none":
            return None
        from lab.cli.request_log import RequestLog  # no other start waits for it

        log = RequestLog(lines, self._console)
        ends.callback(log.close)
        return log

    def _control(self, ends: AsyncExitStack) -> ControlPlane:
        settings, place = self._call.settings.control, self._call.place
        given = settings.token if place is None else place.control_token
        self.control_token = given or control_token()

        def trouble() -> str | None:
            files = (each.trouble for each in self._kept)
            return next(filter(None, files), self.server.labs.usual.calls.trouble)

        control = ControlPlane(
            self.server, self.control_token, trouble=trouble, recorder=self.recorder, second=self.setup.second
        )
        ends.push_async_callback(control.stop)
        return control


def _leads_away(setup: Setup) -> bool:
    """Whether there are redirects to another origin."""
    faults = (fault for each in setup.config.scenarios for fault in each.scenario.faults)
    return setup.leads_away or any(fault.redirect == "other" for fault in faults)


async def _load_later() -> None:
    """What signs fast takes 60 ms to load, and 7 MiB: nobody waits for it, and no start does; the first tokens are signed
    without."""
    wall = SystemClock()
    await wall.sleep_until(wall.now() + _UP)
    await asyncio.to_thread(load_library)
