"""The control plane's connections: the mock's own, with its limits and deadlines; they are counted and recorded nowhere."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from lab.core.exchange import Response
from lab.core.refusal import Refusal
from lab.mock.config import MOUNT_PATH, TENANT_PATH
from lab.server.connection import Connection, Traffic, UnreadBytes
from lab.server.control.access import CHOSEN, JSON, OF_TENANT, CommandRefused
from lab.server.limits import ServerLimits
from lab.server.mock_server import MockServer
from lab.server.request_reader import check_length, shell_refusal

_ROOT = "/_lab"


class ControlConnections:
    """What becomes of a peer before a route of the control plane is found, and of one that met a bug of ours."""

    def __init__(self, server: MockServer, routes: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        self._server = server
        self._routes = routes
        self.traffic = Traffic()
        self.unread = UnreadBytes(lambda: server.limits.write_deadline)
        self.bodies, self.turn = server.bodies, server.turn

    @property
    def ending(self) -> bool:
        """Whether the mock ends."""
        return self._server.ending

    @property
    def limits(self) -> ServerLimits:
        """Sizes and deadlines: the mock's."""
        return self._server.limits

    def opened(self, connection: Connection) -> int:
        """A peer connected; it has no ordinal."""
        return 0

    def closed(self, connection: Connection, how: str) -> None:
        """A connection ended."""

    def malformed(self, connection: Connection, what: str, size: int) -> None:
        """The parser refused what came: answered without an echo, and the connection ends."""
        self._turn_away(connection, shell_refusal(400, "This is no HTTP/1.1 request."))

    def broken(self, connection: Connection, fault: BaseException | None, *, begun: bool) -> None:
        """A bug of ours: 500 unless a reply has begun, and the connection ends."""
        problem = self._server.bugs.found(fault)
        if not begun:
            self._turn_away(connection, problem)
        connection.over("server")

    async def exchange(self, connection: Connection, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request, if its head is one that can be served."""
        # aiohttp asks for a body that was announced before it looks for a route
        problem = connection.refused_head() or check_length(connection.headers, self.limits.body)
        if problem is not None:
            return CommandRefused.of(problem).response()
        path, named = request.raw_path, dict[str | web.RequestKey[Any], str]()
        for prefix, key in ((TENANT_PATH, OF_TENANT), (MOUNT_PATH, CHOSEN)):
            if path.startswith(_ROOT + prefix):
                named[key], _, rest = path.removeprefix(_ROOT + prefix).partition("/")
                path = f"{_ROOT}/{rest}"
        if named:
            request = request.clone(rel_url=path)
            request.update(named)
        elif request.method == "CONNECT":  # of which aiohttp takes the target for a host
            request = request.clone(rel_url=path)
        response = await self._routes(request)
        if self.ending:
            response.force_close()
        return response

    def _turn_away(self, connection: Connection, problem: Refusal) -> None:
        body = CommandRefused.of(problem).body()
        self._server.write_last(connection, Response(problem.status, tuple(JSON.items()), body))
