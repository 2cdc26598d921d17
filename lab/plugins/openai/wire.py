"""The OpenAI dialect: responses in the background (openai.md)."""

from lab.dialects.wire import BodyMarks, Wire
from lab.plugins.openai.client import OpenAIClient
from lab.plugins.openai.fidelity import OF_BODIES, OF_ERRORS
from lab.plugins.openai.routes import OPENAI_ROUTES
from lab.plugins.openai.server import OpenAIServer

_OWN = "id object status type role model code param name item_id previous_response_id approval_request_id server_label"
_MARKS = BodyMarks(
    seconds=frozenset({"created", "created_at"}), generated=frozenset({"text", "delta"}), own=frozenset(_OWN.split())
)
WIRE = Wire(
    "openai", "lab.plugins.openai", OpenAIServer(), OPENAI_ROUTES, OpenAIClient(), OF_BODIES, OF_ERRORS, marks=_MARKS
)
