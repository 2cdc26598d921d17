"""The result for people: what each part of it says in tables and sentences, for the terminal and for the page."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from math import log

from msgspec import Struct

from lab.app.pauses import CEILINGS, SHORTEST_PAUSE, STEADY
from lab.core.clock import Millis
from lab.plugins.simulate.figures import WIDTHS, Figures
from lab.plugins.simulate.result import SimulationResult
from lab.program.words import duration_text
from lab.recording.show.page import page_of

_SPREAD = ("mean", "p50", "p95", "max")


class Section(Struct, frozen=True):
    """One part: a table, if it has one, and sentences."""

    title: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    marked: int | None = None
    """The row that is best."""


def result_lines(result: SimulationResult) -> Iterator[str]:
    """What `lab simulate` prints."""
    yield f"{result.scenario}: {headline(result)}"
    for section in sections(result):
        table = [(section.title, *section.head), *section.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        yield ""
        for number, cells in enumerate(table, -1):
            mark = "" if number < 0 else "> " if number == section.marked else "  "
            others = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
            yield "  ".join([f"{mark}{cells[0]}".ljust(widths[0] + 2), *others]).rstrip()
        yield from (f"  {note}" for note in section.notes)


def headline(result: SimulationResult) -> str:
    """What was simulated."""
    return f"{result.jobs} jobs, seed {result.seed}, one every {brief(result.every)} on average"


def sections(result: SimulationResult) -> Iterator[Section]:
    """All parts, in the order in which they are read."""
    whole = result.duration.total
    ended = [
        (
            f"{each.step} ({each.status})",
            str(each.duration.total),
            share(each.duration.total, whole),
            *_spread(each.duration),
        )
        for each in result.ended
    ]
    yield Section("How jobs end", ("jobs", "", *_SPREAD), tuple(ended))
    steps = [(each.step, str(each.jobs), str(each.lasted.total), *_spread(each.lasted)) for each in result.steps]
    if steps:
        yield Section("Time in steps", ("jobs", "visits", *_SPREAD), tuple(steps))
    if any(each.verdicts for each in result.steps):
        yield Section("Waiting for a person", notes=tuple(_waiting(result)))
    load = (f"jobs alive at once: {_many(result.load.alive)}", f"requests in a second: {_many(result.requests)}")
    yield Section("The server", notes=load)
    polls = [
        (each.schedule, f"{each.a_job:.1f}", brief(each.late.p50), brief(each.late.p95),
         "-" if each.worst is None else brief(each.worst))
        for each in result.schedules
    ]  # fmt: skip
    best = next((number for number, each in enumerate(result.schedules) if each.best), None)
    notes = (*advice(result), *_limits(result))
    yield Section("Polls", ("a job", "late p50", "late p95", "at worst"), tuple(polls), notes, best)


def _waiting(result: SimulationResult) -> Iterator[str]:
    for step in result.steps:
        if step.verdicts:
            verdicts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(step.verdicts.items()))
            escalated = f"; escalated {step.escalated} of {step.lasted.total}" if step.escalated else ""
            yield f"{step.step}: {verdicts}{escalated}; open for {_long(step.lasted)}"
    yield f"at once: {_many(result.load.waiting)}"
    if (team := result.reviewers) is not None:
        people, begun = "1 person" if team.people == 1 else f"{team.people} people", team.queue.total
        yield f"{people}, at gates for {share(team.busy, team.people * team.lasted)} of the time"
        yield f"until somebody began, of {begun} gates with which somebody did: {_long(team.queue)}"
        yield f"timed out before anybody began: {team.unseen} of {begun + team.unseen} gates"
        yield f"votes that came too late: {team.late}"


def advice(result: SimulationResult) -> Iterator[str]:
    """Which schedule is best, what it saves, and which is best whenever jobs may end."""
    delay = duration_text(result.delay)
    best = next((each for each in result.schedules if each.best), None)
    sure = next((each for each in result.schedules if each.sure), None)
    mine = [each for each in result.schedules[:2] if each.given][-1]
    if best is None:
        yield f"No schedule within the limits tells of ends within {delay} at p95; allow more with --delay."
    elif best is mine:
        yield f"Best: {best.schedule}. No other polls less and tells of ends within {delay} at p95."
    else:
        instead = f"{best.a_job:.1f} polls a job in place of {mine.a_job:.1f}"
        late = f"{brief(best.late.p95)} late at p95 in place of {brief(mine.late.p95)}"
        yield f"Best: {best.schedule} in place of {mine.schedule}: {instead}, {late}."
    if sure is not None and sure is not best:
        polls = f"with {sure.a_job:.1f} polls a job"
        yield f"Should jobs end at other times: {sure.schedule} is never later than {delay}, {polls}."


def _limits(result: SimulationResult) -> Iterator[str]:
    for each in result.schedules:
        if each.outside:
            yield f"{each.schedule} may leave the limits of {each.outside}."
    pauses = f"pauses of {duration_text(SHORTEST_PAUSE)} and more, which grow to {duration_text(STEADY)} and more"
    yield f"Others keep within those of lab report (C5 to C7): {pauses};"
    yield f"no pause is longer than {CEILINGS}."
    if result.left:
        jobs = "1 job" if result.left == 1 else f"{result.left} jobs"
        yield f"The lab's app gave up on {jobs} for it went on too long; --deadline DURATION allows more."


# Figures


def brief(millis: Millis) -> str:
    """A duration in its two greatest units, below a minute in tenths of a second."""
    if millis < 59_950:
        return f"{millis} ms" if millis < 1_000 else f"{millis / 1000:.1f} s"
    unit = 1_000 if millis < 3_599_500 else 60_000 if millis < 172_770_000 else 3_600_000
    return duration_text((millis + unit // 2) // unit * unit)


def share(part: int, whole: int) -> str:
    """So many per cent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _spread(values: Figures) -> tuple[str, ...]:
    spread = values.spread()
    return tuple(map(brief, (spread.mean, spread.p50, spread.p95, spread.max)))


