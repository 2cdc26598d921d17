"""What every route with a JSON body checks first: content type, size, JSON (contract.md §2.6)."""

from lab.core.exchange import Json, Request
from lab.core.jsontext import BadJson, read_json
from lab.core.refusal import Refusal, bad_request
from lab.dialects.fusion import LARGEST_BODY
from lab.mock.calls import Answered

_NOT_JSON = Refusal(415, "Content-Type must be application/json.", "Send Content-Type: application/json.")
_TOO_LARGE = Refusal(413, f"The body is larger than {LARGEST_BODY} bytes.", "Send less.")


def json_kind(request: Request) -> Refusal | None:
    """None if the body is declared as JSON, in UTF-8 if it names a charset."""
    essence, _, rest = (request.header("content-type") or "").lower().partition(";")
    charset = rest.replace(" ", "").replace('"', "")
    return None if essence.strip() == "application/json" and charset in ("", "charset=utf-8") else _NOT_JSON


def read_body(request: Request) -> tuple[Json] | Answered:
    """The body's value, alone in a tuple, or the refusal."""
    wrong = _TOO_LARGE if len(request.body) > LARGEST_BODY else json_kind(request)
    if wrong is not None:
        return Answered(wrong)
    try:
        return (read_json(request.body),)
    except BadJson as bad:
        return Answered(bad_request(str(bad)), flags=(bad.flag,) if bad.flag else ())
