"""What must not be committed: secrets, hosts, addresses and numbers of real people in a recording (recordings.md §5)."""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from lab.recording.alias import GRAMMAR
from lab.recording.known_secrets import KnownSecrets
from lab.recording.redact import Redactor

_ALIAS = re.compile(GRAMMAR)
_ORIGIN = re.compile(r"https?://([^/\s\"'\\«»:?#@]+)")
_LOCAL = re.compile(
    r"localhost|127(?:\.\d+){3}|\[::1\]|.*\.(?:example|test|invalid|localhost)|(?:.*\.)?example\.(?:com|org|net)"
)
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_PHONE = re.compile(r"(?<![\w.+-])\+\d{1,3}[ ()-]?(?:\d[ ()-]?){7,13}\d(?![\w-])")
_ISSUERS = frozenset({"identity.oraclecloud.com"})


class Leak(Struct, frozen=True):
    """Something in line `line` (from 1) that must not be there; the text itself is not repeated for secrets."""

    line: int
    what: str


def leaks(data: bytes, clients: Iterable[tuple[str, str]] = (), allowed: Iterable[str] = ()) -> Iterator[Leak]:
    """Every hit, in order; `allowed` names mail addresses, numbers and hosts that may stand."""
    fine = frozenset(allowed) | _ISSUERS
    pairs = tuple(clients)
    for number, raw in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        bare = _ALIAS.sub("", raw)
        if Redactor(KnownSecrets(pairs)).text(_unescaped(bare)) != _unescaped(bare):
            yield Leak(number, "a secret, or what looks like one")
        for host in _ORIGIN.findall(bare):
            if host not in fine and not _LOCAL.fullmatch(host):
                yield Leak(number, f"the host {host} is neither loopback nor aliased")
        for found in _MAIL.finditer(bare):
            if found[0] not in fine and not _LOCAL.fullmatch(found[1]):
                yield Leak(number, f"the mail address {found[0]}")
        for phone in _PHONE.findall(bare):
            if phone not in fine:
                yield Leak(number, f"the telephone number {phone}")


def _unescaped(text: str) -> str:
    # a quote inside a string hides a member's name from the pattern
    return text.replace('\\"', '"')
