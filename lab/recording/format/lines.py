"""What stands in a recording: header, requests, replies, facts, footer (recordings.md §2).

Each is a struct whose fields are the members of its line, in their order; a member at its default is left out. Fields
without one, and those that `always_written` marks, are written every time. What a later version adds is kept in `more`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, BinaryIO, TypeAlias, TypeVar, overload

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from lab.core.clock import Millis
from lab.core.exchange import Headers, Json

FORMAT = "lab.recording"
VERSION = (1, 1)
"""Major and minor of the format that this lab writes."""
REDACTION = 3
"""Version of the redaction rules."""
FEATURES = frozenset[str]()
"""The features that this reader knows."""
LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of a line, LF included: a body of 32 MiB fits, though a good part of it is escaped."""
LONGEST_BODY = 32 * 1024 * 1024
"""Bytes of a pod's answer that are kept."""
LONGEST_KEPT = 32 * 1024 * 1024
"""Bytes of the longest file whose lines are kept in memory while it is looked at."""
LARGEST = 10**15
"""No instant, ordinal or count is this large: in milliseconds it is 31,000 years."""
CAPTURE = "capture"  # a source: of a pod, of which nobody knows the inside
SERVER_CUTS = ("reset", "truncated", "timeout")  # how a server ends a reply that isn't whole
SOCKET_CUTS = ("client_gone", "shutdown")  # how a reply may end at the socket, whatever the mock meant to send
MORE = "*"
"""Where a line's further members lie while it is a value: nothing on disk is called so."""

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Members: TypeAlias = Mapping[str, Json]


def always_written(value: object) -> Any:
    """A field that is written even at its default."""
    return field(default_factory=lambda: value)


class Enc(StrEnum):
    """How a body is written."""

    NONE = "none"
    JSON = "json"
    FORM = "form"
    TEXT = "text"
    B64 = "b64"


class Body(msgspec.Struct, frozen=True):
    """A body as written: `value` fits `enc`; `raw` is the digest of bytes that the value doesn't give back."""

    enc: Enc = Enc.NONE
    value: Json = None
    raw: str | None = None

    @property
    def member(self) -> Json | UnsetType:
        """What stands under `body`: nothing where there is none."""
        return UNSET if self.enc is Enc.NONE else self.value


class ScenarioRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scenario that was served, and the digest of its file."""

    name: str
    sha256: str
    concurrent: int | None = None
    """Its limit of requests at once, which refuses nothing and is the report's; None: it names none."""


class ClockSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which clock ran: `real`, `scaled` (with a factor) or `manual`; `epoch` is ISO 8601 in whole seconds."""

    mode: str
    factor: str | None = None
    epoch: str


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", tag="header"):
    """Line 0."""

    n: int = always_written(0)
    t: Millis = always_written(0)
    format: str = always_written(FORMAT)
    version: tuple[int, int] = always_written(VERSION)
    lab: str
    source: str = always_written("mock")
    origin: Json = field(name="from", default=None)
    """`from` of a playback: file and digest."""
    scenarios: tuple[ScenarioRef, ...] | None = None
    seed: int | None = None
    profile: str = always_written("oci")
    settings: Mapping[str, Json]
    clock: ClockSpec
    generators: Mapping[str, str] | None = None
    redaction: int = always_written(REDACTION)
    features: tuple[str, ...] = always_written(())
    more: Members = field(name=MORE, default_factory=dict)


class _Exchange(msgspec.Struct, frozen=True):
    """What a request and a reply end with: their body."""

    @property
    def body(self) -> Body:
        """The body as written."""
        value = self.value  # type: ignore[attr-defined]
        return Body(self.enc, None if value is UNSET else value, self.raw)  # type: ignore[attr-defined]


class Req(_Exchange, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", tag="req"):
    """A request was complete at `t`."""

    n: int
    t: Millis
    w: Millis | None = None
    x: int
    c: int
    listener: str | None = field(name="l", default=None)
    method: str = field(name="m")
    path: str = field(name="p")
    query: Pairs = field(name="q", default=())
    written: str | None = field(name="qt", default=None)
    """The query as it was written, where its pairs don't give it back."""
    headers: Headers = field(name="h")
    flags: tuple[str, ...] = ()
    took: Millis = field(name="in", default=0)
    cut: str | None = None
    got: int | None = None
    enc: Enc
    value: Json | UnsetType = field(name="body", default=UNSET)
    raw: str | None = None
    more: Members = field(name=MORE, default_factory=dict)


