"""Redaction at write time: by header name, by member name, by value, by shape (recordings.md §5).

A secret becomes a typed alias, numbered by first appearance: same value, same alias. Never a hash, for short
secrets can be guessed from one. `generation` grows whenever a new value is known, so what was redacted before
may be redacted anew.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache, partial
from html import unescape
from urllib.parse import unquote, unquote_plus

from lab.core.errors import UsageError
from lab.core.exchange import Headers, Json
from lab.identity.clients import REFUSED_SECRET, SHORTEST_SECRET
from lab.mock.config import Config
from lab.recording.alias import HERE, KINDS, LONGEST_ID, aliases, in_text, named, number_alias, numbered, secret_of
from lab.recording.headers import header_without_secrets
from lab.recording.loose_json import hide, worth_reading
from lab.recording.secret_forms import forms_of
from lab.recording.shapes import HEX, IS_JWT, NAMES, Shapes, shapes
from lab.recording.vocabulary import own_words

_WORTH_KEEPING = 1024
_KEPT = 4096
_PASSED = 16384
_USUAL = re.compile(r"[A-Za-z0-9._~:=+/-]*")
_MEMBER = re.compile(rf"(?i).*(?:token|secret|password)|{NAMES}", re.DOTALL)
_OAUTH_KINDS = {
    "access_token": "token", "id_token": "token", "token": "token", "refresh_token": "refresh", "code": "code",
    "device_code": "device", "user_code": "usercode", "assertion": "assertion", "client_assertion": "assertion",
    "client_secret": "token",
}  # fmt: skip
_SENT = ("«wrong:", "«part:", "«secret:", "«cookie:", "«assertion:")
"""How the aliases begin of what peers made up; what the lab gave can't be one of its words."""


