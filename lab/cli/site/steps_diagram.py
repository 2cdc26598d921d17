"""The steps of a scenario as a picture: a box a step, from top to bottom, and an arrow wherever a job may go from there.

An arrow to the step below is drawn between the two boxes. Every other one leaves its box at the right, where its label
stands, runs in a lane of its own beside the boxes, and comes back to the step that it leads to. Two arrows share a lane
if their stretches don't meet.
"""

from collections.abc import Iterator
from html import escape
from typing import assert_never

from msgspec import Struct

from lab.cli.check.plan_table import condition_text
from lab.jobs.branches import exits, possible
from lab.jobs.compiled import NEXT, CompiledScenario
from lab.language.document import (
    Between,
    Complete,
    Delegate,
    Exponential,
    Failure,
    Gate,
    Latency,
    LogNormal,
    Observed,
    Parallel,
    ParallelChild,
    Pause,
    Status,
    Step,
    Verdict,
    Work,
    duration_text,
    longest_latency,
)

_BOX, _LABELS, _LANE, _LETTER = 420, 150, 16, 7
"""Widths in pixels: of a box, at least of the column with the labels of arrows, of a lane, of a letter of a label."""
_GAP, _LINE, _EDGE = 26, 18, 12
"""Heights: between two boxes, of a line of text, between a box's border and its text."""
_ORDER = (NEXT, *Verdict)
_DEFAULTS = {Verdict.REJECTED: Status.COMPLETE, Verdict.TIMED_OUT: Status.ERROR}
"""How a job ends at a gate that says nothing of a verdict."""
_SIGNS = {Status.RUNNING: "◐", Status.WAITING: "◆", Status.COMPLETE: "✓", Status.ERROR: "✗"}


class Arrow(Struct, frozen=True):
    """Where a job may go from a step, and when; `to` None: its text says what comes then."""

    label: str
    to: str | None


class _Box(Struct, frozen=True):
    step: Step
    top: int
    height: int
    below: Arrow | None
    """The arrow to the next box."""
    beside: tuple[Arrow, ...]

    def y(self, arrow: Arrow) -> int:
        """Where an arrow leaves it."""
        return self.top + _EDGE + _LINE * self.beside.index(arrow) + _LINE // 2


def arrows(compiled: CompiledScenario, step: Step) -> Iterator[Arrow]:
    """The ways from a step, of a gate verdict by verdict; none from an ending."""
    for name, branches in sorted(exits(compiled, step), key=lambda way: _ORDER.index(way[0])):
        there = tuple(possible(branches))
        for branch in there:
            conditions = () if len(there) == 1 and branch.sure else (condition_text(branch),)
            yield Arrow(" ".join((*_said(step, name), *conditions)), branch.to)
    if isinstance(step, Gate):
        for verdict, ending in _DEFAULTS.items():
            branches = compiled.ways[step.id].get(verdict, ())
            offered = step.approval or verdict is Verdict.TIMED_OUT
            if offered and not any(branch.sure for branch in branches):
                yield Arrow(f"{verdict}{' else' if branches else ''}: {ending}", None)
    if isinstance(step, Pause) and step.again:
        yield Arrow(f"again, {step.again.rounds}×", step.again.to)


def _said(step: Step, way: str) -> tuple[str, ...]:
    """What an arrow's label says of the way out that it shows."""
    if not isinstance(step, Gate):
        return ()
    return (f"{way}, {step.rounds}×" if way == Verdict.CHANGES else way,)


def step_row(compiled: CompiledScenario) -> str:
    """The steps as they are written, in a row: signs and ids."""
    return " · ".join(f"{_SIGNS[step.status]} {step.id}" for step in compiled.scenario.steps)


