"""Which servers of others a command may call, and whom it trusts to be them (commands.md §3)."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from lab.core.errors import UsageError
from lab.files.opening import read_bounded
from lab.settings import loopback

if TYPE_CHECKING:
    import ssl

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
