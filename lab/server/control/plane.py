"""The control plane: its own listener under `/_lab/`, of which the mocked API knows nothing (contract.md §2.7)."""

from collections.abc import Callable, Iterable

from aiohttp import web

from lab.clocks import wall_second
from lab.core.clock import Epoch
from lab.core.exchange import Json
from lab.core.journal.shared import LedgerEnded, StoreLost
from lab.core.version import __version__
from lab.mock.config import MOUNT_PATH, TENANT_PATH
from lab.server.connection import connection_factory, request_handler
from lab.server.control.access import CHOSEN, OF_TENANT, Access, CommandRefused, Handler, with_example
from lab.server.control.connections import ControlConnections
from lab.server.control.last_exchanges import SharedBytes
from lab.server.control.mock_routes import MockRoutes
from lab.server.control.routes import CONTROL_ROOT, CONTROL_ROUTES, listed_routes
from lab.server.control.shared import UNSHARED
from lab.server.control.tenant_commands import OF_THE_LAB, TenantCommands, of_the_lab
from lab.server.control.virtual_time import VirtualTimeRoute
from lab.server.labs import LabRefused, ServedLab
from lab.server.listener import Bound, Listener, bind
from lab.server.mock_server import MockServer
from lab.server.recorder import Recorder

_OWN = frozenset(("health", "metrics", "openapi", "scenarios"))
"""Routes about this process, and about what is served: they need no store."""


