"""Authorization code with PKCE: the authorize endpoint, and the exchange of its code (contract.md §7.4 rows 23-32).

The endpoint's answer reaches the client by a redirect, or, where the client listens nowhere, by a person who copies it
from a page.
"""

import re
from html import escape
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from lab.core.exchange import Request, Response
from lab.core.journal.ledger import known_record
from lab.core.refusal import Refusal
from lab.identity import refusals
from lab.identity.clients import OOB, Client, Grant, registered
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.forms import Parameters, read_parameters
from lab.identity.endpoints.issuing import TokenTerms, issue, new_family
from lab.identity.endpoints.pages import answer_buttons, page, text_page
from lab.identity.facts import CodeGranted
from lab.identity.keys import challenge_of, opaque
from lab.identity.records import CodeRecord, FamilyRecord, code_key, family_key
from lab.identity.scopes import Scope

LONGEST_STATE = 4 * 1024
"""Characters."""
CODE_LIFETIME = {"oci": 180_000, "rfc": 600_000}
"""Milliseconds for which a code is good, by profile."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""A SHA-256 in base64url (RFC 7636 §4.2)."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""Unreserved characters (RFC 7636 §4.1)."""
_WRONG_CODE = refusals.invalid_grant("The code is not good.")
_NO_SUCH_TYPE = Refusal(400, "Only response_type=code is served.", error="unsupported_response_type")
_NO_IMPLICIT = replace(
    _NO_SUCH_TYPE,
    message="The implicit grant (response_type=token) is not served: ask for response_type=code, with PKCE.",
)
"""RFC 9700 §2.1.2 advises against it: the token would stand in the browser's history."""


def authorize(context: TokenContext, request: Request) -> Response:
    """Answer a browser: by way of the client, or with a page where that client can't be trusted to be meant.

    Nothing is sent to an address that nobody registered, not even an error: a redirect to wherever the request says
    would make the server a springboard (RFC 6749 §4.1.2.1, RFC 9700 §4.11.2).
    """
    query = read_parameters(request.query)
    if isinstance(query, Refusal):
        return text_page(400, "This request can not be read", query.message)
    client = context.config.client(query.get("client_id", ""))
    if client is None or not registered(client, query.get("redirect_uri", "")):
        return text_page(400, "Unknown client or redirect URI", "Nothing was sent to the address asked for.")
    context.caller = client.id
    if len(query.get("state", "")) > LONGEST_STATE:
        return text_page(400, "The state is too long", f"At most {LONGEST_STATE} characters are taken.")
    scope = _requested_scope(context, client, query)
    if isinstance(scope, Refusal):
        return _refused(context, query, scope)
    switch = context.config.switches.authorize
    answer = query.get("answer") if switch == "page" else "allow" if switch == "auto" else "deny"
    if answer is None:
        return page(200, "Allow access?", _allow_form(client, query))
    if answer != "allow":
        return _refused(context, query, refusals.ACCESS_DENIED)
    code = _new_code(context, client, scope, query)
    return _code_page(context, client, code) if _copied(query) else _redirect(context, query, {"code": code})


def _requested_scope(context: TokenContext, client: Client, query: Parameters) -> Scope | Refusal:
    """The scope of a request that is in order (RFC 6749 §4.1.1, RFC 7636 §4.3)."""
    kind, challenge = query.get("response_type"), query.get("code_challenge")
    if kind is None:
        return refusals.invalid_request("response_type is missing.")
    if kind != "code":
        return _NO_IMPLICIT if "token" in kind.split(" ") else _NO_SUCH_TYPE
    if not client.may_use(Grant.CODE):
        return refusals.UNAUTHORIZED_CLIENT
    # a client with a secret may go without PKCE; one without has nothing else against a stolen code
    if challenge is None and (client.public or "code_challenge_method" in query):
        return refusals.invalid_request("code_challenge is missing.")
    if challenge is not None and query.get("code_challenge_method") != "S256":
        return refusals.invalid_request("code_challenge_method must be S256.")
    if challenge is not None and not _CHALLENGE.fullmatch(challenge):
        return refusals.invalid_request("code_challenge is no SHA-256 in base64url.")
    return context.scope(query.get("scope", ""))


def _allow_form(client: Client, query: Parameters) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in query.items()
    )
    form = f'<form method="get">{hidden}{answer_buttons(("allow", "deny"))}</form>'
    return f"<p>{escape(client.id)} asks for access.</p>\n{form}"


