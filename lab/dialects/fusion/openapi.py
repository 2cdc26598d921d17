"""The OpenAPI 3.1 document of the mocked surface: made of the fidelity table, every status code declared."""

from collections.abc import Iterable

from lab.core.exchange import Json
from lab.core.fidelity import Claim
from lab.dialects.fusion.fidelity import BODY, GRANT, NODE, REQUEST
from lab.dialects.fusion.openapi_parts import CODE, query, text
from lab.dialects.fusion.openapi_pod import pod_paths, pod_schemas
from lab.dialects.fusion.openapi_talks import local_paths, talk_paths, talk_schemas
from lab.dialects.fusion.routes import API
from lab.dialects.fusion.shapes import INVOKE_RULES, REFINED
from lab.identity.openapi import identity_openapi
from lab.identity.routes import PATHS
from lab.language.document import Status

_ENUMS: dict[str, list[Json]] = {
    "job body.status": [str(status) for status in Status],
    "invoke request.status": ["PUBLISHED", "DRAFT"],
    "invoke request.invocationMode": ["END_USER", "ADMIN", "USER"],
    "invoke request.triggerType": ["chat", "app", "rest", "email", "schedule"],
    "waitingNodeDetails.type": ["HUMAN", "WAIT"],
}


def openapi(
    version: str, base: str = "http://127.0.0.1:8080", scope: str = "", *, local: bool = False
) -> dict[str, Json]:
    """The document; `base` is the server's origin, `scope` the one that opens the API.

    `local`: with the paths of a local orchestrator.
    """
    identity_paths, identity_schemas, identity_responses = identity_openapi()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Invoke Async Lab: the mocked agent API",
            "version": version,
            "description": "A mock for rehearsal. Which of it is documented, observed or assumed: lab fidelity.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base}],
        "paths": identity_paths | _paths(scope, local=local),
        "components": {
            "schemas": _schemas(identity_schemas),
            "responses": _responses(identity_responses),
            "securitySchemes": {
                "bearer": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": base + PATHS["token"], "scopes": {scope: "the API"}}},
                },
                "client": {"type": "http", "scheme": "basic"},
                "user": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _object(claims: Iterable[Claim], *, required: bool) -> dict[str, Json]:
    rows = tuple(claims)
    schema: dict[str, Json] = {"type": "object", "properties": {row.name: _property(row) for row in rows}}
    if required:
        schema["required"] = [row.name for row in rows]
        schema["additionalProperties"] = False
    return schema


def _property(row: Claim) -> Json:
    kinds: list[Json] = list(row.json.split("|"))
    schema: dict[str, Json] = {
        "type": kinds[0] if len(kinds) == 1 else kinds,
        "description": f"{row.says} ({row.word})",
    }
    if row.name == "waitingNodeDetails":
        return {"anyOf": [{"$ref": "#/components/schemas/WaitingNodeDetails"}, {"type": "null"}]}
    enum = _ENUMS.get(f"{row.place}.{row.name}")
    if enum:
        schema["enum"] = enum
    return schema | REFINED.get(f"{row.place}.{row.name}", {})


def _schemas(identity: dict[str, Json]) -> dict[str, Json]:
    strings: dict[str, Json] = {name: {"type": "string"} for name in ("message", "status", "userDetails")}
    problem: dict[str, Json] = {name: {"type": "string"} for name in ("type", "title", "detail", "code")}
    problem["status"] = {"type": "integer"}
    return {
        "InvokeRequest": _object(REQUEST, required=False) | INVOKE_RULES,
        "Job": _object(BODY, required=True),
        "WaitingNodeDetails": _object(NODE, required=True),
        "Grant": _grant(),
        "ErrorResponse": {"type": "object", "properties": strings, "required": list(strings)},
        "Problem": {"type": "object", "properties": problem, "required": list(problem)},
        **identity,
        **pod_schemas(),
        **talk_schemas(),
    }


def _grant() -> dict[str, Json]:
    schema = _object(GRANT, required=True)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    properties |= {name: {"type": "string"} for name in ("refresh_token", "id_token", "scope")}
    return schema


_REFUSALS = {
    400: "The body or a field is wrong, or two tokens came",
    401: "No token, or a bad one",
    403: "Not for this caller",
    404: "No such path, team or job",
    405: "The path is known, the method is not",
    408: "The body did not come in time",
    409: "The request fits no job as it is now",
    413: "The body is too large",
    415: "The content type or coding is not taken",
    417: "The only expectation that can be met is 100-continue",
    426: "There are no WebSockets here",
    422: "The Idempotency-Key was used for another request; only where its switch is on",
    429: "Too many jobs; only where a scenario or a limit plans it",
    503: "The scenario can not be played; or where a scenario plans it",
}
_SHELL = (408, 413, 415, 417, 426)
"""What any request can come to before a route is asked."""


def _responses(identity: dict[str, Json]) -> dict[str, Json]:
    def content(schema: str, kind: str = "application/json") -> dict[str, Json]:
        return {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}

    named: dict[str, Json] = {
        "Job": {"description": "The job as it is now", "content": content("Job")},
        "Grant": {"description": "A bearer token", "content": content("Grant")},
        **identity,
    }
    for code, why in _REFUSALS.items():
        bodies = content("ErrorResponse") | content("Problem", "application/problem+json")
        named[f"E{code}"] = {"description": why, "content": bodies}
    return named


def _refs(good: dict[str, str], codes: Iterable[int]) -> dict[str, Json]:
    named = good | {str(code): f"E{code}" for code in codes}
    return {code: {"$ref": f"#/components/responses/{name}"} for code, name in named.items()}


def _paths(scope: str, *, local: bool) -> dict[str, Json]:
    paths = pod_paths(_SHELL, scope) | talk_paths(_SHELL)
    for version in ("v2", "v1"):
        paths[f"{API}/agent/{version}/{{code}}/invokeAsync"] = {"post": _invoke(version)}
        paths[f"{API}/agent/{version}/{{code}}/status/{{jobId}}"] = {"get": _status(version)}
    return paths | local_paths(_SHELL, _invoke("local"), _status("local")) if local else paths


def _status(version: str) -> Json:
    job: Json = {"name": "jobId", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    return {
        "operationId": f"status_{version}",
        "summary": "What the job looks like now",
        "security": [{"bearer": []}],
        "parameters": [CODE, job, query("invocationMode", text(enum=["END_USER", "ADMIN", "USER"]))],
        "responses": _refs({"200": "Job"}, (400, 401, 403, 404, 405, *_SHELL)),
    }


def _invoke(version: str) -> Json:
    key = query("Idempotency-Key", text(pattern="^[!-~]{1,255}$"), place="header")
    return {
        "operationId": f"invoke_{version}",
        "summary": "Start a job, continue a conversation, answer a gate",
        "security": [{"bearer": []}],
        "parameters": [CODE, key],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/InvokeRequest"}}},
        },
        "responses": _refs({"200": "Job", "202": "Job"}, sorted(_REFUSALS)),
    }
