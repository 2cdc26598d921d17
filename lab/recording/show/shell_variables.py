"""What a script must not hold or can't know in advance: secrets, and what the answers give this time.

Secrets that an answer gives are taken from it, and so are ids; what no answer gives has to be set by whoever runs it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from urllib.parse import unquote

from lab.core.exchange import Json
from lab.identity.keys import challenge_of
from lab.recording.format.lines import CAPTURE, Body, Enc, Recording, Req, Res
from lab.recording.format.text import dumps
from lab.recording.redaction.alias import GRAMMAR, HERE, LONGEST_ID, kind_of
from lab.recording.redaction.bodies import Blob
from lab.recording.replay.rebuild import invented
from lab.recording.replay.regenerate import regenerate
from lab.recording.show.shell import printf, shell_word
from lab.recording.tape.header import config_of
from lab.recording.tape.recorded_calls import body_within, calls_in

MADE_UP = frozenset(("wrong", "part", "number", "digits"))
"""Kinds of aliases in whose place any value is as good: it was refused, or is no secret."""
SECRET_VARIABLES = {
    "token": "LAB_TOKEN",
    "client": "LAB_CLIENT_SECRET",
    "user": "LAB_PASSWORD",
    "assertion": "LAB_ASSERTION",
}
"""Names of variables by kinds; others are named after the kind, or the member that an id stood in."""

_LOGINS = {"client": "LAB_CLIENT_ID", "user": "LAB_USER"}
"""The same of whose names a capture has aliases, which end so."""
_NAME_END = ":id»"

_PIECE = re.compile(rf"(?P<alias>{GRAMMAR})|(?P<id>[0-9A-Za-z-]{{8,{LONGEST_ID}}})")
_TEXT_MEMBER = re.compile(r'"([A-Za-z_][A-Za-z0-9_-]{0,40})": *"([^"]*)"')
_IN_LOCATION = re.compile(rf"[?&]([a-z_]{{1,40}})=({GRAMMAR})")
_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])")


class Capture(NamedTuple):
    """Where an answer gives a value: a function of the script, and what it is called with."""

    variable: str
    member: str
    how: str


class ShellVariables:
    """All of a recording's."""

    def __init__(self, recording: Recording, blob: Blob) -> None:
        self.needed: dict[str, str] = {}
        """By variables that have to be set, the aliases that they stand for."""
        self.captures: dict[int, list[Capture]] = {}
        """By exchange what its answer gives that is asked for later."""
        self._anew = _verifiers(recording)
        self._names: dict[str, str] = {HERE: "LAB_BASE"}
        """The variable of an alias or id."""
        self._numbers = Counter(("LAB_BASE", "LAB_TOKEN_URL", "LAB_SPEED"))
        given: dict[str, tuple[int, str, str]] = {}
        logins = recording.header.source == CAPTURE
        for call in calls_in(recording):
            for key in _keys(call.req, blob, logins=logins):
                if key not in self._names and key not in self._anew:
                    self._want(key, given.get(key))
            if call.res is not None:
                for key, member, how in _gives(call.res, blob):
                    given.setdefault(key, (call.req.x, member, how))

    def _want(self, key: str, place: tuple[int, str, str] | None) -> None:
        if place is None and (not key.startswith("«") or kind_of(key) in MADE_UP):
            return
        member = place[1] if place else ""
        names = _LOGINS if key.endswith(_NAME_END) else SECRET_VARIABLES
        base = names.get(kind_of(key), f"LAB_{kind_of(key).upper()}") if key.startswith("«") else ""
        base = base or f"LAB_{_HUMP.sub('_', member).replace('-', '_').upper()}"
        self._numbers[base] += 1
        name = self._names[key] = base if self._numbers[base] == 1 else f"{base}_{self._numbers[base]}"
        if place is None:
            self.needed[name] = key
        else:
            self.captures.setdefault(place[0], []).append(Capture(name, *place[1:]))

    def word(self, text: str, scheme: str = "text") -> str:
        """A word that is this text, variables in it; `scheme` is that of an authorization."""
        pieces = _joined(self._pieces(text, scheme))
        return "".join(f'"${piece}"' if is_variable else shell_word(piece) for is_variable, piece in pieces) or "''"

    def login(self, alias: str) -> str:
        """A word that is the name of the client or user whose secret this stands for."""
        name = alias[:-1] + _NAME_END
        return self.word(name) if name in self._names else shell_word(unquote(alias.partition(":")[2][:-1]))

    def printed(self, text: str) -> list[str]:
        """Commands that print this text, whatever is in it."""
        pieces = _joined(self._pieces(text, "text"))
        return [f'printf %s "${piece}"' if is_variable else printf(piece) for is_variable, piece in pieces]

    def _pieces(self, text: str, scheme: str) -> Iterator[tuple[bool, str]]:
        """What the text is made of: whether it is a variable, and its name or the text."""
        for recorded, text_of_now in self._anew.items():
            text = text.replace(recorded, text_of_now)
        start = 0
        for found in _PIECE.finditer(text):
            piece = found[0]
            name = self._names.get(piece)
            if name is None and (found["id"] or not piece.startswith("«")):
                continue
            yield False, text[start : found.start()]
            start = found.end()
            if name is not None:
                yield True, name
            elif piece.startswith("««"):
                yield False, piece[1:]
            else:
                yield False, invented(piece, scheme, LONGEST_ID + 1) if kind_of(piece) in MADE_UP else piece
        yield False, text[start:]


