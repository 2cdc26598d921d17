"""Client authentication: one method a request (RFC 6749 §2.3; contract.md §7.2)."""

from urllib.parse import unquote, unquote_plus

from msgspec import convert, to_builtins
from msgspec.structs import replace

from lab.core.exchange import Json, Request
from lab.core.journal.ledger import Changes, MemoryLedger, known_record
from lab.core.journal.numbers import Counter, NumberUsed, counter_key
from lab.core.refusal import Refusal
from lab.identity.assertions import Assertion, Unfit, issuer_named, read_assertion
from lab.identity.clients import REFUSED_SECRET, Client, read_basic
from lab.identity.config import IdentityConfig
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.forms import Parameters, read_form
from lab.identity.refusals import INVALID_CLIENT, invalid_request

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_IN_BODY = replace(INVALID_CLIENT, status=400, headers=())
"""RFC 6749 §5.2 asks for 401 and a challenge only where a client came with the Authorization header."""
_ONCE = "form-encode it once, exactly as it was given (RFC 6749 section 2.3.1)"
_ENCODED_TWICE = f"the secret came percent-encoded once too often; {_ONCE}"
_DECODED = f"the secret came percent-decoded once too often, or its + was not sent as %2B; {_ONCE}"
ONE_WAY = "Authenticate in one way only."


def authenticate(context: TokenContext, request: Request, form: Parameters) -> Client | Refusal:
    """The client; a public one, which has nothing to prove itself with, is taken at its word."""
    headers = [value for name, value in request.headers if name == "authorization"]
    if len(headers) > 1:
        return invalid_request("There are two Authorization headers.")
    header = headers[0] if headers else None
    secret, asserted = "client_secret" in form, "client_assertion" in form or "client_assertion_type" in form
    # a bearer token is no way to authenticate: it fails by itself, below
    if (header is not None) + secret + asserted > 1 and not (header or "").lower().startswith("bearer"):
        return invalid_request(ONE_WAY)
    if header is not None:
        return _by_header(context, header, form)
    if asserted:
        return _by_assertion(context, form)
    if secret:
        sent = form.get("client_id", ""), form["client_secret"]
        found = _proven(context, (sent,))
        return (
            found[0]
            if isinstance(found, tuple)
            else _refused(context, _IN_BODY if context.config.strict else INVALID_CLIENT, found)
        )
    client = context.config.client(form.get("client_id", ""))
    if client is not None and context.config.switches.clients == "any":
        return replace(client, secret="")
    return client if client is not None and client.public else INVALID_CLIENT


def shows_secret(config: IdentityConfig, request: Request) -> bool:
    """Whether a client that has a secret, or a key, proves itself by a token request; nothing comes of that."""
    context = TokenContext(config, Changes(MemoryLedger(), 0), 0)
    form = read_form(context, request)
    client = form if isinstance(form, Refusal) else authenticate(context, request, form)
    return isinstance(client, Client) and not client.public


def _by_header(context: TokenContext, header: str, form: Parameters) -> Client | Refusal:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        if scheme.lower() == "bearer":
            context.flags.append("bearer_on_token")
        return INVALID_CLIENT
    if scheme != "Basic":
        context.flags.append("scheme_spelling")
    # form-encoded first, as RFC 6749 §2.3.1 has it; which reading it was is noted, where one secret is right and no other
    found = _proven(context, tuple(reversed(read_basic(credentials))))
    if not isinstance(found, tuple):
        return _refused(context, INVALID_CLIENT, found)
    client, reading = found
    if context.config.switches.clients == "known":
        context.flags.append(("basic_form", "basic_raw")[reading])
    return client if form.get("client_id", client.id) == client.id else invalid_request(ONE_WAY)


