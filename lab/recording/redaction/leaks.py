"""What must not be committed: secrets, hosts, addresses and numbers of real people in a recording (recordings.md §5)."""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from math import log2
from typing import BinaryIO

from msgspec import Struct

from lab.core.exchange import Json
from lab.core.jsontext import deep
from lab.dialects.router import ROUTER
from lab.recording.format.text import line_value
from lab.recording.redaction.alias import GRAMMAR
from lab.recording.redaction.known_secrets import KnownSecrets
from lab.recording.redaction.redact import Redactor
from lab.recording.redaction.secret_names import is_secret

_ALIAS = re.compile(GRAMMAR)
_HIDDEN = "\0"
"""Stands for an alias while its line is looked at: no line has that sign in it."""
_NO_SECRET = re.compile(rf"(?:{_HIDDEN}(?:[eE][+-]?[0-9]+)?|é|%FF|[\s,])*")
"""What redaction leaves in a secret's place: aliases, and how what they stand for was written."""
_ORIGIN = re.compile(r"https?://([^/\s\"'\\«»:?#@,;)]+)")
_LOCAL = re.compile(
    r"localhost|127(?:\.\d+){3}|\[::1\]|.*\.(?:example|test|invalid|localhost)|(?:.*\.)?example\.(?:com|org|net)"
)
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_PHONE = re.compile(r"(?<![\w.+-])\+\d{1,3}[ ()-]?(?:\d[ ()-]?){7,13}\d(?![\w-])")
_BLANK = re.compile(r"\\u000[9ad]")
_ESCAPED = r"\\u0000"
SHORTEST_RANDOM = 20
"""Characters of the shortest word that is taken for a secret by its entropy alone."""
LEAST_BITS = 64
"""Bits of entropy that it has at least, by how often each of its characters stands in it."""
FEWEST_TURNS = 4
"""How often letters and digits take turns in it at least: in `purchase-order-for-march-2026` they do once."""
_WORD = re.compile(rf"[A-Za-z0-9_+-]{{{SHORTEST_RANDOM},}}")
_TURN = re.compile("(?<=[A-Za-z])[0-9]|(?<=[0-9])[A-Za-z]")
_PLACING = re.compile(
    r"(?i).*(?:ids?|idempotency[_-]?key|etag|cf-ray|match|traceparent|tracestate|digest|hash|sha256|challenge|boundary)|state|nonce|jti|n|x|y|x5\w+(?:#s256)?"
)
"""Names of members and headers whose values are long and random, and no secrets: ids, validators, digests, public keys."""
_SAID = re.compile(r"([\w-]+)[\\\"']{0,8}\s*[=:]\s*[\\\"']{0,8}\Z")
"""The name right before a word in a text."""
_BEFORE = 128
_ODD = re.compile(r"[^\w.$-]+")
"""What no name has that is told on a terminal."""
_LONGEST_PLACE = 80
_ISSUERS = frozenset({"identity.oraclecloud.com"})


def harmless_host(host: str) -> bool:
    """Whether a host may stand in the open: it is loopback, of no real place, or the same for everybody."""
    return host in _ISSUERS or _LOCAL.fullmatch(host) is not None


class Leak(Struct, frozen=True):
    """Something in line `line` (from 1) that must not be there; the text itself is not repeated for secrets."""

    line: int
    what: str


class _Judging(KnownSecrets):
    """Learns nothing, so each line is judged by itself."""

    def find(self, value: str) -> str | None:
        return value if _NO_SECRET.fullmatch(value) else None

    def alias(self, value: str, kind: str, why: str = "") -> str:
        return value if _NO_SECRET.fullmatch(value) else f"«{kind}»"

    def number(self, written: str) -> str:
        return "«number»"

    def look_for(self, value: str, alias: str, client: str | None = None) -> None:
        """Nothing is looked for but what was known before."""


