"""Shell facts: what happened to sockets, files and processes; they exist in recordings alone."""

from dataclasses import dataclass
from typing import ClassVar

from lab.core.journal.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOpened(Fact):
    """A peer connected."""

    type: ClassVar[str] = "connection.opened"
    kind: ClassVar[str] = "shell"
    c: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionClosed(Fact):
    """A connection ended: how is client, server, reset, idle, deadline, shutdown, or fault."""

    type: ClassVar[str] = "connection.closed"
    kind: ClassVar[str] = "shell"
    c: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMalformed(Fact):
    """The HTTP parser refused what came; `bytes` counts them, they are never shown."""

    type: ClassVar[str] = "request.malformed"
    kind: ClassVar[str] = "shell"
    c: int
    what: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioMissed(Fact):
    """No scenario of the team fits the message; `near` names those tried."""

    type: ClassVar[str] = "scenario.missed"
    kind: ClassVar[str] = "shell"
    near: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioLoaded(Fact):
    """An edited file was taken up, or a new one; jobs that run keep what they began with."""

    type: ClassVar[str] = "scenario.loaded"
    kind: ClassVar[str] = "shell"
    scenario: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeNoted(Fact):
    """Anything a reader should see."""

    type: ClassVar[str] = "tape.noted"
    kind: ClassVar[str] = "shell"
    text: str
