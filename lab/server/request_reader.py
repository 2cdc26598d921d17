"""What a parsed head says, and the refusals of those that say too much (limits.md §4, rows 5 to 28)."""

from urllib.parse import quote

from msgspec.structs import replace

from lab.core.exchange import Headers, RawHeaders, Response, header_of
from lab.core.journal.shared import StoreLost, StoreRefused
from lab.core.refusal import Refusal
from lab.identity.refusals import oauth_error

CODINGS = ("identity", "gzip", "deflate")
_HINTS = {
    400: "Send one complete HTTP/1.1 request.",
    408: "Send the whole body within 30 s of the headers.",
    413: "Send less.",
    415: "Send the body as it is, or compressed with gzip or deflate.",
    417: "Leave the Expect header out.",
    426: "Poll instead.",
    503: "Send it once others are answered.",
    501: "A path begins with / and holds no blank, control, backslash or #.",
    500: "This is a bug of the lab: its stderr, and a recording, say where.",
}
_WRONG_PORT = {
    "tls-on-plain-port": "This port speaks plain HTTP: use http://.",
    "plain-on-tls-port": "This port speaks TLS: use https://.",
}
_SPECIAL = frozenset((b"expect", b"content-encoding", b"upgrade"))
_LONG_LENGTH = 18
"""Digits of a Content-Length that is beyond every limit; the parser takes the largest that 64 bits hold for none."""
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def shell_refusal(status: int, why: str) -> Refusal:
    """What the shell says no with: the service words it as the path wants it, the identity domain in its own form."""
    return Refusal(status, why, _HINTS.get(status, ""), (("upgrade", "HTTP/1.1"),) if status == 426 else ())


def identity_refusal(problem: Refusal) -> Response:
    """A refusal by the shell at an endpoint of the identity domain (limits.md §1)."""
    return oauth_error(replace(problem, hint="", error=problem.error or "invalid_request"))


def store_refusal(lost: StoreLost) -> Refusal:
    """What a client is told while the store of a shared lab can't be reached, or refuses what the call would write."""
    headers = (("retry-after", "1"),)
    if isinstance(lost, StoreRefused):
        hint = "Nothing of the call was accepted: send it again once the lab can write."
        return Refusal(503, f"The lab can't write: {lost.what}", hint, headers, error="temporarily_unavailable")
    hint = "The store behind this lab doesn't answer: try again in a second."
    return Refusal(503, "The lab can't be reached.", hint, headers, error="temporarily_unavailable")


def malformed_refusal(what: str) -> Refusal:
    """What the peer is told of a request that the parser refused for that."""
    return shell_refusal(400, _WRONG_PORT.get(what, "This is no HTTP/1.1 request."))


def headers_of(raw: RawHeaders) -> tuple[Headers, bool]:
    """Header fields as text, and whether one of them needs a look before the body is read."""
    headers, special = [], False
    for name, value in raw:
        lower = name.lower()
        special = special or lower in _SPECIAL or (lower == b"content-length" and len(value) >= _LONG_LENGTH)
        headers.append((lower.decode("latin-1"), value.decode("latin-1")))
    return tuple(headers), special


def target_of(target: str) -> tuple[str, str]:
    """Path and query, percent-encoding kept; an absolute-form target counts by its path alone."""
    if not target.startswith("/") and "://" in target:
        rest = target.split("://", 1)[1]
        cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
        target = rest[cut:] if rest[cut : cut + 1] == "/" else "/" + rest[cut:]
    if not target.isascii():
        target = quote(target.encode("utf-8", "surrogateescape"), safe=_PRINTABLE)
    path, _, query = target.partition("?")
    return path, query


def check_head(version: tuple[int, int], headers: Headers) -> Refusal | None:
    """What is wrong with a head that has unusual members, or is of a version without any; None if nothing is."""
    if version < (1, 0):
        return shell_refusal(400, "HTTP/0.9 is not spoken here.")
    upgrade = header_of(headers, "upgrade")
    if upgrade is not None and upgrade.strip().lower() == "websocket":
        return shell_refusal(426, "There are no WebSockets here.")
    expect = header_of(headers, "expect")
    if expect is not None and expect.strip().lower() != "100-continue":
        return shell_refusal(417, "The only expectation that can be met is 100-continue.")
    if len(header_of(headers, "content-length") or "") >= _LONG_LENGTH:
        return shell_refusal(413, "No body can be as large as this Content-Length.")
    codings = [value.strip().lower() for name, value in headers if name == "content-encoding"]
    if len(codings) > 1 or any(coding not in CODINGS for coding in codings):
        return shell_refusal(415, f"The body's Content-Encoding must be one of {', '.join(CODINGS)}.")
    return None


def check_length(headers: Headers, most: int) -> Refusal | None:
    """The refusal of a body whose Content-Length alone is too large."""
    declared = header_of(headers, "content-length")
    # the parser admits digits alone, and `check_head` no more of them than int takes
    too_large = declared is not None and int(declared) > most
    return shell_refusal(413, f"The body is larger than {most} bytes.") if too_large else None
