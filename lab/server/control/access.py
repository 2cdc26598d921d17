"""Who may speak to the control plane: by Host, Origin and token, before anything else is looked at (limits.md §6, rows 2 and 3)."""

import hmac
import re
from collections.abc import AsyncIterator, Callable, Iterable

from aiohttp import web

from lab.server.control.reading import CommandRefused

_CHALLENGE = {"www-authenticate": 'Bearer realm="lab-control"'}


class Access:
    """The control token, and those of tenants."""

    def __init__(self, token: str, tenants: Callable[[], AsyncIterator[tuple[str, str]]]) -> None:
        """`tenants` gives the name and the token of each tenant: it is good for what is the tenant's own, and to end it."""
        self._token, self._tenants = token, tenants
        self._hosts: frozenset[str] = frozenset()
        self._names: frozenset[str] = frozenset()

    def listening(self, host: str, port: int, names: Iterable[str] = ()) -> None:
        """Name the only hosts by which the plane may be addressed; `names` at every port, for a proxy may have its own."""
        usual = {"127.0.0.1", "[::1]", "localhost", f"[{host}]" if ":" in host else host}
        self._hosts = frozenset(f"{each}:{port}" for each in usual)
        self._names = frozenset(map(str.lower, names))

    async def check(self, request: web.BaseRequest, tenant: str | None) -> None:
        """CommandRefused unless the request, which is for a tenant if one is named, may pass."""
        host = request.headers.get("host", "").lower()
        if host not in self._hosts and re.sub(":[0-9]{1,5}$", "", host) not in self._names:
            hint = "Address it by 127.0.0.1 and its port. Through a proxy at another: lab serve --control-name HOST."
            raise CommandRefused(403, "This Host is not the control plane's.", hint)
        if "origin" in request.headers:
            raise CommandRefused(403, "Web pages may not command the lab.", "Call from a program, without Origin.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        shown = token.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""
        if hmac.compare_digest(shown, self._token.encode()):
            return
        # other processes may know of more tenants, so they are asked only where a token is shown
        owners = (name async for name, own in self._tenants() if hmac.compare_digest(shown, own.encode()))
        if (owner := await anext(owners, None) if shown else None) is None:
            hint = "lab serve prints it at its start."
            raise CommandRefused(401, "The control token is missing or wrong.", hint, _CHALLENGE)
        if tenant != owner and (request.method, request.path) != ("DELETE", f"/_lab/tenants/{owner}"):
            hint = f"Show that of the lab. To end its tenant this one will do: DELETE /_lab/tenants/{owner}."
            raise CommandRefused(403, f"This token is good for /_lab/t/{owner}/ alone.", hint)
