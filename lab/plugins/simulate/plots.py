"""Plots as SVG of our own: bars, areas, points. All text in them is the lab's, or escaped."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from math import log

from lab.core.clock import Millis
from lab.language.document.base import duration_text
from lab.plugins.simulate.histogram import WIDTHS, Histogram
from lab.plugins.simulate.sections import brief, polls_a_job
from lab.plugins.simulate.totals import ScheduleRow, Series

_WIDTH, _HEIGHT = 960, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 24, 44
_Scale = Callable[[float], float]


def durations(took: Histogram) -> str:
    """How long jobs took, as bars."""
    bars = took.stretches(48)
    if not bars:
        return ""
    first, last, most = bars[0][0], bars[-1][1], max(jobs for _, _, jobs in bars)
    x, y = _linear(first, last, across=True), _linear(0, most)
    shapes = [
        _shape(
            "rect",
            f"{duration_text(low)} to {duration_text(high)}: {jobs} jobs",
            x=x(low) + 0.5,
            y=y(jobs),
            width=x(high) - x(low) - 1,
            height=y(0) - y(jobs),
            **{"class": "work"},
        )
        for low, high, jobs in bars
        if jobs
    ]
    return _plot([*_time_axis(x, first, last, "from acceptance to end"), *_count_axis(y, most)], shapes)


def over_time(series: Series) -> str:
    """How many jobs are at work, and above them how many wait for a person."""
    columns = [(0, 0, 0, 0), *series.columns]
    last, most = len(columns) * series.width, max(working + waiting for working, waiting, _, _ in columns)
    x, y = _linear(0, last, across=True), _linear(0, max(1, most))
    ends = [x((number + 1) * series.width) for number in range(len(columns))]
    base = [y(0)] * len(columns)
    working = [y(each[0]) for each in columns]
    both = [y(each[0] + each[1]) for each in columns]
    shapes = [_area(ends, working, both, "wait", "waiting for a person"), _area(ends, base, working, "work", "at work")]
    return _plot([*_time_axis(x, 0, last, "after the start"), *_count_axis(y, max(1, most))], shapes)


def schedules(rows: Sequence[ScheduleRow], allowed: Millis) -> str:
    """Polls a job and the delay at p95 of each schedule, both in powers of ten."""
    points = [
        (each.tally.polls / each.tally.jobs, max(1, each.tally.delay.quantile(95)), each)
        for each in rows
        if each.tally.polls
    ]
    if not points:
        return ""
    many = [polls for polls, _, _ in points]
    late = [*(delay for _, delay, _ in points), allowed]
    x, y = _logarithmic(min(many), max(many), across=True), _logarithmic(min(late), max(late))
    shapes = [_line(_LEFT, y(allowed), _WIDTH - _RIGHT, y(allowed), "allowed")]
    front = " ".join(f"{x(polls):.1f},{y(delay):.1f}" for polls, delay, each in points if not each.given)
    shapes.append(f'<polyline class="front" points="{front}"/>')
    for polls, delay, each in points:
        kind = "best" if each.best else "given" if each.given else "tried"
        tip = f"{each.text}: {polls_a_job(each)} polls a job, p95 {brief(delay)}"
        shapes.append(
            _shape("circle", tip, cx=x(polls), cy=y(delay), r=6 if kind != "tried" else 3.5, **{"class": kind})
        )
    named = [(x(polls), y(delay), each.text) for polls, delay, each in points if each.best or each.given]
    shapes += _names(named, y(allowed), f"--delay {duration_text(allowed)}")
    counts = (each * 10**exponent for exponent in range(9) for each in (1, 2, 5))
    axes = [
        *(mark for each in counts if _within(each, many) for mark in _mark(x(each), f"{each}", across=True)),
        *(mark for each in _apart(y, late) for mark in _mark(y(each), duration_text(each), across=False)),
    ]
    return _plot([*axes, _below("polls a job"), _above("late at p95")], shapes)


_CHARACTER = 7
"""How wide one is, about."""


def _names(points: Sequence[tuple[float, float, str]], line: float, of_line: str) -> Iterator[str]:
    """The name of a line, at its right end, and those of points: above or below each, where it covers no other name."""
    right = _WIDTH - _RIGHT - 4
    yield _text(right, line - 6, of_line, "end")
    taken: list[tuple[float, float, float]] = [(right - _CHARACTER * len(of_line), right, line - 6)]
    for x, y, text in points:
        width = _CHARACTER * len(text)
        left = min(x + 10, right - width)
        places = [y + down for down in (-8, 16, -8 - _LINE, 16 + _LINE, -8 - 2 * _LINE, 16 + 2 * _LINE)]
        inside = [at for at in places if _TOP <= at <= _HEIGHT - _BOTTOM]
        free = (at for at in inside if not any(_covers(each, left, left + width, at) for each in taken))
        at = next(free, places[0])
        taken.append((left, left + width, at))
        yield _text(left, at, text, "start")


def _covers(name: tuple[float, float, float], left: float, right: float, at: float) -> bool:
    return name[0] < right and left < name[1] and abs(name[2] - at) < _LINE


# Axes


def _linear(low: float, high: float, *, across: bool = False) -> _Scale:
    begin, end = (_LEFT, _WIDTH - _RIGHT) if across else (_HEIGHT - _BOTTOM, _TOP)
    return lambda value: begin + (value - low) / ((high - low) or 1) * (end - begin)


def _logarithmic(low: float, high: float, *, across: bool = False) -> _Scale:
    scale = _linear(log(low / 1.25), log(high * 1.25), across=across)
    return lambda value: scale(log(value))


def _time_axis(x: _Scale, first: Millis, last: Millis, label: str) -> Iterator[str]:
    step = next(each for each in WIDTHS if (last - first) // each <= 8)
    for at in range(-(-first // step) * step, last + 1, step):
        yield from _mark(x(at), duration_text(at) if at else "0", across=True)
    yield _below(label)


def _count_axis(y: _Scale, most: int) -> Iterator[str]:
    step = next(
        each * power
        for power in (10**exponent for exponent in range(12))
        for each in (1, 2, 5)
        if most // (each * power) <= 5
    )
    for count in range(0, most + 1, step):
        yield from _mark(y(count), f"{count}", across=False)
    yield _above("jobs")


_LINE = 20
"""How far apart texts are, one above the other."""


def _apart(y: _Scale, values: Sequence[Millis]) -> Iterator[Millis]:
    """Durations to mark, among these values, that leave room for each other's texts."""
    last = float("inf")
    for each in WIDTHS:
        if _within(each, values) and last - y(each) >= _LINE:
            last = y(each)
            yield each


