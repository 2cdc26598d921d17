"""JSON lines -> values: a recording is read whole, or refused with its line (recordings.md §3)."""

import re
from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from hashlib import sha256
from io import SEEK_END, BytesIO
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import msgspec
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.jsontext import DEEPEST_VALUE, deep, members_of
from lab.recording.format.facts import FACTS
from lab.recording.format.lines import (
    FORMAT,
    LARGEST,
    LONGEST_KEPT,
    LONGEST_LINE,
    VERSION,
    Enc,
    End,
    Entry,
    FactLine,
    FileState,
    Header,
    Line,
    Members,
    Recording,
    Req,
    Res,
    entry_of,
)
from lab.recording.format.text import line_value

if TYPE_CHECKING:
    from hashlib import _Hash

_FOOTER = re.compile(rb'^.*,"sha256":"([0-9a-f]{64})"}\n\Z', re.DOTALL)
_REPAIR = "Try lab repair: it cuts a torn tail and appends a footer."
CRLF = "the line ends in CRLF, as git or an editor makes it, and not in LF: the recording needn't be damaged"
LF_AGAIN = "Write *.rec.jsonl text eol=lf into .gitattributes (lab docs recordings, §10), and check the file out again."
ASCIICAST = "this is an asciicast: a film of the screen, and no recording"
ASCIICAST_HINT = "asciinema play shows it; lab play takes the recording of which it was made."

FileLine: TypeAlias = Header | Req | Res | FactLine | End
"""What stands on one line."""
_decoder = msgspec.json.Decoder(FileLine)
_MOST_LIKE = 64
"""Lines of a long file that others repeat, kept at once."""


class _Unfit(Exception):
    """A line is not what its place asks for."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def read(data: bytes | BinaryIO, name: str = "recording") -> Recording:
    """What the bytes hold: closed, open or torn; RecordingError with the place for anything else.

    Of a long file the lines aren't kept, but read again whenever they are gone through: it is to stay open.
    """
    file = BytesIO(data) if isinstance(data, bytes) else data
    try:
        return _read(file, name)
    except RecordingError:
        file.close()
        raise


def _read(file: BinaryIO, name: str) -> Recording:
    length, torn = file.seek(0, SEEK_END), 0
    if not length:
        raise RecordingError(f"{name}: the file is empty", hint="An empty file is no recording.")
    reading = _Reading(length, LongLines(file))
    file.seek(0)
    try:
        while raw := file.readline(LONGEST_LINE + 1):
            if len(raw) > LONGEST_LINE:
                raise _Unfit(f"the line is longer than {LONGEST_LINE} bytes")
            if not raw.endswith(b"\n"):
                torn = len(raw)
                break
            reading.take(raw)
            reading.n += 1
    except _Unfit as unfit:
        raise RecordingError(f"{name}:{reading.n + 1}: {unfit}", hint=unfit.hint) from None
    if reading.header is None:
        raise RecordingError(f"{name}:1: there is no whole line")
    if missing := reading.unanswered():
        raise RecordingError(f"{name}:{missing.n + 1}: the exchange {missing.x} has no reply")
    return Recording(
        reading.header, reading.lines, reading.n, reading.t, reading.end,
        FileState.CLOSED if reading.end else FileState.TORN if torn else FileState.OPEN, torn, name,
        frozenset(reading.by_shell), reading.unknown,
    )  # fmt: skip


class LongLines:
    """The lines of a long file, each read when it is gone through, so that they never are in memory together."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.starts = array("Q")
        """Where each line begins, the header among them."""
        self._like: OrderedDict[int, Req | Res] = OrderedDict()

    def __iter__(self) -> Iterator[Line]:
        for n in range(1, len(self.starts)):
            yield from with_facts(whole(self._at(n), self))

    def __getitem__(self, n: int) -> Req | Res | FactLine:
        """The line of that number, as it stands."""
        if n not in self._like:
            here = self._file.tell()
            line = self._at(n)
            self._file.seek(here)  # whoever goes through the file goes on where it was
            if isinstance(line, FactLine):
                return line
            self._like[n] = line
            if len(self._like) > _MOST_LIKE:
                self._like.popitem(last=False)
        return self._like[n]

    def _at(self, n: int) -> Req | Res | FactLine:
        self._file.seek(self.starts[n])
        try:
            line = _decoded(self._file.readline()[:-1])
        except _Unfit as unfit:
            raise RecordingError(f"The recording was changed while it was read: {unfit}") from None
        assert isinstance(line, Req | Res | FactLine)
        return line


