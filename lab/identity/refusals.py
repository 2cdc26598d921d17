"""How the identity domain says no: the error body of RFC 6749 §5.2, never mixed with another's."""

from lab.core.exchange import JSON_HEADERS, Headers, Json, Response, json_bytes

TOKEN_HEADERS: Headers = (*JSON_HEADERS, ("pragma", "no-cache"))


def oauth_error(
    status: int, error: str, description: str, *, ecid: str | None = None, basic_challenge: bool = False
) -> Response:
    """An error of the token endpoint (RFC 6749 §5.2); the description is ASCII without quotes and backslashes."""
    body: dict[str, Json] = {"error": error, "error_description": description}
    if ecid:
        body["ecid"] = ecid
    headers = TOKEN_HEADERS + ((("www-authenticate", 'Basic realm="lab"'),) if basic_challenge else ())
    return Response(status, headers, json_bytes(body))
