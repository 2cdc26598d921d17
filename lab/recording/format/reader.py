"""JSON lines -> values: a recording is read whole, or refused with its line (recordings.md §3)."""

import re
from array import array
from hashlib import sha256
from io import SEEK_END, BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import msgspec
from msgspec.structs import fields, replace

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Json
from lab.core.jsontext import DEEPEST_VALUE, deep
from lab.recording.format.exchanges import Exchanges
from lab.recording.format.lines import (
    FEATURES,
    FORMAT,
    LARGEST,
    LONGEST_KEPT,
    LONGEST_LINE,
    MORE,
    VERSION,
    Enc,
    End,
    Entry,
    FileState,
    Header,
    LazyLines,
    Line,
    Other,
    Pairs,
    Recording,
    Req,
    Res,
)
from lab.recording.format.text import line_value

if TYPE_CHECKING:
    from hashlib import _Hash

_FOOTER = re.compile(rb'^.*,"sha256":"([0-9a-f]{64})"}\n\Z', re.DOTALL)
_REPAIR = "Try lab repair: it cuts a torn tail and appends a footer."
_KINDS: dict[Json, type[Header | Line]] = {"header": Header, "req": Req, "res": Res, "fact": Entry}
_KNOWN = {kind: {each.encode_name for each in fields(kind)} | {"k"} for kind in (*_KINDS.values(), Other, End)}
_ANY_SIZE = ("seed", "body")
"""Members that hold numbers which aren't the lab's own."""
_Some = TypeVar("_Some", Header, Req, Res, Entry, Other, End)


CRLF = "the line ends in CRLF, as git or an editor makes it, and not in LF: the recording needn't be damaged"
LF_AGAIN = "Write *.rec.jsonl text eol=lf into .gitattributes (lab docs recordings, §10), and check the file out again."

ASCIICAST = "this is an asciicast: a film of the screen, and no recording"
ASCIICAST_HINT = "asciinema play shows it; lab play takes the recording of which it was made."


class _Unfit(Exception):
    """A line is not what its place asks for."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def read(data: bytes | BinaryIO, name: str = "recording") -> Recording:
    """What the bytes hold: closed, open or torn; RecordingError with the place for anything else.

    Of a long file the lines aren't kept, but read again whenever they are asked for: it is to stay open.
    """
    file = BytesIO(data) if isinstance(data, bytes) else data
    reading, torn = _Reading(file.seek(0, SEEK_END)), 0
    if not reading.length:
        raise RecordingError(f"{name}: the file is empty", hint="An empty file is no recording.")
    file.seek(0)
    try:
        while line := file.readline():
            if not line.endswith(b"\n"):
                torn = len(line)
                break
            reading.take(line)
            reading.n += 1
    except _Unfit as unfit:
        raise RecordingError(f"{name}:{reading.n + 1}: {unfit}", hint=unfit.hint) from None
    header, end, exchanges = reading.header, reading.end, reading.exchanges
    if header is None:
        raise RecordingError(f"{name}:1: there is no whole line")
    if end is not None and (missing := exchanges.unanswered(end)):
        raise RecordingError(f"{name}:{missing[0] + 1}: {missing[1]}")
    state = FileState.CLOSED if end else FileState.TORN if torn else FileState.OPEN
    lines = tuple(reading.kept) if reading.keeps else LazyLines(file, reading.starts, _line_again)
    return Recording(header, lines, end, state, torn, name, frozenset(exchanges.by_shell), exchanges.unknown)


class _Reading:
    """A recording, line by line."""

    def __init__(self, length: int) -> None:
        """`length` of the file in bytes."""
        self.length = length
        self.header: Header | None = None
        self.end: End | None = None
        self.n = 0
        self.keeps = length <= LONGEST_KEPT
        self.kept: list[Line] = []
        self.starts = array("Q")
        """Where each line begins, the header and the footer apart."""
        self.exchanges = Exchanges()
        self._digest = sha256()
        self._before: Millis = 0
        self._start = 0

    def take(self, raw: bytes) -> None:
        """Read one more line with its LF; _Unfit if it isn't what its place asks for."""
        if raw.endswith(b"\r\n"):
            raise _Unfit(CRLF, LF_AGAIN)
        members = _parsed(raw[:-1])
        if self.header is None and "k" not in members and members.keys() >= {"version", "width", "height"}:
            raise _Unfit(ASCIICAST, ASCIICAST_HINT)
        self._before = _in_order(members, self.n, self._before)
        start, self._start = self._start, self._start + len(raw)
        if self.header is None:
            self.header = _read_header(members)
            self._digest.update(raw)
            return
        if members["k"] == "end":
            if self._start != self.length:
                raise _Unfit("there is more after the footer")
            self.end = _read_end(members, raw, self._digest)
            return
        self._digest.update(raw)
        line = _read_line(members)
        if complaint := self.exchanges.complaint(line):
            raise _Unfit(complaint)
        if self.keeps:
            self.kept.append(line)
        else:
            self.starts.append(start)


def _line_again(raw: bytes) -> Line:
    try:
        return _read_line(_parsed(raw))
    except _Unfit as unfit:
        raise RecordingError(f"The recording was changed while it was read: {unfit}") from None


def line_of(raw: bytes) -> Header | Line | None:
    """What one line says by itself: of a journal that is followed. None for a footer, or what is no such line."""
    try:
        members = _parsed(raw)
        match members.get("k"):
            case "header":
                return _read_header(members)
            case "end":
                return None
            case _:
                return _read_line(members)
    except _Unfit:
        return None


