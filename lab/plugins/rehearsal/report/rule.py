"""What a rule is: a row of a table, and a function over a client's history that yields its occasions.

    def stops_at_end(history):
        for job in history.jobs:
            if job.end is not None:
                later = …                                  polls after the end
                yield kept(job.end) if not later else broken(job.end, *later)

No occasion: the rule was not exercised, and that never counts as passed. One that is broken: it failed, and the lines of
the recording at which it was broken are its evidence.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from statistics import median
from typing import TypeAlias, cast

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.tolerance import least as least
from lab.core.tolerance import most as most
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.recording.exchange import RecordedExchange


class Severity(StrEnum):
    """How much a broken rule harms."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFORMATION = "information"

    @property
    def weight(self) -> int:
        """Points in the score."""
        return _WEIGHTS[self]


_WEIGHTS = {Severity.CRITICAL: 10, Severity.MAJOR: 5, Severity.MINOR: 2, Severity.INFORMATION: 0}


class Timing(StrEnum):
    """Under which clock a rule can be judged."""

    ANY = "L"
    """Only order and content matter."""
    CLIENT = "T"
    """In the client's own time, whatever the lab's clock."""
    EXACT = "1"
    """Only where the client's clock runs as the lab's does."""


class Occasion(Struct, frozen=True):
    """A chance to keep a rule, and whether it was kept."""

    kept: bool
    lines: tuple[int, ...]
    """Of the recording."""


def kept(*calls: RecordedExchange) -> Occasion:
    """The rule was kept at these calls."""
    return Occasion(True, tuple(line for call in calls for line in call.lines))


def broken(*calls: RecordedExchange) -> Occasion:
    """The rule was broken at these calls."""
    return Occasion(False, tuple(line for call in calls for line in call.lines))


def kept_unless(wrong: Iterable[RecordedExchange], occasions: Iterable[RecordedExchange]) -> Iterator[Occasion]:
    """Broken at each of the wrong calls; kept once where there is an occasion and none is wrong."""
    found = [broken(call) for call in wrong]
    yield from found or [kept(call) for call in list(occasions)[:1]]


def charged(history: ClientHistory, rule: str) -> Iterator[Occasion]:
    """The rule was broken wherever a stop is charged to it."""
    return (broken(stop.call, *stop.later) for stop in history.charged(rule))


def went_on(history: ClientHistory, calls: Iterable[RecordedExchange], rule: str) -> Iterator[Occasion]:
    """Kept wherever a job was polled on after one of these calls of it; broken where a stop is charged to the rule."""
    for call in calls:
        jobs = (job for job in history.jobs if call in job.calls)
        if any(each.sent >= call.left and each.x > call.x for job in jobs for each in job.polls):
            yield kept(call)
    yield from charged(history, rule)


Judge: TypeAlias = Callable[[ClientHistory], Iterator[Occasion]]


class ClientRule(Struct, frozen=True, kw_only=True):
    """One rule for clients."""

    id: str
    asks: str
    """What it asks for, in a few words."""
    severity: Severity
    timing: Timing
    judge: Judge
    fix: str
    """What to do where it is broken."""
    source: str
    """Where that is said: an RFC's section, or common practice."""
    tried: str
    """What exercises it: a scenario, a fault."""

    def occasions(self, history: ClientHistory) -> tuple[Occasion, ...]:
        """Its occasions in a client's history; none where the clock doesn't let it be judged."""
        if self.timing is Timing.EXACT and not history.exact:
            return ()
        return tuple(self.judge(history))


def middle(pauses: list[Millis]) -> float:
    """Their median."""
    return float(median(pauses))


_COLUMNS = ("id", "judge", "asks", "severity", "timing", "fix", "source", "tried")


def rules_in(text: str, judges: Mapping[str, object]) -> tuple[ClientRule, ...]:
    """Rows of a table written as text: `|` between cells, in the order of `_COLUMNS`; `judges` are found by name."""
    return tuple(_rule(line, judges) for line in text.strip().splitlines())


def _rule(line: str, judges: Mapping[str, object]) -> ClientRule:
    cells = dict(zip(_COLUMNS, (cell.strip() for cell in line.split("|")), strict=True))
    return ClientRule(
        id=cells["id"],
        asks=cells["asks"],
        severity=Severity(cells["severity"]),
        timing=Timing(cells["timing"]),
        judge=cast("Judge", judges[cells["judge"]]),
        fix=cells["fix"],
        source=cells["source"],
        tried=cells["tried"],
    )
