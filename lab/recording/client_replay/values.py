"""What stands with another server for the secrets and ids of a recording (recordings.md §6.3).

Some are given before anything is sent, as passwords; the others are taken from the server's answers, where the recorded
answer has them.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import quote_plus, unquote, unquote_plus

from msgspec import Struct
from msgspec.structs import replace

from lab.core.exchange import Json, Request
from lab.dialects.router import ROUTER
from lab.identity.clients import SHORTEST_SECRET
from lab.identity.routes import IDENTITY_NAMES
from lab.recording.client_replay.plan import ClientPlan
from lab.recording.format.lines import Enc, Recording, Req, Res
from lab.recording.redaction.alias import GRAMMAR, aliases, kind_of, number_of
from lab.recording.redaction.bodies import text_within
from lab.recording.redaction.secret_forms import forms_of
from lab.recording.redaction.secret_names import is_secret_header
from lab.recording.redaction.written import loose_pairs
from lab.recording.replay.match import IDS
from lab.recording.replay.rebuild import RequestBuilder
from lab.recording.show.shell import LEFT_OUT
from lab.recording.tape.header import config_of
from lab.recording.tape.recorded_calls import calls_in, fields_of

_ALIAS = re.compile(GRAMMAR)
_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z._~-]{7,199}")
"""What may be an id within a text: a shorter one stands for too much else."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_UNSENT = LEFT_OUT | {"te", "trailer", "upgrade", "keep-alive", "expect", "proxy-authorization"}
"""Headers that belong to the connection, and are made anew."""

_MADE_UP = frozenset(("wrong", "part", "number", "digits"))
"""Kinds of aliases in whose place any value is as good: it was refused, or is no secret."""
_SECRET_VARIABLES = {
    "token": "LAB_TOKEN",
    "client": "LAB_CLIENT_SECRET",
    "user": "LAB_PASSWORD",
    "assertion": "LAB_ASSERTION",
}
"""Names of variables by kinds of aliases; others are named after the kind."""
_ID_END = ":id»"
_IDS = IDS.keys() - {"state", "nonce", "challenge"}
"""Without what a client makes up, and gets back as it was."""


class Credentials(Struct, frozen=True):
    """What is given before anything is sent."""

    secrets: Mapping[str, str] = {}
    """By alias. Of clients and users the secret alone."""
    names: Mapping[str, str] = {}
    """What recorded clients are called here, where that is another name."""
    scope: str = ""
    """Asked for in the place of the recorded ones."""


def is_id(name: str, value: str) -> bool:
    """Whether a text in an answer is an id: by the name of its member, or by its form."""
    return bool(value) and (name in _IDS or name.lower().endswith("id") or _UUID.fullmatch(value) is not None)


class Bindings:
    """Both sides' names of the same things."""

    def __init__(self, values: Mapping[str, str], origins: Collection[str] = ()) -> None:
        """`origins` are those of the server, the first one that of its API."""
        self.values = dict(values)
        """By alias."""
        self._origins = origins
        self.ids: dict[str, str] = {}
        """By recorded id."""
        self._recorded = {value: alias for alias, value in values.items()}
        self._names: dict[str, str] = {}
        self._numbers = Counter[str]()

    def get(self, recorded: str) -> str | None:
        """What stands for an alias or an id, if that is known."""
        return self.values.get(recorded, self.ids.get(recorded))

    def bind(self, value: str, recorded: str) -> None:
        """Let the value stand for it from now on."""
        (self.values if _ALIAS.fullmatch(recorded) else self.ids)[recorded] = value
        self._recorded.setdefault(value, recorded)

    def same(self, recorded: str, here: str) -> bool:
        """Whether the one stands for the other; what both sides have for the first time does from now on."""
        if recorded.startswith("«host:") and here in self._origins:
            return True
        known = self.get(recorded)
        if known is None and here not in self._recorded:
            self.bind(here, recorded)
            return True
        return known == here

    def recorded_of(self, here: str) -> str | None:
        """The alias or recorded id for which it stands; None: for none."""
        return self._recorded.get(here)

    def name(self, recorded: str, member: str = "") -> str:
        """How it is shown: J1 for a job, an alias as it is."""
        if _ALIAS.fullmatch(recorded):
            return recorded
        if recorded not in self._names:
            letter = IDS.get(member, "I")
            self._numbers[letter] += 1
            self._names[recorded] = f"{letter}{self._numbers[letter]}"
        return self._names[recorded]

    def recorded_text(self, text: str) -> str:
        """A recorded text, the ids in it by their names."""
        return _WORD.sub(lambda found: self._names.get(found[0], found[0]), text)

    def text_here(self, text: str) -> str:
        """A text of this server, the ids in it by their names."""

        def put(found: re.Match[str]) -> str:
            recorded = self._recorded.get(found[0])
            return found[0] if recorded is None else self.name(recorded)

        return _WORD.sub(put, text)

    def hidden(self, text: str) -> str:
        """The text without any secret that is known."""
        for alias, value in self.values.items():
            if len(value) >= SHORTEST_SECRET and kind_of(alias) not in ("host", *_MADE_UP):
                for form in forms_of(value):
                    text = text.replace(form, alias)
        return text

    def path(self, path: str) -> str:
        """A recorded path, its ids by their names."""
        return "/".join(self._names.get(part, part) for part in path.split("/"))


