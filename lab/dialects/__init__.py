"""The wires: each folder is one vendor's, routes, bodies and status words, both ways. `base` is the port between.

A further one is its folder, its two halves named here, and its routes in `router`.
"""

from lab.dialects.a2a.client import A2AClient
from lab.dialects.a2a.server import A2A
from lab.dialects.base import Dialect
from lab.dialects.client import ClientDialects
from lab.dialects.fusion.client import FusionClient
from lab.dialects.fusion.requests import read_input
from lab.dialects.fusion.server import FUSION

DIALECTS: tuple[Dialect, ...] = (FUSION, A2A)
"""What the mock speaks, all on one listener."""
CLIENTS: ClientDialects = {each.name: each for each in (FusionClient(), A2AClient())}
"""What the external app can speak, by the name that `--dialect` has for it."""
DIALECT_OF: dict[str, Dialect] = {row.name: dialect for dialect in DIALECTS for row in dialect.routes}
"""By route."""

__all__ = ["CLIENTS", "DIALECTS", "DIALECT_OF", "FUSION", "read_input"]
