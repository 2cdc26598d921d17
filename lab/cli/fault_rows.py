"""The faults of a scenario as `lab check --plan` lists them: from when on, where, at which calls, and what."""

from collections.abc import Iterator, Mapping, Sequence

from lab.core.clock import Millis, clock_text
from lab.core.exchange import Json
from lab.jobs.timeline import Span
from lab.language.document import Fault, Scenario, fault_document

FaultRow = tuple[str, str, str, str]
_WHEN = ("calls", "step", "turn", "after", "chance")


def fault_rows(scenario: Scenario, turns: Sequence[Sequence[Span]]) -> Iterator[FaultRow]:
    """A row for each, in the order in which they are tried; `turns` holds the timeline of each turn."""
    for fault in scenario.faults:
        told = fault_document(fault.model_copy(update={"calls": fault.numbers}))
        if fault.chance is not None and fault.calls is None:
            del told["calls"]
        route = str(told.pop("route"))
        when = {name: told.pop(name) for name in _WHEN if name in told}
        yield (_from(fault, turns), route, _said(when), _said(told))


def _from(fault: Fault, turns: Sequence[Sequence[Span]]) -> str:
    """The first instant at which its calls count, in each turn; nothing where the plan doesn't settle it."""
    if fault.step is None and fault.after is None:
        return ""
    found: list[str] = []
    for turn, timeline in enumerate(turns, 1):
        at = _first(fault, timeline) if fault.turn in (None, turn) else None
        if at is not None:
            found.append(f"turn {turn} {clock_text(at)}" if len(turns) > 1 else clock_text(at))
    return ", ".join(found) or "not reached"


def _first(fault: Fault, timeline: Sequence[Span]) -> Millis | None:
    began = timeline[0].since
    for span in timeline:
        at = max(span.since, began + (fault.after or 0))
        if fault.step in (None, span.id) and (span.until is None or at < span.until):
            return at - began
    return None


def _said(told: Mapping[str, Json]) -> str:
    return ", ".join(f"{name}: {_word(value)}" for name, value in told.items())


def _word(value: Json) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_word, value))}]"
        case dict():
            return f"{{{_said(value)}}}"
        case _:
            return str(value)