def demand_closed(recording: Recording, name: str) -> None:
    """RecordingError unless the recording is whole."""
    if recording.state is not FileState.CLOSED:
        torn = recording.state is FileState.TORN
        why = f"{recording.torn} bytes of a line hang over" if torn else "there is no footer"
        line = len(recording.lines) + 1 + torn
        raise RecordingError(f"{name}:{line}: the recording is {recording.state.value}: {why}", hint=_REPAIR)


def _parsed(raw: bytes) -> dict[str, Json]:
    if len(raw) >= LONGEST_LINE:
        raise _Unfit(f"the line is longer than {LONGEST_LINE} bytes")
    try:
        value = line_value(raw)
    except (ValueError, RecursionError) as fault:
        raise _Unfit(f"the line is no JSON: {fault}") from None
    if not isinstance(value, dict):
        raise _Unfit("the line is no JSON object")
    if deep(value, raw, DEEPEST_VALUE + 1):
        raise _Unfit(f"the line nests deeper than {DEEPEST_VALUE + 1} levels")
    return value


def _in_order(members: dict[str, Json], n: int, before: Millis) -> Millis:
    for name, kind in (("k", str), ("n", int), ("t", int)):
        # type() and not isinstance: true is no integer
        if type(members.get(name)) is not kind:
            raise _Unfit(f"{name} is missing or no {kind.__name__}")
    if members["n"] != n:
        raise _Unfit(f"n is {members['n']}, expected {n}: a line is missing or moved")
    for name, value in members.items():
        if type(value) is int and not -LARGEST < value < LARGEST and name not in _ANY_SIZE:
            raise _Unfit(f"{name} is {str(value)[:20]}…: no instant or count is that large")
    t = int(str(members["t"]))
    if t < before:
        raise _Unfit(f"t goes back from {before} to {t}")
    return t


def _typed(members: dict[str, Json], kind: type[_Some]) -> _Some:
    """The members as a value of the kind; those that it doesn't know lie under MORE."""
    if more := members.keys() - _KNOWN[kind]:
        known = {name: value for name, value in members.items() if name not in more}
        known[MORE] = {name: value for name, value in members.items() if name in more}
        members = known
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        raise _Unfit(_in_words(str(error), members)) from None
    except UnicodeEncodeError:  # msgspec was about to complain of a text, and can't write half of a surrogate pair
        raise _Unfit("a member that isn't any text holds half of a surrogate pair") from None


_MISSING = re.compile(r"Object missing required field `(\w+)`")
_WRONG = re.compile(r"Expected `(\w+)(?: \| null)?`.* - at `\$\.(\w+)(.*)`")


def _in_words(error: str, members: dict[str, Json]) -> str:
    """What msgspec says, in the words of the other complaints."""
    if found := _MISSING.match(error):
        return f"{found[1]} is missing"
    if "enc" in members and error.startswith("Invalid enum value"):
        return f"enc {members['enc']!r} is unknown"
    found = _WRONG.match(error)
    if found is None:
        return error
    if found[2] in ("h", "q"):
        return f"{found[2]} is no list of pairs"
    return f"{found[2]} is missing or no {found[1]}" if not found[3] else f"{found[2]} is wrong: {error}"


def _read_header(members: dict[str, Json]) -> Header:
    if members.get("k") != "header" or members.get("format") != FORMAT:
        raise _Unfit("the first line is no header of a lab recording")
    header = _typed(members, Header)
    major, minor = header.version
    if major != VERSION[0]:
        hint = f"Take a lab that writes {major}.x, or record it anew."
        raise _Unfit(f"version {major}.{minor} can't be read by this lab, which reads {VERSION[0]}.x", hint)
    if unknown := [feature for feature in header.features if feature not in FEATURES]:
        raise _Unfit(f"the recording needs a feature that this lab lacks: {', '.join(unknown)}")
    return header


def _read_line(members: dict[str, Json]) -> Line:
    match members.get("k"):
        case "req":
            return _with_body(_typed(members, Req))
        case "res":
            return _with_body(_typed(members, Res))
        case "fact":
            return _typed(members, Entry)
        case _:
            return _typed(members, Other)


_Exchanged = TypeVar("_Exchanged", Req, Res)
_BODY_FORMS: dict[Enc, tuple[Any, str]] = {
    Enc.FORM: (Pairs, "is no list of pairs"), Enc.TEXT: (str, "is no text"), Enc.B64: (str, "is no text"),
}  # fmt: skip
"""What a body must be, by how it is written, and the complaint."""


def _with_body(line: _Exchanged) -> _Exchanged:
    """The line, if its body is of the form that it names."""
    value = line.value
    if line.enc is Enc.NONE:
        return line if value is msgspec.UNSET else replace(line, value=msgspec.UNSET)
    if value is msgspec.UNSET:
        raise _Unfit("body is missing")
    form = _BODY_FORMS.get(line.enc)
    if form is not None:
        try:
            msgspec.convert(value, form[0])
        except (msgspec.ValidationError, UnicodeEncodeError):  # as above
            raise _Unfit(f"body {form[1]}") from None
    return line


def _read_end(members: dict[str, Json], raw: bytes, before: "_Hash") -> End:
    """The footer; `before` is the digest of all lines before it."""
    found = _FOOTER.match(raw)
    if found is None:
        raise _Unfit("the footer is damaged")
    digest = before.copy()
    digest.update(raw[: found.start(1)])
    if digest.hexdigest() != found[1].decode():
        raise _Unfit("the digest is wrong: the file was changed after it was written")
    return _typed(members, End)
