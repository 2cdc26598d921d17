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
        low, _, high = statistics.quantiles(self.values, n=4)
        return (high - low) / 2 / self.median if self.median else 0.0


def interleaved(*subjects: Callable[[], float], rounds: int = ROUNDS) -> list[Samples]:
    """Each subject once a round, in turn, so that a noisy neighbour hits all; the first round warms up."""
    figures: list[list[float]] = [[] for _ in subjects]
    for round_ in range(rounds + 1):
        for values, subject in zip(figures, subjects, strict=True):
            figure = subject()
            if round_:
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
    unit: Literal["ratio", "ms", "%", "µs", "B", "MiB", "x"] = "ratio"
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.figure <= self.goal if self.at_most else self.figure >= self.goal

    def text(self) -> str:
        sign = "≤" if self.at_most else "≥"
        unit = "" if self.unit == "ratio" else f" {self.unit}"
        places = {"ratio": 2, "x": 2, "%": 2, "µs": 1, "MiB": 1}.get(self.unit, 0)
        return (
            f"{self.what:<52} {sign} {self.goal:g}{unit:<5} {self.figure:>9.{places}f}{unit:<3}"
            f" ±{self.spread * 100:3.0f} %  {'met    ' if self.met else 'NOT MET'}  {self.shown}"
        )
