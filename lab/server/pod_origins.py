"""The two origins of a pod: which of them a path belongs to, and what a redirect to one becomes (recordings.md §16)."""

import re
from urllib.parse import urlsplit

from msgspec import Struct

from lab.dialects.router import ROUTER, UNKNOWN_ROUTE
from lab.identity.routes import IDENTITY_NAMES, IDENTITY_ROUTES

_IDENTITY_PLACES = frozenset(row.path.split("/")[1] for row in IDENTITY_ROUTES) - {".well-known"}
_PORTS = {"http": 80, "https": 443}
_BEGINNING = re.compile(r"(?i)https?://[^/?#]*")


class PodOrigins(Struct, frozen=True):
    """Where the two halves of a pod are: `https://host` or `https://host:port`."""

    pod: str
    tokens: str
    token_path: str = ""
    """What paths begin with that are the token origin's, beside those of the identity domain as the lab knows it."""

    def of(self, method: str, path: str) -> tuple[str, str]:
        """The origin that a path belongs to, and the name of its route."""
        route = ROUTER.name(method, path)
        known = ROUTER.at(path)
        if known is not None:
            tokens = known.name in IDENTITY_NAMES
        else:
            beneath = self.token_path and (path + "/").startswith(self.token_path + "/")
            tokens = bool(beneath) or not _IDENTITY_PLACES.isdisjoint(path.split("/")[1:2])
        if not tokens:
            return self.pod, route
        # what a tape doesn't know by its path has secrets where those of the token endpoint are
        return self.tokens, route if route != UNKNOWN_ROUTE else "token"

    def moved(self, location: bytes, here: str) -> bytes:
        """A `Location`: one at either origin is at `here` then."""
        text = location.decode("latin-1")
        found = _BEGINNING.match(text)
        ours = found is not None and _compared(found[0]) in (_compared(self.pod), _compared(self.tokens))
        return here.encode() + location[found.end() :] if found and ours else location


def _compared(origin: str) -> tuple[str, str, int | None] | None:
    """An origin as it is compared: case and the usual port don't count. None if it is none."""
    try:
        parts = urlsplit(origin)
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
