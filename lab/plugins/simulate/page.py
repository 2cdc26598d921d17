"""The result as one page for browsers, of which nothing lies elsewhere: what stands where in its plots, which `page.html` draws."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from math import log

from msgspec import Struct

from lab.core.clock import Millis
from lab.plugins.simulate.result import Figures, ScheduleRow, SeedLoad, SimulationResult
from lab.plugins.simulate.schedule import WIDTHS
from lab.plugins.simulate.text import advice, brief, headline, polls_a_job, sections
from lab.program.words import duration_text
from lab.recording.show.page import page_of

PAGE_MARK = '<meta name="generator" content="lab simulate">'
"""What tells a page from another file."""
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 960, 300, 70, 20, 24, 44
_LINE = 20
"""How far apart texts are, one above the other."""
_Scale = Callable[[float], float]


class Plot(Struct, frozen=True):
    """Shapes by their places in pixels, each with its class and what it says of itself."""

    across: list[tuple[float, str]]
    """Marks on the lower axis."""
    up: list[tuple[float, str]]
    """Marks on the left one."""
    below: str
    above: str
    bars: list[tuple[float, float, float, float, str]] = []
    areas: list[tuple[str, str, str]] = []
    points: list[tuple[float, float, str, str]] = []
    names: list[tuple[float, float, str]] = []
    allowed: float | None = None
    """Where a line lies."""
    key: tuple[tuple[str, str], ...] = ()


def simulation_page(result: SimulationResult) -> str:
    """The page."""
    workload = result.simulation.workload
    whose = f" (of seed {result.simulation.seed})" if workload.seeds > 1 else ""
    return page_of(
        files("lab.plugins.simulate").joinpath("page.html").read_text("utf-8"),
        scenario=result.simulation.invocation.scenario,
        headline=headline(result),
        advice=tuple(advice(result)),
        sections=tuple(sections(result)),
        plots={
            "ended": _durations(result.duration),
            "server": _over_time(result.loads[0], whose),
            "polls": _schedules([each for each in result.schedules if each.polls], workload.delay),
        },
        edges=(_LEFT, _TOP, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM),
    )


def _durations(took: Figures) -> Plot | None:
    """How long jobs took, as bars."""
    if not (bars := took.stretches(48)):
        return None
    first, last, most = bars[0][0], bars[-1][1], max(jobs for *_, jobs in bars)
    x, y = _scale(first, last, _LEFT, _WIDTH - _RIGHT), _scale(0, most, _HEIGHT - _BOTTOM, _TOP)
    tips = (f"{duration_text(low)} to {duration_text(high)}: {jobs} jobs" for low, high, jobs in bars)
    shapes = [
        (x(low) + 0.5, y(jobs), x(high) - x(low) - 1, y(0) - y(jobs), tip)
        for (low, high, jobs), tip in zip(bars, tips, strict=True)
        if jobs
    ]
    return Plot(_times(x, first, last), _counts(y, most), "from acceptance to end", "jobs", shapes)


def _over_time(levels: SeedLoad, whose: str) -> Plot:
    """How many jobs are at work, and above them how many wait for a person."""
    columns = [(0, 0, 0, 0), *levels.columns]
    last, most = len(columns) * levels.width, max(1, *(working + waiting for working, waiting, *_ in columns))
    x, y = _scale(0, last, _LEFT, _WIDTH - _RIGHT), _scale(0, most, _HEIGHT - _BOTTOM, _TOP)
    ends = [x((number + 1) * levels.width) for number in range(len(columns))]
    base, working, both = ([y(sum(each[:upto])) for each in columns] for upto in (0, 1, 2))

    def area(lower: Sequence[float], upper: Sequence[float]) -> str:
        outline = [*zip(ends, upper, strict=True), *reversed([*zip(ends, lower, strict=True)])]
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in outline)

    areas = [("wait", area(working, both), "waiting for a person"), ("work", area(base, working), "at work")]
    key = (("wait", f"waiting for a person{whose}"), ("work", "at work"))
    return Plot(_times(x, 0, last), _counts(y, most), "after the start", "jobs", areas=areas, key=key)


def _schedules(rows: Sequence[ScheduleRow], allowed: Millis) -> Plot | None:
    """Polls a job and the delay at p95 of each schedule, both in powers of ten."""
    if not rows:
        return None
    many, late = [each.a_job for each in rows], [max(1, each.delay.quantile(95)) for each in rows]
    x = _powers(many, _LEFT, _WIDTH - _RIGHT)
    y = _powers([*late, allowed], _HEIGHT - _BOTTOM, _TOP)
    points, names, free = [], [(_WIDTH - _RIGHT - 200.0, y(allowed) - 6, f"--delay {duration_text(allowed)}")], 0.0
    for polls, delay, each in sorted(zip(many, late, rows, strict=True), key=lambda each: -each[1]):
        kind = "best" if each.best else "given" if each.given else "tried"
        points.append((x(polls), y(delay), kind, f"{each.text}: {polls_a_job(each)} polls a job, p95 {brief(delay)}"))
        if kind != "tried":  # its name, below that of the one before
            free = max(free + _LINE, y(delay) - 8)
            names.append((x(polls) + 10, free, each.text))
    counts = [each * 10**exponent for exponent in range(9) for each in (1, 2, 5)]
    across = [(x(each), str(each)) for each in counts if _LEFT <= x(each) <= _WIDTH - _RIGHT]
    key = (("work", "given"), ("dim", "others that were tried"), ("best", "best"))
    return Plot(
        across, _apart(y), "polls a job", "late at p95", points=points, names=names, allowed=y(allowed), key=key
    )


def _scale(low: float, high: float, begin: float, end: float) -> _Scale:
    return lambda value: begin + (value - low) / ((high - low) or 1) * (end - begin)


def _powers(values: Sequence[float], begin: float, end: float) -> _Scale:
    scale = _scale(log(min(values) / 1.25), log(max(values) * 1.25), begin, end)
    return lambda value: scale(log(value))


def _times(x: _Scale, first: Millis, last: Millis) -> list[tuple[float, str]]:
    step = next(each for each in WIDTHS if (last - first) // each <= 8)
    return [(x(at), duration_text(at) if at else "0") for at in range(-(-first // step) * step, last + 1, step)]


def _counts(y: _Scale, most: int) -> list[tuple[float, str]]:
    steps = (each * 10**exponent for exponent in range(12) for each in (1, 2, 5))
    step = next(each for each in steps if most // each <= 5)
    return [(y(count), str(count)) for count in range(0, most + 1, step)]


def _apart(y: _Scale) -> list[tuple[float, str]]:
    """Durations to mark that leave room for each other's texts."""
    found: list[tuple[float, str]] = []
    for each in WIDTHS:
        if _TOP <= y(each) <= (found[-1][0] - _LINE if found else _HEIGHT - _BOTTOM):
            found.append((y(each), duration_text(each)))
    return found
