"""What a replay makes anew, because a recording holds only its alias: assertions, and verifiers with their challenge.

Only what was taken is made well; what was refused stays wrong, and is refused again (recordings.md §5). Why an
assertion was refused is lost with it, so that sentence is taken from the recording.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.identity.assertions import LEEWAY
from lab.identity.clients import REFUSED_SECRET, Client
from lab.identity.config import GENERIC_ISSUER
from lab.identity.keys import challenge_of, private_key
from lab.identity.routes import PATHS
from lab.identity.testkey import CLIENT_KEY_ID, CLIENT_PRIVATE_PEM
from lab.mock.config import Config
from lab.recording.alias import aliases
from lab.recording.lines import Enc, Recording, Req, Res
from lab.recording.written import loose_pairs

_TELLING = frozenset(("token.granted", "token.revoked", "device.granted"))
"""The facts that name the client who asked for what they tell of."""


class Regenerated(Struct, frozen=True):
    """Values by alias, and the new challenge for each recorded one whose verifier is new."""

    values: Mapping[str, str] = field(default_factory=dict)
    challenges: Mapping[str, str] = field(default_factory=dict)
    unexplained: Mapping[int, Json] = field(default_factory=dict)
    """The recorded `error_description` of each exchange in which an assertion was refused."""


class _Taken(Struct):
    """An assertion that was taken: whose, for whom, and when at first and last."""

    client: Client
    subject: str
    first: Millis
    last: Millis
    times: int = 1


def regenerate(recording: Recording, config: Config) -> Regenerated:
    """Everything that has to be made anew for this recording; empty for most."""
    forms = list(_forms(recording))
    if not forms and config.switches.clients == "known":
        return Regenerated()
    granted = {line.x: line for line in recording.facts() if line.type == "token.granted" and line.x is not None}
    codes = {line.text("code"): line.text("challenge") for line in recording.facts() if line.type == "code.granted"}
    errors = {line.x: _error(line) for line in recording.lines if isinstance(line, Res)}
    values: dict[str, str] = {}
    challenges: dict[str, str] = {}
    taken: dict[str, _Taken] = {}
    if config.switches.clients == "any":
        requests = [line for line in recording.lines if isinstance(line, Req)]
        # whose credentials they are is told where they were good
        names = _clients(recording)
        for line in sorted(requests, key=lambda line: line.x not in names):
            _stranger(values, line, names.get(line.x, "stranger"), errors.get(line.x))
    for line, form in forms:
        fact, error = granted.get(line.x), errors.get(line.x)
        if fact is not None and "assertion" in form:
            _take(
                taken, form["assertion"], config.identity.client(fact.text("client") or ""), fact.text("user"), line.t
            )
        if error != "invalid_client" and "client_assertion" in form:
            client = (fact.text("client") if fact else None) or form.get("client_id") or _signer(config)
            _take(taken, form["client_assertion"], config.identity.client(client or ""), client, line.t)
        if error != "invalid_request" and "code_verifier" in form:
            alias = form["code_verifier"]
            # one that was sent as a challenge, too, has to be as long as one, or not
            length = 20 if alias in codes.values() else 30
            values.setdefault(alias, "lab-verifier-made-anew-" + alias.strip("«»").replace(":", "-").rjust(length, "-"))
            challenge = codes.get(form.get("code"))
            if fact is not None and challenge is not None:
                challenges[challenge] = challenge_of(values[alias])
    values |= {alias: _signed(alias, each, config) for alias, each in taken.items()}
    known = {alias: value for alias, value in values.items() if aliases(alias) == [alias]}
    return Regenerated(known, challenges, _unexplained(recording, forms))


def _unexplained(recording: Recording, forms: list[tuple[Req, dict[str, str]]]) -> dict[int, Json]:
    asserted = {line.x for line, form in forms if form.keys() & {"assertion", "client_assertion"}}
    return {
        line.x: line.body.value.get("error_description")
        for line in recording.lines
        if isinstance(line, Res) and line.x in asserted and _error(line) in ("invalid_grant", "invalid_client")
        and isinstance(line.body.value, dict)
    }  # fmt: skip


def _forms(recording: Recording) -> Iterator[tuple[Req, dict[str, str]]]:
    for line in recording.lines:
        if isinstance(line, Req):
            form = _form(line)
            if form.keys() & {"assertion", "client_assertion", "code_verifier"}:
                yield line, form


def _form(line: Req) -> dict[str, str]:
    """The members of a form; of one that is no form, whatever."""
    match line.body.value:
        case list() as pairs if line.body.enc is Enc.FORM:
            return {str(pair[0]): str(pair[1]) for pair in pairs if isinstance(pair, list)}
        case str() as text if line.body.enc is Enc.TEXT:
            return dict(loose_pairs(text))
        case _:
            return {}


def _clients(recording: Recording) -> dict[int, str]:
    """Who asked, by exchange, where a fact tells."""
    found = ((line.x, line.text("client") or line.text("by")) for line in recording.facts() if line.type in _TELLING)
    return {x: client for x, client in found if x is not None and client}


def _stranger(values: dict[str, str], line: Req, client: str, error: Json) -> None:
    """Credentials that `clients: any` takes, or refuses, as it did."""
    secret = REFUSED_SECRET if error == "invalid_client" else "lab-made-anew"
    for name, value in line.headers:
        if name == "authorization" and value.lower().startswith("basic «") and "malformed" not in value:
            values.setdefault(value.partition(" ")[2], b64encode(f"{client}:{secret}".encode()).decode())
    if "client_secret" in (form := _form(line)):
        values.setdefault(form["client_secret"], secret)


def _error(line: Res) -> Json:
    return line.body.value.get("error") if isinstance(line.body.value, dict) else None


def _signer(config: Config) -> str | None:
    return next((client.id for client in config.clients if client.key_id == CLIENT_KEY_ID), None)


def _take(taken: dict[str, _Taken], alias: str, client: Client | None, subject: str | None, t: Millis) -> None:
    if alias in taken:
        taken[alias].last = t
        taken[alias].times += 1
    elif client is not None and subject is not None:
        taken[alias] = _Taken(client, subject, t, t)


def _signed(alias: str, taken: _Taken, config: Config) -> str:
    """An assertion by the key that is registered for `demo`; where another is registered, it is refused.

    It is good from the instant in which the recorded one was taken first until the one in which it was taken last:
    whatever was refused before or after is refused again. One that was taken more than once had no `jti`, or none that
    counted.
    """
    import jwt

    audience = config.origin + PATHS["token"] if config.switches.profile == "rfc" else GENERIC_ISSUER
    claims: dict[str, Json] = {
        "iss": taken.client.id, "sub": taken.subject, "aud": audience,
        # half a millisecond lies between two instants, and is more than a float loses
        "iat": config.epoch + LEEWAY + (taken.first - 0.5) / 1000, "exp": config.epoch + (taken.last + 0.5) / 1000,
    }  # fmt: skip
    if taken.times == 1:
        claims["jti"] = alias
    return jwt.encode(claims, private_key(CLIENT_PRIVATE_PEM), "RS256", {"kid": CLIENT_KEY_ID})