def _within(value: float, values: Sequence[float]) -> bool:
    return min(values) / 1.25 <= value <= max(values) * 1.25


def _mark(at: float, text: str, *, across: bool) -> Iterator[str]:
    if across:
        yield _line(at, _TOP, at, _HEIGHT - _BOTTOM, "grid")
        yield _text(at, _HEIGHT - _BOTTOM + 18, text, "middle")
    else:
        yield _line(_LEFT, at, _WIDTH - _RIGHT, at, "grid")
        yield _text(_LEFT - 8, at + 4, text, "end")


def _below(label: str) -> str:
    return _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, label, "middle")


def _above(label: str) -> str:
    return _text(_LEFT, _TOP - 8, label, "start")


# Shapes


def _plot(axes: Sequence[str], shapes: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(axes)}{"".join(shapes)}</svg>'


def _area(across: Sequence[float], lower: Sequence[float], upper: Sequence[float], kind: str, tip: str) -> str:
    there = [f"{x:.1f},{y:.1f}" for x, y in zip(across, upper, strict=True)]
    back = [f"{x:.1f},{y:.1f}" for x, y in zip(across, lower, strict=True)]
    return f'<polygon class="{kind}" points="{" ".join([*there, *reversed(back)])}"><title>{tip}</title></polygon>'


def _shape(tag: str, tip: str, **members: float | str) -> str:
    written = " ".join(
        f'{name}="{value:.1f}"' if isinstance(value, float) else f'{name}="{value}"' for name, value in members.items()
    )
    return f"<{tag} {written}><title>{escape(tip)}</title></{tag}>"


def _line(left: float, top: float, right: float, bottom: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" y2="{bottom:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
