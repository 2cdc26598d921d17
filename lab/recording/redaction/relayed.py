"""Lines that another process of the same lab redacted: its aliases become those by which this tape knows the same values.

Each process numbers aliases by itself, so `«token:T1»` of one may be `«token:T4»` of another. What the lab gave, a token
for one, all processes know: its digest comes with the line, and a tape that knows the value has its own alias for it.
What a peer made up nobody else knows: it gets the next number here. Digests of such values never leave a process, for
short ones can be guessed from them.
"""

import re
from hashlib import sha256
from itertools import islice

from lab.core.clock import Millis
from lab.core.observe import Relayed
from lab.recording.redaction.alias import ALIAS, KINDS, kind_of, number_of
from lab.recording.redaction.known_secrets import KnownSecrets

GIVEN_KINDS = frozenset(("token", "refresh", "code", "device", "usercode"))
"""The kinds of what the lab gives: too long to be guessed, or public for minutes."""
_SAME_NUMBERS = {"part": "wrong", "digits": "number"}
"""Kinds that have the numbers of another."""
_NAMED = frozenset(("client", "user"))
_HEAD = re.compile(r'\{"k":"([a-z]+)","n":[0-9]+,"t":[0-9]+,(?:"w":[0-9]+,)?')
_NUMBER = re.compile("[0-9]+")


def digest_of_value(value: str) -> str:
    """By which two processes find out that they know the same value."""
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def line_at(line: str, n: int, t: Millis, wall: Millis | None) -> str:
    """The line in another place: as the n-th, at another instant."""
    walled = "" if wall is None else f'"w":{wall},'
    return _HEAD.sub(lambda found: f'{{"k":"{found[1]}","n":{n},"t":{t},{walled}', line, count=1)


class RelayedAliases:
    """The aliases of other processes, for one tape."""

    def __init__(self, secrets: KnownSecrets) -> None:
        self._secrets = secrets
        self._numbers: dict[tuple[str, str, int], int] = {}
        self._own: dict[str, str] = {}
        """The aliases of values that this tape knows, by their digests."""
        self._digested = 0

    def translated(self, relayed: Relayed) -> str:
        """The line with this tape's aliases."""

        def own(found: re.Match[str]) -> str:
            alias = found[0]
            kind = _SAME_NUMBERS.get(kind_of(alias), kind_of(alias)) if not alias.startswith("««") else ""
            number = number_of(alias)
            if kind not in KINDS or kind in _NAMED or not number:
                return alias
            mine = self._number(relayed.source, kind, number, relayed.digests.get(alias))
            return _NUMBER.sub(str(mine), alias, count=1)

        return ALIAS.sub(own, relayed.line)

    def _number(self, source: str, kind: str, number: int, digest: str | None) -> int:
        known = self._numbers.get((source, kind, number))
        if known is None:
            alias = self._alias_of(digest) if digest is not None else None
            same = alias is not None and kind_of(alias) == kind
            known = number_of(alias) if alias is not None and same else self._secrets.take(kind)
            self._numbers[source, kind, number] = known
        return known

    def _alias_of(self, digest: str) -> str | None:
        for alias, value in islice(self._secrets.values.items(), self._digested, None):
            if kind_of(alias) in GIVEN_KINDS:
                self._own[digest_of_value(value)] = alias
        self._digested = len(self._secrets.values)
        return self._own.get(digest)