class ClientRequests(RequestBuilder):
    """Makes the recorded requests again, for another server."""

    def __init__(self, plan: ClientPlan, bound: Bindings, credentials: Credentials, nonce: str) -> None:
        """`nonce` is of this replay alone: with an old Idempotency-Key the server would give an old answer."""
        super().__init__(plan.recording, config_of(plan.recording, ()), bound.values, bound.bind, {})
        self._bound, self._credentials, self._nonce = bound, credentials, nonce
        self._pairs = {
            alias: (
                credentials.secrets.get(id_alias(alias)) or credentials.names.get(name_in(alias), name_in(alias)),
                secret,
            )
            for alias, secret in credentials.secrets.items()
            if kind_of(alias) in ("client", "user")
        }

    def built(self, line: Req) -> Request:
        """The request, ready to be sent: nothing in it is lacking."""
        request = self.request(self._addressed(line))
        headers = tuple(
            (name, self._header_here(name, value)) for name, value in request.headers if name not in _UNSENT
        )
        body = self._renamed(request.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return Request(request.method, self._renamed(request.path), self._renamed(request.query), headers, body)

    def forget(self, alias: str) -> None:
        """What stands for it is no good any more: the next answer that has it gives another."""
        self._bound.values.pop(alias, None)
        self._headers_of.clear()

    def _header_here(self, name: str, value: str) -> str:
        if name == "idempotency-key":
            return f"{value}-{self._nonce}"
        return value if is_secret_header(name) else self._renamed(value)

    def _renamed(self, text: str) -> str:
        ids = self._bound.ids
        return _WORD.sub(lambda found: ids.get(found[0], found[0]), text) if ids else text

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


class Origins:
    """Where in a recording secrets and ids come from: what no answer gives has to be given before."""

    def __init__(self, recording: Recording) -> None:
        self._given: dict[str, int] = {}
        """By alias or id the line of the answer that gave it first."""
        own = set[str]()
        for call in calls_in(recording):
            own.update(word for word in self._words(call.req) if word not in self._given)
            for key in () if call.res is None else _gives(call.res):
                if key not in own:
                    self._given.setdefault(key, call.res.n if call.res is not None else 0)

    def needs(self, line: Req) -> list[str]:
        """The aliases in a request, and the ids in it that an earlier answer gave."""
        found = dict.fromkeys(word for word in self._words(line) if self._given.get(word, line.n) < line.n)
        made_up = ("host", *_MADE_UP)
        return [*(each for each in self._aliases(line) if kind_of(each) not in made_up), *found]

    def not_given(self, line: Req) -> list[str]:
        """Those of its aliases that no earlier answer gave."""
        needs = (each for each in self.needs(line) if each.startswith("«"))
        return [each for each in needs if self._given.get(each, line.n) >= line.n]

    def hosts(self, plan: ClientPlan, servers: tuple[str, str]) -> dict[str, str]:
        """What the hosts in its requests are: the first one of a capture the API's, the second the identity domain's."""
        found: dict[str, str] = {}
        for alias in (each for line in plan.sent for each in self._aliases(line) if kind_of(each) == "host"):
            number = number_of(alias)
            origin = servers[0] if number < 2 else servers[1] if number == 2 else f"https://host-{number}.invalid"
            found[alias] = origin.partition("://")[2] if alias.endswith(":name»") else origin
        return found

    def _aliases(self, line: Req) -> list[str]:
        return list(dict.fromkeys(alias for text in self._texts(line) for alias in aliases(text)))

    def _words(self, line: Req) -> Iterator[str]:
        return (word for text in self._texts(line) for word in _WORD.findall(text))

    def _texts(self, line: Req) -> Iterator[str]:
        yield line.path
        yield from (text for pair in loose_pairs(line.query) for text in pair) if line.query else ()
        yield from (value for _, value in line.headers)
        if line.enc is not Enc.NONE:
            yield text_within(line.body)


def _gives(res: Res) -> Iterator[str]:
    """The aliases and ids in an answer."""
    for _, value in res.headers:
        yield from aliases(value)
    body = res.body
    if body.enc is Enc.JSON:
        yield from _ids_in(body.value, "")
    yield from aliases(str(body.value)) if body.enc is not Enc.NONE else ()


def _ids_in(value: Json, name: str) -> Iterator[str]:
    match value:
        case dict():
            for key, part in value.items():
                yield from _ids_in(part, key)
        case list():
            for part in value:
                yield from _ids_in(part, name)
        case str() if is_id(name, value) and _WORD.fullmatch(value):
            yield value


def wanted(plan: ClientPlan, origins: Origins) -> dict[str, str]:
    """What has to be given before anything is sent: aliases, by the variables that hold them."""
    missing = dict.fromkeys(alias for line in plan.sent for alias in origins.not_given(line))
    for alias in [each for each in missing if kind_of(each) == "client"]:
        if plan.recording.header.source != "mock" and number_of(alias) and not alias.endswith(_ID_END):
            missing[id_alias(alias)] = None  # a capture doesn't tell who it was
    numbers, found = Counter[str](), dict[str, str]()
    owners = dict.fromkeys(alias.replace(_ID_END, "»") for alias in missing)
    for alias in owners:
        base = _SECRET_VARIABLES.get(kind_of(alias), f"LAB_{kind_of(alias).upper()}")
        numbers[base] += 1
        name = base if numbers[base] == 1 else f"{base}_{numbers[base]}"
        found |= {name: alias} if alias in missing else {}
        found |= {naming(name): id_alias(alias)} if id_alias(alias) in missing else {}
    return found


def naming(variable: str) -> str:
    """The variable of a client's or user's name, by that of the secret."""
    return variable.replace("_CLIENT_SECRET", "_CLIENT_ID").replace("_PASSWORD", "_USER")


def id_alias(alias: str) -> str:
    """The alias of the name of a client or user whose secret has this one, in a capture."""
    return alias.replace("»", _ID_END)


def name_in(alias: str) -> str:
    """The name of the client or user for whose secret an alias stands."""
    return unquote(alias[1:-1].partition(":")[2])
