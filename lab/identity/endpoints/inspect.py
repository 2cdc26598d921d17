"""Introspection and revocation (RFC 7662, RFC 7009; contract.md §7.4 rows 39-42)."""

from dataclasses import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Request
from lab.core.journal.ledger import Ledger
from lab.identity.clients import Client
from lab.identity.endpoints.clients import authenticate
from lab.identity.endpoints.issue import REFRESH_LIFETIME
from lab.identity.endpoints.parts import (
    INVALID_CLIENT,
    LARGEST_FORM,
    Desk,
    Form,
    Granted,
    Refused,
    invalid_request,
    read_form,
)
from lab.identity.facts import TokenRevoked
from lab.identity.keys import claims_of
from lab.identity.records import FamilyRecord, RefreshRecord, TokenRecord, family_key, refresh_key, token_key


def live(ledger: Ledger, record: TokenRecord, now: Millis) -> bool:
    """Whether an access token is good: neither expired nor revoked, alone or with its family."""
    return not record.revoked and now < record.until and not _family_revoked(ledger, record.family)


def _family_revoked(ledger: Ledger, family: str | None) -> bool:
    known = ledger.get(family_key(family)) if family is not None else None
    return isinstance(known, FamilyRecord) and known.revoked


def introspect(desk: Desk, request: Request) -> Granted:
    """What a token is worth now; nothing is said of one that is no good."""
    asked = _asked(desk, request)
    if isinstance(asked, Granted):
        return asked
    client, form = asked
    if client.public:
        return desk.refuse(INVALID_CLIENT)
    if "token" not in form:
        return desk.refuse(invalid_request("token is missing."))
    return desk.answer(_told(desk, form["token"]), client.id)


def _told(desk: Desk, token: str) -> dict[str, Json]:
    record = desk.ledger.get(token_key(token))
    if isinstance(record, TokenRecord) and live(desk.ledger, record, desk.now):
        claims = claims_of(token)
        named = {name: claims.get(name, "") for name in ("exp", "iat", "sub", "aud", "iss", "jti")}
        return {
            "active": True, "scope": record.scope, "client_id": record.client, "token_type": "Bearer", **named
        }  # fmt: skip
    refresh = desk.ledger.get(refresh_key(token))
    if isinstance(refresh, RefreshRecord) and _refreshes(desk, refresh):
        issued = desk.config.epoch + refresh.since // 1000
        return {
            "active": True, "client_id": refresh.client, "token_type": "refresh_token",
            "exp": issued + REFRESH_LIFETIME // 1000, "iat": issued, "sub": refresh.user or refresh.client,
            "iss": desk.config.issuer,
        }  # fmt: skip
    return {"active": False}


def _refreshes(desk: Desk, record: RefreshRecord) -> bool:
    fresh = desk.now < record.since + REFRESH_LIFETIME
    return fresh and record.ended is None and not _family_revoked(desk.ledger, record.family)


def revoke(desk: Desk, request: Request) -> Granted:
    """End a token of the client's own; of any other nothing is said, and nothing done (RFC 7009 §2.2)."""
    asked = _asked(desk, request)
    if isinstance(asked, Granted):
        return asked
    client, form = asked
    if "token" not in form:
        return desk.refuse(invalid_request("token is missing."))
    token = form["token"]
    found = desk.ledger.get(token_key(token)) or desk.ledger.get(refresh_key(token))
    done = desk.empty(200)
    if not isinstance(found, TokenRecord | RefreshRecord) or found.client != client.id:
        return done
    if found.revoked if isinstance(found, TokenRecord) else found.ended == "revoked":
        return done
    desk.ledger.add(TokenRevoked(at=desk.now, by=client.id, token=token, why="revoked"))
    return replace(done, client=client.id)


def _asked(desk: Desk, request: Request) -> tuple[Client, Form] | Granted:
    if len(request.body) > LARGEST_FORM:
        return desk.empty(413)
    form = read_form(request, desk.flags)
    if isinstance(form, Refused):
        return desk.refuse(form)
    client = authenticate(desk, request, form)
    return desk.refuse(client) if isinstance(client, Refused) else (client, form)
