"""The path of a scenario before it is played: what its seed draws, and lanes for the agents that work within it."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from lab.core.clock import Millis
from lab.jobs.own_run import own_plans
from lab.jobs.plan import Plan
from lab.jobs.program import program_of
from lab.jobs.span import Span
from lab.jobs.timeline import spans
from lab.program.scenario import Scenario
from lab.program.steps import Delegate, Parallel
from lab.tui.rows.blocks import seconds
from lab.tui.rows.spans import Row, clip, cut, row

_MOST_STEPS = 40
"""How much of a path is drawn."""
_LANE = 32
"""Cells of the longest lane, where there is room."""
_LEFT = "left"


class StepLane(NamedTuple):
    """One who works within a job: how long, of how long it would take."""

    mark: str
    """Where it stands among those at work side by side."""
    step: str
    agent: str
    """Empty for work of the team's own."""
    works: Millis
    takes: Millis


class PlannedPath(NamedTuple):
    """The first job with a seed, if the scenario's own reviewers answer."""

    steps: tuple[str, ...]
    lanes: tuple[StepLane | str, ...]
    """Of each delegate and each child of a parallel the first visit; before children a line about their parallel."""


def planned_path(scenario: Scenario, seed: int) -> PlannedPath:
    """The path that the seed draws."""
    plan = next(own_plans(program_of(scenario), seed))
    steps: list[str] = []
    lanes: list[StepLane | str] = []
    for span in islice(spans(plan, ()), _MOST_STEPS):
        if not (span.goes_on or span.escalated):
            steps.append(span.id)
            lanes += _lanes(plan, span) if span.visit == 0 else ()
    return PlannedPath(tuple(steps), tuple(lanes))


def _lanes(plan: Plan, span: Span) -> Iterator[StepLane | str]:
    step = span.step
    if isinstance(step, Delegate):
        takes = plan.takes(step.id, 0)
        yield StepLane("", step.id, step.agent, takes, takes)
    elif isinstance(step, Parallel):
        lengths = {child.id: plan.takes(child.id, 0) for child in step.of}
        ends = min(lengths.values()) if step.until == "any" else max(lengths.values())
        yield f"{step.id}: side by side, until {'any has' if step.until == 'any' else 'all have'} ended"
        for place, child in enumerate(step.of):
            mark = "┌" if place == 0 else "└" if child is step.of[-1] else "├"
            takes = lengths[child.id]
            agent = child.agent if isinstance(child, Delegate) else ""
            yield StepLane(mark, child.id, agent, min(takes, ends), takes)


def lane_rows(lanes: tuple[StepLane | str, ...], inner: int, most: int) -> list[Row]:
    """A row each, in proportion to the longest: what a step that is left would still have taken is thin; up to `most` rows."""
    drawn = [lane for lane in lanes if isinstance(lane, StepLane)]
    longest = max((lane.takes for lane in drawn), default=0)
    names = min(20, max((len(lane.step) for lane in drawn), default=0))
    agents = min(20, max((len(lane.agent) for lane in drawn), default=0))
    cells = max(6, min(_LANE, inner - names - agents - 23))
    rows: list[Row] = []
    for lane in lanes if len(lanes) <= most else lanes[: max(0, most - 1)]:
        if isinstance(lane, str):
            rows.append(cut(row((f"  {lane}", "dim")), inner))
            continue
        whole, works = (max(1, round(cells * each / longest)) if longest else 1 for each in (lane.takes, lane.works))
        head = f"  {lane.mark or ' '} {clip(lane.step, names):<{names}}  {clip(lane.agent, agents):<{agents}}  "
        left = lane.works < lane.takes
        note = f"  {seconds(lane.works)}{f', {_LEFT}' if left else ''}"
        bar = row(("━" * works, "run"), ("─" * (whole - works), "faint"), " " * (cells - whole))
        rows.append(cut(row(head, bar, (note, "dim")), inner))
    return rows + ([row((f"  and {len(lanes) - most + 1} more", "dim"))] if len(lanes) > most > 0 else [])
