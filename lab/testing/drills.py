"""Drills: a happy scenario with one fault, and whether a client ends as a good one would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .process import lab_output

if TYPE_CHECKING:
    from .lab import Lab


class DrillFailed(AssertionError):
    """The client ended otherwise than a good one."""


@dataclass(frozen=True)
class DrillCase:
    """One drill, and the lab that plays it."""

    name: str
    family: str
    kind: str
    where: str
    good: Sequence[str]
    """How a good client's run ends: `result`, `clean stop`, or either."""
    turns: int
    strikes: bool
    """Whether a fault of the wire must have struck, or nothing can be said."""
    scenario: str
    """Whose drill it is, by name or path."""
    options: Mapping[str, Any]
    """`scenarios` and `seed`, where they were given."""
    lab: Lab | None = None

    @property
    def served(self) -> Lab:
        """The lab that plays it."""
        assert self.lab is not None
        return self.lab

    @property
    def ask(self) -> str:
        """What the client has to ask."""
        return self.served.ask()

    def asks(self) -> list[str]:
        """The same, turn by turn."""
        return [self.served.ask(turn=turn) for turn in range(1, self.turns + 1)]

    @contextmanager
    def expect(self, stops: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[None]:
        """Run the client in this: DrillFailed if it ends otherwise than a good one. On a manual clock it is virtual time.

        `stops` are the errors by which it says that it stopped; any other is a crash. Where the client never came to
        the place of the fault the test is skipped.
        """
        code, failure = 0, None
        try:
            with self.served.virtual_time() if self.served.manual else nullcontext():
                yield
        except stops:
            code = 1
        except Exception as error:  # noqa: BLE001 - whatever it is, the client didn't foresee it
            failure = error
        outcome = "crash"
        if failure is None:
            outcome = self.served.outcome(code=code, turns=self.turns, strikes=self.strikes)
        if outcome == "not struck":
            import pytest

            pytest.skip(f"{self.name}: the client never came to {self.where}")
        if outcome not in self.good:
            good = " or ".join(self.good)
            raise DrillFailed(
                f"{self.name} ({self.kind} at {self.where}): {outcome}; a good client: {good}"
            ) from failure


def drill_cases(scenario: str, options: Mapping[str, Any], cwd: Path) -> list[DrillCase]:
    """The drills of a scenario; `options` are those of `lab drill`, which runs in `cwd`."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    served = {name: options[name] for name in ("scenarios", "seed") if name in options}
    found = map(json.loads, lab_output(["drill", scenario, *words, "--json"], cwd).splitlines())
    return [
        DrillCase(
            **{name: each[name] for name in ("name", "family", "kind", "where")},
            good=each["good_client"],
            turns=1 + len(each["scenario"].get("turns", ())),
            strikes=bool(each["scenario"].get("faults")),
            scenario=scenario,
            options=served,
        )
        for each in found
    ]
