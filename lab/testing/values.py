"""What a lab says of a job, of a client's calls, and what its rules find, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .control import ControlRefused


@dataclass(frozen=True)
class OpenGate:
    """A gate at which a job waits for a person."""

    name: str
    round: int
    """The how many-th visit it is."""
    offers: Sequence[str]
    """The verdicts that it takes."""
    send: Callable[[Mapping[str, Any]], object]

    def decide(self, verdict: str, by: str | None = None, comment: str | None = None) -> None:
        """Decide as a person would; ControlRefused if the gate doesn't take that, or somebody was first."""
        __tracebackhide__ = True
        decision = {"gate": self.name, "verdict": verdict, "by": by, "comment": comment}
        self.send({name: value for name, value in decision.items() if value is not None})


@dataclass(frozen=True)
class LabJob:
    """A job as the lab shows it to those who steer it."""

    id: str
    status: str
    step: str
    body: Mapping[str, Any]
    """The status body, as the API answers it now."""
    open_gate: OpenGate | None

    @property
    def gate(self) -> OpenGate:
        """The gate at which it waits; ControlRefused if it waits at none."""
        __tracebackhide__ = True
        if self.open_gate is None:
            raise ControlRefused(f"Job {self.id} is {self.status} in {self.step}: no gate is open.")
        return self.open_gate


@dataclass(frozen=True)
class CallLog:
    """A client's calls of one kind; its length is their number."""

    statuses: Sequence[int]
    """HTTP statuses in order; 0: no answer was sent."""
    gaps: Sequence[float]
    """From an answer to the next call of its kind about the same job, in seconds of the client's own clock."""
    last: Mapping[str, Any] | None
    """The last one: `x at route job client method path status`."""

    def __len__(self) -> int:
        return len(self.statuses)


@dataclass(frozen=True)
class RuleReport:
    """What the lab's rules find in what the client did (lab docs clients, §8)."""

    document: Mapping[str, Any]
    """As `lab report --json` prints it."""

    @property
    def score(self) -> int | None:
        """Of 100; None: no rule was exercised."""
        score: int | None = self.document["score"]
        return score

    @property
    def failed(self) -> list[str]:
        """The rules that failed."""
        return [rule["rule"] for rule in self.document["rules"] if rule["verdict"] == "fail"]

    def require(self, *rules: str) -> None:
        """AssertionError unless each of these was exercised and passed."""
        __tracebackhide__ = True
        rows = {row["rule"]: row for row in self.document["rules"]}
        unknown = [rule for rule in rules if rule not in rows]
        if unknown:
            raise ValueError(f"{unknown[0]} is no rule; there are {', '.join(rows)}.")
        complaints = [_complaint(rows[rule]) for rule in rules if rows[rule]["verdict"] != "pass"]
        if complaints:
            raise AssertionError("\n".join(complaints))


def _complaint(row: Mapping[str, Any]) -> str:
    if row["verdict"] != "fail":
        return f"{row['rule']} {row['asks']}: not exercised; try {row['tried']}."
    lines = ", ".join(str(line) for each in row["evidence"] for line in each["lines"][:5])
    return f"{row['rule']} {row['asks']}: failed, at lines {lines} of lab.journal. {row['fix']} ({row['source']})"