class Res(_Exchange, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", tag="res"):
    """The last byte of a reply left at `t`; status 0: no status line left."""

    n: int
    t: Millis
    w: Millis | None = None
    x: int
    status: int = field(name="s")
    by: str | None = None
    latency: Millis | None = field(name="held", default=None)
    first: Millis | None = None
    cut: str | None = None
    sent: int | None = None
    times: tuple[Millis, ...] = ()  # of a stream: milliseconds from the request to each event
    headers: Headers = field(name="h")
    enc: Enc
    value: Json | UnsetType = field(name="body", default=UNSET)
    raw: str | None = None
    more: Members = field(name=MORE, default_factory=dict)


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", tag="fact"):
    """A fact, known or not: its members as they stand on disk, `at` and `x` apart."""

    n: int
    t: Millis
    at: Millis | None = None
    type: str
    x: int | None = None
    members: Members = field(name=MORE, default_factory=dict)

    @property
    def instant(self) -> Millis:
        """The instant that the fact belongs to."""
        return self.t if self.at is None else self.at

    def get(self, name: str) -> Json:
        """The member `name`, or None."""
        return self.members.get(name)

    def text(self, name: str) -> str | None:
        """The member `name` if it is text."""
        value = self.members.get(name)
        return value if isinstance(value, str) else None


class Other(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a kind that this version doesn't know: kept, and ignored."""

    kind: str = field(name="k")
    n: int
    t: Millis
    more: Members = field(name=MORE, default_factory=dict)


class End(msgspec.Struct, frozen=True, kw_only=True, tag_field="k", tag="end"):
    """The footer: why the tape ended, and the digest of every byte before the digest."""

    n: int
    t: Millis
    reason: str
    sha256: str


Line: TypeAlias = Req | Res | Entry | Other
_Some = TypeVar("_Some", Req, Res, Entry)
_BEGINNINGS = {Req: b'{"k":"req",', Res: b'{"k":"res",', Entry: b'{"k":"fact",'}
"""How lines begin that a lab wrote."""


class LazyLines(Sequence[Line]):
    """The lines of a long file, each read when it is asked for, so that they never are in memory together."""

    def __init__(self, file: BinaryIO, starts: Sequence[int], line_of: Callable[[bytes], Line]) -> None:
        """`starts` is where they begin in the file; `line_of` is given one without its LF."""
        self._file, self._starts, self._line_of = file, starts, line_of

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Line: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...

    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            return LazyLines(self._file, self._starts[index], self._line_of)
        return self._line_of(self._raw(self._starts[index]))

    def of(self, kind: type[_Some], words: Sequence[str]) -> Iterator[_Some]:
        """As `Recording.of`: lines are told apart by what is written in them before they are read."""
        others = tuple(begin for each, begin in _BEGINNINGS.items() if each is not kind)
        signs = [word.encode() for word in (*words, "\\u")]  # what is escaped may be a word
        for start in self._starts:
            raw = self._raw(start)
            if not raw.startswith(others) and (not words or any(sign in raw for sign in signs)):
                line = self._line_of(raw)
                if isinstance(line, kind):
                    yield line

    def _raw(self, start: int) -> bytes:
        self._file.seek(start)
        return self._file.readline()[:-1]


class FileState(StrEnum):
    """In what state a recording was found."""

    CLOSED = "closed"
    OPEN = "open"
    TORN = "torn"


class Recording(Struct, frozen=True):
    """What a file holds; only `closed` is whole."""

    header: Header
    lines: Sequence[Line]
    end: End | None
    state: FileState
    torn: int = 0
    """Bytes after the last whole line."""
    name: str = "recording"
    """What it is called in messages."""
    by_shell: frozenset[int] = frozenset()
    """The exchanges that were answered without asking the mock."""
    unknown: Mapping[str, int] = field(default_factory=dict)
    """How many facts there are of each type that this lab doesn't know."""

    @property
    def until(self) -> Millis:
        """The last instant of the file."""
        last = self.end or (self.lines[-1] if self.lines else self.header)
        return last.t

    def of(self, kind: type[_Some], *words: str) -> Iterator[_Some]:
        """The lines of a kind, in order; with `words` those in which one of them stands, and maybe others."""
        if isinstance(self.lines, LazyLines):
            return self.lines.of(kind, words)
        return (line for line in self.lines if isinstance(line, kind))

    def facts(self, *types: str) -> Iterator[Entry]:
        """The facts, in order; those of some types."""
        return (line for line in self.of(Entry, *types) if not types or line.type in types)
