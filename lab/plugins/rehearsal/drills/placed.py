"""A fault of the wire at a place of a happy scenario, as a value: what is combined, made simpler, written to a file."""

from collections.abc import Collection, Iterator
from functools import cache
from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.plugins.rehearsal.drills.drills import FAULT_KINDS
from lab.plugins.rehearsal.drills.places import HappyPath
from lab.program.words import duration_text

WIRE_FAMILIES = tuple(FAULT_KINDS)
_ROUTES = {
    "W": ("token", "invoke", "status"),
    "R": ("invoke", "status"),
    "K": ("token",),
    "V": ("invoke",),
    "P": ("status",),
}
"""Where the faults of a family strike."""
_LEFT_OUT = ("401-for-good", "400-for-good", "invalid-client", "invalid-scope", "other-success-code")
"""After the first four a good client stops, so nothing that comes later is met; the last is no fault of a call."""
SLOW = ("slow-body", "stall", "hang", "late", "lose-reply-hang")
"""Those that keep a client waiting."""
ALONE = (*SLOW, "403", "404")
"""Those that go with no other: each run would wait, or a good client might stop after them."""
TOKEN_FORMS = ("no-expires-in", "odd-token")
"""Those that leave a good token."""
_ONCE = (*SLOW, *TOKEN_FORMS, "revoked-token", "expired-token", "403", "404", "lose-reply-reset", "lose-reply-504")
"""Those that are no other the second time, or after which a good client stops then."""
BURST = 3
"""How often in a row others strike at most: a client that gives up after five failures is right."""
_PLAIN = ("503", "500", "reset", "lose-reply-reset")
"""The plainest first: what other faults are replaced by where that shows the same."""


class CallSeries(Struct, frozen=True):
    """Calls that are counted together: those of a route, or the polls of a turn's job from a span on."""

    label: str
    route: str
    call: str
    """What one of them is called."""
    place: str = ""
    """Where they are, for people."""
    turn: int | None = None
    since: Millis = 0
    """On status: the job time at which the span begins."""


class PlacedFault(Struct, frozen=True):
    """What strikes so many calls of a series, from one on."""

    kind: str
    series: CallSeries
    first: int
    count: int = 1

    @property
    def name(self) -> str:
        """By which the fault goes in the file and in the recording, as `503-poll-2-x3`."""
        polls = self.series.route == "status"
        first = (f"-call-{self.first}" if self.first > 1 else "") if polls else f"-{self.first}"
        return f"{self.kind}-{self.series.label}{first}{f'-x{self.count}' if self.count > 1 else ''}"

    @property
    def words(self) -> str:
        """The same for people."""
        calls = f"{self.series.call}s {self.first} to" if self.count > 1 else self.series.call
        return f"{self.kind} at {calls} {self.last}{self.series.place}"

    @property
    def last(self) -> int:
        """The last call that it strikes."""
        return self.first + self.count - 1

    def meets(self, other: "PlacedFault") -> bool:
        """Whether both would strike the same call."""
        return self.series == other.series and self.first <= other.last and other.first <= self.last

    def holds(self, other: "PlacedFault") -> bool:
        """Whether it strikes in the same way whatever the other strikes."""
        return self.kind == other.kind and self.meets(other) and self.first <= other.first and other.last <= self.last

    def document(self) -> dict[str, Json]:
        """As an author would write it."""
        when: dict[str, Json] = {"route": self.series.route}
        when["calls"] = self.first if self.count == 1 else f"{self.first}-{self.last}"
        if self.series.turn is not None:
            when["turn"] = self.series.turn
        if self.series.since:
            when["after"] = duration_text(self.series.since)
        return {"name": self.name, **when, **kinds_at(self.series.route)[self.kind]}


Combination: TypeAlias = tuple[PlacedFault, ...]
"""Faults of one scenario, in the order of their places."""

TOKEN_CALLS = CallSeries("token", "token", "token call")
INVOKE_CALLS = CallSeries("invoke", "invoke", "invoke call")


def series_of(happy: HappyPath) -> tuple[CallSeries, ...]:
    """Tokens, invokes, and the polls from each span on; spans that begin at the same instant are one."""
    polls: dict[tuple[int, Millis], CallSeries] = {}
    for number, place in enumerate(happy.spans, 1):
        words = f" from {place.step} (span {number}) on"
        series = CallSeries(f"poll-{number}", "status", "poll", words, place.turn, place.since)
        polls.setdefault((place.turn, place.since), series)
    return TOKEN_CALLS, INVOKE_CALLS, *polls.values()


@cache
def kinds_at(route: str, families: tuple[str, ...] = WIRE_FAMILIES) -> dict[str, dict[str, Json]]:
    """What may strike a route, once each: names that do the same are one."""
    found: dict[str, dict[str, Json]] = {}
    for family in WIRE_FAMILIES:
        for kind, what in FAULT_KINDS[family].items() if family in families and route in _ROUTES[family] else ():
            if kind not in _LEFT_OUT and what not in found.values():
                found[kind] = what
    return found


def counts_of(kind: str) -> tuple[int, ...]:
    """How many calls in a row it may strike."""
    return (1,) if kind in _ONCE else (BURST, 1)


def combined(faults: Collection[PlacedFault], order: tuple[CallSeries, ...]) -> Combination:
    """In the order of their places."""
    return tuple(sorted(faults, key=lambda each: (order.index(each.series), each.first)))


def simpler(combination: Combination, families: tuple[str, ...] = WIRE_FAMILIES) -> Iterator[Combination]:
    """Every next simpler one: a fault less, one that strikes fewer calls, one of a plainer kind."""
    for place in range(len(combination)):
        yield combination[:place] + combination[place + 1 :]
    for place, fault in enumerate(combination):
        for count in sorted({1, fault.count - 1} - {0, fault.count}):
            yield _with(combination, place, PlacedFault(fault.kind, fault.series, fault.first, count))
    for place, fault in enumerate(combination):
        plainer = _PLAIN[: _PLAIN.index(fault.kind)] if fault.kind in _PLAIN else _PLAIN
        for kind in plainer:
            if kind in kinds_at(fault.series.route, families):
                yield _with(combination, place, PlacedFault(kind, fault.series, fault.first, fault.count))


def _with(combination: Combination, place: int, fault: PlacedFault) -> Combination:
    return (*combination[:place], fault, *combination[place + 1 :])
