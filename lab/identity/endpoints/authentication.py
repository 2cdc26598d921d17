"""Client authentication: one method a request (RFC 6749 §2.3; contract.md §7.2)."""

from urllib.parse import unquote, unquote_plus

from msgspec.structs import replace

from lab.core.exchange import Request
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
        refusal = _IN_BODY if context.config.strict else INVALID_CLIENT
        return _with_secret(context, *sent) or _wrong_secret(context, refusal, (sent,))
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
    readings = tuple(reversed(read_basic(credentials)))
    for flag, (name, secret) in zip(("basic_form", "basic_raw"), readings, strict=False):
        client = _with_secret(context, name, secret)
        if client is not None:
            if context.config.switches.clients == "known":
                context.flags.append(flag)
            return client if form.get("client_id", name) == name else invalid_request(ONE_WAY)
    return _wrong_secret(context, INVALID_CLIENT, readings)


def _with_secret(context: TokenContext, name: str, secret: str) -> Client | None:
    """The client of that id and secret; with `clients: any` whoever brings both."""
    client = context.config.client(name)
    if client is None or secret in ("", REFUSED_SECRET):
        return None
    if context.config.switches.clients == "any":
        return replace(client, secret=secret)
    return client if client.secret == secret else None


def _wrong_secret(context: TokenContext, refusal: Refusal, readings: tuple[tuple[str, str], ...]) -> Refusal:
    """The refusal; of a secret that is right but for one decoding it says which way it is wrong.

    Nothing of the secret is told, and who has sent it knows it anyway: one decoding away is as good as known.
    """
    for name, secret in readings:
        once_more = _client_with_secret(context, unquote_plus(name))
        if once_more is not None and unquote_plus(secret) == once_more.secret:
            return context.explained(refusal, _ENCODED_TWICE)
        known = _client_with_secret(context, name)
        if known is not None and secret in (unquote_plus(known.secret), unquote(known.secret)):
            return context.explained(refusal, _DECODED)
    return refusal


def _client_with_secret(context: TokenContext, name: str) -> Client | None:
    client = context.config.client(name)
    return None if client is None or client.public else client


def _by_assertion(context: TokenContext, form: Parameters) -> Client | Refusal:
    found = _own_assertion(context, form)
    return context.explained(INVALID_CLIENT, found.why) if isinstance(found, Unfit) else found


def _own_assertion(context: TokenContext, form: Parameters) -> Client | Unfit:
    token = form.get("client_assertion", "")
    # an unsigned claim, only to find the key with which the signature is then checked
    client = context.config.client(issuer_named(token) or "")
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
    return read_assertion(token, client, config.audiences, config.epoch, context.now)


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
