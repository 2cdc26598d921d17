"""Every claim of the lab, in the order in which `lab fidelity` prints them."""

from lab.core.fidelity import Claim, route_claims
from lab.dialects.a2a.fidelity import RPC_ERRORS, TASK
from lab.dialects.a2a.routes import A2A_ROUTES
from lab.dialects.fusion.fidelity import BODY, ERRORS, GRANT, NODE, REQUEST
from lab.dialects.fusion.routes import AGENT_ROUTES, API, LOCAL_ROUTES, POD_ROUTES
from lab.identity.routes import IDENTITY_ROUTES

ROUTE_CLAIMS = route_claims("routes", (*AGENT_ROUTES, *IDENTITY_ROUTES, *POD_ROUTES, *A2A_ROUTES), API)
LOCAL_CLAIMS = route_claims("local orchestrator", LOCAL_ROUTES, API)
CLAIMS: tuple[Claim, ...] = (
    *ROUTE_CLAIMS, *LOCAL_CLAIMS, *REQUEST, *BODY, *NODE, *GRANT, *TASK, *ERRORS, *RPC_ERRORS
)  # fmt: skip
