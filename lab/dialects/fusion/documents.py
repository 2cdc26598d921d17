"""Requests that bring documents, and the answers with their ids (contract.md §2.4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from lab.core.exchange import Json
from lab.core.jsontext import whole
from lab.core.refusal import Refusal, bad_request
from lab.dialects.fusion.files import is_base64

MOST_FILES = 100
_OPTIONAL = (("description", str), ("title", str), ("mediaType", str), ("size", int), ("parse", bool))

Members: TypeAlias = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Upload:
    """One file: its bytes are gone already."""

    name: str
    parse: bool


@dataclass(frozen=True, slots=True)
class Attachment:
    """What documents are attached to."""

    documents: tuple[str, ...]


def read_upload(value: Json) -> Upload | Refusal:
    """The body of documents, or the 400 that names the field."""
    return _upload(value, "")


def read_batch(value: Json) -> tuple[Upload, ...] | Refusal:
    """The body of documents-batch: one to a hundred files, each under a name of its own."""
    files = value.get("requests") if isinstance(value, dict) else None
    if not isinstance(files, list) or not 1 <= len(files) <= MOST_FILES:
        return bad_request(f"requests must be an array of 1 to {MOST_FILES} objects.")
    uploads: list[Upload] = []
    for index, each in enumerate(files):
        upload = _upload(each, f"requests[{index}].")
        if isinstance(upload, Refusal):
            return upload
        uploads.append(upload)
    if len({upload.name for upload in uploads}) < len(uploads):
        return bad_request("A fileName stands twice in requests.", "The answer names each file once.")
    return tuple(uploads)


def read_attachment(value: Json) -> Attachment | Refusal:
    """The body of documents-attach, or the 400 that names the field."""
    if not isinstance(value, dict):
        return bad_request("The body must be a JSON object.")
    for name in ("entityName", "entityId"):
        if not isinstance(given := value.get(name), str) or not given:
            return bad_request(f"{name} must be a string that is not empty.")
    lists: list[tuple[str, ...]] = []
    for name, least in (("documentIds", 1), ("parsedDocumentIds", 0)):
        texts = _texts(value.get(name))
        if texts is None or len(texts) < least:
            return bad_request(f"{name} must be an array of {'at least one string' if least else 'strings'}.")
        lists.append(texts)
    return Attachment(lists[0])


def uploaded(document: str, parsed: str | None) -> Members:
    """What is said of one file."""
    return {"documentId": document, "parseFileDocumentId": parsed}


def attached(pairs: Iterable[tuple[str, str]]) -> Members:
    """The answer to documents-attach: a document and its attachment each."""
    return {"documents": [{document: {"attachmentDocumentId": attachment}} for document, attachment in pairs]}


def _upload(value: Json, place: str) -> Upload | Refusal:
    if not isinstance(value, dict):
        return bad_request(f"{place.removesuffix('.') or 'The body'} must be a JSON object.")
    name, content = value.get("fileName"), value.get("fileContent")
    if not isinstance(name, str) or not name:
        return bad_request(f"{place}fileName must be a string that is not empty.")
    if not isinstance(content, str) or not is_base64(content.encode("utf-8", "surrogatepass")):
        return bad_request(f"{place}fileContent must be base64.", "Pad it with =, and leave line breaks out.")
    for field, kind in _OPTIONAL:
        given = value.get(field)
        fits = whole(given) is not None if kind is int else isinstance(given, kind)
        if given is not None and not fits:
            return bad_request(f"{place}{field} has the wrong type.")
    return Upload(name, value.get("parse") is True)


def _texts(value: Json) -> tuple[str, ...] | None:
    if value is None:
        return ()
    if not isinstance(value, list):
        return None
    texts = tuple(each for each in value if isinstance(each, str) and each)
    return texts if len(texts) == len(value) else None
