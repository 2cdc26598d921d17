"""What a struck call is answered: refusals that nobody meant, pages of gateways, bodies made odd (contract.md §6.3)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TypeAlias, cast

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Headers, Json, Response, json_bytes
from lab.core.refusal import BASIC_CHALLENGE, Refusal, bad_request, challenge, forbidden
from lab.language.document import Fault, RetryDate, RetryText

_HTML: Headers = (("content-type", "text/html"),)
_HINT = "This answer was planned: it is a fault of the lab."
_MESSAGES = {
    429: "Too many requests.",
    500: "Internal error.",
    502: "Bad gateway.",
    503: "Service unavailable.",
    504: "Gateway timeout.",
}
_NOT_FOUND = {"status": "Job not found.", "invoke": "Workflow not found.", "stream": "Workflow not found."}
_OAUTH = {
    400: ("invalid_request", "The request was refused."),
    401: ("invalid_client", "Client authentication failed."),
}
LOGIN_PAGE = (
    b"<html><head><title>Sign In</title></head><body><h1>Sign In</h1>"
    b'<form method="post"><input name="username"><input name="password" type="password"></form></body></html>'
)
_UNKNOWN: Mapping[str, Json] = {
    "engineRelease": "27A", "links": [{"rel": "self", "kind": "item"}], "quota": {"left": 12, "unit": None}
}  # fmt: skip
"""Members that nobody documented."""


Alter: TypeAlias = Callable[[Fault, dict[str, Json]], dict[str, Json]]
"""What a wire does to the members of a right answer: an odd status word in place of its own, a legal oddity of its own."""


def substitute(
    fault: Fault, refuse: Callable[[Refusal, str | None], Response], *, scope: str, epoch: Epoch, leaves: Millis
) -> Response:
    """The answer of a fault with `answer` or `expire_token`; it leaves at the instant `leaves`."""
    code = fault.answer or 401
    extra = _retry_after(fault, epoch, leaves)
    match fault.body:
        case "html":
            return Response(code, (*_HTML, *extra), LOGIN_PAGE if code == 200 else _gateway(code))
        case "empty":
            return Response(code, extra)
        case "problem":
            return refuse(_problem(fault.route, code, scope, extra), "problem")
        case _ if fault.route == "token":
            return _of_token(fault, code, extra, refuse)
        case _:
            return refuse(_problem(fault.route, code, scope, extra), None)


def _gateway(code: int) -> bytes:
    title = f"{code} {HTTPStatus(code).phrase}"
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


def _of_token(fault: Fault, code: int, extra: Headers, refuse: Callable[[Refusal, str | None], Response]) -> Response:
    known = _OAUTH.get(code)
    if known is None:
        return Response(code, extra)
    error, description = known
    headers = (*BASIC_CHALLENGE, *extra) if code == 401 else extra
    return refuse(Refusal(code, description, headers=headers, error=fault.error or error), None)


def _problem(route: str, code: int, scope: str, extra: Headers) -> Refusal:
    match code:
        case 400:
            return replace(bad_request("The request was refused.", _HINT), headers=extra)
        case 401:
            value = challenge("invalid_token", "The token expired.")
            hint = "Fetch a new token at /oauth2/v1/token."
            return Refusal(401, "Authentication failed.", hint, (("www-authenticate", value), *extra))
        case 403:
            value = challenge("insufficient_scope", scope=scope)
            return forbidden("Insufficient scope.", f"Ask for {scope}", (("www-authenticate", value), *extra))
        case 404:
            return Refusal(404, _NOT_FOUND.get(route, "There is no such path."), _HINT, extra)
        case _:
            return Refusal(code, _MESSAGES[code], _HINT, extra)


def _retry_after(fault: Fault, epoch: Epoch, leaves: Millis) -> Headers:
    match fault.retry_after:
        case None:
            return ()
        case RetryText(text=text):
            return (("retry-after", text),)
        case RetryDate(date=pause):
            # rounded up, for a date has whole seconds and the pause is not to be shorter than was said
            return (("retry-after", formatdate(epoch - (-(leaves + pause) // 1000), usegmt=True)),)
        case int(pause):
            return (("retry-after", str(pause // 1000)),)


def altered(fault: Fault, response: Response, alter: Alter) -> Response:
    """The right answer with an unknown status, in an odd form, or without some members."""
    if fault.status_word is None and not fault.odd_body and fault.omit is None:
        return response
    return replace(response, body=altered_json(fault, response.body, alter))


def altered_part(fault: Fault, part: bytes, alter: Alter) -> bytes:
    """The same for a part of a stream: the JSON objects of its events."""
    return b"\n".join(
        b"data: " + altered_json(fault, line[6:], alter) if line.startswith(b"data: {") else line
        for line in part.split(b"\n")
    )


def altered_json(fault: Fault, body: bytes, alter: Alter) -> bytes:
    """The JSON object of a right answer, altered; what is none stays as it is."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    if not isinstance(value, dict):
        return body
    members = alter(fault, cast("dict[str, Json]", value))
    if fault.odd_body:  # every legal reordering, and members that nobody documented
        members = dict(reversed([*members.items(), *_UNKNOWN.items()]))
    return json_bytes({name: part for name, part in members.items() if name not in (fault.omit or ())})
