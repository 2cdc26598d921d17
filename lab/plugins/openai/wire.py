"""The OpenAI dialect: responses in the background (openai.md)."""

from lab.core.refusal import Refusal
from lab.dialects.wire import BodyMarks, Wire
from lab.plugins.openai.client import OpenAIClient
from lab.plugins.openai.fidelity import OF_BODIES, OF_ERRORS
from lab.plugins.openai.routes import OPENAI_ROUTES
from lab.plugins.openai.server import OpenAIServer
from lab.plugins.openai.webhooks import OPENAI, OpenAIWebhooks

_OWN = (
    "id object status type role model code param name item_id previous_response_id approval_request_id server_label "
    "event_types"
)
_SECONDS = frozenset({"created", "created_at", "updated_at"})
_MARKS = BodyMarks(seconds=_SECONDS, generated=frozenset({"text", "delta"}), own=frozenset(_OWN.split()))


def _missing(path: str, near: str) -> Refusal:
    hint = f"Did you mean {near}?" if near else "lab docs openai names those that are there."
    return Refusal(404, f"Invalid URL ({path[:200]}).", hint, near=(near,) if near else ())


WIRE = Wire(
    OPENAI,
    "lab.plugins.openai",
    OpenAIServer(),
    OPENAI_ROUTES,
    OpenAIClient(),
    OF_BODIES,
    OF_ERRORS,
    _missing,
    marks=_MARKS,
    callbacks=OpenAIWebhooks(),
)