class Redactor:
    """Knows the secrets of one tape, and what stands in their place."""

    def __init__(
        self, clients: Iterable[tuple[str, str]] = (), names: Iterable[str] = (),
        users: Iterable[tuple[str, str]] = (), own: str = "", words: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        """`words` gives the lab's own, in one text; asked for once a peer brings a secret."""
        self.generation = 0
        self._known: dict[str, str] = {}
        self.values: dict[str, str] = {}
        """What each numbered alias stands for."""
        self._numbers = dict.fromkeys(KINDS, 0)
        self._own = own
        self._words_of = words
        self._codes: dict[str, str] = {}
        """The aliases of user codes, by their letters."""
        self._written: dict[str, str] = {}
        """The aliases of numbers, by how they were written."""
        self._listed = frozenset(name.lower() for name in names)
        self._clients = {client: secret for client, secret in clients if secret}  # a public one has none
        self._users = dict(users)
        self._literal: dict[str, str] = {}
        self._shapes: Shapes | None = None
        self._passed: set[str] | None = set()
        """What looked like the code of a gate and was written, for no secret was known; None: too many to tell."""
        self._clean: dict[str, str] = {}
        self._sensitive: dict[str, bool] = {}
        for client, secret in self._clients.items():
            self._configured("client", client, secret)
        for user, password in self._users.items():
            self._configured("user", user, password)

    def _configured(self, kind: str, name: str, secret: str) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise UsageError(
                f"The secret of {kind} {name} is too short to be kept out of a recording.",
                hint=f"Use {SHORTEST_SECRET} characters or more.",
            )
        self._watch(secret, named(kind, name), name)

    # What is known

    def alias(self, value: str, kind: str, why: str = "") -> str:
        """The alias of a secret; one not known yet is known from now on, wherever it turns up."""
        known = self._known.get(value)
        if known is not None:
            return known
        return self.bind(value, numbered(kind, self._numbers[kind] + 1, why_odd(value, kind, why)))

    def bind(self, value: str, alias: str) -> str:
        """Let `alias` stand for `value`; a replay does so for what it makes up."""
        kind = alias[1 : alias.index(":")]
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        self.values.setdefault(alias, value)
        if kind == "number":
            self._written[value] = alias
            if len(value) >= SHORTEST_SECRET:
                self.values[in_text(alias)] = value
                self._watch(value, in_text(alias))
            return alias
        self._known[value] = alias
        if kind == "usercode":
            self._codes[_letters(value)] = alias
        self._hunt(value, alias)
        return alias

    def secret(self, value: str) -> str:
        """The alias of a text that is some secret."""
        return self.alias(value, "secret")

    def number(self, written: str) -> str:
        """The alias of a number; a long one is looked for in texts, too."""
        known = self._written.get(written)
        if known is None:
            known = self.bind(written, number_alias(self._numbers["number"] + 1, written))
        return known

    @cached_property
    def _words(self) -> str:
        return self._words_of()

    def is_own(self, text: str) -> bool:
        """Whether it is one of the lab's own words, or a part of them."""
        return text in self._words

    def _hunt(self, value: str, alias: str, client: str | None = None) -> None:
        """Look for the value everywhere from now on, if other text can be told from it."""
        if len(value) >= SHORTEST_SECRET and not (alias.startswith(_SENT) and self.is_own(value)):
            self._watch(value, alias, client)

    def _watch(self, value: str, alias: str, client: str | None = None) -> None:
        self._known[value] = alias
        # bearer tokens and the codes of gates are many: their shape finds them, no pattern has to grow;
        # what looks like a bearer token was never written, known or not, so nothing has to be redacted anew
        if IS_JWT.fullmatch(value):
            return
        bare = HEX.fullmatch(value) is not None
        if not bare or self._passed is None or value in self._passed:
            self.generation += 1
            self._clean.clear()
        if bare:
            return
        sent = alias.startswith(_SENT)
        for form in forms_of(value, client):
            if sent and self.is_own(form):
                continue
            self._literal.setdefault(form, alias)
        self._shapes = None

    # Text

    def text(self, text: str) -> str:
        """The text without what is known as a secret or looks like one; traffic's own aliases are escaped."""
        known = self._clean.get(text)
        if known is not None:
            return known
        generation = self.generation
        clean = hide(text, self) if worth_reading(text) else self.flat(text)
        # a secret that was found in it may stand in what was gone through before
        if len(text) <= _WORTH_KEEPING and generation == self.generation:
            if len(self._clean) >= _KEPT:
                self._clean.clear()
            self._clean[text] = clean
        return clean

    def flat(self, text: str) -> str:
        """The same of a text in which no member's name is looked for."""
        if self._shapes is None:
            self._shapes = shapes(self._literal, self._own)
        return self._shapes.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        text = found[0]
        match found.lastgroup:
            case "known":
                return self._literal[text]
            case "own":
                return HERE
            case "jwt" | "hook" | "pem":
                return self.secret(text)
            case "login":
                alias = self.secret(text)
                self._hunt(unquote(text.partition(":")[2]), alias)
                return alias
            case "packed":
                return self._packed(text)
            case "hex":
                return self._known.get(text) or self._pass(text)
            case "literal":
                return "«" + text
            case "url":
                return self._encoded(text)
            case "quoted":
                return found["member"] + self._by_name(found["quoted"])
            case "typed":
                return found["input"] + self.secret(unescape(found["typed"]))
            case "inside":
                return found["part"] + self.secret(found["inside"])
            case "plain":
                return found["field"] + self._by_name(found["plain"])
            case _:
                return text

    def _pass(self, text: str) -> str:
        if self._passed is not None:
            self._passed.add(text)
            if len(self._passed) > _PASSED:
                self._passed = None
        return text

    def _by_name(self, value: str) -> str:
        known = self._known.get(value)
        if known is None:
            plain = unquote_plus(value)
            known = self.secret(plain)
            if plain != value:  # it may not have been encoded
                self._hunt(value, known)
        return known

    def _packed(self, text: str) -> str:
        try:
            plain = b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_").decode()
        except ValueError:
            return text
        return self.alias(plain, "secret") if IS_JWT.fullmatch(plain) else text

    def _encoded(self, text: str) -> str:
        for plain in (unquote(text), unquote_plus(text)):
            if aliases(clean := self.text(plain)):
                return clean
        return text

    # Headers, pairs, JSON

    def headers(self, headers: Headers) -> Headers:
        """The headers, credentials by name and all else by value and shape."""
        return tuple((name, header_without_secrets(name, value, self)) for name, value in headers)

    def pair(self, readings: tuple[tuple[str, str], ...], whole: str) -> str:
        """The alias of a name and a secret, in either reading; `whole`: as they were sent."""
        known = self._known.get(whole)
        if known is not None:
            return known
        for client, secret in readings:
            if self._clients.get(client) == secret:
                return named("client", client)
            if self._users.get(client) == secret:
                return named("user", client)
        alias = self.alias(whole, "wrong", "unknown")
        for _, secret in readings:
            if secret not in self._known and secret != REFUSED_SECRET:
                self._hunt(secret, secret_of(alias, why_odd(secret, "wrong", "")), readings[0][0])
        return alias

    def pairs(self, pairs: Iterable[tuple[str, str]], *, oauth: bool) -> tuple[tuple[str, str], ...]:
        """Query or form: secrets by name, all else by value and shape."""
        return tuple((self.text(name), self.named(name, value, oauth=oauth, reply=False)) for name, value in pairs)

    def json(self, value: Json, *, oauth: bool = False, reply: bool = False) -> Json:
        """The value, redacted at every depth."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.json(part, oauth=oauth, reply=reply) for part in value]
            case dict():
                return {
                    self.text(name): self._member(name, part, oauth=oauth, reply=reply) for name, part in value.items()
                }
            case int() | float() if self._written and not isinstance(value, bool):
                written = str(value)
                return self._written.get(written, value) if len(written) >= SHORTEST_SECRET else value
            case _:
                return value

    def _member(self, name: str, value: Json, *, oauth: bool, reply: bool) -> Json:
        if isinstance(value, str):
            return self.named(name, value, oauth=oauth, reply=reply)
        if self.is_secret(name) and value is not None and not isinstance(value, bool):
            return self._hidden(value, partial(self.named, name, oauth=oauth, reply=reply))
        return self.json(value, oauth=oauth, reply=reply)

    def _hidden(self, value: Json, alias: Callable[[str], str]) -> Json:
        """All that stands under the name of a secret; the names in it stay."""
        match value:
            case str():
                return alias(value)
            case list():
                return [self._hidden(part, alias) for part in value]
            case dict():
                return {self.text(name): self._hidden(part, alias) for name, part in value.items()}
            case int() | float() if not isinstance(value, bool):
                return self.number(str(value))
            case _:
                return value

    def is_secret(self, name: str) -> bool:
        """Whether the member of that name holds a secret, on any route."""
        found = self._sensitive.get(name)
        if found is None:
            found = bool(_MEMBER.fullmatch(name)) or name.lower() in self._listed
            if len(self._sensitive) < _KEPT:
                self._sensitive[name] = found
        return found

    def named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        """The value of a member: its alias, if its name says that it is a secret."""
        lower = name.lower()
        secret = self.is_secret(name) or (oauth and not reply and lower == "code")
        if not value or value == REFUSED_SECRET or not secret:
            return self.text(value)
        if lower == "user_code" and value not in self._known:
            self._as_typed(value)
        kind = _OAUTH_KINDS.get(lower, "secret") if oauth else "secret"
        if reply or kind in ("secret", "assertion"):
            return self.alias(value, kind)
        return self.alias(value, "wrong", "unknown")

    def _as_typed(self, value: str) -> None:
        """A user code that is known, typed in another way: it is the same code (RFC 8628 §6.1)."""
        alias = self._codes.get(_letters(value))
        if alias is not None:
            self._known[value] = alias
            self._hunt(value, alias)


def _letters(code: str) -> str:
    return "".join(each for each in code.upper() if each.isalnum())


def why_odd(value: str, kind: str, why: str) -> str:
    """The last part of an alias; to that of a value which no id may be it is added why, for it is refused as one."""
    if kind not in ("secret", "wrong"):
        return why
    if not value.isprintable():
        odd = "unprintable"
    elif len(value) > LONGEST_ID:
        odd = "long"
    else:
        odd = "" if _USUAL.fullmatch(value) else "odd"
    return "-".join(filter(None, (why, odd)))


def redactor_of(config: Config) -> Redactor:
    """Knows the secrets with which a mock was made."""
    clients = [(client.id, client.secret) for client in config.clients]
    users = [(account.name, account.password) for account in config.accounts]
    return Redactor(clients, users=users, own=config.own, words=partial(own_words, config))


@lru_cache(maxsize=1024)
def kind_given(name: str, *, oauth: bool) -> str | None:
    """The kind of alias that a text under this name of a reply is known by from then on; None: it is no secret."""
    if _MEMBER.fullmatch(name) is None:
        return None
    return _OAUTH_KINDS.get(name.lower(), "secret") if oauth else "secret"
