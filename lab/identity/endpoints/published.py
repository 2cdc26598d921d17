"""What the OAuth server publishes: its metadata and its keys (contract.md §7.4 rows 50, 51)."""

from lab.core.exchange import JSON_HEADERS, Json, Response, json_bytes
from lab.core.refusal import NO_PATH, Refusal, not_found
from lab.identity.endpoints.parts import Desk
from lab.identity.keys import jwk
from lab.identity.metadata import idcs_document, metadata
from lab.identity.routes import IDENTITY_PATHS
from lab.identity.scopes import api_scope


def published(desk: Desk, path: str) -> Response | Refusal:
    """The document under one of the paths; those of the other profile don't exist, nor one whose switch is off."""
    row = IDENTITY_PATHS[path][0]
    switches, origin = desk.config.switches, desk.config.origin
    if row.profile not in ("", switches.profile):
        return not_found(NO_PATH)
    document: dict[str, Json]
    match row.operation:
        case "jwk" | "jwks_json":
            document = {"keys": [jwk(certificate=not desk.strict)]}
        case "oauth_protected_resource":  # RFC 9728 §2
            if not switches.resource_metadata:
                return not_found(NO_PATH)
            document = {
                "resource": origin,
                "authorization_servers": [desk.config.issuer],
                "scopes_supported": [api_scope(switches.pod)],
                "bearer_methods_supported": ["header"],
            }
        case _:
            document = metadata(origin, desk.config.issuer, switches.pod, strict=desk.strict)
            if row.operation == "idcs_configuration":
                document = idcs_document(document, origin)
    return Response(200, JSON_HEADERS, json_bytes(document))
