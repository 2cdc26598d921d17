"""Time as the core knows it: integer milliseconds since the lab's epoch."""

from datetime import UTC, datetime
from typing import Protocol, TypeAlias

Millis: TypeAlias = int
"""A duration, or an instant counted from the lab's epoch, in milliseconds."""

Epoch: TypeAlias = int
"""The wall time of instant 0, in whole seconds since 1970-01-01T00:00:00Z."""

INSTANT_EPOCH: Epoch = 1_767_225_600
"""2026-01-01T00:00:00Z: the epoch of runs in one process on a manual clock."""


LAST_WALL: Epoch = 250_246_627_200
"""9900-01-01T00:00:00Z: no clock is set beyond it, for dates end with the year 9999, and what is told may lie ahead."""
LAST_SECOND: Epoch = 253_402_300_799
"""9999-12-31T23:59:59Z: the last one that has a date."""


class Clock(Protocol):
    """The only source of now. Implementations live in `lab.clocks`."""

    def now(self) -> Millis:
        """The current instant; never decreases."""

    async def sleep_until(self, instant: Millis) -> None:
        """Return once `now() >= instant`; at once if that has passed."""


def unix_millis(epoch: Epoch, at: Millis) -> int:
    """The instant as milliseconds since 1970."""
    return epoch * 1000 + at


def has_date(epoch: Epoch, at: Millis) -> bool:
    """Whether a clock may be set to that instant."""
    return unix_millis(epoch, at) <= LAST_WALL * 1000


def wall(epoch: Epoch, at: Millis) -> datetime:
    """The instant as an aware UTC datetime; whatever lies beyond the last second that has one is that second."""
    seconds, millis = divmod(min(unix_millis(epoch, at), LAST_SECOND * 1000), 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=millis * 1000)


def iso(epoch: Epoch, at: Millis) -> str:
    """The instant as ISO 8601 in UTC with milliseconds: `2026-03-02T09:15:00.250Z`."""
    return wall(epoch, at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(epoch: Epoch, at: Millis) -> str:
    """The instant's second as header fields have it (RFC 9110 §5.6.7)."""
    from email.utils import formatdate  # it loads sockets, of which a start has no use

    return formatdate(min(unix_millis(epoch, at) // 1000, LAST_SECOND), usegmt=True)


def epoch_text(epoch: Epoch) -> str:
    """The epoch as ISO 8601 in whole seconds."""
    return wall(epoch, 0).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch_of(text: str) -> Epoch:
    """The epoch that such a text names; ValueError if it is none, or no clock may be set to it."""
    epoch = int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    if not has_date(epoch, 0):
        raise ValueError(text)
    return epoch


def clock_text(at: Millis) -> str:
    """An instant as screens and transcripts show it: `mm:ss.t`, hours in front if there are any."""
    tenths = at // 100
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:" if hours else ""
    return f"{head}{minutes:02d}:{rest // 10:02d}.{rest % 10}"


def tenths(span: Millis) -> str:
    """Seconds with one decimal, cut off: `5.8`."""
    return f"{span // 1000}.{span % 1000 // 100}"


def passed_text(span: Millis) -> str:
    """That so much time passed, in its two greatest units: `62 h 55 min passed.`; nothing of less than a tenth of a second."""
    if span < 60_000:
        return f"{tenths(span)} s passed." if span >= 100 else ""
    minutes, seconds = divmod(span // 1000, 60)
    units = ((minutes, "min"), (seconds, "s")) if minutes < 60 else ((minutes // 60, "h"), (minutes % 60, "min"))
    return " ".join(f"{number} {unit}" for number, unit in units if number) + " passed."
