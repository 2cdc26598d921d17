"""Every claim of the lab, in the order in which `lab fidelity` prints them."""

from lab.core.fidelity import Claim, route_claims
from lab.dialects import wires
from lab.dialects.fusion.routes import API, documented_path
from lab.identity.fidelity import IDENTITY_CLAIMS
from lab.identity.routes import IDENTITY_ROUTES


def _shown(path: str) -> str:
    short = f"{{api}}{path.removeprefix(API)}" if path.startswith(API) else path
    return documented_path(short)


_ROWS = tuple(row for wire in wires() for row in wire.routes)
_JOBS = tuple(row for row in _ROWS if row.kind in ("look", "invoke", "follow") and not row.only)
_OTHERS = tuple(row for row in _ROWS if row not in _JOBS and not row.only)
ROUTE_CLAIMS = route_claims("routes", (*_JOBS, *IDENTITY_ROUTES, *_OTHERS), _shown)
"""Where jobs are started and polled, where tokens are had, and what stands beside."""
LOCAL_CLAIMS = route_claims("local orchestrator", (row for row in _ROWS if row.only), _shown)
CLAIMS: tuple[Claim, ...] = (
    *ROUTE_CLAIMS, *LOCAL_CLAIMS, *IDENTITY_CLAIMS, *(claim for wire in wires() for claim in wire.fields),
    *(claim for wire in wires() for claim in wire.errors), *(claim for wire in wires() for claim in wire.surroundings),
)  # fmt: skip
