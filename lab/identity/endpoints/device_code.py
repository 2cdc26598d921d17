"""Device code: its endpoint, its polls, and the page where a person answers (RFC 8628; contract.md §7.4 rows 36-38)."""

from html import escape

from lab.core.exchange import Json, Request, Response
from lab.core.journal.ledger import known_record
from lab.core.journal.numbers import CallCounted
from lab.core.refusal import Refusal, bad_request, conflict, not_found
from lab.core.seeds import draw
from lab.identity import refusals
from lab.identity.clients import Client, Grant
from lab.identity.config import IdentityConfig
from lab.identity.endpoints.authentication import authenticate
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.forms import Parameters, read_form, read_parameters
from lab.identity.endpoints.issuing import TokenTerms, issue, token_answer
from lab.identity.endpoints.pages import answer_buttons, page, text_page
from lab.identity.facts import DEVICES, DeviceApproved, DeviceGranted
from lab.identity.keys import opaque
from lab.identity.records import (
    DEVICE_COUNTER,
    DEVICE_INTERVAL,
    DeviceRecord,
    UserCodeRecord,
    device_key,
    user_code_key,
)
from lab.identity.routes import PATHS

DEVICE_LIFETIME = 300_000
"""Milliseconds for which a device code is good."""
ANSWERED_AFTER = 10_000
"""Milliseconds after which `authorize: auto` or `deny` answers for the person."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Of user codes: no vowels, so that no word comes of them, and nothing that looks like another (RFC 8628 §6.1)."""
_ANSWERS = ("approve", "deny")
_WRONG_DEVICE = refusals.invalid_grant("The device code is not good.")


def device(context: TokenContext, request: Request) -> Response | Refusal:
    """Give a device its two codes (RFC 8628 §3.1); Oracle asks for no authentication here."""
    form = read_form(context, request)
    if isinstance(form, Refusal):
        return form
    strict = context.config.strict
    if strict:
        client = authenticate(context, request, form)
    else:
        client = context.config.client(form.get("client_id", "")) or refusals.INVALID_CLIENT
    if isinstance(client, Refusal):
        return client
    context.caller = client.id
    if not strict and form.get("response_type") != "device_code":
        return refusals.invalid_request("response_type must be device_code.")
    if not client.may_use(Grant.DEVICE):
        return refusals.UNAUTHORIZED_CLIENT
    scope = context.scope(form.get("scope", ""))
    return scope if isinstance(scope, Refusal) else _codes(context, client, form["scope"])


def _codes(context: TokenContext, client: Client, scope: str) -> Response:
    config, number = context.config, context.changes.next(DEVICES)
    letters = "".join(_LETTERS[draw(config.seed, f"usercode/{number}/{place}", 0, 19)] for place in range(8))
    code = context.mint("device", lambda: opaque(config.seed, f"device/{number}"))
    user_code = context.mint("usercode", lambda: _shown(config, letters))
    url = config.origin + PATHS["device_page"]
    body: dict[str, Json] = {
        "device_code": code, "user_code": user_code, "verification_uri": url, "expires_in": DEVICE_LIFETIME // 1000
    }  # fmt: skip
    if config.strict:
        body |= {"interval": DEVICE_INTERVAL // 1000, "verification_uri_complete": f"{url}?user_code={user_code}"}
    until = context.now + DEVICE_LIFETIME
    context.changes.add(
        DeviceGranted(at=context.now, code=code, client=client.id, scope=scope, until=until, user_code=user_code)
    )
    return token_answer(body)


def _shown(config: IdentityConfig, letters: str) -> str:
    return f"{letters[:4]}-{letters[4:]}" if config.strict else letters


def poll(context: TokenContext, client: Client, form: Parameters) -> Response | Refusal:
    """Trade a device code for tokens, once a person has said yes (RFC 8628 §3.4).

    Polls are counted only while nobody has answered: one that comes sooner than the interval makes the interval longer
    for good (§3.5), so their number and instants change what is said next. The record keeps both.
    """
    if "device_code" not in form:
        return refusals.invalid_request("device_code is missing.")
    code = form["device_code"]
    record = known_record(context.changes, device_key(code), DeviceRecord, context.now)
    if record is None or record.client != client.id or record.used:
        return _WRONG_DEVICE
    if context.now >= record.until:
        return Refusal(400, "The device code expired.", error="expired_token")
    verdict = _verdict(context, record)
    if verdict is None:
        counter, count = DEVICE_COUNTER + code, record.polls + 1
        context.changes.add(CallCounted(at=context.now, counter=counter, client=client.id, value=count))
        if record.hasty(context.now):
            return Refusal(400, "Poll 5 seconds slower from now on.", error="slow_down")
        return Refusal(400, "Nobody has answered yet.", error="authorization_pending")
    scope, user = context.scope(record.scope), context.config.default_user
    if verdict != "approve" or isinstance(scope, Refusal) or user is None:
        return refusals.ACCESS_DENIED
    context.revoke(client, code, "rotated")
    return issue(context, TokenTerms(client, Grant.DEVICE, scope, record.scope, user))


def _verdict(context: TokenContext, record: DeviceRecord) -> str | None:
    """What was answered by now, by a person or by the switch; None: nothing yet."""
    switch = context.config.switches.authorize
    if record.verdict is not None or switch == "page" or context.now < record.since + ANSWERED_AFTER:
        return record.verdict
    return "approve" if switch == "auto" else "deny"


def answer_device(context: TokenContext, user_code: str, answer: str, by: str) -> DeviceApproved | Refusal:
    """A person's answer as a fact, or why it is not taken: 400, 404 or 409."""
    if answer not in _ANSWERS:
        return bad_request("The answer must be approve or deny.")
    # typed by hand: case, hyphens and spaces don't count (RFC 8628 §6.1)
    letters = "".join(each for each in user_code.upper() if each.isalnum())
    changes, now = context.changes, context.now
    named = known_record(changes, user_code_key(_shown(context.config, letters)), UserCodeRecord, now)
    record = known_record(changes, device_key(named.device), DeviceRecord, now) if named is not None else None
    if named is None or record is None:
        return not_found("There is no such code.")
    if now >= record.until:
        return conflict("The code expired.")
    if record.used or _verdict(context, record) is not None:
        return conflict("The code was already answered.")
    return DeviceApproved(at=now, by=by, code=named.device, verdict=answer)


def device_page(_: TokenContext, request: Request) -> Response:
    """Where a person types the user code, or finds it typed (RFC 8628 §3.3.1)."""
    query = read_parameters(request.query)
    return page(200, "Connect a device", _form("" if isinstance(query, Refusal) else query.get("user_code", "")))


def device_answer(context: TokenContext, request: Request) -> Response:
    """What became of a person's answer."""
    form = read_form(context, request)
    if isinstance(form, Refusal):
        return text_page(400, "This request can not be read", form.message)
    done = answer_device(context, form.get("user_code", ""), form.get("answer", ""), "person")
    if isinstance(done, Refusal):
        return text_page(done.status, "Nothing was changed", done.message, f"\n{_form('')}")
    context.changes.add(done)
    word = "connected" if done.verdict == "approve" else "refused"
    return text_page(200, f"The device is {word}", "You can close this page.")


def _form(user_code: str) -> str:
    field = f'<input name="user_code" value="{escape(user_code)}" autocomplete="off" required>'
    return f'<form method="post"><label>Code {field}</label> {answer_buttons(_ANSWERS)}</form>'
