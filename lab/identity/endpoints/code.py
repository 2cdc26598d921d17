"""Authorization code with PKCE: the authorize endpoint, and the exchange of its code (contract.md §7.4 rows 23-32)."""

from html import escape
from urllib.parse import quote, urlencode

from lab.core.exchange import Request, Response
from lab.core.journal.fact import Fact
from lab.identity.clients import Client, Grant, registered
from lab.identity.endpoints.issue import Order, issue, new_family
from lab.identity.endpoints.parts import (
    NO_STORE,
    UNAUTHORIZED_CLIENT,
    Desk,
    Form,
    Granted,
    Refused,
    invalid_grant,
    invalid_request,
    read_parameters,
)
from lab.identity.facts import CodeGranted, TokenRevoked
from lab.identity.keys import opaque
from lab.identity.pkce import fits, well_formed_challenge, well_formed_verifier
from lab.identity.records import CodeRecord, FamilyRecord, code_key, family_key
from lab.identity.scopes import Scope

LONGEST_STATE = 4 * 1024
CODE_LIFETIME = {"oci": 180_000, "rfc": 600_000}
"""Milliseconds for which a code is good."""

_WRONG_CODE = invalid_grant("The code is not good.")


def authorize(desk: Desk, request: Request) -> Granted:
    """Answer a browser: a redirect to the client, or a page where the client can't be trusted to be meant."""
    asked = read_parameters(request.query)
    if isinstance(asked, Refused):
        return desk.page(400, "This request can not be read", f"<p>{escape(asked.description)}</p>")
    client, redirect = desk.config.client(asked.get("client_id", "")), asked.get("redirect_uri", "")
    if client is None or not registered(client, redirect):
        return desk.page(400, "Unknown client or redirect URI", "<p>Nothing was sent to the address asked for.</p>")
    if len(asked.get("state", "")) > LONGEST_STATE:
        return desk.page(400, "The state is too long", f"<p>At most {LONGEST_STATE} characters are taken.</p>")
    scope = _admitted(desk, client, asked)
    if isinstance(scope, Refused):
        return _redirect(desk, asked, {"error": scope.error, "error_description": scope.description})
    switch = desk.config.switches.authorize
    answer = asked.get("answer") if switch == "page" else "allow" if switch == "auto" else "deny"
    if answer is None:
        return desk.page(200, "Allow access?", _form(client, asked))
    if answer != "allow":
        return _redirect(desk, asked, {"error": "access_denied", "error_description": "Access was denied."})
    return _granted(desk, client, scope, asked)


def _admitted(desk: Desk, client: Client, asked: Form) -> Scope | Refused:
    kind, challenge = asked.get("response_type"), asked.get("code_challenge")
    if kind is None:
        return invalid_request("response_type is missing.")
    if kind != "code":
        return Refused(400, "unsupported_response_type", "Only response_type=code is served.")
    if not client.active or Grant.CODE not in client.grants:
        return UNAUTHORIZED_CLIENT
    if challenge is None and (client.public or "code_challenge_method" in asked):
        return invalid_request("code_challenge is missing.")
    if challenge is not None and asked.get("code_challenge_method") != "S256":
        return invalid_request("code_challenge_method must be S256.")
    if challenge is not None and not well_formed_challenge(challenge):
        return invalid_request("code_challenge is no SHA-256 in base64url.")
    return desk.scope(asked.get("scope", ""))


def _form(client: Client, asked: Form) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in asked.items()
    )
    buttons = "".join(
        f'<button name="answer" value="{word}">{word.capitalize()}</button> ' for word in ("allow", "deny")
    )
    return f'<p>{escape(client.id)} asks for access.</p>\n<form method="get">{hidden}{buttons}</form>'


def _redirect(desk: Desk, asked: Form, members: dict[str, str], *facts: Fact) -> Granted:
    desk.ledger.add(*facts)
    told = dict(members)
    if "state" in asked:
        told["state"] = asked["state"]
    if desk.strict:
        told["iss"] = desk.config.issuer
    redirect = asked["redirect_uri"]
    where = redirect + ("&" if "?" in redirect else "?") + urlencode(told, quote_via=quote)
    return Granted(Response(302, (("location", where), *NO_STORE)), None, tuple(desk.flags))


def _granted(desk: Desk, client: Client, scope: Scope, asked: Form) -> Granted:
    config, family = desk.config, new_family(desk, client)
    code = opaque(config.seed, f"code/{family}")
    lifetime = "" if scope.lifetime is None else f" urn:opc:resource:expiry={scope.lifetime}"
    fact = CodeGranted(
        at=desk.now, code=code, client=client.id, scope=scope.granted + lifetime,
        until=desk.now + CODE_LIFETIME[config.switches.profile], challenge=asked.get("code_challenge"),
        redirect=asked["redirect_uri"], family=family, nonce=asked.get("nonce"),
    )  # fmt: skip
    return _redirect(desk, asked, {"code": code}, fact)


def exchange(desk: Desk, client: Client, form: Form) -> Granted:
    """Trade a code for tokens; it is burnt by the first try, whatever comes of it."""
    given = form.get("code")
    if given is None:
        return desk.refuse(invalid_request("code is missing."))
    known = desk.ledger.get(code_key(given))
    if not isinstance(known, CodeRecord) or known.client != client.id:
        return desk.refuse(_WRONG_CODE)
    if known.used:
        family = desk.ledger.get(family_key(known.family))
        live = isinstance(family, FamilyRecord) and not family.revoked
        return desk.refuse(_WRONG_CODE, *([_ended(desk, client, given, "reused")] if live else ()))
    why = _fault(desk, known, form)
    scope = desk.scope(known.scope)
    if why is None and isinstance(scope, Refused):
        why = scope
    if why is not None or isinstance(scope, Refused):
        return desk.refuse(why or _WRONG_CODE, _ended(desk, client, given, "revoked"))
    user = desk.config.accounts[0] if desk.config.accounts else None
    order = Order(client, Grant.CODE, scope, scope.granted, user, known.family, known.nonce)
    return issue(desk, order, _ended(desk, client, given, "rotated"))


def _fault(desk: Desk, known: CodeRecord, form: Form) -> Refused | None:
    verifier = form.get("code_verifier")
    if verifier is not None and not well_formed_verifier(verifier):
        return invalid_request("code_verifier needs 43 to 128 unreserved characters.")
    if desk.now >= known.until or form.get("redirect_uri") != known.redirect or not fits(known.challenge, verifier):
        return _WRONG_CODE
    return None


def _ended(desk: Desk, client: Client, code: str, why: str) -> TokenRevoked:
    return TokenRevoked(at=desk.now, by=client.id, token=code, why=why)
