"""What the identity domain publishes: its metadata and its keys (contract.md §7.4 rows 50, 51)."""

from lab.core.exchange import Json, Response
from lab.core.refusal import JSON_HEADERS, NO_PATH, Problem, json_bytes, not_found
from lab.dialects.fusion import (
    AUTHORIZE_PATH,
    DEVICE_PATH,
    DISCOVERY_PATHS,
    INTROSPECT_PATH,
    JWKS_PATHS,
    RESOURCE_PATH,
    REVOKE_PATH,
    TOKEN_PATH,
)
from lab.identity.endpoints.parts import Desk
from lab.identity.keys import jwk
from lab.identity.metadata import Paths, idcs_document, metadata
from lab.identity.scopes import api_scope


def discovery(desk: Desk, path: str) -> Response | Problem:
    """The metadata under one of its paths; each profile has two."""
    profile, origin = desk.config.switches.profile, desk.config.origin
    wanted = DISCOVERY_PATHS[path]
    if path == RESOURCE_PATH:
        return _resource(desk) if desk.config.switches.resource_metadata else not_found(NO_PATH)
    if wanted not in ("", profile):
        return not_found(NO_PATH)
    paths = Paths(
        TOKEN_PATH, AUTHORIZE_PATH, DEVICE_PATH, INTROSPECT_PATH, REVOKE_PATH, JWKS_PATHS[profile]
    )  # fmt: skip
    document = metadata(paths, origin, desk.config.issuer, desk.config.switches.pod, strict=desk.strict)
    return Response(200, JSON_HEADERS, json_bytes(idcs_document(document, origin) if wanted == "oci" else document))


def _resource(desk: Desk) -> Response:
    """What the API says of itself (RFC 9728 §2)."""
    config = desk.config
    document: dict[str, Json] = {
        "resource": config.origin, "authorization_servers": [config.issuer],
        "scopes_supported": [api_scope(config.switches.pod)], "bearer_methods_supported": ["header"],
    }  # fmt: skip
    return Response(200, JSON_HEADERS, json_bytes(document))


def keys(desk: Desk, path: str) -> Response | Problem:
    """The signing keys, public parts only; the other profile's path doesn't exist."""
    if JWKS_PATHS[desk.config.switches.profile] != path:
        return not_found(NO_PATH)
    return Response(200, JSON_HEADERS, json_bytes({"keys": [jwk(certificate=not desk.strict)]}))
