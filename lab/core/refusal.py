"""The catalogue of refusals: what the mock says when it says no.

Three dialects, chosen by endpoint and never mixed: RFC 6749 §5.2 JSON at the token endpoint, an RFC 6750
challenge for bearer failures, the API's ErrorResponse elsewhere (contract.md §6, §7).
"""

from dataclasses import dataclass
from http import HTTPStatus

from lab.core.exchange import Headers, Json, Response, text_of

JSON_HEADERS: Headers = (("content-type", "application/json"), ("cache-control", "no-store"))
PROBLEM_HEADERS: Headers = (("content-type", "application/problem+json"), ("cache-control", "no-store"))
TOKEN_HEADERS: Headers = (*JSON_HEADERS, ("pragma", "no-cache"))


def json_bytes(value: Json) -> bytes:
    """Compact JSON in UTF-8, member order kept; lone surrogates as escapes."""
    return text_of(value).encode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal of the API: HTTP status, what is wrong, and what to do about it."""

    status: int
    message: str
    hint: str = ""
    headers: Headers = ()
    promised: bool = False
    """Whether the hint is part of the answer, and so stands without hints too (contract.md §5.4)."""

    def response(self, *, hints: bool = True, style: str = "fusion") -> Response:
        """The body of contract.md §6.1: `fusion` is ErrorResponse, three strings; `problem` is RFC 9457.

        `hints` off leaves the advice out.
        """
        hints = hints or self.promised
        if style == "problem":
            return self._problem_details(hints=hints)
        body: dict[str, Json] = {
            "message": self.message,
            "status": f"FAI-{self.status}00",
            "userDetails": self.hint if hints else "",
        }
        return Response(self.status, (*JSON_HEADERS, *self.headers), json_bytes(body))

    def _problem_details(self, *, hints: bool) -> Response:
        body: dict[str, Json] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": f"{self.message} {self.hint}" if hints and self.hint else self.message,
            "code": f"FAI-{self.status}00",
        }
        return Response(self.status, (*PROBLEM_HEADERS, *self.headers), json_bytes(body))


def not_found(message: str, hint: str = "") -> Problem:
    """404: no such path, team, or job."""
    return Problem(404, message, hint)


def bad_request(message: str, hint: str = "", *, promised: bool = False) -> Problem:
    """400: the body or a field is wrong."""
    return Problem(400, message, hint, promised=promised)


def conflict(message: str, hint: str = "", *, promised: bool = False) -> Problem:
    """409: the request fits no job as it is now."""
    return Problem(409, message, hint, promised=promised)


def forbidden(message: str, hint: str = "", headers: Headers = ()) -> Problem:
    """403: not for this caller."""
    return Problem(403, message, hint, headers)


def wrong_method(allow: str) -> Problem:
    """405: the path is known, the method is not."""
    return Problem(405, "This method is not allowed here.", f"Use {allow}.", (("allow", allow),))


CANNOT_EXECUTE = "user can not execute this workflow."
TEAM_UNKNOWN = not_found(
    "Workflow not found.", "No published agent team has this code; compare the path, letter by letter."
)
NO_PATH = "There is no such path."
NO_OPERATION = (
    "There is no such operation. Gates are answered by invokeAsync with jobId and resumeInput, or outside the API."
)


def unauthenticated(hint: str, error: str | None = None, description: str = "") -> Problem:
    """401 with a challenge: no error code when no credentials came (RFC 6750 §3.1)."""
    return Problem(401, "Authentication failed.", hint, (("www-authenticate", challenge(error, description)),))


def challenge(error: str | None = None, description: str = "", scope: str = "") -> str:
    """The value of WWW-Authenticate for a bearer (RFC 6750 §3)."""
    parts = ['Bearer realm="lab"']
    if error:
        parts.append(f'error="{error}"')
    if description:
        parts.append(f'error_description="{description}"')
    if scope:
        parts.append(f'scope="{scope}"')
    return ", ".join(parts)


def oauth_error(
    status: int, error: str, description: str, *, ecid: str | None = None, basic_challenge: bool = False
) -> Response:
    """An error of the token endpoint (RFC 6749 §5.2); the description is ASCII without quotes and backslashes."""
    body: dict[str, Json] = {"error": error, "error_description": description}
    if ecid:
        body["ecid"] = ecid
    headers = TOKEN_HEADERS + ((("www-authenticate", 'Basic realm="lab"'),) if basic_challenge else ())
    return Response(status, headers, json_bytes(body))
