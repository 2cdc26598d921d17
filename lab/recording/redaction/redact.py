"""Redaction at write time: by header name, by member name, by value, by shape (recordings.md §5)."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from html import unescape
from sys import maxsize
from urllib.parse import unquote, unquote_plus

from lab.core.exchange import Headers, Json
from lab.identity.clients import REFUSED_SECRET, SHORTEST_SECRET
from lab.mock.config import DECOY_ORIGIN, Config
from lab.recording.format.text import dumps, loads
from lab.recording.redaction.alias import CUT, HERE, NUMBER, aliases
from lab.recording.redaction.headers import header_without_secrets
from lab.recording.redaction.known_secrets import KnownSecrets
from lab.recording.redaction.secret_names import CLUES, is_secret, kind_under, names_header, tells_of_secret
from lab.recording.redaction.shapes import Shapes
from lab.recording.redaction.vocabulary import own_words

_WORTH_KEEPING = 1024
"""Characters of a text that comes again and again, at most."""
_KEPT = 4096
_PAIR_NAMES = ("name", "key", "field", "property", "parameter", "variable", "header", "attribute")
_PAIRED = dict.fromkeys((*_PAIR_NAMES, *map(str.title, _PAIR_NAMES))).keys()
"""Members that name what another member of the same object holds, as in `{"name":"password","value":…}`."""
_VALUES = ("value", "values")
_OPENS = ("{", "[")
_CLUED = re.compile(rf"((?:{'|'.join(CLUES)})[\w.-]*+)\\*\"\s*[:,]")
_ESCAPED = re.compile(r"\\u00[2-7][0-9a-f]")
_LONGEST_BEGINNING = 24
"""Characters before a clue that tell whether it ends the name of a secret."""
_ALONE = frozenset(("otp", "sig", "accesskey"))
_NUMBER_ALIAS = re.compile(r'"(«number:[A-Z0-9:]+»(?:[eE][+-]?[0-9]+)?)"')


class Redactor:
    """Replaces the secrets of one tape by their aliases."""

    def __init__(self, secrets: KnownSecrets, own: str = "", elsewhere: str = DECOY_ORIGIN) -> None:
        """`own` is the origin of the lab itself, `elsewhere` the one to which it may redirect."""
        self.secrets = secrets
        self.origins = own, elsewhere
        self._shapes = Shapes(secrets.texts, own, elsewhere if elsewhere != DECOY_ORIGIN else "")
        self._clean: dict[str, str] = {}
        """Texts that come again and again, redacted; of this generation of secrets."""
        self._generation = secrets.generation
        self._longest, self._most = _WORTH_KEEPING, _KEPT

    def of_cut(self) -> "Redactor":
        """The same for answers of which not all arrived."""
        return CutRedactor(self.secrets, *self.origins)

    def on_trial(self, secrets: KnownSecrets, *, cut: bool) -> "Redactor":
        """One with a copy of the secrets, which remembers long texts too: for one exchange."""
        other = (CutRedactor if cut else Redactor)(secrets, *self.origins)
        other._longest = other._most = maxsize
        return other

    # Text

    def text(self, text: str) -> str:
        """The text without what is known as a secret or looks like one; traffic's own aliases are escaped."""
        generation = self.secrets.generation
        if generation != self._generation:
            self._clean.clear()
            self._generation = generation
        known = self._clean.get(text)
        if known is not None:
            return known
        clean = self._with_json(text) if text[:1] in _OPENS and _names_secret(text) else self.flat(text)
        # a secret that was found in it may stand in what was gone through before
        if len(text) <= self._longest and generation == self.secrets.generation:
            if len(self._clean) >= self._most:
                self._clean.clear()
            self._clean[text] = clean
        return clean

    def _with_json(self, text: str) -> str:
        """A text that may be JSON: written anew, if what stands in it under the name of a secret was hidden."""
        try:
            hidden = dumps(self.json(loads(text)))
        except ValueError:
            return self.flat(text)
        # a number stays one, for whoever reads the text
        return _NUMBER_ALIAS.sub(r"\1", hidden) if aliases(hidden) else self.flat(text)

    def flat(self, text: str) -> str:
        """The same of a text in which no member's name is looked for."""
        return self._shapes.sub(self._replace, self.secrets.secret, text)

    def _replace(self, found: re.Match[str]) -> str:
        text = found[0]
        match found.lastgroup:
            case "own":
                return HERE
            case "elsewhere":
                return DECOY_ORIGIN
            case "hook" | "pem":
                return self.secrets.secret(text)
            case "login":
                alias = self.secrets.secret(text)
                self.secrets.look_for(unquote(text.partition(":")[2]), alias)
                return alias
            case "hex":
                return self.secrets.code(text)
            case "literal":
                return self._literal(text)
            case "url":
                return self._encoded(text)
            case "quoted":
                return found["member"] + self._by_name(found["quoted"])
            case "plain":
                # a sentence may go on behind it
                worth = found["plain"].rstrip(".,;:)]}") or found["plain"]
                alias = self._by_name(worth)
                # of a URL, or of one that is to connect with, more may stand behind it
                first = re.split("[#;]", worth)[0]
                if first != worth and self.secrets.find(first) is None:
                    self.secrets.look_for(first, alias)
                return found["field"] + alias + found["plain"].removeprefix(worth)
            case "inside" | "credential" | "typed" as group:
                worth = unescape(found[group]) if group == "typed" else found[group]
                return text.removesuffix(found[group]) + self.secrets.secret(worth)
            case _:
                return text

    def _literal(self, text: str) -> str:
        """What looks like an alias, so it has one more `«`; unless there is a secret in it."""
        inside = text.lstrip("«")
        return "«" + text if self.flat(inside) == inside else self.secrets.secret(text)

    def _by_name(self, value: str) -> str:
        known = self.secrets.find(value)
        if known is None:
            plain = unquote_plus(value)
            known = self.secrets.secret(plain)
            if plain != value:  # it may not have been encoded
                self.secrets.look_for(value, known)
        return known

    def _encoded(self, text: str) -> str:
        for plain in (unquote(text), unquote_plus(text)):
            if aliases(clean := self.text(plain)):
                return clean
        return text

    # Headers, pairs, JSON

    def headers(self, headers: Headers) -> Headers:
        """The headers, credentials by name and all else by value and shape."""
        return tuple((name, header_without_secrets(name, value, self)) for name, value in headers)

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
                paired = None if _PAIRED.isdisjoint(value) else _named_in(value)
                return {
                    self.text(name): self._member(
                        paired if paired and name.lower().endswith(_VALUES) else name, part, oauth=oauth, reply=reply
                    )
                    for name, part in value.items()
                }
            case int() | float() if self.secrets.numbers and not isinstance(value, bool):
                written = str(value)
                return self.secrets.numbers.get(written, value) if len(written) >= SHORTEST_SECRET else value
            case _:
                return value

    def _member(self, name: str, value: Json, *, oauth: bool, reply: bool) -> Json:
        if isinstance(value, str):
            return self.named(name, value, oauth=oauth, reply=reply)
        if is_secret(name) and value is not None and not isinstance(value, bool):
            return self._hidden(value, partial(self.named, name, oauth=oauth, reply=reply))
        if isinstance(value, list) and name.lower().endswith("headers"):
            return self._listed(value, oauth=oauth, reply=reply)
        if isinstance(value, list) and names_header(name):
            return [self._member(name, part, oauth=oauth, reply=reply) for part in value]
        return self.json(value, oauth=oauth, reply=reply)

    def _listed(self, value: list[Json], *, oauth: bool, reply: bool) -> Json:
        """Headers as names and values in turn, or as pairs in a list."""
        if len(value) % 2 == 0 and all(isinstance(each, str) for each in value):
            names = [each if number % 2 else "" for number, each in enumerate(("", *value))]
            return [
                self.named(str(name), str(each), oauth=oauth, reply=reply)
                for name, each in zip(names, value, strict=False)
            ]
        return [
            self._listed(each, oauth=oauth, reply=reply)
            if isinstance(each, list)
            else self.json(each, oauth=oauth, reply=reply)
            for each in value
        ]

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
                number = NUMBER.fullmatch(str(value))
                assert number is not None
                return self.secrets.number(number[1]) + number[2]
            case _:
                return value

    def unnamed(self, name: str, value: str) -> str:
        """The value of a member that is no secret by its name; of a header with credentials it may be one, but no bare word."""
        if names_header(name) and not value.isalpha():
            return header_without_secrets(name.lower(), value, self)
        return self.text(value)

    def named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        """The value of a member: its alias, if its name says that it is a secret."""
        lower = name.lower()
        secret = is_secret(name) or (oauth and not reply and lower == "code")
        if not value or value == REFUSED_SECRET or not secret:
            return self.unnamed(name, value)
        if lower == "user_code" and self.secrets.find(value) is None:
            self.secrets.learn_typed(value)
        kind = kind_under(name, oauth=oauth)
        if reply or kind in ("secret", "assertion"):
            return self.secrets.alias(value, kind)
        return self.secrets.alias(value, "wrong", "unknown")


