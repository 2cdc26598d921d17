"""What stands with another server for the secrets and ids of a recording (recordings.md §6.3).

Some are given before anything is sent, as passwords; the others are taken from the server's answers, where the recorded
answer has them.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote_plus

from msgspec import Struct

from lab.core.exchange import Json, Request, header_of
from lab.core.jsontext import value_or_none
from lab.identity.keys import challenge_of
from lab.recording.bindings import ANY_VALUE, WORD, Bindings, is_id
from lab.recording.client_replay.plan import ClientPlan
from lab.recording.exchange import RecordedExchange
from lab.recording.redaction.bodies import declares_form
from lab.recording.redaction.secret_names import is_secret_header
from lab.recording.redaction.stand_ins import (
    STAND_IN,
    filled,
    kind_of,
    number_of,
    stand_in,
    stand_ins,
    with_hosts,
)
from lab.recording.redaction.written import loose_pairs
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
        asked, form = call.request, declares_form(call.request.headers)
        query, body = asked.query, _text(asked.body)
        if not call.to_api:  # its client and scope have other names here
            query, body = self._addressed(query), self._addressed(body) if form else body
        query = self._filled(query, quote_plus)
        for recorded, challenge in self._challenges.items():
            query = query.replace(recorded, challenge)
        path = self._filled(asked.path, lambda value: quote(value, safe=""))
        headers = (
            (name, self._header(name, value, call.flags)) for name, value in asked.headers if name not in _UNSENT
        )
        sent = self._renamed(self._filled(body, quote_plus if form else str)).encode("utf-8", "surrogateescape")
        return Request(asked.method, self._renamed(path), self._renamed(query), tuple(headers), sent)

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


class Origins:
    """Where in a recording secrets and ids come from: what no answer gives has to be given before."""

    def __init__(self, exchanges: Iterable[RecordedExchange]) -> None:
        self._given: dict[str, int] = {}
        """By stand-in or id the line of the answer that gave it first."""
        own = set[str]()
        for call in exchanges:
            own.update(word for word in _words_of(call.request) if word not in self._given)
            for word in _given_in(call):
                if word not in own:
                    self._given.setdefault(word, call.reply_line or 0)

    def needs(self, call: RecordedExchange) -> list[str]:
        """The stand-ins in a request, and the ids in it that an earlier answer gave."""
        return [word for word in _words_of(call.request) if _stands_for_one(word) or self._gives(word, call)]

    def not_given(self, call: RecordedExchange) -> list[str]:
        """Those of its stand-ins that no earlier answer gave."""
        return [word for word in _words_of(call.request) if _stands_for_one(word) and not self._gives(word, call)]

    def _gives(self, word: str, call: RecordedExchange) -> bool:
        return self._given.get(word, call.line) < call.line


def _stands_for_one(word: str) -> bool:
    """Whether it is a stand-in in whose place one value alone is good."""
    return STAND_IN.fullmatch(word) is not None and kind_of(word) not in ANY_VALUE


def _text(body: bytes) -> str:
    return body.decode("utf-8", "surrogateescape")


def _words_of(request: Request) -> dict[str, None]:
    """The stand-ins in a request, and what may be ids in it, each once."""
    query = (text for pair in loose_pairs(request.query) for text in pair) if request.query else ()
    texts = [request.path, *query, *(value for _, value in request.headers), _text(request.body)]
    words = (word for find in (stand_ins, WORD.findall) for text in texts for word in find(text))
    return dict.fromkeys(words)


def _given_in(call: RecordedExchange) -> Iterator[str]:
    """The stand-ins and ids in an answer."""
    for text in (*(value for _, value in call.headers), _text(call.body)):
        yield from stand_ins(text)
    yield from _ids_in(value_or_none(call.body), "")


def _ids_in(value: Json, name: str) -> Iterator[str]:
    match value:
        case dict():
            for key, part in value.items():
                yield from _ids_in(part, key)
        case list():
            for part in value:
                yield from _ids_in(part, name)
        case str() if is_id(name, value) and WORD.fullmatch(value):
            yield value


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
