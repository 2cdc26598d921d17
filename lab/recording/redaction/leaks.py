"""What must not be committed: secrets, hosts, addresses and numbers of real people in a recording (recordings.md §5)."""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import BinaryIO

from msgspec import Struct

from lab.recording.redaction.alias import GRAMMAR
from lab.recording.redaction.known_secrets import KnownSecrets
from lab.recording.redaction.redact import Redactor

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
    """Every hit in the bytes, or the open file, in order."""
    redactor = Redactor(_Judging(clients))
    for number, line in enumerate(BytesIO(data) if isinstance(data, bytes) else data, 1):
        raw = line.decode("utf-8", "replace")
        hidden = _unescaped(_ALIAS.sub(_HIDDEN, raw))
        if redactor.text(hidden) != hidden:
            yield Leak(number, "a secret, or what looks like one")
        bare = _ALIAS.sub("", raw)
        for host in (found.rstrip(".") for found in _ORIGIN.findall(bare)):
            if not harmless_host(host):
                yield Leak(number, f"the host {host} is neither loopback nor aliased")
        for found in _MAIL.finditer(bare):
            if not _LOCAL.fullmatch(found[1]):
                yield Leak(number, f"the mail address {found[0]}")
        for phone in _PHONE.findall(bare):
            yield Leak(number, f"the telephone number {phone}")


def _unescaped(text: str) -> str:
    # a quote inside a string hides a member's name from the pattern, and a blank the end of a value
    return _BLANK.sub(" ", text.replace('\\"', '"'))
