"""The wires: each folder is one vendor's, routes, bodies and status words, both ways. `base` is the port between.

A further one is its folder, and its place in the line below.
"""

from lab.dialects import a2a, fusion
from lab.dialects.base import Dialect
from lab.dialects.client import DialectClient
from lab.dialects.fusion.requests import read_input
from lab.dialects.wire import Wire

WIRES: tuple[Wire, ...] = (fusion.WIRE, a2a.WIRE)
"""All of them; the mock serves them on one listener."""
CLIENTS: dict[str, DialectClient] = {wire.name: wire.client for wire in WIRES}
"""What the external app can speak, by the name that `--dialect` has for it."""
CLIENT_OF: dict[str, DialectClient] = {row.name: wire.client for wire in WIRES for row in wire.routes}
"""By route, who understands its answers."""
DIALECT_OF: dict[str, Dialect] = {row.name: wire.server for wire in WIRES for row in wire.routes}
"""By route."""
FUSION = fusion.WIRE.server
"""Whose words answer what belongs to no dialect: a path that isn't there, a bearer that is no good."""

USUAL = fusion.WIRE.name
"""What the external app speaks unless it is told otherwise."""

__all__ = ["CLIENTS", "CLIENT_OF", "DIALECT_OF", "FUSION", "USUAL", "WIRES", "read_input"]
