"""The A2A dialect: agent cards, JSON-RPC, tasks (a2a.md)."""

from lab.dialects.wire import BodyMarks, Wire
from lab.plugins.a2a.client import A2AClient
from lab.plugins.a2a.fidelity import FIELDS, RPC_ERRORS
from lab.plugins.a2a.push import PushWire
from lab.plugins.a2a.routes import A2A_ROUTES
from lab.plugins.a2a.server import A2A
from lab.plugins.a2a.versions import V03

_MARKS = BodyMarks(
    dates=frozenset({"timestamp"}),
    generated=frozenset({"text"}),
    codes=frozenset(("pageToken", "nextPageToken")),
    own=frozenset("id taskId contextId messageId artifactId state kind role jsonrpc method code".split()),
)
WIRE = Wire(
    "a2a", "lab.plugins.a2a", A2A, A2A_ROUTES, A2AClient(), FIELDS, RPC_ERRORS, marks=_MARKS, callbacks=PushWire()
)
WIRE_03 = Wire("a2a-0.3", "", A2A, (), A2AClient("a2a-0.3", V03))
"""The same served, and 0.3 spoken: to the vendor's pod."""
