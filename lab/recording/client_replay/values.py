"""What stands with another server for the secrets and ids of a recording (recordings.md §6.3).

Some are given before anything is sent, as passwords; the others are taken from the server's answers, where the recorded
answer has them.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote_plus

from msgspec import Struct
from msgspec.structs import replace

from lab.core.exchange import Json, Request, header_of
from lab.dialects.router import ROUTER
from lab.identity.keys import challenge_of
from lab.identity.routes import IDENTITY_NAMES
from lab.recording.bindings import ANY_VALUE, WORD, Bindings, is_id
from lab.recording.client_replay.plan import ClientPlan
from lab.recording.format.lines import Enc, Recording, Req, Res
from lab.recording.redaction.bodies import bytes_of, loose_pairs, text_within
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
from lab.recording.show.shell import LEFT_OUT
from lab.recording.tape.header import owners_in
from lab.recording.tape.recorded_calls import calls_in, fields_of

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
        self._challenges = _challenges(plan.recording)

    def built(self, line: Req) -> Request:
        """The request, ready to be sent: nothing in it is lacking."""
        line = self._addressed(line)
        headers = tuple(
            (name, self._header(name, value, line.flags)) for name, value in line.headers if name not in _UNSENT
        )
        form = fields_of(line.headers, line.body) is not None
        body = bytes_of(line.body).decode("utf-8", "surrogateescape")
        sent = self._renamed(self._filled(body, quote_plus if form else str)).encode("utf-8", "surrogateescape")
        query = self._filled(line.query, quote_plus)
        for recorded, challenge in self._challenges.items():
            query = query.replace(recorded, challenge)
        path = self._filled(line.path, lambda value: quote(value, safe=""))
        return Request(line.method, self._renamed(path), self._renamed(query), headers, sent)

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

    def _addressed(self, line: Req) -> Req:
        """The request with the names and the scope by which its client is known here."""
        if ROUTER.name(line.method, line.path) not in IDENTITY_NAMES:
            return line
        url = f"{line.path}?{self._fields(line.query)}" if line.query else line.url
        if fields_of(line.headers, line.body) is not None:
            return replace(line, url=url, value=self._fields(str(line.value)))
        return replace(line, url=url)

    def _fields(self, text: str) -> str:
        return "&".join(map(self._field, text.split("&")))

    def _field(self, written: str) -> str:
        name, _, value = written.partition("=")
        if name == "client_id":
            return f"{name}={quote_plus(self._credentials.names.get(unquote_plus(value), unquote_plus(value)))}"
        return (
            f"{name}={quote_plus(self._credentials.scope)}" if name == "scope" and self._credentials.scope else written
        )


def _challenges(recording: Recording) -> dict[str, str]:
    """Those of the verifiers that are sent, by the recorded ones, which were of other verifiers (RFC 7636 §4.2)."""
    of_codes: dict[str, str] = {}
    found: dict[str, str] = {}
    for call in calls_in(recording):
        query = dict(loose_pairs(call.req.query))
        challenge, location = query.get("code_challenge"), header_of(call.res.headers, "location") if call.res else None
        for word in stand_ins(location or "") if challenge else ():
            of_codes[word] = challenge or ""
        form = dict(fields_of(call.req.headers, call.req.body) or ())
        if (recorded := of_codes.get(form.get("code", ""))) is not None and "code_verifier" in form:
            found[recorded] = challenge_of(form["code_verifier"])
    return found


class Origins:
    """Where in a recording secrets and ids come from: what no answer gives has to be given before."""

    def __init__(self, recording: Recording) -> None:
        self._given: dict[str, int] = {}
        """By stand-in or id the line of the answer that gave it first."""
        own = set[str]()
        for call in calls_in(recording):
            own.update(word for word in _words_of(call.req) if word not in self._given)
            for word in () if call.res is None else _given_in(call.res):
                if word not in own:
                    self._given.setdefault(word, call.res.n if call.res is not None else 0)

    def needs(self, line: Req) -> list[str]:
        """The stand-ins in a request, and the ids in it that an earlier answer gave."""
        return [word for word in _words_of(line) if _stands_for_one(word) or self._given.get(word, line.n) < line.n]

    def not_given(self, line: Req) -> list[str]:
        """Those of its stand-ins that no earlier answer gave."""
        return [word for word in _words_of(line) if _stands_for_one(word) and self._given.get(word, line.n) >= line.n]


def _stands_for_one(word: str) -> bool:
    """Whether it is a stand-in in whose place one value alone is good."""
    return STAND_IN.fullmatch(word) is not None and kind_of(word) not in ANY_VALUE


def _words_of(req: Req) -> dict[str, None]:
    """The stand-ins in a request, and what may be ids in it, each once."""
    query = (text for pair in loose_pairs(req.query) for text in pair) if req.query else ()
    texts = [req.path, *query, *(value for _, value in req.headers), text_within(req.body)]
    words = (word for find in (stand_ins, WORD.findall) for text in texts for word in find(text))
    return dict.fromkeys(words)


def _given_in(res: Res) -> Iterator[str]:
    """The stand-ins and ids in an answer."""
    for text in (*(value for _, value in res.headers), text_within(res.body)):
        yield from stand_ins(text)
    if res.body.enc is Enc.JSON:
        yield from _ids_in(res.body.value, "")


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


def wanted(plan: ClientPlan, origins: Origins) -> dict[str, str]:
    """What has to be given before anything is sent: stand-ins, by the variables that hold what they stand for."""
    missing = dict.fromkeys(word for line in plan.sent for word in origins.not_given(line))
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
