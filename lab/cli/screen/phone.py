"""Phones decide at the gates of `lab demo --phone`: where the page listens, which code leads there, how that is drawn (screen.md §13)."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lab.cli.entropy import gate_code
from lab.cli.setup import Setup
from lab.core.errors import UsageError
from lab.core.ranges import number
from lab.settings import Flags, Settings, loopback

if TYPE_CHECKING:
    from lab.tui.screens.phone import PhoneGates

_PLACE = re.compile(r"(?:\[([0-9A-Fa-f:]+)\]|([A-Za-z0-9._-]*))(?::(\d{1,6}))?")
_GRACE = 500
"""Real milliseconds that an answer under way has at the end."""


class PhoneSettings(Settings, frozen=True):
    """Where the page listens; port 0 is any free one."""

    host: str
    port: int = 0


def phone_of(flags: Flags) -> PhoneSettings | None:
    """What `--phone=HOST[:PORT]` names; UsageError if others can reach it and nobody said that this is meant."""
    text: str | None = flags["phone"]
    if text is None:
        return None
    found = _PLACE.fullmatch(text)
    if found is None:
        raise UsageError(f"--phone={text} is no address.", hint="Write --phone, --phone=HOST or --phone=HOST:PORT.")
    host = found[1] or found[2] or "127.0.0.1"
    if not flags["i_know_this_is_exposed"] and not loopback(host):
        hint = "Leave the host out, or add --i-know-this-is-exposed: whoever sees the code decides."
        raise UsageError(f"--phone={text} can be reached by others.", hint=hint)
    return PhoneSettings(host, number("--phone", 0, 65_535)(found[3] or "0"))


def check_drawable() -> None:
    """UsageError unless a code can be drawn."""
    try:
        import segno  # noqa: F401 - a screen without phones needs it not
    except ModuleNotFoundError:
        hint = "pip install 'invoke-async-lab[phone]'"
        raise UsageError("--phone needs segno, which is not installed.", hint=hint) from None


@asynccontextmanager
async def phone_gates(settings: PhoneSettings, setup: Setup) -> "AsyncIterator[PhoneGates]":
    """The gates that phones may decide, their page served meanwhile; HostError if the port can't be had."""
    from lab.server.listener import origin_of
    from lab.server.phone import PhoneServer
    from lab.server.reachable import address_for_others, address_here
    from lab.tui.screens.phone import PhoneGates, PhoneLink

    host, exposed = settings.host, not loopback(settings.host)
    named = address_for_others(host)
    reach = "this machine only; for the room: --phone=0.0.0.0"
    if exposed:
        reach = "open to this network" if named else "no address that others reach"
    origin = ""

    def address(code: str) -> str:
        return f"{origin}/G/{code}"

    gates = PhoneGates(PhoneLink(gate_code, address, half_blocks, reach, exposed))
    server = PhoneServer(setup.clock, setup.limits, setup.config.epoch, gates)
    port = int((await server.start(host, settings.port)).rpartition(":")[2])
    origin = origin_of(named or address_here(host), port)
    try:
        yield gates
    finally:
        await server.stop(_GRACE)


def half_blocks(address: str) -> tuple[str, ...]:
    """The QR code of an address, two of its rows a row, with its margin of four; dark is what is drawn.

    In capitals the address is of a code's short form: scheme and host mean the same, and so does the page's path.
    """
    import segno

    rows = [list(line) for line in segno.make(address.upper(), error="m", micro=False).matrix_iter(border=4)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return tuple(
        "".join(" ▄▀█"[2 * bool(over) + bool(under)] for over, under in zip(*pair, strict=True)) for pair in pairs
    )
