"""What stands with another server for the secrets and ids of a recording (recordings.md §6.3).

Some are given before anything is sent, as passwords; the others are taken from the server's answers, where the recorded
answer has them.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote_plus

from msgspec import Struct

from lab.core.exchange import Request, header_of
from lab.identity.keys import challenge_of
from lab.recording.bindings import WORD, Bindings
from lab.recording.client_replay.plan import ClientPlan
from lab.recording.exchange import RecordedExchange
from lab.recording.origins import Origins
from lab.recording.redaction.bodies import declares_form
from lab.recording.redaction.secret_names import is_secret_header
from lab.recording.redaction.stand_ins import (
    filled,
    kind_of,
    number_of,
    stand_in,
    stand_ins,
    with_hosts,
)
from lab.recording.show.shell import LEFT_OUT
from lab.recording.tape.header import owners_in

_UNSENT = LEFT_OUT | {"te", "trailer", "upgrade", "keep-alive", "expect", "proxy-authorization"}
"""Headers that belong to the connection, and are made anew."""
_SECRET_VARIABLES = {
    "token": "LAB_TOKEN",
    "client": "LAB_CLIENT_SECRET",
    "user": "LAB_PASSWORD",
    "assertion": "LAB_ASSERTION",
}
"""Names of variables by kinds of stand-ins; others are named after the kind."""


class Credentials(Struct, frozen=True):
    """What is given before anything is sent."""

    secrets: Mapping[str, str] = {}
    """By stand-in. Of clients and users the secret alone."""
    names: Mapping[str, str] = {}
    """What recorded clients are called here, where that is another name."""
    scope: str = ""
    """Asked for in the place of the recorded ones."""


class ClientRequests:
    """Makes the recorded requests again, for another server."""

    def __init__(self, plan: ClientPlan, bound: Bindings, credentials: Credentials, nonce: str) -> None:
        """`nonce` is of this replay alone: with an old Idempotency-Key the server would give an old answer."""
        self._bound, self._credentials, self._nonce = bound, credentials, nonce
        self._owners = owners_in(plan.recording)
        self._challenges = _challenges(plan.exchanges)

    def built(self, call: RecordedExchange) -> Request:
        """The request, ready to be sent: nothing in it is lacking."""
        request, form = call.request, declares_form(call.request.headers)
        query, body = request.query, request.body.decode("utf-8", "surrogateescape")
        if not call.to_api:  # its client and scope have other names here
            query, body = self._addressed(query), self._addressed(body) if form else body
        query = self._filled(query, quote_plus)
        for recorded, challenge in self._challenges.items():
            query = query.replace(recorded, challenge)
        path = self._filled(request.path, lambda value: quote(value, safe=""))
        headers = (
            (name, self._header(name, value, call.flags)) for name, value in request.headers if name not in _UNSENT
        )
        sent = self._renamed(self._filled(body, quote_plus if form else str)).encode("utf-8", "surrogateescape")
        return Request(request.method, self._renamed(path), self._renamed(query), tuple(headers), sent)

    def _filled(self, text: str, written: Callable[[str], str] = str) -> str:
        values = self._bound.values
        known = {word: written(values[word]) for word in stand_ins(text) if word in values}
        return with_hosts(filled(text, known), self._bound.hosts)

    def forget(self, word: str) -> None:
        """What stands for it is no good any more: the next answer that has it gives another."""
        self._bound.values.pop(word, None)

    def _header(self, name: str, value: str, flags: tuple[str, ...]) -> str:
        if name == "idempotency-key":
            return f"{value}-{self._nonce}"
        scheme, _, rest = value.partition(" ")
        secret = self._bound.values.get(rest.strip(" "))
        if name == "authorization" and scheme.lower() == "basic" and secret is not None:
            pair = (self.owner(rest.strip(" ")), secret)
            text = ":".join(pair if "basic_raw" in flags else map(quote_plus, pair))
            return f"{scheme} {b64encode(text.encode()).decode()}"
        value = self._filled(value)
        return value if is_secret_header(name) else self._renamed(value)

    def owner(self, word: str) -> str:
        """What the client or user whose secret a word stands for is called here."""
        name = self._owners.get(word, "")
        given = self._credentials.secrets.get(named_alike(word))
        return given or self._credentials.names.get(name, name)

    def _renamed(self, text: str) -> str:
        ids = self._bound.ids
        return WORD.sub(lambda found: ids.get(found[0], found[0]), text) if ids else text

    def _addressed(self, text: str) -> str:
        """A form or query with the names and the scope by which its client is known here."""
        return "&".join(map(self._field, text.split("&")))

    def _field(self, written: str) -> str:
        name, _, value = written.partition("=")
        if name == "client_id":
            return f"{name}={quote_plus(self._credentials.names.get(unquote_plus(value), unquote_plus(value)))}"
        scope = self._credentials.scope
        return f"{name}={quote_plus(scope)}" if name == "scope" and scope else written


def _challenges(exchanges: Iterable[RecordedExchange]) -> dict[str, str]:
    """Those of the verifiers that are sent, by the recorded ones, which were of other verifiers (RFC 7636 §4.2)."""
    of_codes: dict[str, str] = {}
    found: dict[str, str] = {}
    for call in exchanges:
        if challenge := call.parameters.get("code_challenge"):
            of_codes |= dict.fromkeys(stand_ins(header_of(call.headers, "location") or ""), challenge)
        recorded, verifier = of_codes.get(call.fields.get("code", "")), call.fields.get("code_verifier")
        if recorded is not None and verifier is not None:
            found[recorded] = challenge_of(verifier)
    return found


def wanted(plan: ClientPlan) -> dict[str, str]:
    """What has to be given before anything is sent: stand-ins, by the variables that hold what they stand for."""
    origins = Origins(plan.exchanges)
    missing = dict.fromkeys(word for call in plan.sent for word in origins.not_given(call))
    for word in [each for each in missing if kind_of(each) == "client"]:
        if plan.recording.header.source != "mock":
            missing[named_alike(word)] = None  # a capture doesn't tell who it was
    numbers, found = Counter[str](), dict[str, str]()
    for word in dict.fromkeys(secret_alike(each) for each in missing):
        base = _SECRET_VARIABLES.get(kind_of(word), f"LAB_{kind_of(word).upper()}")
        numbers[base] += 1
        name = base if numbers[base] == 1 else f"{base}_{numbers[base]}"
        found |= {name: word} if word in missing else {}
        found |= {naming(name): named_alike(word)} if named_alike(word) in missing else {}
    return found


def naming(variable: str) -> str:
    """The variable of a client's or user's name, by that of the secret."""
    return variable.replace("_CLIENT_SECRET", "_CLIENT_ID").replace("_PASSWORD", "_USER")


def named_alike(word: str) -> str:
    """What stands in a capture for the name of a client or user, by what stands for the secret; others as they are."""
    return stand_in(f"{kind_of(word)} name", number_of(word)) if kind_of(word) in ("client", "user") else word


def secret_alike(word: str) -> str:
    """The other way round."""
    kind = kind_of(word).removesuffix(" name")
    return stand_in(kind, number_of(word)) if kind in ("client", "user") else word
