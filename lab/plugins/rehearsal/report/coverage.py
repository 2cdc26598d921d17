"""What a client has been through, whatever it made of it (clients.md §7).

An element counts once an answer or a fact shows it; more recordings never take one away, and those of several machines
are joined by union. What its scenarios can't reach is not missing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from lab.core.exchange import Json
from lab.jobs.gates import offers
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.program.scenario import Scenario
from lab.program.steps import Gate
from lab.program.words import Status, Verdict
from lab.recording.format.lines import Recording

UNKNOWN = "an unknown one"
"""Of statuses."""
SHOWN_BY_DRILLS = {"ERROR": "drill z-error", UNKNOWN: "drill p-status-word"}
"""For what no happy scenario shows: the drill that does."""
_ONE = {"statuses": "status ", "verdicts": "verdict ", "endings": "ending ", "faults": "drill "}
"""What an element of a dimension is; a turn and a refusal say it themselves."""
_REFUSED = (400, 401, 403, 404, 409, 429)

Elements: TypeAlias = Mapping[str, frozenset[str]]
"""By dimension: statuses, verdicts, endings, turns, refusals, faults."""


class Coverage(Struct, frozen=True):
    """Elements by dimension: those that were met, and those that could be."""

    met: Elements
    possible: Elements
    """Of the scenarios that are at hand; a dimension that nobody can count isn't in it."""
    how: Mapping[str, str] = {}
    """For an element what would show it."""

    def counts(self) -> Iterator[str]:
        """`statuses 4/5`, one a dimension; without a number of all where nobody knows it."""
        for dimension, met in self.met.items():
            possible = self.possible.get(dimension)
            yield (
                f"{dimension} {len(met)}" if possible is None else f"{dimension} {len(met & possible)}/{len(possible)}"
            )

    def missing(self) -> Iterator[str]:
        """Each possible element that was not met, with what would show it."""
        for dimension, possible in self.possible.items():
            for element in sorted(possible - self.met.get(dimension, frozenset())):
                how = self.how.get(element)
                yield f"{_ONE.get(dimension, '')}{element}" + (f" ({how})" if how else "")

    def document(self) -> dict[str, Json]:
        """For programs."""
        found: dict[str, Json] = {}
        for dimension, met in self.met.items():
            possible = self.possible.get(dimension)
            missing: list[Json] | None = None if possible is None else [*sorted(possible - met)]
            found[dimension] = {"met": [*sorted(met)], "missing": missing}
        return found


def met_in(recording: Recording, histories: Iterable[ClientHistory]) -> Elements:
    """What a recording shows."""
    calls = [call for history in histories for call in history.calls]
    facts = tuple(recording.facts())
    ends = [fact for fact in facts if fact.type == "job.status" and fact.get("to") in (Status.COMPLETE, Status.ERROR)]
    decided = [fact for fact in facts if fact.type in ("gate.decided", "gate.expired")]
    found: Mapping[str, Iterable[object]] = {
        "statuses": (call.seen.status or UNKNOWN for call in calls if call.seen is not None),
        "verdicts": (f"{fact.text('gate')}: {fact.text('verdict') or Verdict.TIMED_OUT}" for fact in decided),
        "endings": filter(None, (fact.text("step") for fact in ends)),
        "turns": (f"turn {fact.get('turn')}" for fact in facts if fact.type == "job.accepted"),
        "refusals": (call.status for call in calls if call.whole and call.status in _REFUSED),
        "faults": (call.struck for call in calls if call.struck is not None),
    }
    return {dimension: frozenset(map(str, elements)) for dimension, elements in found.items()}


def possible_in(scenarios: Collection[Scenario]) -> Elements:
    """What clients of these scenarios could meet, refusals and faults of the wire apart; nothing of none."""
    if not scenarios:
        return {}
    steps = [step for each in scenarios for part in (each.steps, *(turn.steps for turn in each.turns)) for step in part]
    gates = [step for step in steps if isinstance(step, Gate)]
    return {
        "statuses": frozenset(str(step.status) for step in steps) | {str(Status.RUNNING)},
        "verdicts": frozenset(
            f"{gate.id}: {verdict}" for gate in gates for verdict in (*offers(gate), Verdict.TIMED_OUT)
        ),
        "endings": frozenset(step.id for step in steps if step.status.final),
        "turns": frozenset(f"turn {number}" for each in scenarios for number in range(1, 2 + len(each.turns))),
    }


def joined(*parts: Elements) -> Elements:
    """All elements of all of them."""
    dimensions = dict.fromkeys(name for part in parts for name in part)
    return {name: frozenset[str]().union(*(part.get(name, ()) for part in parts)) for name in dimensions}
