"""What HAR 1.2 asks of a document, as a JSON Schema: written from its specification, so that nothing of ours judges it."""

from typing import Any


def _object(optional: dict[str, Any] | None = None, /, **required: Any) -> dict[str, Any]:
    """An object with these members and, beside them, only some and those that begin with an underscore."""
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}) | {"comment": {"type": "string"}},
        "patternProperties": {"^_": True},
        "additionalProperties": False,
    }


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT = {"type": "string"}
SIZE = {"type": "integer", "minimum": -1}
MILLIS = {"type": "number", "minimum": 0}
PAIR = _object(name=TEXT, value=TEXT)
COOKIE = _object({"path": TEXT, "domain": TEXT}, name=TEXT, value=TEXT)
VERSION = {"const": "HTTP/1.1"}
POSTED = _object({"text": TEXT, "params": _list(_object({"value": TEXT}, name=TEXT))}, mimeType=TEXT) | {
    "oneOf": [{"required": ["text"]}, {"required": ["params"]}]
}
REQUEST = _object(
    {"postData": POSTED},
    method=TEXT,
    url={"type": "string", "pattern": "^https?://[!-~]+$"},
    httpVersion=VERSION,
    cookies=_list(COOKIE),
    headers=_list(PAIR),
    queryString=_list(PAIR),
    headersSize=SIZE,
    bodySize=SIZE,
)
RESPONSE = _object(
    status={"type": "integer"},
    statusText=TEXT,
    httpVersion=VERSION,
    cookies=_list(COOKIE),
    headers=_list(PAIR),
    content=_object({"text": TEXT, "encoding": {"const": "base64"}}, size=SIZE, mimeType=TEXT),
    redirectURL=TEXT,
    headersSize=SIZE,
    bodySize=SIZE,
)
ENTRY = _object(
    {"serverIPAddress": TEXT, "connection": TEXT},
    startedDateTime={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
    time=MILLIS,
    request=REQUEST,
    response=RESPONSE,
    cache=_object(),
    timings=_object(send=MILLIS, wait=MILLIS, receive=MILLIS),
)
HAR = _object(
    log=_object(
        {"pages": _list({})}, version={"const": "1.2"}, creator=_object(name=TEXT, version=TEXT), entries=_list(ENTRY)
    )
)
