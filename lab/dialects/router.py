"""The router: identity's table and each dialect's on one listener. Its 405s, near misses and names are made of their rows."""

import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote_to_bytes

from lab.core.exchange import Request
from lab.core.refusal import Refusal, no_path, wrong_method
from lab.core.routes import Methods, Route, RouteMatch, RouteTable, fill_path
from lab.dialects import WIRES
from lab.dialects.fusion.files import holds_files, without_files
from lab.dialects.fusion.routes import UPLOADS
from lab.identity.routes import IDENTITY_ROUTES

UNKNOWN_ROUTE = "unknown"
"""The name of a route that isn't there."""


class Router:
    """Finds the row that a request line means. Switches add rows: each combination is a table of its own."""

    def __init__(
        self, identity: Iterable[Route], wires: Iterable[Route], missing: Callable[[str, str], Refusal | None]
    ) -> None:
        own, rows = tuple(identity), tuple(wires)
        self._rows = {row.name: row for row in reversed((*own, *rows))}
        self._identity = RouteTable(own)
        self._plain = RouteTable(row for row in rows if not row.only)
        self._local = RouteTable(rows)
        self._wires_missing = missing
        """What the wires say of a path that isn't there."""
        self._identity_places = frozenset(row.path.split("/")[1] for row in own)

    def find(self, method: str, path: str, *, slashes: bool = True, local: bool = False) -> RouteMatch | Refusal:
        """The row, or why there is none: 404 with a hint, or 405 with the methods that the path has.

        The path is decoded once; runs of `/` count as one and are noted, unless `slashes` is off. `local`: a local
        orchestrator's paths are there too.
        """
        table = self._local if local else self._plain
        # a poll's way: what no segment may be is written with one of these (no parameter is empty, so // is found nowhere)
        if "%" not in path and "/." not in path and (found := table.at(path)) is not None:
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
        # the wires speak of the pod alone
        of_identity = not self._identity_places.isdisjoint(path.split("/")[1:2])
        said = None if of_identity else self._wires_missing(meant, near)
        return said or no_path(f"Did you mean {near}?" if near else "", near)

    def name(self, method: str, path: str, *, local: bool = False) -> str:
        """The route's name for a request line, or `unknown`; for labels, not for admission."""
        found = self.find(method, path, local=local)
        return found.name if isinstance(found, RouteMatch) else UNKNOWN_ROUTE

    def path(self, route: str, *, code: str = "", job: str = "") -> str:
        """The path of a route's first row, its parameters percent-encoded."""
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
    if holds_files(request.body) and ROUTER.name(request.method, request.path) in UPLOADS:
        return without_files(request)
    return request


ROUTER = Router(
    IDENTITY_ROUTES,
    (row for wire in WIRES for row in wire.routes),
    lambda path, near: next(filter(None, (wire.missing(path, near) for wire in WIRES)), None),
)
"""The lab's."""
