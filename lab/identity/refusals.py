"""How the OAuth server says no: the codes of RFC 6749 §5.2 and its extensions, never mixed with another's.

One error is worded in three ways, by where it is found: as JSON at the endpoints that clients call, as parameters of a
redirect at the authorize endpoint (RFC 6749 §4.1.2.1), as a page to a person who can't be sent back. The sentences are
ASCII without quotes and backslashes, for §5.2 has it so.
"""

from lab.core.exchange import JSON_HEADERS, Headers, Json, Response, json_bytes
from lab.core.refusal import BASIC_CHALLENGE, Refusal

NO_STORE: Headers = (("cache-control", "no-store"), ("pragma", "no-cache"))
TOKEN_HEADERS: Headers = (*JSON_HEADERS, ("pragma", "no-cache"))
"""Of what may hold secrets, so that no cache keeps it (RFC 6749 §5.1)."""


def invalid_request(message: str) -> Refusal:
    """400: something is missing, repeated or malformed."""
    return Refusal(400, message, error="invalid_request")


def invalid_grant(message: str) -> Refusal:
    """400: what was to be traded for a token is no good."""
    return Refusal(400, message, error="invalid_grant")


def invalid_scope(message: str) -> Refusal:
    """400: the scope is unknown, malformed, or wider than what was granted."""
    return Refusal(400, message, error="invalid_scope")


INVALID_CLIENT = Refusal(401, "Client authentication failed.", headers=BASIC_CHALLENGE, error="invalid_client")
UNAUTHORIZED_CLIENT = Refusal(400, "This client may not use this grant.", error="unauthorized_client")
ACCESS_DENIED = Refusal(400, "Access was denied.", error="access_denied")
TOO_LARGE = Refusal(413, "Too long.", error="invalid_request")


def oauth_error(refusal: Refusal, ecid: str | None = None) -> Response:
    """The refusal as JSON, with Oracle's `ecid` if there is one; a form that is too large is not worth a body."""
    if refusal.status == 413:
        return Response(413, NO_STORE)
    body: dict[str, Json] = {"error": refusal.error, "error_description": refusal.message}
    if ecid is not None:
        body["ecid"] = ecid
    return Response(refusal.status, (*TOKEN_HEADERS, *refusal.headers), json_bytes(body))