def _joined(pieces: Iterable[tuple[bool, str]]) -> Iterator[tuple[bool, str]]:
    """The same, texts that follow one another in one."""
    for is_variable, group in groupby(pieces, itemgetter(0)):
        if is_variable:
            yield from group
        elif text := "".join(piece for _, piece in group):
            yield False, text


def _keys(req: Req, blob: Blob, *, logins: bool) -> Iterator[str]:
    """The aliases and ids in a request; `logins`: what a client is called goes with its secret."""
    query = (text for pair in req.query for text in pair) if req.written is None else (req.written,)
    for text in (req.path, *query, *(value for _, value in req.headers), text_of_body(body_within(req.body, blob))):
        for found in _PIECE.finditer(text):
            if not found[0].startswith("««"):
                yield found[0]
            if logins and found["alias"] and kind_of(found[0]) in _LOGINS and found[0].count(":") == 1:
                yield found[0][:-1] + _NAME_END


def _gives(res: Res, blob: Blob) -> Iterator[tuple[str, str, str]]:
    """Values that an answer has, the members they stand in, and how the script takes them out."""
    numbers = Counter[str]()
    text = text_of_body(body_within(res.body, blob))
    if text.startswith("«") and _PIECE.fullmatch(text):
        yield text, "answer", 'cat "$answer"'
    for name, value in _TEXT_MEMBER.findall(text):
        numbers[name] += 1
        if _PIECE.fullmatch(value) and (value.startswith("«") or name.lower().endswith("id")):
            yield value, name, f"member {name} {numbers[name]}"
    for header, value in res.headers:
        if header == "location":
            yield from ((alias, name, f"parameter {name}") for name, alias in _IN_LOCATION.findall(value))


def _verifiers(recording: Recording) -> dict[str, str]:
    """By alias verifiers of PKCE that are made anew, and by recorded challenges those that fit them."""
    if next(recording.facts("code.granted"), None) is None:
        return {}
    found = regenerate(recording, config_of(recording, ()))
    fitting = set(found.challenges.values())
    return {alias: value for alias, value in found.values.items() if challenge_of(value) in fitting} | dict(
        found.challenges
    )


def text_of_body(body: Body) -> str:
    """The text of a body that is no blob, aliases as they are; of one that isn't UTF-8 the text of its base64."""
    value: Json = body.value
    return "" if body.enc is Enc.NONE else value if isinstance(value, str) else dumps(value)
