"""What a rule is: a row of a table, and a function over a client's history that yields its occasions.

    def leaves_a_pause(history):
        for job in history.jobs:
            short = …                                      polls that came too early
            yield broken(*short) if short else kept(*job.polls[:1])

No occasion: the rule was not exercised, and that never counts as passed. One that is broken: it failed, and the lines of
the recording at which it was broken are its evidence. Broken it is, too, wherever a stop is charged to it (`stops`): a
function yields nothing of these.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

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
        return {"critical": 10, "major": 5, "minor": 2, "information": 0}[self]


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


def went_on(history: ClientHistory, calls: Iterable[RecordedExchange]) -> Iterator[Occasion]:
    """Kept wherever a job was polled on after one of these calls of it."""
    for call in calls:
        polls = (poll for job in history.jobs if call in job.calls for poll in job.polls)
        if any(each.sent >= call.left and each.x > call.x for each in polls):
            yield kept(call)


Judge: TypeAlias = Callable[[ClientHistory], Iterator[Occasion]]


class ClientRule(Struct, frozen=True):
    """One rule for clients."""

    id: str
    judge: Judge
    asks: str
    """What it asks for, in a few words."""
    severity: Severity
    timing: Timing
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
        charged = (broken(stop.call, *stop.later) for stop in history.stops if stop.rule == self.id)
        return (*self.judge(history), *charged)


def rules_in(text: str, judges: Mapping[str, Judge]) -> tuple[ClientRule, ...]:
    """Rows of a table written as text: `|` between cells, in the order of a rule's members; `judges` are found by name."""
    rows = ([cell.strip() for cell in line.split("|")] for line in text.strip().splitlines())
    return tuple(
        ClientRule(name, judges[judge], asks, Severity(severity), Timing(timing), fix, source, tried)
        for name, judge, asks, severity, timing, fix, source, tried in rows
    )
