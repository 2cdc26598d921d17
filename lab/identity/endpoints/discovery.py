"""What the OAuth server says of itself: its metadata, in the words of each profile, and its keys (contract.md §7.4
rows 50, 51; §7.6).
"""

from lab.core.exchange import Json, Request, Response, json_response
from lab.core.refusal import NO_PATH, Refusal, not_found
from lab.identity.bearer import bearer_of
from lab.identity.clients import Grant
from lab.identity.endpoints.context import TokenContext
from lab.identity.keys import jwk
from lab.identity.records import signing
from lab.identity.routes import PATHS
from lab.identity.scopes import OFFLINE, OPENID, api_scope


def metadata(context: TokenContext, _: Request) -> Response:
    """The document of RFC 8414 §2 and of OpenID Connect Discovery §3."""
    return json_response(_metadata(context))


def idcs_metadata(context: TokenContext, _: Request) -> Response:
    """Oracle's wrapper of it: endpoints inside as relative paths."""
    origin = context.config.origin
    relative: dict[str, Json] = {
        name: value.removeprefix(origin) if isinstance(value, str) and name != "issuer" else value
        for name, value in _metadata(context).items()
    }
    return json_response({"configuration": {}, "access-configuration": {}, "openid-configuration": relative})


def _metadata(context: TokenContext) -> dict[str, Json]:
    origin, strict = context.config.origin, context.config.strict
    document: dict[str, Json] = {
        "issuer": context.config.issuer,
        "authorization_endpoint": origin + PATHS["authorize"],
        "token_endpoint": origin + PATHS["token"],
        "jwks_uri": origin + PATHS["jwks_json" if strict else "jwk"],
        "introspection_endpoint": origin + PATHS["introspect"],
        "revocation_endpoint": origin + PATHS["revoke"],
        "device_authorization_endpoint": origin + PATHS["device"],
        "response_types_supported": ["code"],
        "grant_types_supported": [str(grant) for grant in Grant],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": [api_scope(context.config.switches.pod), OPENID, OFFLINE],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    if strict:
        document["authorization_response_iss_parameter_supported"] = True  # RFC 9207 §3
    return document


def resource_metadata(context: TokenContext, _: Request) -> Response | Refusal:
    """What the API says of itself (RFC 9728 §2)."""
    config = context.config
    if not config.switches.resource_metadata:
        return not_found(NO_PATH)
    return json_response(
        {
            "resource": config.origin,
            "authorization_servers": [config.issuer],
            "scopes_supported": [api_scope(config.switches.pod)],
            "bearer_methods_supported": ["header"],
        }
    )


def keys(context: TokenContext, request: Request) -> Response | Refusal:
    """The signing keys, public parts only (RFC 7517 §5); Oracle shows them to whoever has a token, for whatever."""
    config = context.config
    if config.switches.jwks_auth:
        bearer, flags = bearer_of(config.switches, context.changes, request, context.now, api=False)
        context.flags.extend(flags)
        if isinstance(bearer, Refusal):
            return bearer
        context.bearer = bearer
    published = signing(context.changes).published(context.now)
    return json_response({"keys": [jwk(kid, certificate=not config.strict) for kid in published]})
