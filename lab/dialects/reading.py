"""Reading a request, on whichever wire: what is wrong with it is raised, and a body is JSON or is refused (contract.md §2.6)."""

from functools import lru_cache
from itertools import islice
from urllib.parse import unquote_plus

from lab.core.exchange import LONG_BODY, Json, Request
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


def wrong(name: str, what: str, hint: str = "", near: str = "") -> Wrong:
    """A field that isn't as it should be: `message must be a string.` An unknown one may be `near` to one that is known."""
    return Wrong(Refusal(400, f"{name} {what}", hint, near=(near,) if near else ()))


def is_json(content_type: str, also: tuple[str, ...] = ()) -> bool:
    """Whether a body of that type is JSON, in UTF-8 if it names a charset (contract.md §2.6); `also`: the wire's own types."""
    essence, _, rest = content_type.lower().partition(";")
    charset = rest.replace(" ", "").replace('"', "")
    return essence.strip() in ("application/json", *also) and charset in ("", "charset=utf-8")


def check_json_kind(request: Request, also: tuple[str, ...] = ()) -> None:
    """Wrong unless the body is declared as JSON."""
    if not is_json(request.header("content-type") or "", also):
        raise Wrong(_NOT_JSON)


_MOST_LONG = 4
"""Of long bodies that are remembered: they are read in a thread, and again when they are answered."""


@lru_cache(maxsize=_MOST_LONG)
def _read_long(body: bytes) -> Json | BadJson:
    try:
        return read_json(body)
    except BadJson as bad:
        return bad


def json_of(request: Request) -> Json:
    """The value of a request's body, which nobody may change; BadJson if it is none. A long one that comes again is known."""
    if len(request.body) <= LONG_BODY:
        return read_json(request.body)
    found = _read_long(request.body)
    if isinstance(found, BadJson):
        raise BadJson(str(found), found.flag)
    return found


def read_body(request: Request, also: tuple[str, ...] = ()) -> Json:
    """The body's value; Wrong if its size, its content type or its JSON is."""
    if len(request.body) > LARGEST_BODY:
        raise Wrong(_TOO_LARGE)
    check_json_kind(request, also)
    try:
        return json_of(request)
    except BadJson as bad:
        raise Wrong(bad_request(str(bad)), (bad.flag,) if bad.flag else ()) from None


_LONGEST_NAME = 80
_MOST_UNKNOWN = 20
"""Unknown members of a body that are compared with known ones: there may be a hundred thousand."""


def shown_name(name: str) -> str:
    """A member's name as a refusal may show it."""
    return name.encode("unicode_escape").decode()[:_LONGEST_NAME]


def near_member(name: str, known: tuple[str, ...]) -> str:
    """The known member that an unknown one is near to; empty: none is."""
    return _nearest(name[:_LONGEST_NAME], known)


@lru_cache(maxsize=256)
def _nearest(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    return next(iter(get_close_matches(name, known, 1)), "")


def near_misses(value: dict[str, Json], known: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Unknown members as they may be shown, each with the known one that it is near to, unless that is there too."""
    unknown = islice((name for name in value if name not in known), _MOST_UNKNOWN)
    found = ((shown_name(name), near_member(name, known)) for name in unknown)
    return tuple((name, near) for name, near in found if near and near not in value)


def query_of(query: str) -> dict[str, str]:
    """The query's parameters, decoded as far as they can be; of a repeated one the first counts."""
    named: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        named.setdefault(unquote_plus(name), unquote_plus(value))
    return named