def diagram(compiled: CompiledScenario) -> str:
    """The steps of one turn as an SVG element, in one line; its colours are the style sheet's."""
    boxes = list(_boxes(compiled))
    lanes = list(_lanes(boxes))
    labelled = max((_BOX + 14 + _LETTER * len(way.label) for box in boxes for way in box.beside), default=0)
    aside = max(labelled + _LANE // 2, _BOX + _LABELS)
    width = aside + _LANE * (1 + max((lane for *_, lane in lanes), default=0))
    height = boxes[-1].top + boxes[-1].height + 1
    parts = [part for box in boxes for part in _drawn(box)]
    for left, start, end, lane in lanes:
        x = aside + _LANE * lane
        parts.append(f'<path class="way" d="M{left} {start}H{x}V{end}H{_BOX + 3}"/>{_head(_BOX, end, 180)}')
    label = escape(f"The steps of {compiled.name}: {step_row(compiled)}", quote=True)
    return (
        f'<svg class="steps" viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def _boxes(compiled: CompiledScenario) -> Iterator[_Box]:
    steps, top = compiled.scenario.steps, 1
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        ways = tuple(arrows(compiled, step))
        below = next((way for way in ways if following is not None and way.to == following.id), None)
        beside = tuple(way for way in ways if way is not below)
        height = 2 * _EDGE + _LINE * max(2 + len(_children(step)), len(beside))
        yield _Box(step, top, height, below, beside)
        top += height + _GAP


def _lanes(boxes: list[_Box]) -> Iterator[tuple[int, int, int, int]]:
    """Of each arrow beside the boxes the right end of its label, where it leaves and arrives, and its lane.

    The shortest are nearest to the boxes.
    """
    tops = {box.step.id: box.top for box in boxes}
    found = [
        (_BOX + 14 + _LETTER * len(way.label), box.y(way), tops[way.to] + 6)
        for box in boxes
        for way in box.beside
        if way.to is not None
    ]
    taken: list[list[tuple[int, int]]] = []
    for left, start, end in sorted(found, key=lambda each: abs(each[1] - each[2])):
        low, high = min(start, end), max(start, end)
        free = (n for n, lane in enumerate(taken) if all(high < one or other < low for one, other in lane))
        lane = next(free, len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        yield left, start, end, lane


def _drawn(box: _Box) -> Iterator[str]:
    step, children = box.step, _children(box.step)
    middle = box.top + (box.height - _LINE * len(children)) // 2
    yield f'<rect class="{step.status.lower()}" x="1" y="{box.top}" width="{_BOX - 2}" height="{box.height}" rx="6"/>'
    title = f"{_SIGNS[step.status]} {step.id}"
    yield _text(14, middle - 4, title, "id")
    yield _text(14, middle - 4 + _LINE, step.title or _facts(step), "")
    yield _text(_BOX - 14, middle - 4, _facts(step) if step.title else "", "facts")
    for place, child in enumerate(children, 2):
        yield _text(28, middle - 4 + _LINE * place, f"{child.id}: {child.title or _facts(child)}", "")
    for way in box.beside:
        yield _text(_BOX + 10, box.y(way) + 4, way.label, "label")
    if box.below is not None:
        end = box.top + box.height + _GAP
        yield f'<path class="way" d="M40 {box.top + box.height}V{end - 3}"/>{_head(40, end, 90)}'
        yield _text(52, end - _GAP // 2 + 4, box.below.label, "label")


def _children(step: Step) -> tuple[ParallelChild, ...]:
    return step.of if isinstance(step, Parallel) else ()


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>' if text else ""


def _head(x: int, y: int, turned: int) -> str:
    """The point of an arrow that ends there: at 90 it points down, at 180 to the left."""
    return f'<path class="head" d="M0 0L-8 -4V4Z" transform="translate({x} {y}) rotate({turned})"/>'


def _facts(step: Step) -> str:
    """How long it lasts, and what else is to be known."""
    match step:
        case Gate():
            quorum = f", {step.approvals} approve" if step.approvals > 1 else ""
            return f"{step.channel}{quorum}, {duration_text(step.patience)}"
        case Work() | Delegate() | Pause():
            return _latency_text(step.takes)
        case Parallel():
            return f"{step.until} of {len(step.of)}"
        case Complete() | Failure():
            return str(step.status)
        case _:
            assert_never(step)


def _latency_text(form: Latency) -> str:
    match form:
        case int():
            return duration_text(form)
        case Between():
            return "–".join(map(duration_text, form.between))
        case LogNormal():
            return f"≈ {duration_text(form.median)}"
        case Exponential():
            return f"≈ {duration_text(form.mean)}"
        case Observed():
            return f"≤ {duration_text(longest_latency(form))}"
        case _:
            assert_never(form)