def _proven(context: TokenContext, readings: tuple[tuple[str, str], ...]) -> tuple[Client, int] | str | None:
    """Whose secret it is, and by which of the readings; else in which way it is wrong, if that is known.

    With `clients: any` whoever brings a name and a secret is one.
    """
    match context.judge(lambda: _judged(context, readings)):
        case [str(name), int(reading)] if (client := context.config.client(name)) is not None:
            return replace(client, secret=client.secret or REFUSED_SECRET), reading
        case str(why):
            return why
        case _:
            return None


def _judged(context: TokenContext, readings: tuple[tuple[str, str], ...]) -> Json:
    for reading, (name, secret) in enumerate(readings):
        client = context.config.client(name)
        if client is None or secret in ("", REFUSED_SECRET):
            continue
        if context.config.switches.clients == "any" or client.secret == secret:
            return [name, reading]
    # one decoding away is as good as known: who has sent it knows it anyway, and nothing of the secret is told
    for name, secret in readings:
        once_more = _client_with_secret(context, unquote_plus(name))
        if once_more is not None and unquote_plus(secret) == once_more.secret:
            return _ENCODED_TWICE
        known = _client_with_secret(context, name)
        if known is not None and secret in (unquote_plus(known.secret), unquote(known.secret)):
            return _DECODED
    return None


def _refused(context: TokenContext, refusal: Refusal, why: str | None) -> Refusal:
    return refusal if why is None else context.explained(refusal, why)


def _client_with_secret(context: TokenContext, name: str) -> Client | None:
    client = context.config.client(name)
    return None if client is None or client.public else client


def _by_assertion(context: TokenContext, form: Parameters) -> Client | Refusal:
    found = _own_assertion(context, form)
    return context.explained(INVALID_CLIENT, found.why) if isinstance(found, Unfit) else found


def _own_assertion(context: TokenContext, form: Parameters) -> Client | Unfit:
    token = form.get("client_assertion", "")
    # an unsigned claim, only to find the key with which the signature is then checked
    client = context.config.client(str(context.judge(lambda: issuer_named(token) or "")))
    if form.get("client_assertion_type") != _ASSERTION_TYPE:
        return Unfit(f"client_assertion_type must be {_ASSERTION_TYPE}")
    named = context.config.client(form.get("client_id", ""))
    if client is None or form.get("client_id", client.id) != client.id:
        expected = "of a known client" if named is None else named.id
        return Unfit(f"iss must be the id {expected}, and client_id, if it is sent, the same")
    found = good_assertion(context, client, token)
    if isinstance(found, Unfit):
        return found
    # it is the client's own word: issuer and subject are the same (RFC 7523 §3, 2.B)
    if found.subject != client.id:
        return Unfit("sub must be the client's id, as iss is")
    return used_before(context, client, found) or client


def good_assertion(context: TokenContext, client: Client, token: str) -> Assertion | Unfit:
    """What the client's assertion says, or what is wrong with it; that it was seen before isn't asked."""
    config = context.config
    judged = context.judge(
        lambda: to_builtins(read_assertion(token, client, config.audiences, config.epoch, context.now))
    )
    said = judged if isinstance(judged, dict) else {}
    return convert(said, Unfit) if "why" in said else convert(said, Assertion)


def used_before(context: TokenContext, client: Client, assertion: Assertion) -> Unfit | None:
    """What is wrong if the client's `jti` doesn't come for the first time (RFC 7523 §3, 7); from now on it has come.

    Asked last, so that an assertion which is refused for another reason may be sent again once that is mended.
    """
    if assertion.jti is None or context.config.switches.assertion_jti == "any":
        return None
    counter = f"jti/{client.id}/{assertion.jti}"
    if known_record(context.changes, counter_key(counter), Counter, context.now) is not None:
        return Unfit("jti was used before: it must be new each time, or be left out (switch assertion_jti)")
    # once that assertion has expired it is refused as such, so its `jti` needn't be known any longer
    context.changes.add(NumberUsed(at=context.now, counter=counter, value=1, until=assertion.until))
    return None