def whole(line: Req | Res | FactLine, lines: Mapping[int, Req | Res | FactLine] | LongLines) -> Req | Res | FactLine:
    """The line, with what it repeats of an earlier one."""
    if isinstance(line, FactLine) or line.like is None:
        return line
    like = lines[line.like]
    if not isinstance(like, FactLine) and like.like is not None:
        raise _Unfit(f"as is {line.like}, which repeats another line itself")
    if isinstance(line, Req) and isinstance(like, Req):
        return replace(
            line, method=like.method, url=like.url, headers=like.headers, enc=like.enc, value=like.value, raw=like.raw
        )
    if isinstance(line, Res) and isinstance(like, Res):
        return replace(line, headers=like.headers, enc=like.enc, value=like.value, raw=like.raw)
    raise _Unfit(f"as is {line.like}, where no such line stands")


def with_facts(line: Req | Res | FactLine) -> Iterator[Line]:
    """The line, and the facts that stand in it, each as a line of its own."""
    if isinstance(line, FactLine):
        yield entry_of(line.fact, line.n, line.t, line.x)
        return
    yield line
    if isinstance(line, Req):
        yield from line.entries()


class _Reading:
    """A recording, line by line."""

    def __init__(self, length: int, long: LongLines) -> None:
        """`length` of the file in bytes."""
        self.length = length
        self.header: Header | None = None
        self.end: End | None = None
        self.n = 0
        self.t: Millis = 0
        self.by_shell: set[int] = set()
        """The exchanges that were answered without asking the mock."""
        self.unknown: Counter[str] = Counter()
        """Facts of types that this lab doesn't know."""
        self._long, self._kept = long, list[Line]()
        self._keeps = length <= LONGEST_KEPT
        self._by_n: dict[int, Req | Res | FactLine] = {}
        """Those that may be repeated."""
        self._digest = sha256()
        self._begins = 0
        self._x = 0
        self._open: dict[int, Req] = {}

    @property
    def lines(self) -> tuple[Line, ...] | LongLines:
        """All of them, header and footer apart."""
        return tuple(self._kept) if self._keeps else self._long

    def take(self, raw: bytes) -> None:
        """Read one more line with its LF; _Unfit if it isn't what its place asks for."""
        if raw.endswith(b"\r\n"):
            raise _Unfit(CRLF, LF_AGAIN)
        if self.header is None:
            _demand_header(raw)
        line = _decoded(raw[:-1])
        if line.n != self.n:
            raise _Unfit(f"n is {line.n}, expected {self.n}: a line is missing or moved")
        if line.t < self.t:
            raise _Unfit(f"t goes back from {self.t} to {line.t}")
        self.t = line.t
        self._long.starts.append(self._begins)
        self._begins += len(raw)
        match line:
            case Header():
                if self.header is not None:
                    raise _Unfit("there is a second header")
                self.header = line
            case End():
                self._end(line, raw)
                return
            case Req() | Res() | FactLine():
                self._take(line)
        self._digest.update(raw)

    def _take(self, line: Req | Res | FactLine) -> None:
        if not isinstance(line, FactLine):
            if line.like is not None and (not 0 < line.like < line.n):
                raise _Unfit(f"as is {line.like}, where no such line stands")
            line = whole(line, self._by_n if self._keeps else self._long)
        if isinstance(line, Req):
            self._request(line)
        elif isinstance(line, Res):
            if self._open.pop(line.x, None) is None:
                raise _Unfit(f"the exchange {line.x} has a reply already, or no request")
            if line.by is not None:
                self.by_shell.add(line.x)
        for each in with_facts(line):
            if isinstance(each, Entry) and each.type not in FACTS:
                self.unknown[each.type] += 1
            if self._keeps:
                self._kept.append(each)
        if self._keeps:
            self._by_n[line.n] = line

    def _request(self, line: Req) -> None:
        if line.x < 1:
            raise _Unfit(f"x is {line.x}: exchanges count from 1")
        if self._x and line.x != self._x + 1:
            raise _Unfit(f"x is {line.x}, expected {self._x + 1}: an exchange is missing or moved")
        self._x = line.x
        self._open[line.x] = line

    def _end(self, line: End, raw: bytes) -> None:
        if self._begins != self.length:
            raise _Unfit("there is more after the footer")
        found = _FOOTER.match(raw)
        if found is None:
            raise _Unfit("the footer is damaged")
        if _footer_digest(self._digest, raw[: found.start(1)]) != line.sha256:
            raise _Unfit("the digest is wrong: the file was changed after it was written")
        self.end = line
        self._long.starts.pop()

    def unanswered(self) -> Req | None:
        """In a closed recording the first request whose reply is missing where there must be one.

        A lab that was killed had to leave out those that were under way.
        """
        if self.end is None or self.end.reason == "repaired":
            return None
        return next((line for line in self._open.values() if line.listener is None), None)


