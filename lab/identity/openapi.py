"""The identity domain in the OpenAPI document: its forms, its pages, its refusals (contract.md §7)."""

from collections.abc import Iterable

from lab.core.exchange import Json
from lab.dialects.fusion.routes import (
    AUTHORIZE_PATH,
    DEVICE_PAGE,
    DEVICE_PATH,
    DISCOVERY_PATHS,
    INTROSPECT_PATH,
    JWKS_PATHS,
    REVOKE_PATH,
    TOKEN_PATH,
)

_FORM = "application/x-www-form-urlencoded"
_TEXT: Json = {"type": "string", "minLength": 1}
"""A parameter without a value counts as absent (RFC 6749 §3.2)."""
_CLIENT: list[Json] = [{"client": []}, {}]
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_GRANTS: dict[str, tuple[str, ...]] = {
    "client_credentials": ("scope",),
    "password": ("username", "password", "scope"),
    "urn:ietf:params:oauth:grant-type:jwt-bearer": ("assertion", "scope"),
    "authorization_code": ("code", "redirect_uri"),
    "refresh_token": ("refresh_token",),
    _DEVICE_GRANT: ("device_code",),
}
"""The fields that each grant needs, besides the client's authentication."""
_TOKEN_FIELDS = (
    "grant_type", "scope", "client_id", "client_secret", "client_assertion_type", "client_assertion", "username",
    "password", "assertion", "code", "redirect_uri", "code_verifier", "refresh_token", "device_code",
)  # fmt: skip


def identity_paths(shell: Iterable[int]) -> dict[str, Json]:
    """The paths; `shell` are the codes that any request can come to before a route is asked."""
    codes = tuple(shell)
    paths: dict[str, Json] = {
        TOKEN_PATH: {"post": _post("token", "Credentials for tokens", _token_form(), _json("Grant"), codes)},
        AUTHORIZE_PATH: {"get": _authorize(codes)},
        DEVICE_PATH: {
            "post": _post("device", "Codes for a device", _form("client_id", "scope"), _json("DeviceCodes"), codes)
        },
        DEVICE_PAGE: {"get": _device_page(codes), "post": _device_answer(codes)},
        INTROSPECT_PATH: {
            "post": _post("introspect", "What a token is worth", _form("token"), _json("Introspection"), codes)
        },
        REVOKE_PATH: {
            "post": _post("revoke", "End a token", _form("token"), {"description": "Done, or nothing to do"}, codes)
        },
    }
    for path in DISCOVERY_PATHS:
        paths[path] = {"get": _published(path, "Metadata", "one of the profiles may lack it", (404, *codes))}
    for path in JWKS_PATHS.values():
        told = _published(path, "The signing keys", "the other profile has another path", (400, 401, 404, *codes))
        paths[path] = {"get": told | {"security": [{"bearer": []}, {}]}}
    return paths


def identity_schemas() -> dict[str, Json]:
    """The schemas to which the paths refer."""
    text: Json = {"type": "string"}
    whole: Json = {"type": "integer"}
    codes: dict[str, Json] = dict.fromkeys(("device_code", "user_code", "verification_uri"), text)
    told: dict[str, Json] = dict.fromkeys(("scope", "client_id", "token_type", "sub", "iss", "jti"), text)  # fmt: skip
    return {
        "DeviceCodes": {
            "type": "object", "required": [*codes, "expires_in"],
            "properties": codes | {"expires_in": whole, "interval": whole, "verification_uri_complete": text},
        },
        "Introspection": {
            "type": "object", "required": ["active"],
            "properties": told | {"active": {"type": "boolean"}, "exp": whole, "iat": whole, "aud": {}},
        },
    }  # fmt: skip


def _token_form() -> dict[str, Json]:
    fields: dict[str, Json] = dict.fromkeys(_TOKEN_FIELDS, _TEXT)
    fields["grant_type"] = {"type": "string", "enum": list(_GRANTS)}
    shapes: list[Json] = [
        {"required": list(needed), "properties": {"grant_type": {"const": grant}}} for grant, needed in _GRANTS.items()
    ]
    return {"type": "object", "required": ["grant_type"], "properties": fields, "oneOf": shapes}


