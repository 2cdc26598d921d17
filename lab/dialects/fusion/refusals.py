"""How Fusion's API says no (contract.md §6.1): ErrorResponse, three strings, or RFC 9457 where the switch asks for it."""

from http import HTTPStatus

from lab.core.exchange import JSON_HEADERS, Headers, Json, Response, json_bytes
from lab.core.refusal import Refusal, named
from lab.dialects.fusion.bodies import ACTIONS
from lab.program.switches import Switches

PROBLEM_HEADERS: Headers = (("content-type", "application/problem+json"), ("cache-control", "no-store"))
NAMES = {
    "conversation": "conversationId", "job": "jobId", "message": "message", "answer": "messageInstanceId",
    "opening": "callbackToken", "ends the wait": "ORA_TIMEOUT",
    **{str(verdict): action for action, verdict in ACTIONS.items()},
}  # fmt: skip
"""What this wire calls the things of which a refusal may speak."""


def error_response(refusal: Refusal, switches: Switches, style: str | None = None) -> Response:
    """The refusal as a response; `style`, fusion or problem, overrides the switch."""
    code = f"FAI-{refusal.status}00"
    message = named(refusal.message, NAMES)
    hint = named(refusal.hint, NAMES) if switches.hints or refusal.promised else ""
    if (style or switches.error_body) == "problem":
        body: dict[str, Json] = {
            "type": "about:blank", "title": HTTPStatus(refusal.status).phrase, "status": refusal.status,
            "detail": f"{message} {hint}" if hint else message, "code": code,
        }  # fmt: skip
        return Response(refusal.status, (*PROBLEM_HEADERS, *refusal.headers), json_bytes(body))
    body = {"message": message, "status": code, "userDetails": hint}
    return Response(refusal.status, (*JSON_HEADERS, *refusal.headers), json_bytes(body))