def _footer_digest(before: "_Hash", head: bytes) -> str:
    digest = before.copy()
    digest.update(head)
    return digest.hexdigest()


def lines_of(raw: bytes) -> Header | tuple[Line, ...]:
    """What one line says by itself: of a journal that is followed. Nothing of a footer, or what is no such line."""
    try:
        line = _decoded(raw)
        if isinstance(line, Header):
            return line
        return () if isinstance(line, End) else tuple(with_facts(whole(line, {})))
    except (_Unfit, KeyError):
        return ()


def demand_closed(recording: Recording, name: str) -> None:
    """RecordingError unless the recording is whole."""
    if recording.state is not FileState.CLOSED:
        torn = recording.state is FileState.TORN
        why = f"{recording.torn} bytes of a line hang over" if torn else "there is no footer"
        line = recording.count + torn
        raise RecordingError(f"{name}:{line}: the recording is {recording.state.value}: {why}", hint=_REPAIR)


def _demand_header(raw: bytes) -> None:
    members = members_of(raw)
    if "k" not in members and members.keys() >= {"version", "width", "height"}:
        raise _Unfit(ASCIICAST, ASCIICAST_HINT)
    if members and (members.get("k") != "header" or members.get("format") != FORMAT):
        raise _Unfit("the first line is no header of a lab recording")
    match members.get("version"):
        case [int() as major, int() as minor] if major != VERSION[0]:
            hint = f"Take a lab that writes {major}.x, or record it anew."
            raise _Unfit(f"version {major}.{minor} can't be read by this lab, which reads {VERSION[0]}.x", hint)


def _decoded(raw: bytes) -> FileLine:
    """A line without its LF; _Unfit."""
    if len(raw) >= LONGEST_LINE:
        raise _Unfit(f"the line is longer than {LONGEST_LINE} bytes")
    try:
        try:
            line = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):  # lone surrogates, or what no lab wrote
            line = msgspec.convert(line_value(raw), FileLine)
    except msgspec.ValidationError as error:
        raise _Unfit(_in_words(str(error))) from None
    except UnicodeEncodeError:  # msgspec was about to complain of a text, and can't write half of a surrogate pair
        raise _Unfit("a member that isn't any text holds half of a surrogate pair") from None
    except (ValueError, RecursionError) as fault:
        raise _Unfit(f"the line is no JSON: {fault}") from None
    if isinstance(line, Header | End):
        return line
    facts = (line.fact,) if isinstance(line, FactLine) else line.facts if isinstance(line, Req) else ()
    values = [dict(fact) for fact in facts] + ([] if isinstance(line, FactLine) else [line.body.value])
    if deep(values, raw, DEEPEST_VALUE + 1):
        raise _Unfit(f"the line nests deeper than {DEEPEST_VALUE + 1} levels")
    for fact in facts:
        _demand_fact(fact)
    if isinstance(line, Req) and line.like is None and not line.method:
        raise _Unfit("m is missing")
    return line if isinstance(line, FactLine) else _with_body(line)


def _with_body(line: Req | Res) -> Req | Res:
    """The line, if its body is of the form that it names."""
    if line.enc is Enc.NONE:
        return line if line.value is msgspec.UNSET else replace(line, value=msgspec.UNSET)
    if line.value is msgspec.UNSET:
        raise _Unfit("body is missing")
    if line.enc is not Enc.JSON and not isinstance(line.value, str):
        raise _Unfit("body is no text")
    return line


def _demand_fact(fact: Members) -> None:
    if not isinstance(fact.get("type"), str):
        raise _Unfit("type is missing or no str")
    for name, value in fact.items():
        if type(value) is int and not -LARGEST < value < LARGEST:
            raise _Unfit(f"{name} is {str(value)[:20]}…: no instant or count is that large")


_PLACES = re.compile(r"(?P<what>.*?) - at `\$\.?(?P<place>.*)`")


def _in_words(error: str) -> str:
    """What msgspec says, its place in front, as in the other complaints."""
    error = error.replace("Object missing required field", "there is no")
    found = _PLACES.fullmatch(error)
    if found is None:
        return error
    what = found["what"]
    return f"{found['place']}: {what}" if found["place"] else what
