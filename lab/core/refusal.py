"""A refusal: why the lab says no, as a value. Whoever speaks to the peer words it (a dialect, the identity domain).

A refusal is an answer and no error of ours, so it is returned and never raised: the mock's refusals are what its users
come for. One value serves everywhere, so a rule says no without knowing on whose wire it stands:

    forbidden("Insufficient scope.", "Ask for ...")                the rule
    {"message": ..., "status": "FAI-40300", "userDetails": ...}    Fusion's wording of it
    {"jsonrpc": "2.0", "error": {"code": -32602, ...}}             A2A's

A sentence may speak of what each wire calls otherwise. Such a word stands in `‹›`, as in `‹conversation› is not known.`;
`named` puts the wire's own word there.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

from lab.core.exchange import Headers


class Refusal(Struct, frozen=True):
    """Why not: the HTTP status that fits, what is wrong, and what to do about it."""

    status: int
    message: str
    hint: str = ""
    """What to do; left out of answers where hints are off."""
    headers: Headers = ()
    """What the answer carries beside: a challenge (RFC 9110 §11.6.1), `Allow`, `Retry-After`."""
    promised: bool = False
    """Whether the hint is part of the answer, and so stands without hints too (contract.md §5.4)."""
    error: str = ""
    """The error code of RFC 6749 §5.2, where the identity domain refuses."""
    near: tuple[str, ...] = ()
    """Where something matched nothing, what it is nearest to: a call, a team's code, a member."""


def not_found(message: str, hint: str = "") -> Refusal:
    """404: no such path, team, or job."""
    return Refusal(404, message, hint)


def bad_request(message: str, hint: str = "", *, promised: bool = False) -> Refusal:
    """400: the body or a field is wrong."""
    return Refusal(400, message, hint, promised=promised)


def conflict(message: str, hint: str = "", *, promised: bool = False) -> Refusal:
    """409: the request fits no job as it is now."""
    return Refusal(409, message, hint, promised=promised)


def forbidden(message: str, hint: str = "", headers: Headers = ()) -> Refusal:
    """403: not for this caller."""
    return Refusal(403, message, hint, headers)


def wrong_method(allow: str, near: tuple[str, ...] = ()) -> Refusal:
    """405: the path is known, the method is not; `near` are the calls that it has."""
    return Refusal(405, "This method is not allowed here.", f"Use {allow}.", (("allow", allow),), near=near)


CANNOT_EXECUTE = "user can not execute this workflow."
NO_PATH = "There is no such path."


def no_path(hint: str = "", near: str = "") -> Refusal:
    """404: nothing is at the path; `near` is the call that may be meant."""
    return Refusal(404, NO_PATH, hint, near=(near,) if near else ())


def unauthenticated(hint: str, error: str | None = None, description: str = "") -> Refusal:
    """401 with a challenge: no error code when no credentials came (RFC 6750 §3.1)."""
    return Refusal(401, "Authentication failed.", hint, (("www-authenticate", challenge(error, description)),))


def invalid_token(description: str) -> Refusal:
    """401 for a token that is no good (RFC 6750 §3.1)."""
    return unauthenticated("Fetch a new token at /oauth2/v1/token.", "invalid_token", description)


def foreign_token(wanted: tuple[str, ...], scope: str) -> Refusal:
    """401 for a good token of another audience: `scope` is what it has, one of `wanted` would do."""
    value = challenge("invalid_token", "The token is not for this API.", wanted[0])
    hint = f"Ask for {' or '.join(wanted)} at /oauth2/v1/token: this token has {scope}."
    return Refusal(401, "Authentication failed.", hint, (("www-authenticate", value),))


def insufficient_scope(scope: str) -> Refusal:
    """403 for a token that doesn't open the API; `scope` would."""
    value = challenge("insufficient_scope", scope=scope)
    return forbidden("Insufficient scope.", f"Ask for {scope}", (("www-authenticate", value),))


def challenge(error: str | None = None, description: str = "", scope: str = "") -> str:
    """The value of WWW-Authenticate for a bearer (RFC 6750 §3)."""
    members = {"error": error, "error_description": description, "scope": scope}
    return ", ".join(['Bearer realm="lab"', *(f'{name}="{value}"' for name, value in members.items() if value)])


BASIC_CHALLENGE: Headers = (("www-authenticate", 'Basic realm="lab"'),)
"""The same where a name and a secret are asked for (RFC 7617 §2)."""

_NAME = re.compile("‹([^›]*)›")


def named(text: str, names: Mapping[str, str]) -> str:
    """The sentence with each `‹word›` as a wire calls it; a word for which it has no name stays as it is."""
    return _NAME.sub(lambda found: names.get(found[1], found[1]), text) if "‹" in text else text
