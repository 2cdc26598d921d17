"""Client authentication: one method a request (contract.md §7.2)."""

from lab.core.exchange import Request
from lab.identity.assertions import issuer_named, read_assertion
from lab.identity.clients import REFUSED_SECRET, Client, read_basic
from lab.identity.endpoints.parts import INVALID_CLIENT, Desk, Form, Refused, invalid_request
from lab.identity.routes import PATHS

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_IN_BODY = Refused(400, "invalid_client", INVALID_CLIENT.description)
_ONE_WAY = "Authenticate in one way only."


def authenticate(desk: Desk, request: Request, form: Form) -> Client | Refused:
    """The client that asks; a public one is taken at its word."""
    header = request.header("authorization")
    secret, asserted = "client_secret" in form, "client_assertion" in form or "client_assertion_type" in form
    if (header is not None) + secret + asserted > 1 and not (header or "").lower().startswith("bearer"):
        return invalid_request(_ONE_WAY)
    if header is not None:
        return _by_header(desk, header, form)
    if asserted:
        return _by_assertion(desk, form)
    if secret:
        named = _with_secret(desk, form.get("client_id", ""), form["client_secret"])
        return named or (_IN_BODY if desk.strict else INVALID_CLIENT)
    client = desk.config.client(form.get("client_id", ""))
    return client if client is not None and client.public else INVALID_CLIENT


def _by_header(desk: Desk, header: str, form: Form) -> Client | Refused:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        if scheme.lower() == "bearer":
            desk.flags.append("bearer_on_token")
        return INVALID_CLIENT
    if scheme != "Basic":
        desk.flags.append("scheme_spelling")
    pair = read_basic(credentials)
    for flag, (identity, secret) in (("basic_form", pair.form), ("basic_raw", pair.raw)) if pair else ():
        client = _with_secret(desk, identity, secret)
        if client is not None:
            desk.flags.append(flag)
            return client if form.get("client_id", identity) == identity else invalid_request(_ONE_WAY)
    return INVALID_CLIENT


def _with_secret(desk: Desk, identity: str, secret: str) -> Client | None:
    """The client of that id and secret; with `clients: any` whoever brings both."""
    client = desk.config.client(identity)
    if client is not None and not client.public and client.secret == secret:
        return client
    stranger = desk.config.switches.clients == "any" and identity and secret not in ("", REFUSED_SECRET)
    return Client(identity, secret) if stranger else None


def _by_assertion(desk: Desk, form: Form) -> Client | Refused:
    token = form.get("client_assertion", "")
    client = desk.config.client(issuer_named(token) or "")
    if client is None or form.get("client_assertion_type") != _ASSERTION_TYPE:
        return INVALID_CLIENT
    if form.get("client_id", client.id) != client.id:
        return INVALID_CLIENT
    config = desk.config
    found = read_assertion(
        token, client, audiences(desk), config.epoch, desk.now, trust=config.switches.assertion_trust
    )  # fmt: skip
    if found is None or found.subject != client.id or not first_use(desk, client, found.jti):
        return INVALID_CLIENT
    return client


def audiences(desk: Desk) -> frozenset[str]:
    """What an assertion's `aud` must hold: Oracle's two words, or in `rfc` the issuer or the token URL."""
    if desk.strict:
        return frozenset({desk.config.issuer, desk.config.origin + PATHS["token"]})
    return frozenset({"https://identity.oraclecloud.com/", "oauth.idm.oracle.com"})


def first_use(desk: Desk, client: Client, jti: str) -> bool:
    """Whether the client's `jti` comes for the first time; from now on it has."""
    counter = f"jti/{client.id}/{jti}"
    return desk.ledger.next(counter) == 1 == desk.ledger.use(counter)
