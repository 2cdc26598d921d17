"""Documents of design time: each gets an id, nothing else is kept (contract.md §2.4)."""

from lab.core.exchange import JSON_HEADERS, Json, Response, json_bytes
from lab.core.refusal import Refusal
from lab.core.seeds import uuid4
from lab.dialects.base import PrivateScope
from lab.dialects.fusion.documents import Upload, attached, read_attachment, read_batch, read_upload, uploaded


def upload_one(scope: PrivateScope, value: Json) -> Response | Refusal:
    """One file."""
    upload = read_upload(value)
    return upload if isinstance(upload, Refusal) else _good(_ids(scope, upload))


def upload_many(scope: PrivateScope, value: Json) -> Response | Refusal:
    """Several files, each under its name."""
    uploads = read_batch(value)
    if isinstance(uploads, Refusal):
        return uploads
    return _good({"response": {upload.name: _ids(scope, upload) for upload in uploads}})


def attach(scope: PrivateScope, value: Json) -> Response | Refusal:
    """An attachment for each document, whether or not it was uploaded here."""
    wanted = read_attachment(value)
    if isinstance(wanted, Refusal):
        return wanted
    return _good(attached((document, _next(scope, "attachment")) for document in wanted.documents))


def _ids(scope: PrivateScope, upload: Upload) -> dict[str, Json]:
    return uploaded(_next(scope, "document"), _next(scope, "parsed") if upload.parse else None)


def _next(scope: PrivateScope, kind: str) -> str:
    assert scope.bearer is not None
    client, context = scope.bearer.client, scope.context
    return uuid4(context.config.seed, f"{kind}/{client}/{context.changes.use(f'{kind}/{client}')}")


def _good(body: dict[str, Json]) -> Response:
    return Response(200, JSON_HEADERS, json_bytes(body))