def _long(values: Figures) -> str:
    mean, _, p95, most = _spread(values)
    return f"{mean} on average, p95 {p95}, at most {most}"


def _many(values: Figures) -> str:
    spread = values.spread()
    return f"p50 {spread.p50}, p95 {spread.p95}, at most {spread.max}"


# The page, of which nothing lies elsewhere: `page.html` draws it, on scales that are made here

_COUNTS = tuple(each * 10**exponent for exponent in range(9) for each in (1, 2, 5))


def simulation_page(result: SimulationResult) -> str:
    """The page."""
    return page_of(
        files("lab.plugins.simulate").joinpath("page.html").read_text("utf-8"),
        title=f"{result.scenario}, simulated",
        result=result, headline=headline(result), advice=tuple(advice(result)), sections=tuple(sections(result)),
        scale=_scale, powers=_powers, steps=_steps, some=_some, counts=_COUNTS, widths=WIDTHS,
        brief=brief, duration=duration_text,
    )  # fmt: skip


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    return lambda value: round(begin + (value - low) / ((high - low) or 1) * (end - begin), 1)


def _powers(values: Iterable[float], begin: float, end: float) -> Callable[[float], float]:
    """In powers of ten, with some room around the values."""
    logs = [log(max(value, 0.01)) for value in values]
    scale = _scale(min(logs) - 0.2, max(logs) + 0.2, begin, end)
    return lambda value: scale(log(max(value, 0.01)))


def _steps(low: int, high: int, widths: Sequence[int]) -> range:
    """Round values from `low` to `high`, nine at most."""
    step = next(each for each in widths if (high - low) // each <= 8)
    return range(-(-low // step) * step, high + 1, step)


def _some(low: float, high: float, widths: Sequence[int]) -> list[int]:
    """The round values between, or if they are many some of them."""
    found = [each for each in widths if low <= each <= high]
    return found[:: -(-len(found) // 8) or 1]
