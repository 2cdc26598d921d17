"""The planned faults in `lab check --plan`: from when on they count, and which polls of each turn are struck."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from lab.core.clock import Millis, clock_text
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.faults.model import Place, Rule, judge
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.language.fault import fault_document
from lab.program.faults import Fault
from lab.program.scenario import Scenario

FaultRow = tuple[str, str, str, str]
_WHEN = ("calls", "client", "user", "scenario", "step", "turn", "after", "chance")


def fault_rows(scenario: Scenario, turns: Sequence[Sequence[Span]]) -> Iterator[FaultRow]:
    """A row for each, in the order in which they are tried; `turns` holds the timeline of each turn."""
    for fault in scenario.faults:
        document = fault_document(replace(fault, calls=fault.numbers))
        if fault.chance is not None and fault.calls is None:
            del document["calls"]
        route = str(document.pop("route"))
        when = {name: document.pop(name) for name in _WHEN if name in document}
        yield (_from(fault, turns), route, _members(when), _members(document))


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
        if (fault.step is None or fault.step in span.ids) and (span.until is None or at < span.until):
            return at - began
    return None


_MOST_POLLS = 1_000
"""How many polls of a job the plan looks at."""
_MOST_RUNS = 5
"""How many stretches of polls a fault is shown with."""


def struck_polls(rules: Sequence[Rule], planned: Plan, timeline: Sequence[Span]) -> str:
    """Which polls of a turn's job are struck by these faults, which name no step: no pause of a client changes that.

    One with `after` counts from the first poll at that instant on, so it is looked at by itself.
    """
    call = planned.invocation
    user = call.user.name if call.user is not None else None
    place = Place(call.client, turn=call.turn, job=call.job, user=user, scenario=call.scenario)
    at_once = [rule for rule in rules if not rule.fault.after]
    found = [_polls(numbers, name) for name, numbers in _strikes(at_once, place, planned.seed).items()]
    for rule in rules:
        after = rule.fault.after
        if after and _first(rule.fault, timeline) is not None:
            struck = _strikes([rule], replace(place, passed=after), planned.seed)
            found += [_polls(numbers, name, f" from {clock_text(after)} on") for name, numbers in struck.items()]
    return "; ".join(found) or "no poll"


def _strikes(rules: Sequence[Rule], place: Place, seed: Seed) -> dict[str, list[int]]:
    """The polls that each fault strikes if nothing but these counts, by its name, in the order of their first ones."""
    counted: dict[str, int] = {}
    struck: dict[str, list[int]] = {}
    for poll in range(1, _MOST_POLLS + 1):
        judged = judge(rules, lambda rule: counted.get(rule.counter, 0), place, seed)
        counted.update((rule.counter, value) for rule, value in judged.counted)
        if judged.struck is not None:
            struck.setdefault(judged.struck.name, []).append(poll)
    return struck


def _polls(numbers: Sequence[int], name: str, since: str = "") -> str:
    """`polls 1, 4-5: slow`; a stretch that goes on to the last poll that was looked at has no end."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    words = [
        f"{first} on" if last == _MOST_POLLS and first < last else f"{first}" if first == last else f"{first}-{last}"
        for first, last in runs[:_MOST_RUNS]
    ]
    more = ["…"] if len(runs) > _MOST_RUNS else []
    return f"poll{'' if len(numbers) == 1 else 's'} {', '.join([*words, *more])}{since}: {name}"


def _members(document: Mapping[str, Json]) -> str:
    return ", ".join(f"{name}: {_word(value)}" for name, value in document.items())


def _word(value: Json) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_word, value))}]"
        case dict():
            return f"{{{_members(value)}}}"
        case _:
            return str(value)
