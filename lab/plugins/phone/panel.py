"""`lab demo --phone`: where the page listens, which address leads there, and its QR code (screen.md §13)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import segno

from lab.cli.panels import OpenPanel
from lab.cli.setup import Setup
from lab.core.exchange import loopback
from lab.plugins.phone.gates import PhoneGates
from lab.plugins.phone.listener import PhoneServer
from lab.plugins.phone.options import PhoneSettings
from lab.server.listener import address_for_others, address_here, origin_of

_GRACE = 500
"""Real milliseconds that an answer under way has at the end."""


def phone_panel(settings: PhoneSettings) -> OpenPanel:
    """The gates that phones may decide, once they are served; their page listens as long as the screen shows."""
    host, port = settings.place

    @asynccontextmanager
    async def opened(setup: Setup) -> AsyncIterator[PhoneGates]:
        named, note = address_for_others(host), "this machine only"
        if not loopback(host):
            note = "open to this network" if named else "no address for others"
        gates = PhoneGates(half_blocks, note, exposed=not loopback(host))
        server = PhoneServer(setup.clock, setup.limits, setup.config.epoch, gates)
        listens = await server.start(host, port)
        gates.origin = origin_of(named or address_here(host), int(listens.rpartition(":")[2]))
        try:
            yield gates
        finally:
            await server.stop(_GRACE)

    return opened


def half_blocks(address: str) -> tuple[str, ...]:
    """The QR code of an address, two of its rows a row, with its margin of four; dark is what is drawn.

    In capitals the address is of a code's short form: scheme and host mean the same, and so does the page's path.
    """
    rows = [list(line) for line in segno.make(address.upper(), error="m", micro=False).matrix_iter(border=4)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return tuple(
        "".join(" ▄▀█"[2 * bool(over) + bool(under)] for over, under in zip(*pair, strict=True)) for pair in pairs
    )
