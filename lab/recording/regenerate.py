"""What a replay makes anew, because a recording holds only its alias: assertions, and verifiers with their challenge.

Only what was taken is made well; what was refused stays wrong, and is refused again (recordings.md §5).
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Json
from lab.identity.clients import REFUSED_SECRET, Client
from lab.identity.config import GENERIC_ISSUER
from lab.identity.keys import challenge_of
from lab.identity.routes import PATHS
from lab.identity.testkey import CLIENT_KEY_ID, CLIENT_PRIVATE_PEM
from lab.mock.config import Config
from lab.recording.alias import aliases
from lab.recording.lines import Enc, Entry, Recording, Req, Res

ASSERTED_FOR = 300
"""Seconds for which an assertion made anew is good."""


@dataclass(frozen=True, slots=True)
class Regenerated:
    """Values by alias, and the new challenge for each recorded one whose verifier is new."""

    values: Mapping[str, str] = field(default_factory=dict)
    challenges: Mapping[str, str] = field(default_factory=dict)


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
    for line in recording.lines:
        if isinstance(line, Req) and config.switches.clients == "any":
            _stranger(values, line, granted.get(line.x), errors.get(line.x))
    for line, form in forms:
        fact, error = granted.get(line.x), errors.get(line.x)
        if fact is not None and "assertion" in form:
            _assertion(values, form["assertion"], fact.text("client"), fact.text("user"), line.t, config)
        if error != "invalid_client" and "client_assertion" in form:
            client = (fact.text("client") if fact else None) or form.get("client_id") or _signer(config)
            _assertion(values, form["client_assertion"], client, client, line.t, config)
        if error != "invalid_request" and "code_verifier" in form:
            alias = form["code_verifier"]
            values.setdefault(alias, "lab-verifier-made-anew-" + alias.strip("«»").replace(":", "-").rjust(20, "-"))
            challenge = codes.get(form.get("code"))
            if fact is not None and challenge is not None:
                challenges[challenge] = challenge_of(values[alias])
    return Regenerated({alias: value for alias, value in values.items() if aliases(alias) == [alias]}, challenges)


def _forms(recording: Recording) -> Iterator[tuple[Req, dict[str, str]]]:
    for line in recording.lines:
        if isinstance(line, Req) and line.body.enc is Enc.FORM and isinstance(line.body.value, list):
            form = {str(pair[0]): str(pair[1]) for pair in line.body.value if isinstance(pair, list)}
            if form.keys() & {"assertion", "client_assertion", "code_verifier"}:
                yield line, form


def _stranger(values: dict[str, str], line: Req, fact: Entry | None, error: Json) -> None:
    """Credentials that `clients: any` takes, or refuses, as it did."""
    secret = REFUSED_SECRET if error == "invalid_client" else "lab-made-anew"
    client = (fact.text("client") if fact else None) or "stranger"
    for name, value in line.headers:
        if name == "authorization" and value.lower().startswith("basic «"):
            values.setdefault(value.partition(" ")[2], b64encode(f"{client}:{secret}".encode()).decode())
    if isinstance(line.body.value, list) and line.body.enc is Enc.FORM:
        for pair in line.body.value:
            if isinstance(pair, list) and pair[0] == "client_secret":
                values.setdefault(str(pair[1]), secret)


def _error(line: Res) -> Json:
    return line.body.value.get("error") if isinstance(line.body.value, dict) else None


def _signer(config: Config) -> str | None:
    return next((client.id for client in config.clients if client.key_id == CLIENT_KEY_ID), None)


def _assertion(
    values: dict[str, str], alias: str, issuer: str | None, subject: str | None, t: Millis, config: Config
) -> None:
    client = config.identity.client(issuer or "")
    if client is None or subject is None or alias in values:
        return
    audience = config.origin + PATHS["token"] if config.switches.profile == "rfc" else GENERIC_ISSUER
    values[alias] = signed(client, subject, audience, alias, config.epoch + t // 1000)


def signed(client: Client, subject: str, audience: str, jti: str, issued: Epoch) -> str:
    """An assertion by the key that is registered for `demo`; where another is registered, it is refused."""
    import jwt

    claims = {
        "iss": client.id, "sub": subject, "aud": audience, "iat": issued, "exp": issued + ASSERTED_FOR, "jti": jti
    }  # fmt: skip
    return jwt.encode(claims, CLIENT_PRIVATE_PEM, "RS256", {"kid": CLIENT_KEY_ID})
