"""Reading a request, on whichever wire: what is wrong with it is raised, and a body is JSON or is refused (contract.md §2.6)."""

from urllib.parse import unquote_plus

from lab.core.exchange import Json, Request
from lab.core.jsontext import BadJson, read_json
from lab.core.refusal import Refusal, bad_request

LARGEST_BODY = 1_048_576
"""Bytes of a JSON body, files apart; beyond it 413."""
NO_OBJECT = bad_request("The body must be a JSON object.")
_NOT_JSON = Refusal(415, "Content-Type must be application/json.", "Send Content-Type: application/json.")
_TOO_LARGE = Refusal(413, f"The body is larger than {LARGEST_BODY} bytes.", "Send less.")


class Wrong(Exception):
    """Raised while a request is read, by what is wrong with it; whoever began to read makes `Unread` of it."""

    def __init__(self, refusal: Refusal, flags: tuple[str, ...] = ()) -> None:
        super().__init__(refusal.message)
        self.refusal, self.flags = refusal, flags


def wrong(name: str, what: str, hint: str = "") -> Wrong:
    """A field that isn't as it should be: `message must be a string.`"""
    return Wrong(bad_request(f"{name} {what}", hint))


def check_json_kind(request: Request) -> None:
    """Wrong unless the body is declared as JSON, in UTF-8 if it names a charset (contract.md §2.6)."""
    essence, _, rest = (request.header("content-type") or "").lower().partition(";")
    charset = rest.replace(" ", "").replace('"', "")
    if essence.strip() != "application/json" or charset not in ("", "charset=utf-8"):
        raise Wrong(_NOT_JSON)


def read_body(request: Request) -> Json:
    """The body's value; Wrong if its size, its content type or its JSON is."""
    if len(request.body) > LARGEST_BODY:
        raise Wrong(_TOO_LARGE)
    check_json_kind(request)
    try:
        return read_json(request.body)
    except BadJson as bad:
        raise Wrong(bad_request(str(bad)), (bad.flag,) if bad.flag else ()) from None


def query_of(query: str) -> dict[str, str]:
    """The query's parameters, decoded as far as they can be; of a repeated one the first counts."""
    named: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        named.setdefault(unquote_plus(name), unquote_plus(value))
    return named
