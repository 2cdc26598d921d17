"""Who may speak to the control plane, and over which connections: the mock's own, with its limits and deadlines, but counted and
recorded nowhere (limits.md §6, rows 2 and 3)."""

import hmac
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Middleware

from lab.control import CONTROL_ROOT
from lab.core.errors import LabError, UsageError
from lab.core.exchange import Json, Response, json_bytes
from lab.core.refusal import Refusal
from lab.mock.config import MOUNT_PATH, TENANT_PATH
from lab.server.connection import Connection, PeerGone, Traffic, UnreadBytes
from lab.server.control.reading import JSON, CommandRefused
from lab.server.limits import ServerLimits
from lab.server.mock_server import MockServer
from lab.server.request_reader import check_length, shell_refusal

Handler: TypeAlias = Callable[[web.Request], Awaitable[Json | web.StreamResponse]]
"""Obeys a command, and gives a document, or a whole response; CommandRefused if it can't."""
CHOSEN = web.RequestKey("scenario", str)
"""Where a request keeps the scenario that its path names, and the routes don't know."""
OF_TENANT = web.RequestKey("tenant", str)
"""The same for the tenant."""
_CHALLENGE = {"www-authenticate": 'Bearer realm="lab-control"'}


class Access:
    """Host, Origin and token, before anything else is looked at."""

    def __init__(
        self, token: str, tenants: Callable[[], AsyncIterator[tuple[str, str]]], probes: Iterable[str] = ()
    ) -> None:
        """`tenants` gives the name and the token of each tenant: it is good for what is the tenant's own, and to end it.

        `probes` are paths that whoever watches over a container asks without any.
        """
        self._token, self._tenants, self._probes = token, tenants, frozenset(probes)
        self.hosts: frozenset[str] = frozenset()
        self._names: frozenset[str] = frozenset()

    def listening(self, host: str, port: int, names: Iterable[str] = ()) -> None:
        """Name the only hosts by which the plane may be addressed; `names` at every port, for a proxy may have its own."""
        usual = {"127.0.0.1", "[::1]", "localhost", f"[{host}]" if ":" in host else host}
        self.hosts = frozenset(f"{each}:{port}" for each in usual)
        self._names = frozenset(map(str.lower, names))

    async def check(self, request: web.Request) -> None:
        """CommandRefused unless the request may pass."""
        host = request.headers.get("host", "").lower()
        if host not in self.hosts and re.sub(":[0-9]{1,5}$", "", host) not in self._names:
            hint = "Address it by 127.0.0.1 and its port. Through a proxy at another: lab serve --control-name HOST."
            raise CommandRefused(403, "This Host is not the control plane's.", hint)
        if "origin" in request.headers:
            raise CommandRefused(403, "Web pages may not command the lab.", "Call from a program, without Origin.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        shown = token.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""
        if hmac.compare_digest(shown, self._token.encode()):
            return
        owner = await self._owner(shown) if shown else None
        if owner is None:
            hint = "lab serve prints it at its start."
            raise CommandRefused(401, "The control token is missing or wrong.", hint, _CHALLENGE)
        ends = request.method == "DELETE" and request.path == f"/_lab/tenants/{owner}"
        if request.get(OF_TENANT) != owner and not ends:
            hint = f"Show that of the lab. To end its tenant this one will do: DELETE /_lab/tenants/{owner}."
            raise CommandRefused(403, f"This token is good for /_lab/t/{owner}/ alone.", hint)

    async def _owner(self, token: bytes) -> str | None:
        """The tenant whose token that is; other processes may know of it."""
        async for name, own in self._tenants():
            if hmac.compare_digest(token, own.encode()):
                return name
        return None

    def is_probe(self, request: web.Request) -> bool:
        """Whether somebody who shows no token asks how the lab is, as whoever watches over a container does."""
        named = request.method == "GET" and request.path in self._probes and not {CHOSEN, OF_TENANT} & request.keys()
        return named and not {"authorization", "origin"} & {name.lower() for name in request.headers}

    def middleware(self) -> Middleware:
        """aiohttp's middleware: lets pass who may, and words answers and refusals as JSON."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                if self.is_probe(request):
                    return await _probed(handler, request)
                await self.check(request)
                found = await handler(request)
                return found if isinstance(found, web.StreamResponse) else _answer(found)
            except CommandRefused as refused:
                return refused.response()
            except PeerGone:  # nobody will read it
                return CommandRefused.of(shell_refusal(400, "The body ended early.")).response()
            except LabError as error:
                if isinstance(error, UsageError):
                    return CommandRefused(400, error.what, error.hint).response()
                # the store is gone, or takes nothing, as clients of the API are told
                return CommandRefused(503, error.what, error.hint, {"retry-after": "1"}).response()
            except web.HTTPException as error:
                allow = error.headers.get("allow")
                hint = f"Use {allow}." if allow else "GET /_lab/ lists the routes."
                headers = {"allow": allow} if allow else None
                return CommandRefused(error.status, f"{error.reason}.", hint, headers).response()

        return guarded


async def _probed(handler: Handler, request: web.Request) -> web.Response:
    """The word for how the lab is, and nothing else."""
    status = 200
    try:
        found = await handler(request)
    except CommandRefused as refused:
        status, found = refused.status, refused.more
    assert isinstance(found, Mapping)
    return _answer({"status": found["status"]}, status)


def _answer(document: Json, status: int = 200) -> web.Response:
    return web.Response(status=status, body=json_bytes(document), headers=JSON)


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
        # some of those that come at once, so that no client of the mock waits for a thousand of them
        await self.turn.begin()
        # aiohttp asks for a body that was announced before it looks for a route
        problem = connection.refused_head() or check_length(connection.headers, self.limits.body)
        if problem is not None:
            return CommandRefused.of(problem).response()
        path, named = request.raw_path, dict[str | web.RequestKey[Any], str]()
        for prefix, key in ((TENANT_PATH, OF_TENANT), (MOUNT_PATH, CHOSEN)):
            if path.startswith(start := CONTROL_ROOT + prefix[1:]):
                named[key], _, rest = path.removeprefix(start).partition("/")
                path = f"{CONTROL_ROOT}{rest}"
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