def leaks(data: bytes | BinaryIO, clients: Iterable[tuple[str, str]] = ()) -> Iterator[Leak]:
    """Every hit in the bytes, or the open file, in order; then the words that nothing in all of it places."""
    redactor, words = Redactor(_Judging(clients)), _RandomWords()
    for number, line in enumerate(BytesIO(data) if isinstance(data, bytes) else data, 1):
        raw = line.decode("utf-8", "replace")
        hidden = _unescaped(_ALIAS.sub(_HIDDEN, raw))
        value = _line(raw)
        if redactor.flat(hidden) != hidden or redactor.json(value) != value:
            yield Leak(number, "a secret, or what looks like one")
        elif isinstance(value, dict):
            words.read(number, value)
        bare = _ALIAS.sub("", raw)
        for host in (found.rstrip(".") for found in _ORIGIN.findall(bare)):
            if not harmless_host(host):
                yield Leak(number, f"the host {host} is neither loopback nor aliased")
        for found in _MAIL.finditer(bare):
            if not _LOCAL.fullmatch(found[1]):
                yield Leak(number, f"the mail address {found[0]}")
        for phone in _PHONE.findall(bare):
            yield Leak(number, f"the telephone number {phone}")
    yield from words.unplaced()


def _line(raw: str) -> Json:
    """The value of a line, its aliases out of the way; None: it is no JSON, or none that a recording may hold."""
    try:
        value = line_value(_ALIAS.sub(_ESCAPED, raw).encode())
    except (ValueError, RecursionError):
        return None
    return None if deep(value, raw) else value


def _body(line: dict[str, Json]) -> Json:
    """A body; of bytes the text that is in them."""
    body = line.get("body")
    if line.get("enc") != "b64" or not isinstance(body, str):
        return body
    with suppress(ValueError):
        return _ALIAS.sub(_HIDDEN, b64decode(body).decode("utf-8", "replace"))
    return body


class _RandomWords:
    """Words of high entropy in what was said, and the places that tell what one is: then it is no secret wherever it stands.

    A fact names the lab's ids, a path those that were asked for, a member or a header others. What merely looks like an
    id is none.
    """

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}
        self._placed: set[str] = set()

    def read(self, number: int, line: dict[str, Json]) -> None:
        """Look at a line of a recording."""
        match line.get("k"):
            case "fact":
                self._placed.update(value for value in line.values() if isinstance(value, str))
            case "req" | "res":
                # an id that a wire's route takes was asked for, be it of no job
                if isinstance(path := line.get("p"), str) and (known := ROUTER.at(path)) is not None:
                    self._placed.add(known.job)
                for member in ("p", "q", "h"):
                    self._look(number, member, member, line.get(member))
                self._look(number, "body", "body", _body(line))

    def _look(self, number: int, place: str, name: str, value: Json) -> None:
        match value:
            case str():
                for found in _WORD.finditer(value):
                    if not is_random(found[0]):
                        continue
                    said = _SAID.search(value, max(0, found.start() - _BEFORE), found.start())
                    around = said[1] if said else name
                    if _PLACING.fullmatch(around) and not is_secret(around):
                        self._placed.add(found[0])
                    else:
                        self._found.setdefault(found[0], (number, place))
            case [str() as pair, str() as said]:
                self._look(number, f"{place}.{pair}", pair, said)
            case list():
                for each in value:
                    self._look(number, place, name, each)
            case dict():
                for member, each in value.items():
                    self._look(number, place, "", member)
                    self._look(number, f"{place}.{member}", member, each)
            case _:
                return

    def unplaced(self) -> Iterator[Leak]:
        """Those that nothing places, where they stand first."""
        for word, (number, place) in self._found.items():
            if word not in self._placed:
                plain = _WORD.sub("…", _ODD.sub("…", place))[:_LONGEST_PLACE]
                yield Leak(number, f"a word of {len(word)} characters in {plain} that may be a secret")


def is_random(word: str) -> bool:
    """Whether nobody would make the word up: its entropy is high, and letters and digits take turns."""
    if len(_TURN.findall(word)) < FEWEST_TURNS:
        return False
    parts = [word.count(sign) / len(word) for sign in set(word)]
    return -sum(part * log2(part) for part in parts) * len(word) >= LEAST_BITS


def _unescaped(text: str) -> str:
    # a quote inside a string hides a member's name from the pattern, and a blank the end of a value
    return _BLANK.sub(" ", text.replace('\\"', '"'))
