"""What stands in a recording: header, entries and footer as frozen values (recordings.md §2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from lab.core.clock import Millis
from lab.core.exchange import Headers, Json

FORMAT = "lab.recording"
VERSION = (1, 0)
"""Major and minor of the format that this lab writes."""
REDACTION = 1
"""Version of the redaction rules."""
FEATURES = frozenset({"blob"})
"""The features that this reader knows."""
LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of a line, LF included."""

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Members: TypeAlias = tuple[tuple[str, Json], ...]


class Enc(StrEnum):
    """How a body is written."""

    NONE = "none"
    JSON = "json"
    FORM = "form"
    TEXT = "text"
    B64 = "b64"
    BLOB = "blob"


@dataclass(frozen=True, slots=True)
class Body:
    """A body as written: `value` fits `enc`; `raw` is the digest of bytes that the value doesn't give back."""

    enc: Enc = Enc.NONE
    value: Json = None
    raw: str | None = None


NO_BODY = Body()


@dataclass(frozen=True, slots=True)
class ScenarioRef:
    """A scenario that was served, and the digest of its file."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ClockSpec:
    """Which clock ran: `real`, `scaled` (with a factor) or `manual`; `epoch` is ISO 8601 in whole seconds."""

    mode: str
    epoch: str
    factor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Line 0."""

    t: Millis = 0
    version: tuple[int, int] = VERSION
    lab: str
    source: str = "mock"
    origin: Json = None
    """`from` of a playback: file and digest."""
    scenarios: tuple[ScenarioRef, ...] | None = None
    seed: int | None = None
    profile: str = "oci"
    settings: Mapping[str, Json]
    clock: ClockSpec
    generators: Mapping[str, str] | None = None
    redaction: int = REDACTION
    features: tuple[str, ...] = ()
    extra: Members = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Req:
    """A request was complete at `t`."""

    n: int
    t: Millis
    x: int
    method: str
    path: str
    w: Millis | None = None
    c: int = 1
    listener: str | None = None
    query: Pairs = ()
    headers: Headers = ()
    flags: tuple[str, ...] = ()
    took: Millis = 0
    cut: str | None = None
    got: int | None = None
    body: Body = NO_BODY
    extra: Members = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Res:
    """The last byte of a reply left at `t`; status 0: no status line left."""

    n: int
    t: Millis
    x: int
    status: int
    w: Millis | None = None
    by: str | None = None
    held: Millis | None = None
    first: Millis | None = None
    cut: str | None = None
    sent: int | None = None
    headers: Headers = ()
    body: Body = NO_BODY
    extra: Members = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A fact, known or not: its members as they stand on disk, `at` and `x` apart."""

    n: int
    t: Millis
    type: str
    at: Millis | None = None
    x: int | None = None
    members: Members = ()

    @property
    def instant(self) -> Millis:
        """The instant that the fact belongs to."""
        return self.t if self.at is None else self.at

    def get(self, name: str) -> Json:
        """The member `name`, or None."""
        return next((value for key, value in self.members if key == name), None)

    def text(self, name: str) -> str | None:
        """The member `name` if it is text."""
        value = self.get(name)
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A line of a kind that this version doesn't know: kept, and ignored."""

    n: int
    t: Millis
    kind: str
    members: Members = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The footer: why the tape ended, and the digest of every byte before the digest."""

    n: int
    t: Millis
    reason: str
    sha256: str


Line: TypeAlias = Req | Res | Entry | Other


class Result(StrEnum):
    """In what state a recording was found."""

    CLOSED = "closed"
    OPEN = "open"
    TORN = "torn"


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds; only `closed` is whole."""

    header: Header
    lines: tuple[Line, ...]
    end: End | None
    result: Result
    torn: int = 0
    """Bytes after the last whole line."""

    @property
    def until(self) -> Millis:
        """The last instant of the file."""
        if self.end is not None:
            return self.end.t
        return self.lines[-1].t if self.lines else self.header.t

    def facts(self) -> Iterator[Entry]:
        """The facts, in order."""
        return (line for line in self.lines if isinstance(line, Entry))
