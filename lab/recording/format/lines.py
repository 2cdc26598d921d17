"""What stands in a recording: header, requests, replies, facts, footer (recordings.md §2).

Each is a struct whose fields are the members of its line, in their order; a member at its default is left out. Fields
without one, and those that `always_written` marks, are written every time. What a reader doesn't know it ignores.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from lab.core.clock import Millis
from lab.core.exchange import Headers, Json

FORMAT = "lab.recording"
VERSION = (2, 0)
"""Major and minor of the format that this lab writes."""
REDACTION = 3
"""Version of the redaction rules."""
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

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Count: TypeAlias = Annotated[int, Meta(ge=0, lt=LARGEST)]
"""Ordinals, lengths and instants of the lab's own."""
Members: TypeAlias = Mapping[str, Json]


def always_written(value: object) -> Any:
    """A field that is written even at its default."""
    return field(default_factory=lambda: value)


class Enc(StrEnum):
    """How a body is written."""

    NONE = "none"
    JSON = "json"
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


class Header(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", tag="header"):
    """Line 0."""

    n: Count = always_written(0)
    t: Count = always_written(0)
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


class _Message(Struct, frozen=True):
    """What a request and a reply end with: their body."""

    @property
    def body(self) -> Body:
        """The body as written."""
        value = self.value  # type: ignore[attr-defined]
        return Body(self.enc, None if value is UNSET else value, self.raw)  # type: ignore[attr-defined]


class Req(_Message, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", tag="req"):
    """A request was complete at `t`; with the facts that it brought."""

    n: Count
    t: Count
    w: Count | None = None
    x: Count
    c: Count
    listener: str | None = field(name="l", default=None)
    flags: tuple[str, ...] = ()
    took: Count = field(name="in", default=0)
    judged: tuple[Json, ...] = ()
    """What was decided by the bytes of secrets in it, in order: nobody can decide it from their stand-ins."""
    like: Count | None = field(name="as", default=None)
    """The line, by its `n`, that has all members from here on but the facts: they are the same."""
    method: str = field(name="m", default="")
    url: str = field(name="u", default="")
    """Path and query as they were sent."""
    headers: Headers = field(name="h", default=())
    enc: Enc = Enc.NONE
    value: Json | UnsetType = field(name="body", default=UNSET)
    raw: str | None = None
    facts: tuple[Members, ...] = ()
    """Each with its `type`, its members, and `at` where that is another instant."""

    @property
    def path(self) -> str:
        """The path as it was sent."""
        return self.url.partition("?")[0]

    @property
    def query(self) -> str:
        """The query as it was sent, without its `?`."""
        return self.url.partition("?")[2]

    def entries(self) -> Iterator["Entry"]:
        """Its facts, as if each had a line of its own."""
        for members in self.facts:
            yield entry_of(members, self.n, self.t, self.x)


class Res(_Message, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", tag="res"):
    """The last byte of a reply left at `t`; status 0: no status line left."""

    n: Count
    t: Count
    w: Count | None = None
    x: Count
    status: Count = field(name="s")
    by: str | None = None
    latency: Count | None = field(name="held", default=None)
    first: Count | None = None
    cut: str | None = None
    sent: Count | None = None
    times: tuple[Count, ...] = ()  # of a stream: milliseconds from the request to each event
    like: Count | None = field(name="as", default=None)
    """The line, by its `n`, that has all members from here on: they are the same."""
    headers: Headers = field(name="h", default=())
    enc: Enc = Enc.NONE
    value: Json | UnsetType = field(name="body", default=UNSET)
    raw: str | None = None


class FactLine(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", tag="fact"):
    """A fact that no request brought, or that came later than its request's line."""

    n: Count
    t: Count
    x: Count | None = None
    fact: Members
    """As in a request's `facts`."""


class Entry(Struct, frozen=True, kw_only=True):
    """A fact as it is read, known or not: its members as they stand on disk, `type`, `at` and `x` apart."""

    n: int
    t: Millis
    at: Millis | None = None
    type: str
    x: int | None = None
    members: Members

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


def entry_of(fact: Members, n: int, t: Millis, x: int | None) -> Entry:
    """A fact of the line `n`, read; KeyError if it has no type."""
    members, at = dict(fact), fact.get("at")
    members.pop("at", None)
    return Entry(n=n, t=t, at=at if isinstance(at, int) else None, type=str(members.pop("type")), x=x, members=members)


class End(Struct, frozen=True, kw_only=True, tag_field="k", tag="end"):
    """The footer: why the tape ended, and the digest of every byte before the digest."""

    n: Count
    t: Count
    reason: str
    sha256: str


Line: TypeAlias = Req | Res | Entry
_Some = TypeVar("_Some", Req, Res, Entry)


class FileState(StrEnum):
    """In what state a recording was found."""

    CLOSED = "closed"
    OPEN = "open"
    TORN = "torn"


class Recording(Struct, frozen=True):
    """What a file holds; only `closed` is whole."""

    header: Header
    lines: Iterable[Line]
    """In their order, those of a request's facts behind it; of a long file each is read when it is gone through."""
    count: int
    """How many lines the file has, whole ones, the header and the footer among them."""
    until: Millis
    """The last instant of the file."""
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

    def of(self, kind: type[_Some]) -> Iterator[_Some]:
        """The lines of a kind, in order."""
        return (line for line in self.lines if isinstance(line, kind))

    def facts(self, *types: str) -> Iterator[Entry]:
        """The facts, in order; those of some types."""
        return (line for line in self.of(Entry) if not types or line.type in types)
