"""Recorded requests as curl lines; what a person has to fill in stands in them as `$token`, `$job` (recordings.md §9)."""

import re
from collections import Counter
from collections.abc import Sequence

from lab.core.exchange import is_target
from lab.recording.bindings import IDS
from lab.recording.exchange import RecordedExchange
from lab.recording.format.lines import CAPTURE, Recording
from lab.recording.redaction.bodies import declares_form
from lab.recording.redaction.stand_ins import HERE, LONGEST_ID, STAND_IN, kind_of, number_of, stand_in
from lab.recording.redaction.written import form_pairs
from lab.recording.show.shell import Fields, Piece, curl_line, shell_words
from lab.recording.tape.header import owners_in

_CALLED = {
    "client": "LAB_CLIENT_SECRET", "user": "LAB_PASSWORD", "client name": "LAB_CLIENT_ID", "user name": "LAB_USER"
}  # fmt: skip
"""The variables of what whoever asks has from elsewhere; others are called what they stand for."""
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
        """By stand-in or id."""
        self._ids: dict[str, str] = {}
        """What variables are called, by ids that answers gave."""
        self._numbers = Counter[str]()

    def line(self, call: RecordedExchange) -> str:
        """The call's command, or a comment that says why there is none."""
        self.new = []
        line = self._line(call)
        for member, value in _ID_MEMBER.findall(call.body.decode(errors="replace")):
            self._ids.setdefault(value, _ID_NAMES.get(IDS.get(member, ""), "id"))
        return line

    def _line(self, call: RecordedExchange) -> str:
        request = call.request
        target = request.target.replace("#", "%23")
        if call.listener:
            return "# not to be asked again: it went elsewhere"
        if not is_target(target):
            return "# not to be asked again: what it asks for is no path of a server"
        address = f'"$LAB_BASE"{shell_words(self._pieces(target))}'
        if call.route == "token" and not request.query:
            address = '"$LAB_TOKEN_URL"'
        body: str | Fields | None = None
        if request.body:
            text = request.body.decode(errors="surrogateescape")
            body = (form_pairs(text) if declares_form(request.headers) else None) or text
        return curl_line(request.method, address, request.headers, body, self._fill)

    def _fill(self, name: str, value: str) -> Sequence[Piece]:
        scheme, _, rest = value.partition(" ")
        is_login = STAND_IN.fullmatch(rest) is not None and kind_of(rest) in ("client", "user")
        if name != "authorization" or scheme.lower() != "basic" or not is_login:
            return self._pieces(value)
        login = stand_in(f"{kind_of(rest)} name", number_of(rest))
        named = self._pieces(login) if self._is_capture else [(False, self._owners.get(rest, ""))]
        return [(False, f"{scheme} "), *named, (False, ":"), *self._pieces(rest)]

    def _pieces(self, text: str) -> list[Piece]:
        """What the text is made of: stand-ins and ids are variables."""
        pieces: list[Piece] = []
        start = 0
        for found in _PIECE.finditer(text):
            piece = found[0]
            if not found["id"] or piece in self._ids:
                pieces += (False, text[start : found.start()]), (True, self._variable(piece))
                start = found.end()
        return [*pieces, (False, text[start:])]

    def _variable(self, key: str) -> str:
        if key not in self._variables:
            base = self._ids.get(key) or _CALLED.get(kind_of(key), kind_of(key))
            self._numbers[base] += 1
            name = base if self._numbers[base] == 1 else f"{base}_{self._numbers[base]}"
            self._variables[key] = name
            self.new.append((name, key))
        return self._variables[key]
