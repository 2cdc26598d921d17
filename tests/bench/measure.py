"""Interleaved rounds, medians, spread; one row of the table."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ROUNDS = 7


@dataclass(frozen=True)
class Samples:
    """The figures of one subject, one a round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.values) < 2 or not self.median:
            return 0.0
        low, _, high = statistics.quantiles(self.values, n=4)
        return (high - low) / 2 / self.median


@dataclass(frozen=True)
class Extent:
    """How much is measured: the whole, or in the short form just so much that every row has run."""

    short: bool = False

    def of(self, whole: int, short: int) -> int:
        return short if self.short else whole

    def interleaved(self, *subjects: Callable[[], float], rounds: int = ROUNDS) -> list[Samples]:
        """Each subject once a round, in turn, so that a noisy neighbour hits all; the first of the whole warms up."""
        figures: list[list[float]] = [[] for _ in subjects]
        for warm in range(self.of(rounds + 1, 1)):
            for values, subject in zip(figures, subjects, strict=True):
                figure = subject()
                if warm or self.short:
                    values.append(figure)
        return [Samples(tuple(values)) for values in figures]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    goal: float
    figure: float
    """What is compared with the goal."""
    shown: str
    """The absolute figures behind it."""
    spread: float = 0.0
    unit: Literal["ratio", "s", "ms", "%", "µs", "B", "MiB", "x"] = "ratio"
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.figure <= self.goal if self.at_most else self.figure >= self.goal

    def text(self, judged: bool = True) -> str:
        """The line; whether its goal was met is left out where too little was measured to judge."""
        sign = "≤" if self.at_most else "≥"
        unit = "" if self.unit == "ratio" else f" {self.unit}"
        goal = f"{self.goal:g}{unit}"
        places = {"ratio": 2, "x": 2, "%": 2, "µs": 1, "MiB": 1, "s": 1}.get(self.unit, 0)
        verdict = ("met" if self.met else "NOT MET") if judged else ""
        return (
            f"{self.what:<52} {sign} {goal:<9} {self.figure:>9.{places}f}{unit:<4}"
            f" ±{self.spread * 100:3.0f} %  {verdict:<7}  {self.shown}"
        )