def _named_in(value: dict[str, Json]) -> str | None:
    """The name of a secret that one of its members tells of another."""
    said, holds = None, False
    for name, part in value.items():
        if name in _PAIRED:
            if isinstance(part, str) and tells_of_secret(part):
                said = part
        elif name[-6:].lower().endswith(_VALUES):
            holds = True
    return said if holds else None


class CutRedactor(Redactor):
    """Replaces also the beginning of a secret with which a text ends, for it was cut."""

    def text(self, text: str) -> str:
        """The text without secrets, and without the beginning of one."""
        clean = super().text(text)
        place = self.secrets.texts.begun(clean)
        return clean if place < 0 else clean[:place] + CUT


def _names_secret(text: str) -> bool:
    """Whether a text of JSON may have a member, at any depth, that is called like a secret."""
    small = text.lower()
    return _ESCAPED.search(small) is not None or any(
        found[1] in _ALONE or is_secret(small[max(0, found.start() - _LONGEST_BEGINNING) : found.end(1)])
        for found in _CLUED.finditer(small)
    )


def redactor_of(config: Config) -> Redactor:
    """Knows the secrets with which a mock was made."""
    clients = [(client.id, client.secret) for client in config.clients]
    users = [(account.name, account.password) for account in config.accounts]
    return Redactor(KnownSecrets(clients, users, partial(own_words, config)), config.own, config.elsewhere)
