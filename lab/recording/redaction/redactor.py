"""Redaction at write time, in three steps: what the lab gives, what comes under a name, what a text says (recordings.md §5).

What the lab gives its facts declare (`given`). What peers bring is told by the name of its header or member (`headers`,
`json`, `written`). What they wrote beside is gone through once, for what is known by then, and for what looks like a
credential by itself (`text`).
"""

import json
import re
from collections.abc import Callable, Collection
from functools import lru_cache, partial
from html import unescape
from urllib.parse import quote, quote_plus, unquote, unquote_plus, unquote_to_bytes

from lab.core.exchange import Headers, Json, text_of
from lab.dialects import wires
from lab.identity.clients import REFUSED_SECRET, read_basic
from lab.mock.config import DECOY_ORIGIN, Config
from lab.recording.format.text import first, loads, matches, replaced
from lab.recording.redaction.secret_names import CLUES, is_secret, is_secret_header, kind_under, names_header
from lab.recording.redaction.stand_ins import (
    HERE,
    STAND_IN,
    KnownSecrets,
    kind_of,
    odd_sign,
    stand_in,
    stand_ins,
)
from lab.recording.redaction.vocabulary import own_words

LAB_CODES = frozenset(name for wire in wires() for name in wire.marks.codes)
_IDS = frozenset(name for wire in wires() for name in wire.marks.ids)
_MOST_KEPT = 4096
_LONGEST_KEPT = 1024
"""Texts that come again and again are remembered, and how long they are at most."""
_MOST_LONG = 4
"""Long ones: a message comes in its request, and again in the fact that it brings."""
# Every shape is bounded or anchored: an unbounded run tried from each of its characters takes the square of its length.
_NAME = re.compile(
    r"[\w.-](?<![\w.-][\w.-])[\w.-]{0,255}+"
    r'(?:"\s*:\s*"|\]?=|"[^\r\n]{0,512}+\r?\n(?:[^\r\n]{1,512}+\r?\n){0,8}+\r?\n)'
)
"""A name, and what stands between it and a value: of a member, of a field of a form, of a part of a form."""
_ENDS = {
    '"': re.compile(r'(?<!\\)(?:\\\\)*+(")'),
    "=": re.compile(r"([&\s\"'<>])"),
    "\n": re.compile(r"(\r?\n--)"),
}
"""What comes behind the value, by the last sign before it."""
_TYPED = re.compile(r'(?<=<input name="user_code" value=")[^"<>]+')
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,64}-----[^-]*+(?:(?!-----END )-[^-]*+)*+(?:-----END [A-Z0-9 ]{1,64}-----)?")
_LOGIN = re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]+(?=@)")
_BEARER = re.compile(r"(?<=(?<![\w-])Bearer )(?=[\w.~+/%-]*\d)[\w.~+/%-]{16,}=*")
_HOOK = re.compile(r"whsec_[A-Za-z0-9+/=_-]+")
_NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)((?:[eE][+-]?[0-9]+)?)")
_SIGN = "\ue000"
"""Around a number of a text, while the others around it are strings."""
_QUOTED_NUMBER = re.compile(f'"{_SIGN}([^"]*){_SIGN}"')
_ESCAPED_SIGN = f"\\u{ord(_SIGN):04x}"
_OURS = "\ud800"
"""Around what stands for a secret in a form, query or path, in which nobody can send such a sign."""
_SLASH = re.compile(r"(/|%2[Ff])")
_PAIR_NAMES = frozenset("name key field property parameter variable header attribute".split())
"""Members that name what another member of the same object holds, as in `{"name":"password","value":…}`."""
_VALUES = ("value", "values")
_TRAILING = ".,;:)]}"
CUT = "lab-S0-cut"
"""The beginning of a secret, where the rest was cut off."""