def _refused(context: TokenContext, query: Parameters, refusal: Refusal) -> Response:
    context.refused = True
    if _copied(query):
        return text_page(400, "There is no code", f"{refusal.error}: {refusal.message}")
    return _redirect(context, query, {"error": refusal.error, "error_description": refusal.message})


def _copied(query: Parameters) -> bool:
    """Whether a person carries the answer to the client: it is shown, and sent nowhere."""
    return query["redirect_uri"] == OOB


def _code_page(context: TokenContext, client: Client, code: str) -> Response:
    """The code, which one click selects; the state stays out, for the person brings it to the client that asked."""
    minutes = CODE_LIFETIME[context.config.switches.profile] // 60_000
    shown = f'<p><code id="code" style="user-select: all">{escape(code)}</code></p>'
    text = (
        f"<p>Copy this code into {escape(client.id)}, which waits for it. It is good once, for {minutes} minutes.</p>"
    )
    return page(200, "Copy the code", f"{text}\n{shown}")


def _redirect(context: TokenContext, query: Parameters, members: dict[str, str]) -> Response:
    """Back to the client; in `rfc` with the issuer, so that a client of several servers can't be confused (RFC 9207)."""
    if "state" in query:
        members["state"] = query["state"]
    if context.config.strict:
        members["iss"] = context.config.issuer
    redirect = query["redirect_uri"]
    location = redirect + ("&" if "?" in redirect else "?") + urlencode(members, quote_via=quote)
    return Response(302, (("location", location), *refusals.NO_STORE))


def _new_code(context: TokenContext, client: Client, scope: Scope, query: Parameters) -> str:
    family = new_family(context, client)
    code = context.mint("code", lambda: opaque(context.config.seed, f"code/{family}"))
    # a lifetime isn't granted, but it counts when the code is traded: it is kept as the word that asked for it
    lifetime = "" if scope.lifetime is None else f" urn:opc:resource:expiry={scope.lifetime}"
    context.changes.add(
        CodeGranted(
            at=context.now, code=code, client=client.id, scope=scope.granted + lifetime,
            until=context.now + CODE_LIFETIME[context.config.switches.profile], challenge=query.get("code_challenge"),
            redirect=query["redirect_uri"], family=family, nonce=query.get("nonce"),
        )
    )  # fmt: skip
    return code


def trade_code(context: TokenContext, client: Client, form: Parameters) -> Response | Refusal:
    """Trade a code for tokens (RFC 6749 §4.1.3).

    The first try burns it, whatever comes of it: whoever has a code without its verifier may not guess on. A code that
    was burnt and comes again was stolen, before or after the trade, so what was granted for it ends (RFC 6749 §4.1.2,
    RFC 9700 §4.5).
    """
    if "code" not in form:
        return refusals.invalid_request("code is missing.")
    code = form["code"]
    record = known_record(context.changes, code_key(code), CodeRecord, context.now)
    if record is None or record.client != client.id:
        return _WRONG_CODE
    if record.used:
        family = known_record(context.changes, family_key(record.family), FamilyRecord, context.now)
        if family is not None and not family.revoked:
            context.revoke(client, code, "reused")
        return _WRONG_CODE
    scope = _wrong_proof(context, client, record, form) or context.scope(record.scope)
    if isinstance(scope, Refusal):
        context.revoke(client, code, "revoked")
        return scope
    context.revoke(client, code, "rotated")
    user = context.config.default_user
    return issue(context, TokenTerms(client, Grant.CODE, scope, scope.granted, user, record.family, record.nonce))


def _verified(record: CodeRecord, verifier: str) -> bool | None:
    """Whether the verifier is that of the challenge; None: it is none."""
    return challenge_of(verifier) == record.challenge if _VERIFIER.fullmatch(verifier) else None


def _wrong_proof(context: TokenContext, client: Client, record: CodeRecord, form: Parameters) -> Refusal | None:
    verifier = form.get("code_verifier")
    # a challenge without a verifier, and a verifier without a challenge, are wrong as well
    proven = record.challenge is None if verifier is None else context.judge(lambda: _verified(record, verifier))
    if proven is None:
        return refusals.invalid_request("code_verifier needs 43 to 128 unreserved characters.")
    # with `clients: any` one that has a secret may leave it out here: then it needs what a public one needs
    proven = proven and not (client.public and verifier is None)
    good = proven and form.get("redirect_uri") == record.redirect and context.now < record.until
    return None if good else _WRONG_CODE
