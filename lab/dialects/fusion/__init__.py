"""Fusion's invocation API, as Oracle's agents are called (contract.md §2 to §8)."""

from lab.dialects.fusion.client import FusionClient
from lab.dialects.fusion.fidelity import ERRORS, FIELDS
from lab.dialects.fusion.marks import MARKS
from lab.dialects.fusion.routes import FUSION_ROUTES, NEAR_MISSES, fusion_path
from lab.dialects.fusion.server import FUSION
from lab.dialects.wire import Wire

WIRE = Wire("fusion", FUSION, FusionClient(), FUSION_ROUTES, FIELDS, ERRORS, NEAR_MISSES, MARKS)
__all__ = ["WIRE", "fusion_path"]