_SCHEME = re.compile(r"(?i)(bearer|basic)(.*)", re.DOTALL)
_BETWEEN = re.compile(r"([, ]+)")
_SCHEMES = frozenset(("", "bearer", "basic"))
_ATTRIBUTES = frozenset(
    "path domain expires max-age secure httponly samesite partitioned priority version comment commenturl discard port".split()
)
"""What a cookie that is set has beside its value (RFC 6265 §5.2, RFC 2965 §3.2.2)."""
_CHALLENGES = ("www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info")
_PARAMETER = re.compile(
    r"(?P<name>[\w!#$%&'*+.^`|~-]+)[ \t]*=[ \t]*\"?(?P<value>(?<=\")(?:[^\"\\]|\\.)*|[^\s,\"=][^\s,\"]*)"
    r"|(?:\A|(?<=,))[ \t]*[\w-]+[ \t]+(?P<token>[\w.~+/-]+=*)(?=[ \t]*(?:,|\Z))"
)
"""A parameter of a challenge, or the token of one (RFC 9110 §11.3)."""
_PLAIN = frozenset(
    "realm scope error error_description error_uri error_codes resource resource_metadata authorization_uri as_uri client_id"
    " trusted_issuers algorithm algs qop stale domain charset userhash max_age acr_values title nc".split()
)
"""Parameters of a challenge that say how to ask."""


