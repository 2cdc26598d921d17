"""Introspection and revocation (RFC 7662, RFC 7009; contract.md §7.4 rows 39-42)."""

from lab.core.exchange import Json, Response
from lab.core.journal.ledger import known_record
from lab.core.refusal import Refusal
from lab.identity.clients import Client
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.forms import Parameters
from lab.identity.endpoints.issuing import token_answer
from lab.identity.keys import claims_of
from lab.identity.records import RefreshRecord, TokenRecord, family_revoked, live, refresh_key, token_key
from lab.identity.refusals import INVALID_CLIENT, NO_STORE, invalid_request

_SHOWN = ("exp", "iat", "sub", "aud", "iss", "jti")
"""The claims of a token that whoever introspects it is told."""
_NO_TOKEN = invalid_request("token is missing.")


def introspect(context: TokenContext, client: Client, form: Parameters) -> Response | Refusal:
    """What a token is worth now; of one that is no good nothing is said, not even why (RFC 7662 §2.2)."""
    if client.public:  # whoever asks must have proved who they are, or tokens could be fished for (RFC 7662 §2.1)
        return INVALID_CLIENT
    return token_answer(_claims(context, form["token"])) if "token" in form else _NO_TOKEN


def _claims(context: TokenContext, token: str) -> dict[str, Json]:
    record = context.changes.get(token_key(token))
    if isinstance(record, TokenRecord) and live(context.changes, record, context.now):
        claims = context.judge(lambda: {name: value for name, value in claims_of(token).items() if name in _SHOWN})
        named = {name: claims.get(name, "") if isinstance(claims, dict) else "" for name in _SHOWN}
        return {
            "active": True, "scope": record.scope, "client_id": record.client, "token_type": "Bearer", **named
        }  # fmt: skip
    refresh = context.changes.get(refresh_key(token))
    if not isinstance(refresh, RefreshRecord) or refresh.ended or context.now >= refresh.until:
        return {"active": False}
    if family_revoked(context.changes, refresh.family):
        return {"active": False}
    epoch = context.config.epoch
    return {
        "active": True, "client_id": refresh.client, "token_type": "refresh_token",
        "exp": epoch + refresh.until // 1000, "iat": epoch + refresh.since // 1000,
        "sub": refresh.user or refresh.client, "iss": context.config.issuer,
    }  # fmt: skip


def revoke(context: TokenContext, client: Client, form: Parameters) -> Response | Refusal:
    """End a token of the client's own; of any other nothing is said, and nothing done (RFC 7009 §2.2)."""
    if "token" not in form:
        return _NO_TOKEN
    token, changes, now = form["token"], context.changes, context.now
    access = known_record(changes, token_key(token), TokenRecord, now)
    record = access or known_record(changes, refresh_key(token), RefreshRecord, now)
    if record is not None and record.client == client.id:
        again = record.revoked if isinstance(record, TokenRecord) else record.ended == "revoked"
        if not again:
            context.revoke(client, token, "revoked")
    return Response(200, NO_STORE)
