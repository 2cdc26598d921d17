"""The A2A dialect: agent cards, JSON-RPC, tasks (contract.md §9)."""

from lab.dialects.a2a.client import A2AClient
from lab.dialects.a2a.fidelity import CALL, MESSAGE, RPC_ERRORS, STREAM, TASK
from lab.dialects.a2a.routes import A2A_ROUTES
from lab.dialects.a2a.server import A2A
from lab.dialects.wire import BodyMarks, Wire

_MARKS = BodyMarks(
    dates=frozenset({"timestamp"}),
    generated=frozenset({"text"}),
    own=frozenset("id taskId contextId messageId artifactId state kind role jsonrpc method code".split()),
)
WIRE = Wire("a2a", A2A, A2AClient(), A2A_ROUTES, (*CALL, *MESSAGE, *TASK, *STREAM), RPC_ERRORS, marks=_MARKS)
