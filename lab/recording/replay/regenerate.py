"""What a replay makes anew, because a recording holds only its alias: assertions, and verifiers with their challenge.

Only what was taken is made well; what was refused stays wrong, and is refused again (recordings.md §5). Why an
assertion or a secret was refused is lost with it, so that sentence is taken from the recording.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.identity.assertions import LEEWAY
from lab.identity.clients import REFUSED_SECRET, Client
from lab.identity.config import GENERIC_ISSUER
from lab.identity.endpoints.authentication import ONE_WAY
from lab.identity.keys import challenge_of, private_key
from lab.identity.refusals import INVALID_CLIENT
from lab.identity.routes import PATHS
from lab.identity.testkey import CLIENT_KEY_ID, CLIENT_PRIVATE_PEM
from lab.mock.config import Config
from lab.recording.format.lines import Enc, Recording, Req, Res
from lab.recording.redaction.alias import LONGEST_ID, aliases, made_text
from lab.recording.redaction.written import loose_pairs

_TELLING = ("token.granted", "token.revoked", "device.granted", "call.counted")
"""The facts that name the client who asked for what they tell of."""


_MADE_ANEW = frozenset(("assertion", "client_assertion", "code_verifier"))
_KEPT = _MADE_ANEW | {"code", "client_id"}
_MAY_BE_UNEXPLAINED = ("invalid_client", "invalid_grant")
_ERROR = '"error"'
"""What stands in the reply by which the identity domain refuses."""


class Regenerated(Struct, frozen=True):
    """Values by alias, and the new challenge for each recorded one whose verifier is new."""

    values: Mapping[str, str] = field(default_factory=dict)
    challenges: Mapping[str, str] = field(default_factory=dict)
    strangers: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The name and the secret that an alias of Basic credentials stands for; the name may be an alias."""
    unexplained: Mapping[int, Json] = field(default_factory=dict)
    """The recorded `error_description` of each exchange in which an assertion was refused, or a secret with a reason."""


class _Taken(Struct):
    """An assertion that was taken: whose, for whom, and when at first and last."""

    client: Client
    subject: str
    first: Millis
    last: Millis
    times: int = 1


class _Form(Struct, frozen=True):
    """What of a request for a token has to be made anew, and tells for whom."""

    x: int
    t: Millis
    members: dict[str, str]


def regenerate(recording: Recording, config: Config) -> Regenerated:
    """Everything that has to be made anew for this recording; empty for most."""
    forms = list(_forms(recording))
    if not forms and config.switches.clients == "known":
        return Regenerated(unexplained=_unexplained(recording, forms))
    numbers = {form.x for form in forms}
    granted = {line.x: line for line in recording.facts("token.granted") if line.x in numbers}
    codes = {line.text("code"): line.text("challenge") for line in recording.facts("code.granted")}
    challenged = set(codes.values())
    refusals = {line.x: line for line in recording.of(Res) if _error(line) is not None}
    errors = {x: _error(line) for x, line in refusals.items()}
    strangers: dict[str, tuple[str, str]] = {}
    values: dict[str, str] = {}
    challenges: dict[str, str] = {}
    taken: dict[str, _Taken] = {}
    if config.switches.clients == "any":
        strangers = _strangers(recording, refusals, values)
    for each in forms:
        form, fact, error = each.members, granted.get(each.x), errors.get(each.x)
        if fact is not None and "assertion" in form:
            _take(
                taken, form["assertion"], config.identity.client(fact.text("client") or ""), fact.text("user"), each.t
            )
        if error != "invalid_client" and "client_assertion" in form:
            client = (fact.text("client") if fact else None) or form.get("client_id") or _signer(config)
            _take(taken, form["client_assertion"], config.identity.client(client or ""), client, each.t)
        if error != "invalid_request" and "code_verifier" in form:
            alias = form["code_verifier"]
            # one that was sent as a challenge, too, has to be as long as one, or not
            length = 20 if alias in challenged else 30
            values.setdefault(alias, "lab-verifier-made-anew-" + alias.strip("«»").replace(":", "-").rjust(length, "-"))
            challenge = codes.get(form.get("code"))
            if fact is not None and challenge is not None:
                challenges[challenge] = challenge_of(values[alias])
    values |= {alias: _signed(alias, assertion, config) for alias, assertion in taken.items()}
    known = {alias: value for alias, value in values.items() if aliases(alias) == [alias]}
    return Regenerated(known, challenges, strangers, _unexplained(recording, forms))


def _unexplained(recording: Recording, forms: list[_Form]) -> dict[int, Json]:
    asserted = {form.x for form in forms if form.members.keys() & {"assertion", "client_assertion"}}
    found: dict[int, Json] = {}
    for line in recording.of(Res):
        said = line.body.value.get("error_description") if isinstance(line.body.value, dict) else None
        error = _error(line)
        # of a secret there is only an alias, too: in what way it was wrong can't be found again
        if (line.x in asserted and error in _MAY_BE_UNEXPLAINED) or (
            error == INVALID_CLIENT.error and said != INVALID_CLIENT.message
        ):
            found[line.x] = said
    return found


def _forms(recording: Recording) -> Iterator[_Form]:
    # in a form that was written in an odd way names are escaped
    for line in recording.of(Req):
        form = _form(line)
        if form.keys() & _MADE_ANEW:
            yield _Form(line.x, line.t, {name: form[name] for name in form.keys() & _KEPT})


def _form(line: Req) -> dict[str, str]:
    """The members of a form; of one that is no form, whatever."""
    text = line.body.value
    return dict(loose_pairs(text)) if line.body.enc is Enc.TEXT and isinstance(text, str) else {}


def _clients(recording: Recording) -> dict[int, str]:
    """Who asked, by exchange, where a fact tells."""
    found = ((line.x, line.text("client") or line.text("by")) for line in recording.facts(*_TELLING))
    return {x: client for x, client in found if x is not None and client}


def _strangers(recording: Recording, refusals: Mapping[int, Res], values: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Credentials that `clients: any` takes, or refuses, as it did; secrets of forms go into `values`."""
    names, found = _clients(recording), dict[str, tuple[str, str]]()
    for named in (_by_fact, _by_form, _by_nothing):  # whose they are is told best where they were good
        for line in recording.of(Req):
            refusal = refusals.get(line.x)
            client = named(line, names, refusal)
            if client is None:
                continue
            refused = refusal is not None and _error(refusal) == "invalid_client"
            for name, value in line.headers:
                if name == "authorization" and value.lower().startswith("basic «") and "malformed" not in value:
                    alias = value.partition(" ")[2]
                    found.setdefault(alias, (client, _secret(alias, refused=refused)))
            secret = _form(line).get("client_secret", "")
            if aliases(secret) == [secret]:  # an empty one, or one that can't be decoded, stands there as it came
                values.setdefault(secret, _secret(secret, refused=refused))
    return found


def _secret(alias: str, *, refused: bool) -> str:
    return REFUSED_SECRET if refused else f"lab-made-anew-{made_text(alias, LONGEST_ID + 1)}"


def _by_fact(line: Req, names: Mapping[int, str], refusal: Res | None) -> str | None:
    return names.get(line.x)


def _by_form(line: Req, names: Mapping[int, str], refusal: Res | None) -> str | None:
    """Who is named in both places is the same, unless that was refused."""
    said = refusal.body.value if refusal is not None else None
    one = not isinstance(said, dict) or said.get("error_description") != ONE_WAY
    return _form(line).get("client_id") if one else None


def _by_nothing(line: Req, names: Mapping[int, str], refusal: Res | None) -> str:
    return "stranger"


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
