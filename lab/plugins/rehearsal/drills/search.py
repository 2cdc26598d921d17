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
from itertools import islice
from typing import TypeAlias

from msgspec import Struct

from lab.core.seeds import Seed, fraction
from lab.plugins.rehearsal.drills.placed import (
    ALONE,
    INVOKE_CALLS,
    SLOW,
    TOKEN_CALLS,
    TOKEN_FORMS,
    WIRE_FAMILIES,
    CallSeries,
    Combination,
    PlacedFault,
    combined,
    counts_of,
    kinds_at,
    series_of,
    simpler,
)
from lab.plugins.rehearsal.drills.places import HappyPath

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
        self._series = series_of(happy)
        self._proposed = set[Combination]()
        self._harmful_alone = set[tuple[str, str]]()
        """Kinds of which one alone has done harm, by route: with others they say nothing new."""
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
            yield from self._try(batch)
            while (harmful := self._harmful()) is not None:
                yield from self._simplify(*harmful)

    def _try(self, batch: tuple[Combination, ...]) -> Walk:
        self._proposed.update(batch)
        trials = yield batch
        self.trials.update(zip(batch, trials, strict=True))
        self._harmful_alone |= {
            (each[0].kind, each[0].series.route)
            for each, trial in zip(batch, trials, strict=True)
            if len(each) == 1 and trial.harm is not None
        }

    def _worth_a_run(self, combination: Combination) -> bool:
        """Whether it is new, has room for all of its faults, and holds nothing that is known to do harm."""
        known = any(
            all(any(mine.holds(other) for mine in combination) for other in each.combination)
            for each in self.found.values()
        ) or (
            len(combination) > 1 and any((each.kind, each.series.route) in self._harmful_alone for each in combination)
        )
        met = any(one.meets(two) for place, one in enumerate(combination) for two in combination[:place])
        if known or met or combination in self._proposed:
            return False
        self._proposed.add(combination)
        return True

    def _harmful(self) -> tuple[Combination, str] | None:
        """The first trial that did a harm of which no other is known."""
        return next(
            ((each, trial.harm) for each, trial in self.trials.items() if trial.harm and trial.harm not in self.found),
            None,
        )

    def _simplify(self, combination: Combination, harm: str) -> Walk:
        """Take the first simpler one that does the same, and begin again, until there is none."""
        best = self.found[harm] = Counterexample(harm, combination)
        smaller: Combination | None = combination
        while smaller is not None:
            best.combination, smaller = smaller, None
            rest = list(simpler(best.combination, self._families))
            while rest and smaller is None:
                batch, rest = rest[: self._width], rest[self._width :]
                fresh = tuple(each for each in dict.fromkeys(batch) if each not in self.trials)
                if len(fresh) > self.runs - len(self.trials):
                    return
                if fresh:
                    yield from self._try(fresh)
                smaller = next((each for each in batch if self.trials[each].harm == harm), None)
        best.simplest = True

    # Proposals

    def _singles(self) -> Iterator[Combination]:
        """Each kind at each route in turn, and again at another place or another number of calls."""
        routes = (
            _in_turn(*(iter(self._variants(kind, route)) for kind in self._kinds(route)))
            for route in ("token", "invoke", "status")
        )
        return _in_turn(*routes)

    def _kinds(self, route: str) -> list[str]:
        """In the order drawn; first what began a job unseen, last what makes a client wait, so that all wait together."""
        kinds = kinds_at(route, self._families)
        order = {kind: fraction(self._seed, f"search/{route}/{kind}") for kind in kinds}
        return sorted(kinds, key=lambda kind: (kind in SLOW, not kind.startswith("lose-reply"), order[kind]))

    def _variants(self, kind: str, route: str) -> list[Combination]:
        # while there is no job none can be lost or doubled, so of the first token only its odd forms matter
        first = 2 if route == "token" and kind not in TOKEN_FORMS else 1
        last = 1 if route == "status" else self.trials[NO_FAULT].calls.get(route, 0)
        of_route = [series for series in self._series if series.route == route]
        places = [(series, call) for series in of_route for call in range(first, last + 1)]
        drawn = self._drawn((PlacedFault(kind, series, call),) for series, call in places)
        counts = counts_of(kind)
        # neighbours differ in both: the first place once, the second one in a row, and then the other way round
        return [
            (PlacedFault(kind, fault.series, fault.first, counts[(number + turn) % len(counts)]),)
            for turn in range(len(counts))
            for number, (fault,) in enumerate(drawn)
        ]

    def _extensions(self, size: int) -> Iterator[Combination]:
        """Combinations of that size that the client came through, with a fault more.

        At a call that it made because of them, or with any other that it came through.
        """
        survived = [
            each
            for each, trial in self.trials.items()
            if trial.harm is None
            and trial.struck >= {fault.name for fault in each}
            and not any(fault.kind in ALONE for fault in each)
        ]
        bases = [each for each in survived if len(each) == size]
        later: dict[CallSeries | None, dict[str, list[Combination]]] = {TOKEN_CALLS: {}, INVOKE_CALLS: {}, None: {}}
        for base in bases:
            for series, first in self._new_calls(base):
                groups = later[series if series in later else None]
                for kind in self._kinds(series.route):
                    if kind in ALONE:
                        continue
                    groups.setdefault(kind, []).append(self._with(base, PlacedFault(kind, series, first)))
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
        return combined((*base, fault), self._series)

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