class ControlPlane:
    """Commands a mock that is being served. `trouble` says what is wrong with the lab, if anything is."""

    def __init__(
        self, server: MockServer, token: str, *, trouble: Callable[[], str | None] = lambda: None,
        recorder: Recorder | None = None, second: Callable[[], Epoch] = wall_second,
    ) -> None:  # fmt: skip
        """`second` gives the wall time of instant 0 whenever a manual clock begins anew."""
        self._server, self._trouble, self._second = server, trouble, second
        self._access = Access(token, server.labs.tokens)
        server.labs.usual.recorder = recorder
        self._bytes: dict[ServedLab, SharedBytes] = {}
        """By the usual one what the journals of all that live by its clock may take together."""
        self.routes: dict[ServedLab, MockRoutes] = {}
        """Those about each lab."""
        for lab in server.labs:
            self._begun(lab)
        server.labs.watchers.append(self._begun)
        server.labs.leavers.append(self._ended)
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    @property
    def usual(self) -> MockRoutes:
        """The routes about the lab of calls that name none."""
        return self.routes[self._server.labs.usual]

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, names: Iterable[str] = (), *, bound: Bound | None = None
    ) -> str:
        """Listen, perhaps on a port taken before; the origin. `names` are Hosts by which it may be addressed beside its own. HostError and UsageError as the mock's own."""
        app = web.Application(middlewares=[self._access.middleware()])
        virtual_time = VirtualTimeRoute(self._server, self.usual.clock)
        shared = self._server.labs.usual.calls.shared
        own: dict[str, Handler] = {"routes": self._list, "description": self._describe, "ready": self._ready}
        own |= TenantCommands(self._server).handlers
        own["virtual_time"] = UNSHARED["virtual_time"] if shared else virtual_time.wait
        for row in CONTROL_ROUTES:
            obeys = own.get(row.name) or self._routed(row.name)
            obeys = of_the_lab(obeys) if row.name in OF_THE_LAB else obeys
            obeys = obeys if row.body is None else with_example(obeys, row.body)
            # the middleware makes responses of documents
            app.router.add_route(row.method, f"{CONTROL_ROOT}{row.path}", obeys)  # type: ignore[arg-type]
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        manager = runner.server
        assert manager is not None
        shell = ControlConnections(self._server, manager.request_handler)
        manager.request_handler = request_handler(shell.exchange)
        self._listener = Listener(bound or bind(host, port), connection_factory(shell, manager))
        self._access.listening(host, int(self._listener.origin.rpartition(":")[2]), names)
        self._runner = runner
        return self._listener.origin

    async def stop(self) -> None:
        """End the streams, and stop listening."""
        if self._listener is not None and self._runner is not None:
            self._listener.close()
            for routes in self.routes.values():
                routes.end_streams()
            await self._runner.cleanup()
            self._listener = None
        for routes in self.routes.values():
            routes.close()

    async def _list(self, request: web.Request) -> Json:
        await self._lab_of(request)
        root = CONTROL_ROOT.rstrip("/")
        for prefix, key in ((TENANT_PATH, OF_TENANT), (MOUNT_PATH, CHOSEN)):
            root += f"{prefix}{request[key]}" if key in request else ""
        listed = listed_routes(f"http://{request.host}", f"{root}/", without=OF_THE_LAB if OF_TENANT in request else ())
        return {"lab": __version__, "routes": listed}

    async def _describe(self, request: web.Request) -> Json:
        from lab.server.control.description import description  # no start waits for it

        return description(__version__, f"http://{request.host}")

    async def _ready(self, request: web.Request) -> Json:
        """Whether calls are to be sent here; CommandRefused while they are better sent elsewhere."""
        if self._server.ending:
            raise CommandRefused(503, "The lab ends.", "Call another process of it.", more={"status": "ending"})
        calls = self._server.labs.usual.calls
        try:
            await calls.run(lambda now: None)
        except StoreLost as lost:
            more: dict[str, Json] = {"status": "store-lost"}
            raise CommandRefused(
                503, lost.what, lost.hint or "It is ready once the store is back.", more=more
            ) from None
        if calls.trouble is not None:
            hint = "It is ready once it can write again."
            raise CommandRefused(503, calls.trouble, hint, more={"status": "store-refuses"})
        # of no tenant's name, so nothing is counted for it
        answers = {} if self._server.workers is None else await self._server.workers.ask(b"?")
        if silent := [str(number) for number, answer in answers.items() if answer is None]:
            what = f"Of the lab's workers these don't answer: {', '.join(silent)}."
            hint = "One that died is started again at once, one that hangs after --worker-timeout."
            raise CommandRefused(503, what, hint, more={"status": "worker-hangs"})
        return {"status": "ready"}

    def _routed(self, name: str) -> Handler:
        async def handle(request: web.Request) -> Json | web.StreamResponse:
            lab = await self._lab_of(request)
            routes, lab.usual.users = self.routes[lab], lab.usual.users + 1
            try:
                if name not in _OWN:
                    await lab.calls.look()
                answer = await routes.handlers[name](request)
                if request.method != "GET":
                    routes.flush()
                return answer
            except LedgerEnded:
                await self._server.labs.let_go(lab)
                raise CommandRefused.says(self._server.labs.unknown(lab.name or "")) from None
            finally:
                lab.usual.users -= 1

        return handle

    async def _lab_of(self, request: web.Request) -> ServedLab:
        """The lab that the path names; CommandRefused if there is none."""
        labs, tenant, scenario = self._server.labs, request.get(OF_TENANT), request.get(CHOSEN)
        lab = labs.usual if tenant is None else await labs.find(tenant)
        if lab is None:
            raise CommandRefused.says(labs.unknown(tenant or ""))
        try:
            return lab if scenario is None else labs.choose(lab, scenario)
        except LabRefused as refused:
            raise CommandRefused.says(refused.refusal) from None

    def _begun(self, lab: ServedLab) -> None:
        trouble = self._trouble if lab.usual is self._server.labs.usual else lambda: lab.calls.trouble
        shared = self._bytes.setdefault(lab.usual, SharedBytes())
        self.routes[lab] = MockRoutes(self._server, lab, shared, trouble, self._second)
        self.routes[lab].others = lambda: [self.routes[each] for each in lab.used()]

    def _ended(self, lab: ServedLab) -> None:
        if (routes := self.routes.pop(lab, None)) is not None:
            routes.end_streams()
            routes.close()
        self._bytes.pop(lab, None)
