"""Device code: its endpoint, its polls, and the page where a person answers (contract.md §7.4 rows 36-38; RFC 8628)."""

from html import escape

from lab.core.exchange import Json, Request
from lab.core.journal.numbers import CallCounted
from lab.core.seeds import Seed, draw
from lab.identity.clients import Client, Grant
from lab.identity.endpoints.clients import authenticate
from lab.identity.endpoints.issue import Order, issue
from lab.identity.endpoints.parts import (
    INVALID_CLIENT,
    LARGEST_FORM,
    UNAUTHORIZED_CLIENT,
    Desk,
    Form,
    Granted,
    Refused,
    invalid_grant,
    invalid_request,
    read_form,
    read_parameters,
)
from lab.identity.facts import DEVICES, DeviceApproved, DeviceGranted, TokenRevoked
from lab.identity.keys import opaque
from lab.identity.records import DEVICE_COUNTER, DeviceRecord, UserCodeRecord, device_key, user_code_key
from lab.identity.routes import PATHS

LIFETIME = 300_000
"""Milliseconds for which a device code is good."""
BY_ITSELF = 10_000
"""Milliseconds after which `authorize: auto` or `deny` answers for the person."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_WRONG_DEVICE = invalid_grant("The device code is not good.")


def device(desk: Desk, request: Request) -> Granted:
    """Give a device its two codes."""
    if len(request.body) > LARGEST_FORM:
        return desk.empty(413)
    form = read_form(request, desk.flags)
    if isinstance(form, Refused):
        return desk.refuse(form)
    client = authenticate(desk, request, form) if desk.strict else desk.config.client(form.get("client_id", ""))
    if client is None or isinstance(client, Refused):
        return desk.refuse(client or INVALID_CLIENT)
    if not desk.strict and form.get("response_type") != "device_code":
        return desk.refuse(invalid_request("response_type must be device_code."))
    if not client.active or Grant.DEVICE not in client.grants:
        return desk.refuse(UNAUTHORIZED_CLIENT)
    scope = desk.scope(form.get("scope", ""))
    if isinstance(scope, Refused):
        return desk.refuse(scope)
    return _codes(desk, client, form["scope"])


def _codes(desk: Desk, client: Client, scope: str) -> Granted:
    config, number = desk.config, desk.ledger.next(DEVICES)
    code, user_code = opaque(config.seed, f"device/{number}"), _user_code(config.seed, number)
    shown = _shown(desk, user_code)
    page = config.origin + PATHS["device_page"]
    body: dict[str, Json] = {
        "device_code": code, "user_code": shown, "verification_uri": page, "expires_in": LIFETIME // 1000
    }  # fmt: skip
    if desk.strict:
        body |= {"interval": 5, "verification_uri_complete": f"{page}?user_code={shown}"}
    fact = DeviceGranted(
        at=desk.now, code=code, client=client.id, scope=scope, until=desk.now + LIFETIME, user_code=shown
    )  # fmt: skip
    return desk.answer(body, client.id, fact)


def _shown(desk: Desk, letters: str) -> str:
    return f"{letters[:4]}-{letters[4:]}" if desk.strict else letters


def _user_code(seed: Seed, number: int) -> str:
    return "".join(_LETTERS[draw(seed, f"usercode/{number}/{place}", 0, 19)] for place in range(8))


def poll(desk: Desk, client: Client, form: Form) -> Granted:
    """Trade a device code for tokens, once a person has said yes."""
    given = form.get("device_code")
    if given is None:
        return desk.refuse(invalid_request("device_code is missing."))
    known = desk.ledger.get(device_key(given))
    if not isinstance(known, DeviceRecord) or known.client != client.id or known.used:
        return desk.refuse(_WRONG_DEVICE)
    if desk.now >= known.until:
        return desk.refuse(Refused(400, "expired_token", "The device code expired."))
    verdict = _verdict(desk, known)
    if verdict is None:
        count = CallCounted(
            at=desk.now, counter=DEVICE_COUNTER + given, client=client.id, value=known.polls + 1
        )  # fmt: skip
        if known.hasty(desk.now):
            return desk.refuse(Refused(400, "slow_down", "Poll 5 seconds slower from now on."), count)
        return desk.refuse(Refused(400, "authorization_pending", "Nobody has answered yet."), count)
    scope = desk.scope(known.scope)
    if verdict != "approve" or isinstance(scope, Refused) or not desk.config.accounts:
        return desk.refuse(Refused(400, "access_denied", "Access was denied."))
    spent = TokenRevoked(at=desk.now, by=client.id, token=given, why="rotated")
    return issue(desk, Order(client, Grant.DEVICE, scope, known.scope, desk.config.accounts[0]), spent)


def _verdict(desk: Desk, known: DeviceRecord) -> str | None:
    switch = desk.config.switches.authorize
    if known.verdict is not None or switch == "page" or desk.now < known.since + BY_ITSELF:
        return known.verdict
    return "approve" if switch == "auto" else "deny"


def answer_device(desk: Desk, user_code: str, answer: str, by: str) -> DeviceApproved | tuple[int, str]:
    """A person's answer as a fact, or why it is not taken: 400, 404 or 409 and the reason."""
    if answer not in ("approve", "deny"):
        return 400, "The answer must be approve or deny."
    # case and punctuation don't count (RFC 8628 §6.1)
    letters = "".join(each for each in user_code.upper() if each.isalnum())
    named = desk.ledger.get(user_code_key(_shown(desk, letters)))
    known = desk.ledger.get(device_key(named.device)) if isinstance(named, UserCodeRecord) else None
    if not isinstance(named, UserCodeRecord) or not isinstance(known, DeviceRecord):
        return 404, "There is no such code."
    if desk.now >= known.until:
        return 409, "The code expired."
    if known.used or _verdict(desk, known) is not None:
        return 409, "The code was already answered."
    return DeviceApproved(at=desk.now, by=by, code=named.device, verdict=answer)


def device_page(desk: Desk, request: Request) -> Granted:
    """The page: a form, or what became of it."""
    if request.method == "GET":
        asked = read_parameters(request.query)
        return desk.page(
            200, "Connect a device", _form("" if isinstance(asked, Refused) else asked.get("user_code", ""))
        )
    form = read_form(request, desk.flags) if len(request.body) <= LARGEST_FORM else invalid_request("Too long.")
    if isinstance(form, Refused):
        return desk.page(400, "This request can not be read", f"<p>{escape(form.description)}</p>")
    done = answer_device(desk, form.get("user_code", ""), form.get("answer", ""), "person")
    if isinstance(done, tuple):
        return desk.page(done[0], "Nothing was changed", f"<p>{escape(done[1])}</p>\n{_form('')}")
    word = "connected" if done.verdict == "approve" else "refused"
    return desk.page(200, f"The device is {word}", "<p>You can close this page.</p>", done)


def _form(user_code: str) -> str:
    field = f'<input name="user_code" value="{escape(user_code)}" autocomplete="off" required>'
    buttons = "".join(
        f'<button name="answer" value="{word}">{word.capitalize()}</button> ' for word in ("approve", "deny")
    )
    return f'<form method="post"><label>Code {field}</label> {buttons}</form>'
