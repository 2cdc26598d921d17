"""Tokens from the pod, and documents, in the OpenAPI document (contract.md §2.3, §2.4)."""

from collections.abc import Iterable

from lab.core.exchange import Json
from lab.dialects.fusion.documents import MOST_FILES
from lab.dialects.fusion.openapi_parts import BEARER, operation, query, ref, shape, some, text, told
from lab.dialects.fusion.routes import fusion_path
from lab.identity.scopes import API_SERVICE, SERVICES

_COOKIE = query("JSESSIONID", some(), required=True, place="cookie")


def pod_paths(shell: Iterable[int], scope: str) -> dict[str, Json]:
    """The paths; `shell` are the codes that any request can come to, `scope` is the one that opens the API."""
    codes = tuple(shell)
    return {
        fusion_path("tokens"): {"get": tokens("tokens", codes)},
        fusion_path("relay"): {"get": _relay(codes, scope)},
        fusion_path("anticsrf"): {
            "get": operation(
                "anticsrf", "What a page sends as x-xsrf-token",
                told("A new token", shape({"xsrftoken": text()})), (401, 405, *codes), parameters=(_COOKIE,), security="",
            )
        },
        fusion_path("relay-basic"): {"get": _relay_basic(codes)},
        fusion_path("documents"): {
            "post": _upload("documents", "One file", "Document", "DocumentIds", codes)
        },
        fusion_path("documents-batch"): {
            "post": _upload("documents_batch", "Several files", "Documents", "DocumentIdsByName", codes)
        },
        fusion_path("documents-attach"): {
            "post": _upload("documents_attach", "Attach documents", "Attachment", "AttachmentIds", codes)
        },
    }  # fmt: skip


def tokens(name: str, codes: tuple[int, ...]) -> Json:
    """The map of tokens."""
    good = told("Name of a service, and a token for it", {"type": "object", "additionalProperties": text()})
    return operation(name, "Tokens for the bearer, by service", good, (*BEARER, *codes))


def _relay(codes: tuple[int, ...], scope: str) -> Json:
    wanted = text(enum=[scope, f"{scope}lab.none"]) if scope else text()
    return operation(
        "relay", "A token for a browser that is logged in", told("A token", ref("Relayed")), (400, 401, 405, *codes),
        parameters=(query("scopesfq", wanted), query("x-xsrf-token", some(), required=True, place="header"), _COOKIE),
        security="",
    )  # fmt: skip


def _relay_basic(codes: tuple[int, ...]) -> Json:
    service = text(enum=[API_SERVICE, *SERVICES])
    return operation(
        "relay_basic", "A token for a user's name and password", told("The bare token", text(), "text/plain"),
        (400, 401, 405, *codes), security="user",
        parameters=(query("servicetype", service, required=True), query("username", text()), query("scope", text())),
    )  # fmt: skip


def _upload(name: str, summary: str, asked: str, answer: str, codes: tuple[int, ...]) -> Json:
    return operation(name, summary, told("Their ids", ref(answer)), (*BEARER, *codes), body=ref(asked))


def pod_schemas() -> dict[str, Json]:
    """The schemas to which the paths refer."""
    file: dict[str, Json] = {
        "fileName": some(), "fileContent": text(format="byte"), "description": text(), "title": text(),
        "mediaType": text(), "size": {"type": "integer"}, "parse": {"type": "boolean"},
    }  # fmt: skip
    ids: dict[str, Json] = {"type": "array", "items": some()}
    made: dict[str, Json] = {"documentId": text(), "parseFileDocumentId": {"type": ["string", "null"]}}
    files: Json = {"type": "array", "minItems": 1, "maxItems": MOST_FILES, "items": ref("Document")}
    attachment: Json = shape({"attachmentDocumentId": text()})
    return {
        "Relayed": shape({
            "access_token": text(), "token_type": text(), "expires_in": {"type": "integer"}, "principal": text(),
        }),
        "Document": shape(file, "fileName", "fileContent"),
        "Documents": shape({"requests": files}),
        "DocumentIds": shape(made),
        "DocumentIdsByName": shape({"response": {"type": "object", "additionalProperties": ref("DocumentIds")}}),
        "Attachment": shape(
            {
                "entityName": some(), "entityId": some(), "documentIds": ids | {"minItems": 1},
                "parsedDocumentIds": ids,
            },
            "entityName", "entityId", "documentIds",
        ),
        "AttachmentIds": shape({
            "documents": {"type": "array", "items": {"type": "object", "additionalProperties": attachment}},
        }),
    }  # fmt: skip
