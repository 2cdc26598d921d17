"""Under which address others reach a listener of this machine."""

import socket
from ipaddress import ip_address

_BEYOND = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Addresses that no network has (RFC 5737, RFC 3849): on the way to them lies whatever leads out of this machine."""
_DISCARD = 9


def is_every_address(host: str) -> bool:
    """Whether a listener on it takes calls at every address of this machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def address_here(host: str) -> str:
    """The host itself; of one that is every address, which is none to call, that of this machine's loopback."""
    return ("::1" if ":" in host else "127.0.0.1") if is_every_address(host) else host


def address_for_others(host: str) -> str | None:
    """The host itself; of one that is every address that of the interface which leads out, None if none does.

    A UDP socket is connected for it, which asks the routing table and sends nothing.
    """
    if not is_every_address(host):
        return host
    version = ip_address(host).version
    try:
        with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.connect((_BEYOND[version], _DISCARD))
            found: str = sock.getsockname()[0]
    except OSError:
        return None
    return None if ip_address(found).is_loopback else found
