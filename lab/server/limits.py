"""The limits and deadlines of limits.md §2 that guard the process: one table, one setting each."""

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only a settings file needs what reads one
    from lab.language.parse.settings_file import LimitKind


def _bytes(usual: int) -> int:
    return field(default=usual, metadata={"kind": "bytes"})


def _count(usual: int) -> int:
    return field(default=usual, metadata={"kind": "count"})


def _seconds(usual: float) -> float:
    return field(default=usual, metadata={"kind": "time"})


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Sizes in bytes; deadlines in real seconds, for on a manual clock they would never come."""

    line: int = _bytes(8_190)
    """The request line, and one header line."""
    headers: int = _count(128)
    """Header lines of a request."""
    body: int = _bytes(1_048_576)
    """Of a request to the API or the control plane, after decompression."""
    token_body: int = _bytes(65_536)
    upload_body: int = _bytes(36_700_160)
    """Of a request with files: one of 25 MiB in base64, and room for the rest."""
    header_deadline: float = _seconds(10.0)
    """From the opening of a connection, or the first byte of a later request, to the end of the headers."""
    body_deadline: float = _seconds(30.0)
    """From the end of the headers to the end of the body."""
    idle: float = _seconds(75.0)
    """How long a connection may be kept without a request."""
    lingering: float = _seconds(1.0)
    """How long what a refused request still sends is read and dropped, so that the refusal arrives."""
    connections: int = _count(20_000)
    """Open at once; beyond it, accepting pauses."""
    jobs: int = _count(100_000)
    """Not ended; beyond it, invoke answers 429."""
    exchanges: int = _count(10_000)
    """In memory for the control plane; the oldest leave."""
    grace: float = _seconds(5.0)
    """How long replies under way may take to leave when the lab stops."""


LIMIT_KINDS: dict[str, "LimitKind"] = {each.name: each.metadata["kind"] for each in fields(ServerLimits)}
"""The settings by name, and how each is written."""


def limits_of(settings: dict[str, int]) -> ServerLimits:
    """The table with these in place of the usual ones: bytes and counts as they are, times in milliseconds."""
    values = {name: value / 1000 if LIMIT_KINDS[name] == "time" else value for name, value in settings.items()}
    return replace(ServerLimits(), **values)  # type: ignore[arg-type]  # a time is a float, the rest are whole