def _form(*needed: str) -> dict[str, Json]:
    fields: dict[str, Json] = dict.fromkeys((*needed, "client_id", "client_secret"), _TEXT)
    if "scope" in needed:
        fields["response_type"] = {"type": "string", "enum": ["device_code"], "description": "needed in oci"}
    return {"type": "object", "required": list(needed), "properties": fields}


def _json(schema: str) -> Json:
    return {
        "description": schema, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    }  # fmt: skip


def _page(description: str) -> Json:
    return {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}


def _refused(codes: Iterable[int]) -> dict[str, Json]:
    return {str(code): {"$ref": f"#/components/responses/E{code}"} for code in codes}


def _post(name: str, summary: str, form: dict[str, Json], good: Json, codes: tuple[int, ...]) -> Json:
    shell: dict[str, Json] = _refused((405, *codes))
    if name == "token":  # the shell speaks the dialect of the endpoint
        shell |= {str(code): {"$ref": "#/components/responses/OAuthError"} for code in codes}
    if "413" in shell:
        shell["413"] = {"$ref": "#/components/responses/TooLarge"}
    refused: dict[str, Json] = {code: {"$ref": "#/components/responses/OAuthError"} for code in ("400", "401")}
    return {
        "operationId": name, "summary": summary, "security": _CLIENT,
        "requestBody": {"required": True, "content": {_FORM: {"schema": form}}},
        "responses": {"200": good} | shell | refused,
    }  # fmt: skip


def _authorize(codes: tuple[int, ...]) -> Json:
    names = ("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge")
    parameters: list[Json] = [
        {"name": name, "in": "query", "required": name in ("client_id", "redirect_uri"), "schema": {"type": "string"}}
        for name in names
    ]
    parameters.append({"name": "code_challenge_method", "in": "query", "schema": {"type": "string", "enum": ["S256"]}})
    found: Json = {
        "description": "Back to the client, with a code or an error",
        "headers": {"location": {"schema": {"type": "string"}, "required": True}},
    }
    pages: dict[str, Json] = {
        "200": _page("Asks a person, where the switch says so"), "302": found, "400": _page("Nothing is sent on"),
    }  # fmt: skip
    return {
        "operationId": "authorize", "summary": "A browser asks for a code", "parameters": parameters, "security": [],
        "responses": _refused((405, *codes)) | pages,
    }  # fmt: skip


def _device_page(codes: tuple[int, ...]) -> Json:
    code: Json = {"name": "user_code", "in": "query", "schema": {"type": "string"}}
    return {
        "operationId": "device_page", "summary": "Where a person types the user code", "parameters": [code],
        "security": [], "responses": {"200": _page("The form"), **_refused((405, *codes))},
    }  # fmt: skip


def _device_answer(codes: tuple[int, ...]) -> Json:
    answer: Json = {"type": "string", "enum": ["approve", "deny"]}
    schema: Json = {
        "type": "object", "required": ["user_code", "answer"],
        "properties": {"user_code": _TEXT, "answer": answer},
    }  # fmt: skip
    pages: dict[str, Json] = {
        str(code): _page("What became of it") for code in (200, 400, 404, 409)
    }  # fmt: skip
    return {
        "operationId": "device_answer", "summary": "A person approves or denies", "security": [],
        "requestBody": {"required": True, "content": {_FORM: {"schema": schema}}},
        "responses": _refused((405, *codes)) | pages,
    }  # fmt: skip


def _published(path: str, summary: str, where: str, codes: tuple[int, ...]) -> dict[str, Json]:
    good: Json = {"description": f"{summary}; {where}", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "operationId": path.rsplit("/", 1)[1].replace("-", "_").replace(".", "_"), "summary": summary, "security": [],
        "responses": {"200": good, **_refused((405, *codes))},
    }  # fmt: skip
