"""What must not be committed: secrets, hosts, addresses and numbers of real people in a recording (recordings.md §5)."""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO

from msgspec import Struct

from lab.core.exchange import Json
from lab.core.jsontext import deep
from lab.dialects.router import ROUTER
from lab.recording.format.text import line_value
from lab.recording.redaction.bodies import loose_pairs
from lab.recording.redaction.redactor import LAB_CODES, Redactor
from lab.recording.redaction.secret_names import is_secret
from lab.recording.redaction.stand_ins import STAND_IN, KnownSecrets, bits, stand_in

_LOOKED_AT = frozenset("u h body fact facts".split())
"""Members of which each is looked at in its own way."""
_HIDDEN = "\0"
"""Stands for a stand-in while a text is looked at."""
_NO_SECRET = re.compile(rf"(?:{_HIDDEN}|é|\ufffd|[\s,])*")
"""What redaction leaves in a secret's place: stand-ins, and how what they stand for was written."""
ORIGIN = re.compile(r"(?i)https?://(?:[^/\s@\"'\\<>]*@)?([\w.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")
"""An origin in a text, and a login in it: the host, and the port with its colon."""
_LOCAL = re.compile(
    r"localhost|127(?:\.\d+){3}|\[::1\]|.*\.(?:example|test|invalid|localhost)|(?:.*\.)?example\.(?:com|org|net)"
)
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_PHONE = re.compile(r"(?<![\w.+-])\+\d{1,3}[ ()-]?(?:\d[ ()-]?){7,13}\d(?![\w-])")
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
    word: str = ""
    """What may be allowed; a secret may not."""


class _Judge(Redactor):
    """Hides nothing, and notes whether something should have been; each line is judged by itself."""

    def __init__(self, clients: Iterable[tuple[str, str]]) -> None:
        secrets = KnownSecrets()
        super().__init__(secrets)
        for number, (name, secret) in enumerate(clients, 1):
            secrets.configure(secret, stand_in("client", number), name)
        self.found = False

    def begin(self, header: dict[str, Json]) -> None:
        """The header tells whether a mock's own codes are in the open."""
        self._codes = LAB_CODES if header.get("source") in ("mock", "playback") else ()

    def text(self, text: str) -> str:
        """As any, but for what stands for a secret."""
        bare = STAND_IN.sub("", text)
        self.found = self.found or self.secrets.hidden(bare) != bare
        return super().text(text)

    def flat(self, text: str) -> str:
        """As any; what stands for a secret is none."""
        return super().flat(STAND_IN.sub(_HIDDEN, text))

    def _secret(self, value: str, kind: str) -> str:
        self.found = self.found or not _NO_SECRET.fullmatch(STAND_IN.sub(_HIDDEN, value))
        return value

    def named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        """Whether what stands under the name of a secret is none."""
        return self._secret(value, "secret")

    def line(self, line: dict[str, Json]) -> None:
        """Look at what peers wrote in a line of a recording, and at what facts tell of it."""
        path, mark, query = str(line.get("u", "")).partition("?")
        self.path(path)
        if mark:
            self.written(query, oauth=False)
        headers = [pair for pair in _list(line.get("h")) if isinstance(pair, list) and len(pair) == 2]
        kind = next((str(value) for name, value in headers if name == "content-type"), "")
        for name, value in headers:
            self.header(str(name), str(value))
        body = _body(line)
        if isinstance(body, str) and "x-www-form-urlencoded" in kind:
            self.written(body, oauth=False)
        elif body is not None:
            self.json(body)
        for fact in (line.get("fact"), *_list(line.get("facts"))):
            self.json(fact)
        self.json({name: value for name, value in line.items() if name not in _LOOKED_AT})


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def leaks(data: bytes | BinaryIO, clients: Iterable[tuple[str, str]] = ()) -> Iterator[Leak]:
    """Every hit in the bytes, or the open file, in order; then the words that nothing in all of it places."""
    judge, words = _Judge(clients), _RandomWords()
    for number, line in enumerate(BytesIO(data) if isinstance(data, bytes) else data, 1):
        raw = line.decode("utf-8", "replace")
        value, judge.found = _line(raw), False
        if isinstance(value, dict):
            if value.get("k") == "header":
                judge.begin(value)
            judge.line(value)
        else:
            judge.flat(raw)
        if judge.found:
            yield Leak(number, "a secret, or what looks like one")
        elif isinstance(value, dict):
            words.read(number, value)
        bare = STAND_IN.sub("x", raw)
        for host in (found[1].rstrip(".") for found in ORIGIN.finditer(bare)):
            if not harmless_host(host):
                yield Leak(number, f"the host {host} is neither loopback nor hidden", host)
        for found in _MAIL.finditer(bare):
            if not _LOCAL.fullmatch(found[1]):
                yield Leak(number, f"the mail address {found[0]}", found[0])
        for phone in _PHONE.findall(bare):
            yield Leak(number, f"the telephone number {phone}", phone)
    yield from words.unplaced()


def _line(raw: str) -> Json:
    """The value of a line; None: it is no JSON, or none that a recording may hold."""
    try:
        value = line_value(raw.encode())
    except (ValueError, RecursionError):
        return None
    return None if deep(value, raw) else value


def _body(line: dict[str, Json]) -> Json:
    """A body; of bytes the text that is in them."""
    body = line.get("body")
    if line.get("enc") != "b64" or not isinstance(body, str):
        return body
    with suppress(ValueError):
        return b64decode(body).decode("utf-8", "replace")
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
                self._place(line.get("fact"))
            case "req" | "res":
                for fact in _list(line.get("facts")):
                    self._place(fact)
                # an id that a wire's route takes was asked for, be it of no job
                path, _, query = str(line.get("u", "")).partition("?")
                if (known := ROUTER.at(path)) is not None:
                    self._placed.add(known.job)
                self._look(number, "u", "u", path)
                for name, said in loose_pairs(query) if query else ():
                    self._look(number, f"u.{name}", name, said)
                self._look(number, "h", "h", line.get("h"))
                self._look(number, "body", "body", _body(line))

    def _place(self, fact: Json) -> None:
        if isinstance(fact, dict):
            self._placed.update(value for value in fact.values() if isinstance(value, str))

    def _look(self, number: int, place: str, name: str, value: Json) -> None:
        match value:
            case str():
                for found in _WORD.finditer(value):
                    if not is_random(found[0]):
                        continue
                    said = _SAID.search(value, max(0, found.start() - _BEFORE), found.start())
                    around = said[1] if said else name
                    if around in LAB_CODES or (_PLACING.fullmatch(around) and not is_secret(around)):
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
                yield Leak(number, f"a word of {len(word)} characters in {plain} that may be a secret", word)


def is_random(word: str) -> bool:
    """Whether nobody would make the word up: its entropy is high, and letters and digits take turns."""
    return len(_TURN.findall(word)) >= FEWEST_TURNS and bits(word) >= LEAST_BITS
