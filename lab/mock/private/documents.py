"""Documents of design time: each gets an id, nothing else is kept (contract.md §2.4)."""

from lab.core.exchange import JSON_HEADERS, Json, Response, json_bytes
from lab.core.refusal import Refusal
from lab.core.seeds import uuid4
from lab.dialects.fusion.documents import Upload, attached, read_attachment, read_batch, read_upload, uploaded
from lab.mock.calls import Answered, Call
from lab.mock.reading import read_body


def documents(call: Call) -> Answered:
    """One file."""
    body = read_body(call.request)
    if isinstance(body, Answered):
        return body
    upload = read_upload(*body)
    return Answered(upload if isinstance(upload, Refusal) else _good(_told(call, upload)))


def documents_batch(call: Call) -> Answered:
    """Several files, each under its name."""
    body = read_body(call.request)
    if isinstance(body, Answered):
        return body
    uploads = read_batch(*body)
    if isinstance(uploads, Refusal):
        return Answered(uploads)
    return Answered(_good({"response": {upload.name: _told(call, upload) for upload in uploads}}))


def documents_attach(call: Call) -> Answered:
    """An attachment for each document, whether or not it was uploaded here."""
    body = read_body(call.request)
    if isinstance(body, Answered):
        return body
    asked = read_attachment(*body)
    if isinstance(asked, Refusal):
        return Answered(asked)
    return Answered(_good(attached((each, _next(call, "attachment")) for each in asked.documents)))


def _told(call: Call, upload: Upload) -> dict[str, Json]:
    return uploaded(_next(call, "document"), _next(call, "parsed") if upload.parse else None)


def _next(call: Call, kind: str) -> str:
    client = call.bearer.client
    return uuid4(call.views.config.seed, f"{kind}/{client}/{call.ledger.use(f'{kind}/{client}')}")


def _good(body: dict[str, Json]) -> Response:
    return Response(200, JSON_HEADERS, json_bytes(body))
