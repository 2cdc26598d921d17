"""The control plane: its own listener under `/_lab/`, of which the mocked API knows nothing (contract.md §2.7)."""

from collections.abc import Callable, Iterable, Sequence

from aiohttp import web

from lab.clocks import wall_second
from lab.core.clock import Epoch
from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.core.journal.shared import StoreLost
from lab.core.version import __version__
from lab.server.control.access import CHOSEN, Access, CommandRefused, Handler, with_example
from lab.server.control.connections import ControlConnections
from lab.server.control.last_exchanges import SharedBytes
from lab.server.control.mock_routes import MockRoutes
from lab.server.control.routes import CONTROL_ROOT, CONTROL_ROUTES, listed_routes
from lab.server.control.shared import UNSHARED
from lab.server.control.virtual_time import VirtualTimeRoute
from lab.server.listen import Bound, Listener, bind
from lab.server.listening import connections
from lab.server.mock_server import MockServer
from lab.server.mounts import MOUNT_PATH, Mount, Recorder

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
        self._trouble = trouble
        self._access = Access(token)
        self._shared = SharedBytes()
        mounts = server.mounts
        mounts.main.recorder = recorder
        self.usual = MockRoutes(server, mounts.main, self._shared, trouble, past, second)
        """The routes about the mock of calls that choose none."""
        self.usual.others = self._used
        self._chosen: dict[str, MockRoutes] = {}
        mounts.watchers.append(self._mounted)
        mounts.leavers.append(self._left)
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, names: Iterable[str] = (), *, bound: Bound | None = None
    ) -> str:
        """Listen, perhaps on a port taken before; the origin. `names` are Hosts by which it may be addressed beside its own. HostError and UsageError as the mock's own."""
        app = web.Application(middlewares=[self._access.middleware()])
        virtual_time = VirtualTimeRoute(self._server, self.usual.clock)
        own: dict[str, Handler] = {"routes": self._list, "description": self._describe, "ready": self._ready}
        own["virtual_time"] = UNSHARED["virtual_time"] if self._server.calls.shared else virtual_time.wait
        for row in CONTROL_ROUTES:
            handler = own.get(row.name) or self._routed(row.name)
            handler = handler if row.body is None else with_example(handler, row.body)
            # the middleware makes responses of documents
            app.router.add_route(row.method, f"{CONTROL_ROOT}{row.path}", handler)  # type: ignore[arg-type]
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        manager = runner.server
        assert manager is not None
        shell = ControlConnections(self._server, manager.request_handler)
        manager.request_handler = shell.exchange
        self._listener = Listener(bound or bind(host, port), connections(shell, manager))
        self._access.listening(host, int(self._listener.origin.rpartition(":")[2]), names)
        self._runner = runner
        return self._listener.origin

    async def stop(self) -> None:
        """End the streams, and stop listening."""
        if self._listener is not None and self._runner is not None:
            self._listener.close()
            for routes in (self.usual, *self._chosen.values()):
                routes.end_streams()
            await self._runner.cleanup()
            self._listener = None
        for routes in (self.usual, *self._chosen.values()):
            routes.close()

    async def _list(self, request: web.Request) -> Json:
        self._routes_of(request)
        name = request.get(CHOSEN)
        root = CONTROL_ROOT if name is None else f"{CONTROL_ROOT.rstrip('/')}{MOUNT_PATH}{name}/"
        return {"lab": __version__, "routes": listed_routes(f"http://{request.host}", root)}

    async def _describe(self, request: web.Request) -> Json:
        from lab.server.control.description import description  # no start waits for it

        return description(__version__, f"http://{request.host}")

    async def _ready(self, request: web.Request) -> Json:
        """Whether calls are to be sent here; CommandRefused while they are better sent elsewhere."""
        if self._server.ending:
            raise CommandRefused(503, "The lab ends.", "Call another process of it.", more={"status": "ending"})
        try:
            await self._server.calls.run(lambda now: None)
        except StoreLost as lost:
            more: dict[str, Json] = {"status": "store-lost"}
            raise CommandRefused(
                503, lost.what, lost.hint or "It is ready once the store is back.", more=more
            ) from None
        return {"status": "ready"}

    def _routed(self, name: str) -> Handler:
        async def handle(request: web.Request) -> Json | web.StreamResponse:
            routes = self._routes_of(request)
            if name not in _OWN:
                await self._server.calls.look()
            return await routes.handlers[name](request)

        return handle

    def _routes_of(self, request: web.Request) -> MockRoutes:
        """The routes about the mock that the path names; CommandRefused if there is none."""
        name = request.get(CHOSEN)
        if name is None:
            return self.usual
        if self._server.mounts.get(name) is None:
            problem = self._server.mounts.unknown(name)
            raise CommandRefused(problem.status, problem.message)
        return self._chosen[name]

    def _used(self) -> Iterable[MockRoutes]:
        return [self._chosen[mount.name] for mount in self._server.mounts.used() if mount.name is not None]

    def _mounted(self, mount: Mount) -> None:
        """A scenario is chosen for the first time."""
        assert mount.name is not None
        self._chosen[mount.name] = MockRoutes(self._server, mount, self._shared, self._trouble)

    def _left(self, mount: Mount) -> None:
        if (routes := self._chosen.pop(mount.name or "", None)) is not None:
            routes.end_streams()
            routes.close()
