"""The control plane: its own listener under `/_lab/`, of which the mocked API knows nothing (contract.md §2.7)."""

from collections.abc import Callable, Iterable, Sequence

from aiohttp import web

from lab.clocks import wall_second
from lab.core.clock import Epoch
from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.core.journal.shared import LedgerEnded, StoreLost
from lab.core.version import __version__
from lab.mock.config import TENANT_PATH
from lab.server.connection import connection_factory, request_handler
from lab.server.control.access import CHOSEN, OF_TENANT, Access, CommandRefused, Handler, with_example
from lab.server.control.connections import ControlConnections
from lab.server.control.mock_routes import MockRoutes
from lab.server.control.routes import CONTROL_ROOT, CONTROL_ROUTES, listed_routes
from lab.server.control.shared import UNSHARED
from lab.server.control.tenant_commands import OF_THE_LAB, TenantCommands, of_the_lab
from lab.server.control.tenant_routes import TenantRoutes
from lab.server.control.virtual_time import VirtualTimeRoute
from lab.server.listener import Bound, Listener, bind
from lab.server.mock_server import MockServer
from lab.server.mounts import MOUNT_PATH, Tenant
from lab.server.recorder import Recorder

_OWN = frozenset(("health", "metrics", "openapi", "scenarios"))
"""Routes about this process, and about what is served: they need no store."""


class ControlPlane:
    """Commands a mock that is being served. `trouble` says what is wrong with the lab, if anything is."""

    def __init__(
        self, server: MockServer, token: str, *, trouble: Callable[[], str | None] = lambda: None,
        recorder: Recorder | None = None, past: Sequence[Fact] = (), second: Callable[[], Epoch] = wall_second,
    ) -> None:  # fmt: skip
        """`past` is what earlier processes of this lab have accepted: subscribers are told of it too.

        `second` gives the wall time of instant 0 whenever a manual clock begins anew.
        """
        self._server = server
        self._second = second
        tenants = server.tenants
        self._access = Access(token, tenants.tokens)
        tenants.usual.main.recorder = recorder
        self._nameless = TenantRoutes(server, tenants.usual, trouble, past, second)
        self._named: dict[str, TenantRoutes] = {}
        tenants.watchers.append(self._begun)
        tenants.leavers.append(self._ended)
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    @property
    def usual(self) -> MockRoutes:
        """The routes about the mock of calls that name nothing."""
        return self._nameless.usual

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, names: Iterable[str] = (), *, bound: Bound | None = None
    ) -> str:
        """Listen, perhaps on a port taken before; the origin. `names` are Hosts by which it may be addressed beside its own. HostError and UsageError as the mock's own."""
        app = web.Application(middlewares=[self._access.middleware()])
        virtual_time = VirtualTimeRoute(self._server, self.usual.clock)
        shared = self._server.tenants.usual.calls.shared
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
        every = (self._nameless, *self._named.values())
        if self._listener is not None and self._runner is not None:
            self._listener.close()
            for routes in every:
                routes.end_streams()
            await self._runner.cleanup()
            self._listener = None
        for routes in every:
            routes.close()

    async def _list(self, request: web.Request) -> Json:
        (await self._routes_of(request)).of(request)
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
        calls = self._server.tenants.usual.calls
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
        return {"status": "ready"}

    def _routed(self, name: str) -> Handler:
        async def handle(request: web.Request) -> Json | web.StreamResponse:
            found = await self._routes_of(request)
            routes, tenant = found.of(request), found.tenant
            tenant.users += 1
            try:
                if name not in _OWN:
                    await tenant.calls.look()
                answer = await routes.handlers[name](request)
                if request.method != "GET":
                    await routes.written()
                return answer
            except LedgerEnded:
                await self._server.tenants.let_go(tenant)
                raise self._unknown(tenant.name or "") from None
            finally:
                tenant.users -= 1

        return handle

    async def _routes_of(self, request: web.Request) -> TenantRoutes:
        """The routes about the tenant that the path names; CommandRefused if there is none."""
        name = request.get(OF_TENANT)
        if name is None:
            return self._nameless
        if await self._server.tenants.find(name) is None:
            raise self._unknown(name)
        return self._named[name]

    def _unknown(self, name: str) -> CommandRefused:
        problem = self._server.tenants.unknown(name)
        return CommandRefused(problem.status, problem.message)

    def _begun(self, tenant: Tenant) -> None:
        assert tenant.name is not None
        routes = TenantRoutes(self._server, tenant, lambda: tenant.calls.trouble, second=self._second)
        self._named[tenant.name] = routes

    def _ended(self, tenant: Tenant) -> None:
        if (routes := self._named.pop(tenant.name or "", None)) is not None:
            routes.end_streams()
            routes.close()
