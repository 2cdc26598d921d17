"""Redaction at write time: by header name, by member name, by value, by shape (recordings.md §5).

A secret becomes a typed alias, numbered by first appearance: same value, same alias. Never a hash, for short
secrets can be guessed from one. `generation` grows whenever a new value is known, so what was redacted before
may be redacted anew.
"""

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote_plus, unquote, unquote_plus

from lab.core.errors import UsageError
from lab.core.exchange import Headers, Json
from lab.identity.clients import REFUSED_SECRET, SHORTEST_SECRET, read_basic
from lab.mock.config import Config
from lab.recording.alias import HERE, KINDS, aliases, named, numbered
from lab.recording.shapes import HEX, IS_JWT, NAMES, Shapes, shapes

_WORTH_KEEPING = 1024
_KEPT = 4096
_PASSED = 16384
_HEADER = re.compile(r"(?i)(?:proxy-)?authorization|cookie|set-cookie|x-api-key|.*-token|.*-secret|.*-signature")
_MEMBER = re.compile(rf"(?i)(?:.*(?:token|secret|password)|{NAMES})", re.DOTALL)
_OAUTH_KINDS = {
    "access_token": "token", "id_token": "token", "token": "token", "refresh_token": "refresh", "code": "code",
    "device_code": "device", "user_code": "usercode", "assertion": "assertion", "client_assertion": "assertion",
    "client_secret": "token",
}  # fmt: skip


class Redactor:
    """Knows the secrets of one tape, and what stands in their place."""

    def __init__(
        self, clients: Iterable[tuple[str, str]] = (), names: Iterable[str] = (),
        users: Iterable[tuple[str, str]] = (), own: str = "",
    ) -> None:  # fmt: skip
        self.generation = 0
        self._known: dict[str, str] = {}
        self.values: dict[str, str] = {}
        """What each numbered alias stands for."""
        self._numbers = dict.fromkeys(KINDS, 0)
        self._own = own
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
        return known if known is not None else self.bind(value, numbered(kind, self._numbers[kind] + 1, why))

    def bind(self, value: str, alias: str) -> str:
        """Let `alias` stand for `value`; a replay does so for what it makes up."""
        kind = alias[1 : alias.index(":")]
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        self.values.setdefault(alias, value)
        self._known[value] = alias
        if len(value) >= SHORTEST_SECRET:
            self._watch(value, alias)
        return alias

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
        for form in _forms(value, client):
            self._literal.setdefault(form, alias)
        self._shapes = None

    # Text

    def text(self, text: str) -> str:
        """The text without what is known as a secret or looks like one; traffic's own aliases are escaped."""
        known = self._clean.get(text)
        if known is not None:
            return known
        if self._shapes is None:
            self._shapes = shapes(self._literal, self._own)
        clean = self._shapes.sub(self._replace, text)
        if len(text) <= _WORTH_KEEPING:
            if len(self._clean) >= _KEPT:
                self._clean.clear()
            self._clean[text] = clean
        return clean

    def _replace(self, found: re.Match[str]) -> str:
        text = found[0]
        match found.lastgroup:
            case "known":
                return self._literal[text]
            case "own":
                return HERE
            case "jwt" | "hook" | "pem" | "login":
                return self.alias(text, "secret")
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
        return value if _is_alias(value) else self.alias(unquote_plus(value), "secret")

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

    def headers(self, headers: Headers, *, reply: bool) -> Headers:
        """The headers, credentials by name and all else by value and shape."""
        return tuple((name, self._header(name, value, reply=reply)) for name, value in headers)

    def _header(self, name: str, value: str, *, reply: bool) -> str:
        if not value or not _HEADER.fullmatch(name):
            return self.text(value)
        if name.endswith("cookie"):
            return self.alias(value, "cookie")
        if not name.endswith("authorization"):
            return self.alias(value, "secret")
        scheme, blank, rest = value.partition(" ")
        if not blank:
            return self.alias(value, "secret")
        return f"{scheme} {self._credentials(scheme.lower(), rest)}"

    def _credentials(self, scheme: str, rest: str) -> str:
        known = self._known.get(rest)
        if known is not None:
            return known
        if scheme == "bearer":
            return self.alias(rest, "wrong", "unknown" if IS_JWT.fullmatch(rest) else "malformed")
        if scheme != "basic":
            return self.alias(rest, "secret")
        readings = read_basic(rest)
        if not readings:
            return self.alias(rest, "wrong", "malformed")
        for client, secret in readings:
            if self._clients.get(client) == secret:
                return named("client", client)
            if self._users.get(client) == secret:
                return named("user", client)
        alias = self.alias(rest, "wrong", "unknown")
        for _, secret in readings:
            if len(secret) >= SHORTEST_SECRET and secret not in self._known and secret != REFUSED_SECRET:
                self._watch(secret, alias, readings[0][0])
        return alias

    def pairs(self, pairs: Iterable[tuple[str, str]], *, oauth: bool) -> tuple[tuple[str, str], ...]:
        """Query or form: secrets by name, all else by value and shape."""
        return tuple((self.text(name), self._named(name, value, oauth=oauth, reply=False)) for name, value in pairs)

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
            case _:
                return value

    def _member(self, name: str, value: Json, *, oauth: bool, reply: bool) -> Json:
        if isinstance(value, str):
            return self._named(name, value, oauth=oauth, reply=reply)
        if self._secret(name, oauth=oauth):
            if isinstance(value, list):
                return [self._member(name, part, oauth=oauth, reply=reply) for part in value]
            if isinstance(value, int | float) and not isinstance(value, bool):
                return self.alias(str(value), "secret")
        return self.json(value, oauth=oauth, reply=reply)

    def _secret(self, name: str, *, oauth: bool) -> bool:
        found = self._sensitive.get(name)
        if found is None:
            found = bool(_MEMBER.fullmatch(name)) or name.lower() in self._listed
            if len(self._sensitive) < _KEPT:
                self._sensitive[name] = found
        return found or (oauth and name.lower() == "code")

    def _named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        if not value or value == REFUSED_SECRET or not self._secret(name, oauth=oauth):
            return self.text(value)
        kind = _OAUTH_KINDS.get(name.lower(), "secret") if oauth else "secret"
        if reply or kind in ("secret", "assertion"):
            return self.alias(value, kind)
        return self.alias(value, "wrong", "unknown")


def redactor_of(config: Config) -> Redactor:
    """Knows the secrets with which a mock was made."""
    clients = [(client.id, client.secret) for client in config.clients]
    users = [(account.name, account.password) for account in config.accounts]
    return Redactor(clients, users=users, own=config.own)


@lru_cache(maxsize=1024)
def kind_given(name: str, *, oauth: bool) -> str | None:
    """The kind of alias that a text under this name of a reply is known by from then on; None: it is no secret."""
    if _MEMBER.fullmatch(name) is None and not (oauth and name.lower() == "code"):
        return None
    return _OAUTH_KINDS.get(name.lower(), "secret") if oauth else "secret"


def _is_alias(text: str) -> bool:
    return text.startswith("«") and text.endswith("»")


def _forms(value: str, client: str | None) -> set[str]:
    """The encodings in which a secret is looked for; percent-encoded text is decoded before it is looked at."""
    plain = {value, quote_plus(value)}
    if client is not None:
        plain |= {f"{client}:{value}", f"{quote_plus(client)}:{quote_plus(value)}"}
    forms = set(plain)
    for text in plain:
        raw = text.encode("utf-8", "surrogatepass")
        for packed in (b64encode(raw).decode(), urlsafe_b64encode(raw).decode()):
            forms |= {packed, packed.rstrip("=")}
    return forms
