"""Recorded requests as curl lines; what a person has to fill in stands in them as `$token`, `$job` (recordings.md §9)."""

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Sequence

from lab.core.exchange import Headers, Json, is_target
from lab.dialects.router import ROUTER
from lab.recording.bindings import IDS
from lab.recording.format.lines import CAPTURE, Body, Enc, Recording, Req, Res
from lab.recording.format.text import dumps
from lab.recording.redaction.stand_ins import HERE, LONGEST_ID, STAND_IN, kind_of, number_of, stand_in
from lab.recording.show.shell import Pairs, Piece, curl_line, shell_words
from lab.recording.tape.header import owners_in
from lab.recording.tape.recorded_calls import RecordedCall, fields_of

_GIVEN = {"client": "LAB_CLIENT_SECRET", "user": "LAB_PASSWORD"}
"""The variables of what whoever asks has from elsewhere; others are called what they stand for."""
_LOGINS = {"client": "LAB_CLIENT_ID", "user": "LAB_USER"}
"""The same of whose names a capture has aliases, which end so."""
_ID_NAMES = {"J": "job", "K": "conversation"}
_PIECE = re.compile(rf"{re.escape(HERE)}|{STAND_IN.pattern}|(?P<id>[0-9A-Za-z-]{{8,{LONGEST_ID}}})")
_ID_MEMBER = re.compile(rf'"([A-Za-z_]{{0,40}}[Ii][Dd])": *"([0-9A-Za-z-]{{8,{LONGEST_ID}}})"')


class CurlLines:
    """Writes a recording's calls, in their order."""

    def __init__(self, recording: Recording) -> None:
        self.new: list[tuple[str, str]] = []
        """The variables of the latest line that no earlier one has, and what they stand for."""
        self._is_capture = recording.header.source == CAPTURE
        self._owners = owners_in(recording)
        self._variables = {HERE: "LAB_BASE"}
        """By alias or id."""
        self._ids: dict[str, str] = {}
        """What variables are called, by ids that answers gave."""
        self._numbers = Counter[str]()

    def line(self, call: RecordedCall) -> str:
        """The call's command, or a comment that says why there is none."""
        self.new = []
        line = self._line(call.req)
        if call.res is not None:
            self._learn(call.res)
        return line

    def _line(self, req: Req) -> str:
        target = req.url.replace("#", "%23")
        if (why := _unasked(req, target)) is not None:
            return f"# not to be asked again: {why}"
        address = f'"$LAB_BASE"{shell_words(self._pieces(target))}'
        if ROUTER.name(req.method, req.path) == "token" and not req.query:
            address = '"$LAB_TOKEN_URL"'
        return curl_line(req.method, address, req.headers, _sent(req.headers, req.body), self._fill)

    def _learn(self, res: Res) -> None:
        for member, value in _ID_MEMBER.findall(_text(res.body)):
            self._ids.setdefault(value, _ID_NAMES.get(IDS.get(member, ""), "id"))

    def _fill(self, name: str, value: str) -> Sequence[Piece]:
        scheme, _, rest = value.partition(" ")
        is_login = STAND_IN.fullmatch(rest) is not None and kind_of(rest) in _GIVEN
        if name == "authorization" and scheme.lower() == "basic" and is_login:
            login = stand_in(f"{kind_of(rest)} name", number_of(rest))
            named = self._pieces(login) if self._is_capture else [(False, self._owners.get(rest, ""))]
            return [(False, f"{scheme} "), *named, (False, ":"), *self._pieces(rest)]
        return self._pieces(value)

    def _pieces(self, text: str) -> list[Piece]:
        """What the text is made of: aliases and ids are variables."""
        pieces: list[Piece] = []
        start = 0
        for found in _PIECE.finditer(text):
            piece = found[0]
            if found["id"] and piece not in self._ids:
                continue
            pieces.append((False, text[start : found.start()]))
            pieces.append((True, self._variable(piece)))
            start = found.end()
        return [*pieces, (False, text[start:])]

    def _variable(self, key: str) -> str:
        if key not in self._variables:
            base = self._ids.get(key) or _called(key)
            self._numbers[base] += 1
            name = base if self._numbers[base] == 1 else f"{base}_{self._numbers[base]}"
            self._variables[key] = name
            self.new.append((name, key))
        return self._variables[key]


def _called(alias: str) -> str:
    kind = kind_of(alias)
    return _LOGINS.get(kind.removesuffix(" name"), kind) if kind.endswith(" name") else _GIVEN.get(kind, kind)


def _unasked(req: Req, target: str) -> str | None:
    """Why no command asks it again; None: one does."""
    if req.listener:
        return "it went elsewhere"
    return None if is_target(target) else "what it asks for is no path of a server"


def _sent(headers: Headers, body: Body) -> str | Pairs | None:
    """The text of a body, or the pairs of a form."""
    if (fields := fields_of(headers, body)) is not None:
        return fields
    match body.enc, body.value:
        case Enc.NONE, _:
            return None
        case Enc.B64, str(text):
            return b64decode(text).decode(errors="surrogateescape")
        case _:
            return _text(body)


def _text(body: Body) -> str:
    """The text of a body, aliases as they are."""
    value: Json = body.value
    return "" if body.enc is Enc.NONE else value if body.enc is Enc.TEXT and isinstance(value, str) else dumps(value)
