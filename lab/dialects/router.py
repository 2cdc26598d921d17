"""The router: identity's table and each dialect's on one listener. Its 405s, near misses and names are made of their rows."""

import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote_to_bytes

from lab.core.exchange import Request
from lab.core.refusal import Refusal, no_path, wrong_method
from lab.core.routes import Methods, Route, RouteMatch, RouteTable, fill_path
from lab.dialects import FUSION_WIRE, strange_wires, wire_of, wires
from lab.dialects.fusion.files import holds_files, without_files
from lab.dialects.fusion.routes import UPLOADS
from lab.dialects.wire import Wire
from lab.identity.routes import IDENTITY_ROUTES

UNKNOWN_ROUTE = "unknown"
"""The name of a route that isn't there."""


class Router:
    """Finds the row that a request line means. Switches add rows: each combination is a table of its own."""

    def __init__(
        self, identity: Iterable[Route], first: Iterable[Wire], later: Iterable[Callable[[], Iterable[Wire]]] = ()
    ) -> None:
        """`later` give more wires, one after the other, once a path is found on none so far."""
        self._own = tuple(identity)
        self._wires: tuple[Wire, ...] = ()
        self._later = list(later)
        self._identity = RouteTable(self._own)
        self._take(first)

    def _take(self, wires: Iterable[Wire]) -> None:
        self._wires = (*self._wires, *(each for each in wires if each not in self._wires))
        rows = tuple(row for wire in self._wires for row in wire.routes)
        self._rows = {row.name: row for row in reversed((*self._own, *rows))}
        places = [(row.path, wire) for wire in reversed(self._wires) for row in wire.routes]
        self._places = {path.split("/")[1]: wire for path, wire in (*places, *((row.path, None) for row in self._own))}
        self._plain = RouteTable(row for row in rows if not row.only)
        self._local = RouteTable(rows)

    def find(self, method: str, path: str, *, slashes: bool = True, local: bool = False) -> RouteMatch | Refusal:
        """The row, or why there is none: 404 with a hint, or 405 with the methods that the path has.

        The path is decoded once; runs of `/` count as one and are noted, unless `slashes` is off. `local`: a local
        orchestrator's paths are there too.
        """
        found = self._find(method, path, slashes=slashes, local=local)
        while isinstance(found, Refusal) and self._later:
            self._take(self._later.pop(0)())
            found = self._find(method, path, slashes=slashes, local=local)
        return found

    def _find(self, method: str, path: str, *, slashes: bool, local: bool) -> RouteMatch | Refusal:
        table = self._local if local else self._plain
        # a poll's way: what no segment may be is written with one of these (no parameter is empty, so // is found nowhere)
        if "%" not in path and "/." not in path and (found := self._identity.at(path) or table.at(path)) is not None:
            return _matched(method, found, ())
        if "//" in path and not slashes:
            return no_path("There is // in the path: leave the final slash of the base URL out.")
        return self._find_slow(method, path, table)

    def _find_slow(self, method: str, path: str, table: RouteTable) -> RouteMatch | Refusal:
        if method == "CONNECT":  # its target is a host, not a path
            return wrong_method("GET, POST")
        flags: tuple[str, ...] = ()
        if "//" in path:
            path, flags = re.sub("/+", "/", path), ("double_slash",)
        segments = [_decoded(segment) for segment in path.split("/")]
        if any(segment is None or segment in (".", "..") or "/" in segment or "\0" in segment for segment in segments):
            return self._nowhere(path, "/", "")  # what it is near to is nothing that it says
        # the identity domain's paths have no parameters, so nothing of them needs an escape
        plain = "/".join(segment or "" for segment in segments)
        found = self._identity.at(path) or table.at(plain)
        return self._missing(method, plain, table) if found is None else _matched(method, found, flags)

    def _missing(self, method: str, path: str, table: RouteTable) -> Refusal:
        without = path.removesuffix("/")
        near = self._identity.nearest(method, without) or table.nearest(method, without)
        if without != path and (self._identity.at(without) or table.at(without)):
            return no_path("Leave the final slash out.", near)
        return self._nowhere(path, path, near)

    def _nowhere(self, path: str, meant: str, near: str) -> Refusal:
        wire = self.wire_at(path)
        said = None if wire is None else wire.missing(meant, near)
        return said or no_path(f"Did you mean {near}?" if near else "", near)

    def wire_at(self, path: str) -> Wire | None:
        """Which wire speaks of a path that no row has: the first whose paths begin so, else Fusion; None: identity does."""
        return self._places.get(path.lstrip("/").partition("/")[0], FUSION_WIRE)

    def name(self, method: str, path: str, *, local: bool = False) -> str:
        """The route's name for a request line, or `unknown`; for labels, not for admission."""
        found = self.find(method, path, local=local)
        return found.name if isinstance(found, RouteMatch) else UNKNOWN_ROUTE

    def path(self, route: str, *, code: str = "", job: str = "") -> str:
        """The path of a route's first row, its parameters percent-encoded."""
        if route not in self._rows and (wire := wire_of(route)) is not None:
            self._take((wire,))
        return fill_path(self._rows[route], code=code, job=job)

    def at(self, path: str) -> RouteMatch | None:
        """The route of a path whatever the method, a local orchestrator's too; for what a path's team decides."""
        found = (self.find(method, path, local=True) for method in ("POST", "GET"))
        return next((each for each in found if isinstance(each, RouteMatch)), None)


def _matched(method: str, found: tuple[Methods, str, str], flags: tuple[str, ...]) -> RouteMatch | Refusal:
    methods, code, job = found
    row = methods.get(method)
    if row is None:
        return wrong_method(", ".join(methods), tuple(f"{each.method} {each.path}" for each in methods.values()))
    return RouteMatch(row, code, job, flags)


def _decoded(segment: str) -> str | None:
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except ValueError:
        return None


def lightened(request: Request) -> Request:
    """The request without the content of files, which nobody needs and no journal keeps."""
    if ROUTER.name(request.method, request.path) in UPLOADS and holds_files(request.body):
        return without_files(request)
    return request


ROUTER = Router(IDENTITY_ROUTES, (FUSION_WIRE,), (wires, strange_wires))
"""The lab's: of its wires the kernel's own is loaded, the others are at the first path that it doesn't have."""
