"""Where a store is: the URL that names it, and the same without its password."""

import re
from urllib.parse import parse_qs, quote, unquote, urlsplit

from msgspec import Struct

from lab.core.errors import UsageError

_SCHEMES = ("redis", "rediss", "unix")
_PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,80}")
_HINT = (
    "redis://HOST[:PORT][/DB], rediss://… for TLS, or unix:///PATH[?db=DB]; in user and password %2F is / and %40 is @"
)


class StoreAddress(Struct, frozen=True):
    """A store's URL, and how it is shown: without the password."""

    url: str
    shown: str

    def __repr__(self) -> str:
        return f"StoreAddress({self.shown!r})"

    def __str__(self) -> str:
        return self.shown


def store_address(url: str) -> StoreAddress:
    """The address that a URL names; UsageError that says what is wrong with it, and shows nothing of it but its scheme."""
    scheme = url.partition(":")[0].lower()
    if scheme not in _SCHEMES or not url[len(scheme) :].startswith("://"):
        raise _bad("it begins with none of redis://, rediss://, unix://")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _bad("its host or port can't be read") from None
    if parts.fragment or (parts.query and (scheme != "unix" or set(parse_qs(parts.query)) - {"db"})):
        raise _bad("there is more behind it than a database")
    at = _path_of_socket(parts.path, parts.query) if scheme == "unix" else _place(host, port, parts.path)
    user = quote(unquote(parts.username or ""), safe="")
    return StoreAddress(url, f"{scheme}://{user + '@' if user else ''}{at}")


def check_prefix(prefix: str) -> str:
    """The same; UsageError if no key may begin so."""
    if _PREFIX.fullmatch(prefix):
        return prefix
    raise UsageError(f"{prefix!r} can't begin the keys of a store", hint="1 to 80 letters, digits, and . _ : -")


def _place(host: str, port: int | None, path: str) -> str:
    if not host:
        raise _bad("it names no host")
    database = path.removeprefix("/")
    if database and not (database.isascii() and database.isdecimal()):
        raise _bad("what stands behind the host is no number of a database")
    return f"{f'[{host}]' if ':' in host else host}{'' if port is None else f':{port}'}{path.rstrip('/')}"


def _path_of_socket(path: str, query: str) -> str:
    if not path.startswith("/") or path == "/":
        raise _bad("it names no socket")
    database = parse_qs(query, keep_blank_values=True).get("db", ["0"])
    if len(database) > 1 or not (database[0].isascii() and database[0].isdecimal()):
        raise _bad("db isn't the number of a database")
    return path + (f"?{query}" if query else "")


def _bad(why: str) -> UsageError:
    return UsageError(f"the store's URL can't be used: {why}", hint=_HINT)
