"""A search for the fewest faults that make a client lose or double a job (clients.md §11).

It knows no client: it proposes combinations of faults, is told what became of each, and proposes on.

    1. none: what the client does by itself
    2. single faults, for half of the runs: each kind at each route before any of them at a second place
    3. pairs: a fault that the client came through, and one at a call that it made because of it (the token call after
       a 401, the second invoke after a 429, the next poll), or anywhere else
    4. triples, likewise

What does harm is made simpler at once, until nothing simpler does the same; then the search goes on for the other harm.
Which comes first is drawn by name, so a seed and a client that does the same each time give the same search.
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.seeds import Seed, fraction
from lab.plugins.rehearsal.drills.kinds import WIRE_ROUTES, kinds_of
from lab.plugins.rehearsal.drills.places import INVOKE_CALLS, TOKEN_CALLS, CallSeries, HappyPath, PlacedFault

WIRE_FAMILIES = tuple(WIRE_ROUTES)
_LEFT_OUT = ("401-for-good", "400-for-good", "invalid-client", "invalid-scope", "other-success-code")
"""After the first four a good client stops, so nothing that comes later is met; the last is no fault of a call."""
_SLOW = ("slow-body", "stall", "hang", "late", "lose-reply-hang")
"""Those that keep a client waiting."""
GO_ALONE = (*_SLOW, "403", "404")
"""Those that go with no other: each run would wait, or a good client might stop after them."""
_TOKEN_FORMS = ("no-expires-in", "odd-token")
"""Those that leave a good token."""
_ONCE = (*GO_ALONE, *_TOKEN_FORMS, "revoked-token", "expired-token", "lose-reply-reset", "lose-reply-504")
"""Those that are no other the second time, or after which a good client stops then."""
BURST = 3
"""How often in a row others strike at most: a client that gives up after five failures is right."""
_PLAIN = ("503", "500", "reset", "lose-reply-reset")
"""The plainest first: what other faults are replaced by where that shows the same."""

Combination: TypeAlias = tuple[PlacedFault, ...]
"""Faults of one scenario, in the order of their places."""
NO_FAULT: Combination = ()
"""The run without a fault."""


class Trial(Struct, frozen=True):
    """What became of a run with a combination of faults."""

    harm: str | None = None
    """Which one was done, in a word."""
    struck: frozenset[str] = frozenset()
    """The names of the faults that struck."""
    calls: Mapping[str, int] = {}
    """How many calls there were, by route."""


class Counterexample(Struct):
    """The simplest combination known that does a harm."""

    harm: str
    combination: Combination
    simplest: bool = False
    """Whether everything simpler was tried; else the runs ended before that."""


Walk: TypeAlias = Generator[tuple[Combination, ...], Sequence[Trial], None]
"""Yields combinations that are to be tried, side by side, and is sent what became of them, in their order."""


@cache
def kinds_at(route: str, families: tuple[str, ...] = WIRE_FAMILIES) -> tuple[str, ...]:
    """What may strike a route, once each: names that do the same are one."""
    found: dict[str, object] = {}
    for family in WIRE_FAMILIES:
        for kind in kinds_of(family) if family in families and route in WIRE_ROUTES[family] else ():
            if kind.name not in _LEFT_OUT and kind.what not in found.values():
                found[kind.name] = kind.what
    return tuple(found)


def simpler(combination: Combination, families: tuple[str, ...] = WIRE_FAMILIES) -> Iterator[Combination]:
    """Every next simpler one: a fault less, one that strikes fewer calls, one of a plainer kind."""

    def instead(place: int, *faults: PlacedFault) -> Combination:
        return (*combination[:place], *faults, *combination[place + 1 :])

    for place in range(len(combination)):
        yield instead(place)
    for place, fault in enumerate(combination):
        for count in sorted({1, fault.count - 1} - {0, fault.count}):
            yield instead(place, replace(fault, count=count))
    for place, fault in enumerate(combination):
        for kind in _PLAIN[: _PLAIN.index(fault.kind)] if fault.kind in _PLAIN else _PLAIN:
            if kind in kinds_at(fault.series.route, families):
                yield instead(place, replace(fault, kind=kind))


class FaultSearch:
    """One search, over one scenario."""

    def __init__(
        self,
        happy: HappyPath,
        seed: Seed,
        harms: Collection[str],
        runs: int,
        width: int,
        families: tuple[str, ...] = WIRE_FAMILIES,
    ) -> None:
        self._seed, self._harms, self._width, self._families = seed, harms, width, tuple(families)
        self._series = (TOKEN_CALLS, INVOKE_CALLS, *happy.polls(within=False))
        self._proposed = set[Combination]()
        self.runs = runs
        """How many runs there may be, those included that make something simpler."""
        self.trials: dict[Combination, Trial] = {}
        """Everything that was tried, in order."""
        self.found: dict[str, Counterexample] = {}
        """By harm."""

    def walk(self) -> Walk:
        """The search; what it knows so far stands in `trials` and `found` at any time."""
        yield from self._stage(iter((NO_FAULT,)), self.runs)
        yield from self._stage(self._singles(), self.runs // 2)
        yield from self._stage(self._extensions(1), self.runs * 5 // 6)
        yield from self._stage(self._extensions(2), self.runs)

    def _stage(self, proposals: Iterator[Combination], until: int) -> Walk:
        while len(self.found) < len(self._harms):
            room = min(self._width, until - len(self.trials))
            batch = tuple(islice(filter(self._worth_a_run, proposals), max(0, room)))
            if not batch:
                return
            self.trials.update(zip(batch, (yield batch), strict=True))
            while (harmful := next(self._harmful(), None)) is not None:
                yield from self._simplify(harmful)

    def _harmful(self) -> Iterator[Counterexample]:
        """Trials that did a harm of which no other is known."""
        for tried, trial in self.trials.items():
            if trial.harm is not None and trial.harm not in self.found:
                yield Counterexample(trial.harm, tried)

    def _worth_a_run(self, combination: Combination) -> bool:
        """Whether it is new, has room for all of its faults, and holds nothing that is known to do harm."""
        if combination in self._proposed or combination in self.trials:
            return False
        met = any(one.meets(two) for place, one in enumerate(combination) for two in combination[:place])
        known = any(
            all(any(mine.holds(other) for mine in combination) for other in each.combination)
            for each in self.found.values()
        )
        # a kind of which one alone did harm at a route says nothing new with others
        alone = len(combination) > 1 and any(
            each.kind == tried.kind and each.series.route == tried.series.route
            for tried in (faults[0] for faults, trial in self.trials.items() if len(faults) == 1 and trial.harm)
            for each in combination
        )
        if met or known or alone:
            return False
        self._proposed.add(combination)
        return True

    def _simplify(self, best: Counterexample) -> Walk:
        """Take the first simpler one that does the same, and begin again, until there is none."""
        self.found[best.harm] = best
        rest = list(simpler(best.combination, self._families))
        while rest:
            batch, rest = rest[: self._width], rest[self._width :]
            fresh = tuple(each for each in dict.fromkeys(batch) if each not in self.trials)
            if len(fresh) > self.runs - len(self.trials):
                return
            if fresh:
                self.trials.update(zip(fresh, (yield fresh), strict=True))
            smaller = next((each for each in batch if self.trials[each].harm == best.harm), None)
            if smaller is not None:
                best.combination, rest = smaller, list(simpler(smaller, self._families))
        best.simplest = True

    # Proposals

    def _singles(self) -> Iterator[Combination]:
        """Each kind at each route in turn, and again at another place or another number of calls."""
        routes = ("token", "invoke", "status")
        return _in_turn(*(_in_turn(*(self._variants(kind, route) for kind in self._kinds(route))) for route in routes))

    def _kinds(self, route: str) -> list[str]:
        """In the order drawn; first what began a job unseen, last what makes a client wait, so that all wait together."""
        kinds = kinds_at(route, self._families)
        order = {kind: fraction(self._seed, f"search/{route}/{kind}") for kind in kinds}
        return sorted(kinds, key=lambda kind: (kind in _SLOW, not kind.startswith("lose-reply"), order[kind]))

    def _variants(self, kind: str, route: str) -> Iterator[Combination]:
        # while there is no job none can be lost or doubled, so of the first token only its odd forms matter
        first = 2 if route == "token" and kind not in _TOKEN_FORMS else 1
        last = 1 if route == "status" else self.trials[NO_FAULT].calls.get(route, 0)
        of_route = [series for series in self._series if series.route == route]
        drawn = self._drawn((PlacedFault(kind, each, call),) for each in of_route for call in range(first, last + 1))
        counts = (1,) if kind in _ONCE else (BURST, 1)
        # neighbours differ in both: the first place once, the second one in a row, and then the other way round
        for turn in range(len(counts)):
            for number, (fault,) in enumerate(drawn):
                yield (replace(fault, count=counts[(number + turn) % len(counts)]),)

    def _extensions(self, size: int) -> Iterator[Combination]:
        """Combinations of that size that the client came through, with a fault more.

        At a call that it made because of them, or with any other that it came through.
        """
        survived = [
            each
            for each, trial in self.trials.items()
            if trial.harm is None
            and trial.struck >= {fault.name for fault in each}
            and not any(fault.kind in GO_ALONE for fault in each)
        ]
        bases = [each for each in survived if len(each) == size]
        later: dict[str, dict[str, list[Combination]]] = {"token": {}, "invoke": {}, "status": {}}
        for base in bases:
            for series, first in self._new_calls(base):
                for kind in self._kinds(series.route):
                    if kind not in GO_ALONE:
                        placed = self._with(base, PlacedFault(kind, series, first))
                        later[series.route].setdefault(kind, []).append(placed)
        elsewhere = (self._with(base, *other) for base in bases for other in survived if len(other) == 1)
        streams = [_in_turn(*(iter(self._drawn(each)) for each in groups.values())) for groups in later.values()]
        return _in_turn(*streams, iter(self._drawn(elsewhere)))

    def _new_calls(self, base: Combination) -> Iterator[tuple[CallSeries, int]]:
        """Calls that nobody would have made without the faults, and that none of these strikes."""
        usual, now = self.trials[NO_FAULT].calls, self.trials[base].calls
        for series in (TOKEN_CALLS, INVOKE_CALLS):
            for call in range(usual.get(series.route, 0) + 1, now.get(series.route, 0) + 1):
                if not any(fault.meets(PlacedFault("", series, call)) for fault in base):
                    yield series, call
        for fault in base:
            if fault.series.route == "status":
                yield fault.series, fault.last + 1

    def _with(self, base: Combination, fault: PlacedFault) -> Combination:
        return tuple(sorted((*base, fault), key=lambda each: (self._series.index(each.series), each.first)))

    def _drawn(self, combinations: Iterable[Combination]) -> list[Combination]:
        """In an order that the seed settles."""
        return sorted(combinations, key=lambda each: fraction(self._seed, f"search/{'+'.join(f.name for f in each)}"))


def _in_turn(*streams: Iterator[Combination]) -> Iterator[Combination]:
    """The first of each, the second of each, and so on, as long as one has any."""
    left = list(streams)
    while left:
        for stream in tuple(left):
            try:
                yield next(stream)
            except StopIteration:
                left.remove(stream)
