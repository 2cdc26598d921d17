"""The wires: each folder is one vendor's, routes, bodies and status words, both ways."""

from lab.dialects.a2a.client import A2AClient
from lab.dialects.client import ClientDialects
from lab.dialects.fusion.client import FusionClient

CLIENTS: ClientDialects = {each.name: each for each in (FusionClient(), A2AClient())}
"""What the external app can speak, by the name that `--dialect` has for it."""
