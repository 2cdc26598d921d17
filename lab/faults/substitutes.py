"""What a struck call is answered: refusals that nobody meant, pages of gateways, bodies made odd (contract.md §6.3)."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeAlias, assert_never, cast

from msgspec.structs import replace

from lab.core.clock import Epoch, Millis, http_date
from lab.core.exchange import Headers, Json, Response, json_bytes
from lab.core.refusal import BASIC_CHALLENGE, Refusal, bad_request, insufficient_scope, invalid_token, not_found
from lab.program.faults import Fault, RetryDate, RetryText
from lab.program.routes import OF_A_FORM, OF_A_JOB

_HTML: Headers = (("content-type", "text/html"),)
_HINT = "This answer was planned: it is a fault of the lab."
_PROBLEMS = {
    400: bad_request("The request was refused.", _HINT),
    401: invalid_token("The token expired."),
    404: not_found("There is no such path.", _HINT),
    429: Refusal(429, "Too many requests.", _HINT),
    500: Refusal(500, "Internal error.", _HINT),
    502: Refusal(502, "Bad gateway.", _HINT),
    503: Refusal(503, "Service unavailable.", _HINT),
    504: Refusal(504, "Gateway timeout.", _HINT),
}
"""What the API would say with a status; of 403, which names a scope, see `_problem`."""
_NOT_FOUND = {**dict.fromkeys(OF_A_JOB, "Workflow not found."), "status": "Job not found."}
"""What a 404 says on routes that name a team; on others, that there is no such path."""
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

Refuse: TypeAlias = Callable[[Refusal, str | None], Response]
"""Words a refusal as the team does, or in a style that is named."""
Alter: TypeAlias = Callable[[Fault, dict[str, Json]], dict[str, Json]]
"""What a wire does to the members of a right answer: an odd status word in place of its own, a legal oddity of its own."""


def substitute(fault: Fault, refuse: Refuse, *, scope: str, epoch: Epoch, leaves: Millis) -> Response:
    """The answer of a fault with `answer` or `expire_token`; it leaves at the instant `leaves`."""
    code = fault.answer or 401
    extra = _retry_after(fault, epoch, leaves)
    match fault.body:
        case "html":
            return Response(code, (*_HTML, *extra), LOGIN_PAGE if code == 200 else _gateway(code))
        case "empty":
            return Response(code, extra)
        case "default" if fault.route in OF_A_FORM:
            return _of_form(fault, code, extra, refuse)
        case "default" | "problem":
            style = "problem" if fault.body == "problem" else None
            return refuse(_problem(fault.route, code, scope, extra), style)
        case _:
            assert_never(fault.body)


def _gateway(code: int) -> bytes:
    title = f"{code} {HTTPStatus(code).phrase}"
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


def _of_form(fault: Fault, code: int, extra: Headers, refuse: Refuse) -> Response:
    known = _OAUTH.get(code)
    if known is None:
        return Response(code, extra)
    error, description = known
    headers = (*BASIC_CHALLENGE, *extra) if code == 401 else extra
    return refuse(Refusal(code, description, headers=headers, error=fault.error or error), None)


def _problem(route: str, code: int, scope: str, extra: Headers) -> Refusal:
    problem = insufficient_scope(scope) if code == 403 else _PROBLEMS[code]
    message = _NOT_FOUND.get(route, problem.message) if code == 404 else problem.message
    return replace(problem, message=message, headers=(*problem.headers, *extra))


def _retry_after(fault: Fault, epoch: Epoch, leaves: Millis) -> Headers:
    match fault.retry_after:
        case None:
            return ()
        case RetryText(text=text):
            return (("retry-after", text),)
        case RetryDate(date=pause):
            # rounded up, for a date has whole seconds and the pause is not to be shorter than was said
            return (("retry-after", http_date(epoch, leaves + pause + 999)),)
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