def _text_in_quotes(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


_MEANT: dict[str, Callable[[str], str]] = {"=": unquote_plus, '"': _text_in_quotes, "\n": str}
"""How what stands behind a name is read, by the last sign before it: what is encoded is known by what it says."""


class Redactor:
    """Puts stand-ins in the places of the secrets of one tape."""

    def __init__(
        self, secrets: KnownSecrets, own: str = "", elsewhere: str = DECOY_ORIGIN, codes: Collection[str] = ()
    ) -> None:
        """`own` is the origin of the lab itself, `elsewhere` the one to which it may redirect.

        `codes` are names of members that hold no secret, though they are called so.
        """
        self.secrets, self._codes = secrets, codes
        self._origins: list[tuple[str, re.Pattern[str], str]] = []
        for origin, word in ((own, HERE), (elsewhere, DECOY_ORIGIN)):
            self.stands_for(origin, word)
        # a text that comes again is clean by what was known then, and anew if that grew
        self._clean = lru_cache(_MOST_KEPT)(self._cleaned)
        self._long = lru_cache(_MOST_LONG)(self._cleaned)

    def stands_for(self, origin: str, word: str) -> None:
        """Let a word stand for an origin, of which nothing else is a part."""
        for text, instead in ((origin, word), (quote_plus(origin), quote_plus(word))):
            if text not in ("", instead):
                self._origins.append((text, re.compile(rf"{re.escape(text)}(?![\w.:%-])"), instead))

    # Texts

    def text(self, text: str) -> str:
        """What somebody wrote, without what is known as a secret or looks like one."""
        clean = self._clean if len(text) <= _LONGEST_KEPT else self._long
        return clean(text, self.secrets.generation)

    def _cleaned(self, text: str, generation: int) -> str:
        return self._with_json(text) if text[:1] in ("{", "[") else self.flat(text)

    def _with_json(self, text: str) -> str:
        """A text that may be JSON: written anew as the lab does, if what stands in it under a secret's name was hidden."""
        small = text.lower()
        if _SIGN in text or _ESCAPED_SIGN in small or not any(clue in small for clue in CLUES):
            return self.flat(text)
        try:
            loads(text)
        except ValueError:
            return self.flat(text)
        # its numbers stay as they were written: for more digits than a reader keeps it may have been refused
        value = json.loads(text, parse_int=_Number.of, parse_float=_Number.of)
        hidden = self.json(value)
        return _QUOTED_NUMBER.sub(r"\1", text_of(hidden)) if hidden != value else self.flat(text)

    def flat(self, text: str) -> str:
        """The same of a text that is no JSON."""
        for origin, place, word in self._origins:
            if origin in text:
                text = replaced(place, lambda _, word=word: word, text)  # type: ignore[misc]
        text = self.secrets.hidden(text, self._secret)
        if "=" in text or '"' in text:
            text = self._named_in(text)
        if "://" in text and "@" in text:
            text = replaced(_LOGIN, self._login, text)
        for clue, shape in (("-----BEGIN ", _PEM), ("Bearer ", _BEARER), ("whsec_", _HOOK), ("<input ", _TYPED)):
            if clue in text:
                text = replaced(shape, lambda found: self._written(unescape(found[0]), unquote), text)
        return text

    def _secret(self, value: str, kind: str) -> str:
        return self.secrets.brought(value, kind)

    def _written(self, value: str, meant: Callable[[str], str]) -> str:
        """What stands for what looks like a secret, by what it is `meant` to say.

        A stand-in is ours if it stands there as it is: one that is encoded is a peer's, and gets another.
        """
        return value if STAND_IN.fullmatch(value) else self._secret(meant(value), "secret")

    def _login(self, found: re.Match[str]) -> str:
        name, _, password = found[0].partition(":")
        return f"{name}:{self._written(password, unquote)}"

    def _named_in(self, text: str) -> str:
        """The text without what a name in it tells to be a secret."""
        parts: list[str] = []
        end, names = 0, matches(_NAME, text)
        while (found := next(names, None)) is not None:
            place, mark = found.end(), found[0][-1]
            name = found[0].rstrip('=]"') if mark == "=" else found[0].partition('"')[0]
            if not is_secret(name) or name in self._codes:
                continue
            last = first(_ENDS[mark], text, place)
            value = text[place : len(text) if last is None else last.start(1)]
            # a sentence may go on behind it
            worth = (value.rstrip(_TRAILING) or value) if mark == "=" else value
            if not value:
                continue
            parts += text[end:place], self._written(worth, _MEANT[mark])
            if ";" in worth:  # in a line of settings the next one comes behind it
                self._secret(worth.partition(";")[0], "secret")
            end = place + len(worth)
            names = matches(_NAME, text, place + len(value))
        return "".join((*parts, text[end:]))

    # Headers

    def headers(self, headers: Headers) -> Headers:
        """The headers, credentials by name and all else by what it says."""
        return tuple((name, self.header(name, value)) for name, value in headers)

    def header(self, name: str, value: str) -> str:
        """The value of a header; `name` in lower case.

        What of a credential is no secret stays, for it decides what is answered: the scheme, that nothing comes after it,
        that two come in a row, the names of cookies.
        """
        if value and name in _CHALLENGES:
            return self._challenge(value)
        if name == "location" and "?" in value:  # it repeats what a query said, in another writing
            address, _, query = value.partition("?")
            hidden = self.written(query, oauth=False)
            return f"{self.text(address)}?{replaced(STAND_IN, lambda found: quote_plus(found[0]), hidden)}"
        if not value or not is_secret_header(name):
            return self.text(value)
        if name.removesuffix("2").endswith("cookie"):
            first, *others = value.split(";")
            attributes = _ATTRIBUTES if name.startswith("set-") else frozenset[str]()
            later = (
                self.text(each) if each.partition("=")[0].strip().lower() in attributes else self._cookie(each)
                for each in others
            )
            return ";".join((self._cookie(first), *later))
        if not name.endswith("authorization"):
            return self._secret(value, "secret")
        scheme, blank, rest = value.partition(" ")
        if blank:
            return f"{self.text(scheme)} {self._credentials(scheme.lower(), rest)}"
        found = _SCHEME.fullmatch(value)
        word, credentials = found.groups() if found else ("", value)
        return f"{word}{self._secret(credentials, 'secret') if credentials else ''}"

    def _challenge(self, value: str) -> str:
        """What nobody knows among its parameters, and the token of a scheme, may be a credential."""
        parts: list[str] = []
        end = 0
        for found in _PARAMETER.finditer(value):
            group = "token" if found["token"] else "value"
            if (found["name"] or "").lower() not in _PLAIN and found[group]:
                parts += self.text(value[end : found.start(group)]), self._secret(found[group], "secret")
                end = found.end(group)
        return "".join((*parts, self.text(value[end:])))

    def _cookie(self, part: str) -> str:
        name, equals, value = part.partition("=")
        if not equals:
            name, value = part[: len(part) - len(part.lstrip())], part.lstrip()
            return name + (self._secret(value, "cookie") if value else "")
        return f"{self.text(name)}={self._secret(value, 'cookie') if value else ''}"

    def _credentials(self, scheme: str, rest: str) -> str:
        if scheme == "bearer":
            return "".join(
                part if part.lower() in _SCHEMES or _BETWEEN.fullmatch(part) else self._secret(part, "wrong")
                for part in _BETWEEN.split(rest)
            )
        bare = rest.strip(" ")
        if not bare:
            return rest
        readings = read_basic(bare) if scheme == "basic" else ()
        return rest.replace(bare, self.pair(readings, bare) if readings else self._secret(bare, "wrong"))

    def pair(self, readings: tuple[tuple[str, str], ...], whole: str) -> str:
        """What stands for a name and a secret, in either reading; `whole`: as they were sent."""
        known = (self.secrets.find(secret) for _, secret in readings)
        word = next((each for each in known if each is not None and kind_of(each) in ("client", "user")), None)
        if word is None:
            word = self._secret(whole, "wrong")
            for _, secret in readings:
                if secret != REFUSED_SECRET:
                    self._secret(secret, "wrong")
        return word

    # Forms, queries, paths

    def written(self, text: str, *, oauth: bool) -> str:
        """A form or query, pair by pair as it was written."""
        # a secret that isn't encoded is no value of one pair
        text = self.secrets.hidden(text, mark=lambda form, word: f"{_OURS}{word}{_unreadable(form)}{_OURS}")
        return "&".join(self._pair(part, oauth=oauth) for part in text.split("&"))

    def _pair(self, part: str, *, oauth: bool) -> str:
        name, equals, value = part.partition("=")
        member, plain = unquote_plus(name), unquote_plus(value)
        if _OURS not in value and self.is_secret(member, plain, oauth=oauth, reply=False):
            word = quote_plus(self.named(member, plain, oauth=oauth, reply=False), safe="!")
            return f"{self.text(name)}{equals}{word}{_unreadable(value)}"
        return self._segment(name, "+") + equals + self._segment(value, "+")

    def _segment(self, written: str, blank: str) -> str:
        """A part of a URL or form: what it means without secrets, if there are any; else as it was written."""
        if _OURS in written:
            parts = enumerate(written.split(_OURS))
            return "".join(part if number % 2 else self._segment(part, blank) for number, part in parts)
        clean = self.text(written)
        if "%" not in written and (blank not in written or blank != "+"):
            return clean
        plain = unquote_plus(written) if blank == "+" else unquote(written)
        hidden = self.text(plain)
        if hidden == plain or not stand_ins(hidden):
            return clean
        # in a path it may have been refused for its signs
        odd = odd_sign(plain, hidden) if blank == "%" else ""
        encoded = quote_plus if "+" in written else quote
        return (
            encoded(hidden, safe="!" + "".join(sign for sign in ":/" if sign in written)) + odd + _unreadable(written)
        )

    def path(self, path: str) -> str:
        """A path, segment by segment as it was written."""
        path = self.secrets.hidden(path, mark=lambda form, word: f"{_OURS}{word}{odd_sign(unquote(form), word)}{_OURS}")
        return "".join(self._segment(part, "%") for part in _SLASH.split(path))

    # JSON

    def json(self, value: Json, *, oauth: bool = False, reply: bool = False) -> Json:
        """The value, redacted at every depth."""
        match value:
            case _Number():
                return _Number.of(self.secrets.number_like(value.digits) or value.digits)
            case str():
                return self.text(value)
            case list():
                return [self.json(part, oauth=oauth, reply=reply) for part in value]
            case dict():
                named = _told_of(value)
                return {
                    self.text(name): self._member(
                        named if named and name.lower().endswith(_VALUES) else name, part, oauth=oauth, reply=reply
                    )
                    for name, part in value.items()
                }
            case int() | float() if not isinstance(value, bool):
                known = self.secrets.number_like(str(value))
                return value if known is None else _as_number(known, value)
            case _:
                return value

    def _member(self, name: str, value: Json, *, oauth: bool, reply: bool) -> Json:
        if isinstance(value, str) and not isinstance(value, _Number):
            if self.is_secret(name, value, oauth=oauth, reply=reply):
                return self.named(name, value, oauth=oauth, reply=reply)
            if name in _IDS and self.secrets.find(value) is None and stand_ins(self.text(value)):
                # two ids that are one secret in two writings stay two
                return self._secret(value, "secret")
            # of a header with credentials it may be one, but no bare word
            return self.header(name.lower(), value) if names_header(name) and not value.isalpha() else self.text(value)
        if is_secret(name) and name not in self._codes and value is not None and not isinstance(value, bool):
            return self._within(value, partial(self.named, name, oauth=oauth, reply=reply))
        if isinstance(value, list) and names_header(name):
            return [self._member(name, part, oauth=oauth, reply=reply) for part in value]
        return self.json(value, oauth=oauth, reply=reply)

    def _within(self, value: Json, hide: Callable[[str], str]) -> Json:
        """All that stands under the name of a secret; the names in it stay."""
        match value:
            case _Number():
                return _Number.of(self._number(value.digits))
            case str():
                return hide(value) if value else value
            case list():
                return [self._within(part, hide) for part in value]
            case dict():
                return {self.text(name): self._within(part, hide) for name, part in value.items()}
            case int() | float() if not isinstance(value, bool):
                return _as_number(self._number(str(value)), value)
            case _:
                return value

    def _number(self, written: str) -> str:
        found = _NUMBER.fullmatch(written)
        assert found is not None
        return self.secrets.number(found[1]) + found[2]

    def is_secret(self, name: str, value: str, *, oauth: bool, reply: bool) -> bool:
        """Whether a member's value is one, by its name."""
        if not value or value == REFUSED_SECRET or name in self._codes:
            return False
        return is_secret(name) or (oauth and not reply and name.lower() == "code")

    def named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        """What stands for a secret of that name."""
        kind = kind_under(name, oauth=oauth)
        if kind == "usercode" and not reply:
            letters = "".join(each for each in value.upper() if each.isalnum())
            known = self.secrets.find(letters) or self.secrets.find(f"{letters[:4]}-{letters[4:]}")
            return known or self._secret(value, "secret")
        return self._secret(value, kind if reply or kind in ("secret", "verifier", "assertion") else "wrong")

    def members(self, members: "dict[str, Json]") -> "dict[str, Json]":
        """Those of a fact."""
        clean = self.json(members)
        assert isinstance(clean, dict)
        return clean

    def of_cut(self, text: str) -> str:
        """A text of which not all arrived, without the beginning of a secret with which it ends."""
        place = self.secrets.begun(text)
        return text if place < 0 else text[:place] + CUT


class _Number(str):
    """A number of a text, as it is written there, between signs that tell its quotes from those of a string."""

    @classmethod
    def of(cls, digits: str) -> "_Number":
        return cls(f"{_SIGN}{digits}{_SIGN}")

    @property
    def digits(self) -> str:
        return self[1:-1]


class Plain(Redactor):
    """Puts nothing in anything's place: there are stand-ins already."""

    def __init__(self) -> None:
        super().__init__(KnownSecrets())

    def text(self, text: str) -> str:
        return text

    def header(self, name: str, value: str) -> str:
        return value

    def written(self, text: str, *, oauth: bool) -> str:
        return text

    def path(self, path: str) -> str:
        return path

    def json(self, value: Json, *, oauth: bool = False, reply: bool = False) -> Json:
        return value

    def of_cut(self, text: str) -> str:
        return text


def _unreadable(written: str) -> str:
    """A sign that is refused as the part of a URL or form is: not encoded, or no UTF-8."""
    if not written.isascii():
        return "\xe9"
    try:
        unquote_to_bytes(written).decode()
    except UnicodeDecodeError:
        return "%FF"
    return ""


def _as_number(written: str, like: int | float) -> Json:
    return float(written) if isinstance(like, float) else int(written)


def _told_of(value: "dict[str, Json]") -> str | None:
    """The name of a secret that one of its members tells of another."""
    said = (part for name, part in value.items() if name.lower() in _PAIR_NAMES and isinstance(part, str))
    return next((each for each in said if is_secret(each) or names_header(each)), None)


def redactor_of(config: Config) -> Redactor:
    """Knows the secrets with which a mock was made."""
    secrets = KnownSecrets(partial(own_words, config))
    for number, client in enumerate(config.clients, 1):
        secrets.next("client")
        if client.secret:
            secrets.configure(client.secret, stand_in("client", number), client.id)
    for number, account in enumerate(config.accounts, 1):
        secrets.next("user")
        secrets.configure(account.password, stand_in("user", number), account.name)
    return Redactor(secrets, config.own, config.elsewhere, LAB_CODES)
