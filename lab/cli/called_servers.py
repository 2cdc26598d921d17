"""Servers that a command calls: pods, which of them it may call and whom it trusts to be them (commands.md §3); labs that run."""

import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.core.errors import ProtocolError, UsageError
from lab.core.exchange import loopback
from lab.files.opening import read_bounded
from lab.settings import ControlAccess

if TYPE_CHECKING:
    import ssl

    from lab.client.control import ControlClient

_LONGEST = 1_048_576
"""Bytes of a file of certificates."""


def allowed_origin(option: str, text: str, allowed: Collection[str], *, path: bool = False) -> tuple[str, str]:
    """The origin that an option names, and the path behind it, which only `path` lets stand.

    UsageError if it is none, or if it isn't loopback and no `--allow-host` names it, or is there without TLS.
    """
    from lab.client.transport import address  # no start waits for what sends requests

    try:
        url = address(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error.what}.", hint=error.hint) from None
    host, behind = url.host or "", url.raw_path.rstrip("/")
    if behind and not path:
        raise UsageError(f"{option} {text} is more than an origin.", hint=f"Leave {behind} out.")
    if url.raw_user is not None or url.raw_password is not None:
        raise UsageError(f"{option} holds a user or a password.", hint="Leave them out of the URL.")
    if not loopback(host):
        if host not in allowed:
            what = f"{option} {host} is not on this machine: real jobs may be started there."
            raise UsageError(what, hint=f"Add --allow-host {host} if that is meant.")
        if url.scheme != "https":
            raise UsageError(f"{option} {text} would be asked without TLS.", hint="Write it as https://.")
    return str(url.origin()), behind


def trust_in(file: str | None) -> "ssl.SSLContext | None":
    """What checks certificates where `--ca FILE` names further authorities; None: the system's do."""
    if file is None:
        return None
    from lab.client.pod_client import trusting

    return trusting(read_bounded(Path(file), _LONGEST, UsageError).decode("utf-8", "replace"), file)


# Labs that run

WRONG_TOKEN = "Set LAB_CONTROL_TOKEN to the control token that lab serve prints, or watch as the user who started it."
_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
"""A name or an address, IPv6 too."""
_CHOSEN = re.compile(r"(/t/[a-z0-9-]{1,40})?(/scenario/[a-z0-9-]+)?")
"""A tenant (control-plane.md §9), and what clients chose (clients.md §10)."""


def control_address(target: str) -> tuple[str, str]:
    """The URL of a control plane, and where that is; UsageError if it is none."""
    url = target if "://" in target else f"http://{target}"
    where = _place(url, port_needed=url != target)
    if where is None:
        raise UsageError(
            f"{target} is no address of a control plane.",
            hint="lab serve prints it as control url: http://127.0.0.1:PORT. HOST:PORT will do, too, with /t/NAME, /scenario/NAME or both behind.",
        )
    return url.rstrip("/"), where


@asynccontextmanager
async def reached(url: str, access: ControlAccess) -> "AsyncIterator[ControlClient]":
    """A control plane, its token looked up anew: a lab that starts again has another one."""
    # loaded here, after the first paint: aiohttp alone takes 50 ms
    from lab.client.control import ControlClient
    from lab.files.runtime import token_for

    token = access.token or token_for(url, runtime=access.runtime)
    client = ControlClient(url, token or "none")
    try:
        yield client
    except ProtocolError as error:
        if "401" not in error.what:
            raise
        raise ProtocolError("The control plane answered 401: the token is not its own.", hint=WRONG_TOKEN) from None
    finally:
        await client.close()


def _place(url: str, *, port_needed: bool) -> str | None:
    """The host, the port if one is named, the tenant and the scenario that are chosen; None if this is neither."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    path = parts.path.rstrip("/")
    beyond = (path and not _CHOSEN.fullmatch(path)) or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or beyond or (port_needed and not port):
        return None
    return (f"{host}:{port}" if port else host) + path
