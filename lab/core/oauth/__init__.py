"""Grants, tokens, and what a scope means (contract.md §7). Pure: the clock is an argument."""

from lab.core.oauth.assertions import Assertion, issuer_named, read_assertion, reads_key
from lab.core.oauth.clients import (
    DEMO,
    GRANTS,
    JANE,
    REFUSED_SECRET,
    Account,
    BasicPair,
    Client,
    Grant,
    aistudio_cli,
    read_basic,
    registered,
)
from lab.core.oauth.keys import claims_of, jwk, opaque, sign
from lab.core.oauth.metadata import GENERIC_ISSUER, Paths, idcs_document, issuer, metadata
from lab.core.oauth.pkce import challenge_of, fits, well_formed_challenge, well_formed_verifier
from lab.core.oauth.scopes import (
    API_SERVICE,
    MYSCOPES,
    NO_ACCESS,
    OFFLINE,
    OPENID,
    SERVICES,
    Scope,
    api_scope,
    audience,
    for_api,
    opens_api,
    read_scope,
    service_scope,
)
from lab.core.oauth.tokens import Bearing, access_token, expiry, id_token

__all__ = [
    "API_SERVICE", "DEMO", "GENERIC_ISSUER", "GRANTS", "JANE", "MYSCOPES", "NO_ACCESS", "OFFLINE", "OPENID", "REFUSED_SECRET", "SERVICES", "Account", "Assertion",
    "BasicPair", "Bearing", "Client", "Grant", "Paths", "Scope", "access_token", "aistudio_cli", "api_scope",
    "audience", "challenge_of", "claims_of", "expiry", "fits", "for_api", "id_token", "idcs_document", "issuer", "issuer_named",
    "jwk", "metadata", "opaque", "opens_api", "read_assertion", "read_basic", "read_scope", "reads_key", "registered", "service_scope", "sign",
    "well_formed_challenge", "well_formed_verifier",
]  # fmt: skip
