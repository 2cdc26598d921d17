"""Documents of design time: the requests that bring them, and their ids; nothing else is kept (contract.md §2.4).

Each route's function reads a body, raises `Wrong` by the field, and gives what answers it.
"""

from collections.abc import Callable
from typing import TypeAlias

from lab.core.exchange import Json, Response, json_response
from lab.core.jsontext import whole
from lab.core.seeds import uuid4
from lab.dialects.fusion.files import is_base64
from lab.dialects.reading import NO_OBJECT, Wrong, wrong
from lab.identity.endpoints.context import TokenContext

MOST_FILES = 100
_OPTIONAL = (("description", str), ("title", str), ("mediaType", str), ("size", int), ("parse", bool))

DocumentAnswer: TypeAlias = Callable[[TokenContext], Response]


def upload_one(value: Json) -> DocumentAnswer:
    """One file."""
    _, parse = _upload(value, "")
    return lambda context: json_response(_ids(context, parse=parse))


def upload_many(value: Json) -> DocumentAnswer:
    """One to a hundred files, each under a name of its own."""
    files = value.get("requests") if isinstance(value, dict) else None
    if not isinstance(files, list) or not 1 <= len(files) <= MOST_FILES:
        raise wrong("requests", f"must be an array of 1 to {MOST_FILES} objects.")
    uploads = [_upload(each, f"requests[{index}].") for index, each in enumerate(files)]
    if len(dict(uploads)) < len(uploads):
        raise wrong("A fileName", "stands twice in requests.", "The answer names each file once.")
    return lambda context: json_response({"response": {name: _ids(context, parse=parse) for name, parse in uploads}})


def attach(value: Json) -> DocumentAnswer:
    """An attachment for each document, whether or not it was uploaded here."""
    if not isinstance(value, dict):
        raise Wrong(NO_OBJECT)
    for name in ("entityName", "entityId"):
        if not isinstance(text := value.get(name), str) or not text:
            raise wrong(name, "must be a string that is not empty.")
    documents = _texts(value, "documentIds", least=1)
    _texts(value, "parsedDocumentIds", least=0)

    def answer(context: TokenContext) -> Response:
        attached: list[Json] = [{each: {"attachmentDocumentId": _next_id(context, "attachment")}} for each in documents]
        return json_response({"documents": attached})

    return answer


def _upload(value: Json, place: str) -> tuple[str, bool]:
    """The name of a file, and whether it is to be parsed: its bytes are gone already."""
    if not isinstance(value, dict):
        raise wrong(place.removesuffix(".") or "The body", "must be a JSON object.")
    name, content = value.get("fileName"), value.get("fileContent")
    if not isinstance(name, str) or not name:
        raise wrong(f"{place}fileName", "must be a string that is not empty.")
    if not isinstance(content, str) or not is_base64(content.encode("utf-8", "surrogatepass")):
        raise wrong(f"{place}fileContent", "must be base64.", "Pad it with =, and leave line breaks out.")
    for field, kind in _OPTIONAL:
        member = value.get(field)
        fits = whole(member) is not None if kind is int else isinstance(member, kind)
        if member is not None and not fits:
            raise wrong(f"{place}{field}", "has the wrong type.")
    return name, value.get("parse") is True


def _texts(value: dict[str, Json], name: str, *, least: int) -> list[str]:
    sent = value.get(name)
    members = [] if sent is None else sent if isinstance(sent, list) else [None]
    texts = [each for each in members if isinstance(each, str) and each]
    if len(texts) < max(least, len(members)):
        raise wrong(name, f"must be an array of {'at least one string' if least else 'strings'}.")
    return texts


def _ids(context: TokenContext, *, parse: bool) -> dict[str, Json]:
    """What is said of one file."""
    document = _next_id(context, "document")
    return {"documentId": document, "parseFileDocumentId": _next_id(context, "parsed") if parse else None}


def _next_id(context: TokenContext, kind: str) -> str:
    assert context.bearer is not None
    counter = f"{kind}/{context.bearer.client}"
    return uuid4(context.config.seed, f"{counter}/{context.changes.use(counter)}")
