"""Warnings about faults that never strike."""

from collections.abc import Iterator, Sequence

from lab.jobs.branches import reachable
from lab.jobs.compiled import CompiledScenario
from lab.language.parse import KeyPath
from lab.program.draws import longest_latency
from lab.program.faults import Calls, Fault, fault_names
from lab.program.scenario import Scenario
from lab.program.steps import Parallel, Step, TimedStep


def idle_faults(scenario: Scenario, parts: Sequence[CompiledScenario]) -> Iterator[tuple[KeyPath, str, str]]:
    """Faults that can't strike: nobody is ever there to be struck, or an earlier one strikes first."""
    there = {name for part in parts for name in reachable(part)}
    lasting = {step.id for part in parts for step in part.steps.values() if _lasts(step)}
    names = fault_names(scenario.faults)
    for place, fault in enumerate(scenario.faults):
        path: KeyPath = ("faults", place)
        if fault.step is not None and fault.step not in there:
            yield (*path, "step"), f"{names[place]} can't strike: no path leads to {fault.step}", ""
        elif fault.step is not None and fault.step not in lasting:
            yield (*path, "step"), f"{names[place]} can't strike: {fault.step} takes no time", ""
        if scenario.turns and (fault.turn or 0) > len(parts):
            yield (*path, "turn"), f"{names[place]} can't strike: the conversation has {len(parts)} turns", ""
        for other, earlier in zip(names, scenario.faults[:place], strict=False):
            if _shadows(earlier, fault):
                hint = "the first in the list that fits strikes: put it before, or give it other calls"
                yield path, f"{names[place]} can't strike: {other} strikes all its calls", hint
                break


def _lasts(step: Step) -> bool:
    """Whether a poll can find a job there: in a span of 0 ms there is no instant. A gate's patience is more than 0."""
    if isinstance(step, Parallel):
        lasting = map(_lasts, step.of)
        return any(lasting) if step.until == "all" else all(lasting)
    return not isinstance(step, TimedStep) or longest_latency(step.takes) > 0


def _shadows(earlier: Fault, fault: Fault) -> bool:
    """Whether `earlier` strikes every call that `fault` could strike.

    Of the faults that fit a call the first in the list strikes. Two with the same conditions count the same calls, so
    their numbers can be compared: `2-4` behind `1-9` never comes to strike, `3` behind `every 2` does.
    """
    if earlier.route != fault.route or earlier.chance is not None:
        return False
    mine, other = fault.numbers, earlier.numbers
    limits = [(each.step, each.turn, each.client, each.user) for each in (earlier, fault)]
    if limits[0] != limits[1] or earlier.after != fault.after:
        # counted apart, so only one that strikes all calls of a wider condition is in the way for certain
        wider = all(before in (None, after) for before, after in zip(*limits, strict=True))
        return wider and (earlier.after or 0) <= (fault.after or 0) and other == Calls(1, None)
    endless = other.last is None or (mine.last is not None and mine.last <= other.last)
    return endless and other.first <= mine.first and mine.every % other.every == 0
