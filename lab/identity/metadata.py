"""Discovery: what the identity domain says of itself, in the words of each profile (contract.md §7.4 row 50, §7.6)."""

from lab.core.exchange import Json
from lab.identity.clients import Grant
from lab.identity.routes import PATHS
from lab.identity.scopes import OFFLINE, OPENID, api_scope

GENERIC_ISSUER = "https://identity.oraclecloud.com/"


def issuer(kind: str, profile: str, origin: str) -> str:
    """`iss` and the metadata's issuer: `tenant` is the base, in `rfc` without a final slash."""
    if kind == "generic":
        return GENERIC_ISSUER
    return origin if profile == "rfc" else f"{origin}/"


def metadata(origin: str, issued_by: str, pod: str, *, strict: bool) -> dict[str, Json]:
    """The document of RFC 8414 and of OpenID Connect Discovery; `strict` advertises `iss` in redirects (RFC 9207)."""
    methods: list[Json] = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    scopes: list[Json] = [api_scope(pod), OPENID, OFFLINE]
    grants: list[Json] = [str(grant) for grant in Grant]
    document: dict[str, Json] = {
        "issuer": issued_by,
        "authorization_endpoint": origin + PATHS["authorize"],
        "token_endpoint": origin + PATHS["token"],
        "jwks_uri": origin + PATHS["jwks_json" if strict else "jwk"],
        "introspection_endpoint": origin + PATHS["introspect"],
        "revocation_endpoint": origin + PATHS["revoke"],
        "device_authorization_endpoint": origin + PATHS["device"],
        "response_types_supported": ["code"],
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": [*methods, "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": scopes,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    if strict:
        document["authorization_response_iss_parameter_supported"] = True
    return document


def idcs_document(document: dict[str, Json], origin: str) -> dict[str, Json]:
    """Oracle's wrapper: endpoints inside as relative paths."""
    relative: dict[str, Json] = {
        name: value.removeprefix(origin) if isinstance(value, str) and name != "issuer" else value
        for name, value in document.items()
    }
    return {"configuration": {}, "access-configuration": {}, "openid-configuration": relative}
