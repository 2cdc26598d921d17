"""The result for people, before it is written down: what each part of it says, in tables and sentences."""

from collections.abc import Iterator

from msgspec import Struct

from lab.core.clock import Millis, epoch_text
from lab.language.document.base import duration_text
from lab.simulate.document import duration_of, endings
from lab.simulate.histogram import Histogram
from lab.simulate.totals import ScheduleRow, SimulationResult

ACCURACY = "Percentiles are off by at most 0.1 %."
_SPREAD = ("mean", "p50", "p95", "max")


class Section(Struct, frozen=True):
    """One part: a table, if it has one, and sentences."""

    name: str
    title: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    marked: int | None = None
    """The row that is best."""


def sections(result: SimulationResult) -> Iterator[Section]:
    """All parts, in the order in which they are read."""
    took = duration_of(result)
    yield Section(
        "ended",
        "How jobs end",
        ("ending", "status", "jobs", "", *_SPREAD),
        tuple(
            (step, status, str(each.count), share(each.count, took.count), *_spread(each))
            for (step, status), each in endings(result)
        ),
    )
    if result.tally.steps:
        yield Section(
            "steps",
            "Time in steps",
            ("step", "jobs", "visits", *_SPREAD),
            tuple(
                (name, str(step.jobs), str(step.lasted.count), *_spread(step.lasted))
                for name, step in result.tally.steps.items()
            ),
        )
    if any(step.verdicts for step in result.tally.steps.values()):
        yield Section("waiting", "Waiting for a person", notes=tuple(_waiting(result)))
    yield Section("server", "The server", notes=tuple(_server(result)))
    yield _polls(result)


def headline(result: SimulationResult) -> str:
    """What was simulated."""
    simulation, workload = result.simulation, result.simulation.workload
    last = simulation.seeds[-1]
    seeds = f"seed {simulation.seed}" if workload.seeds == 1 else f"each of seeds {simulation.seed} to {last}"
    gap = brief(workload.gap // 1_000)
    return f"{workload.jobs} jobs, {seeds}, one every {gap} on average from {epoch_text(simulation.epoch)} on"


def brief(millis: Millis) -> str:
    """A duration in three digits or its two greatest units."""
    if millis < 1_000:
        return f"{millis} ms"
    if millis < 59_950:
        return f"{millis / 1000:.1f} s"
    seconds, minutes = (millis + 500) // 1_000, (millis + 30_000) // 60_000
    if seconds < 3_600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if minutes < 2_880:
        return f"{minutes // 60}h {minutes % 60:02d}m"
    return f"{minutes // 1_440}d {minutes // 60 % 24:02d}h"


def _waiting(result: SimulationResult) -> Iterator[str]:
    team, queue = result.simulation.workload.reviewers, result.queue
    for name, step in result.tally.steps.items():
        if step.verdicts:
            verdicts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(step.verdicts.items()))
            yield f"{name}: {verdicts}; open for {_long(step.lasted)}"
    yield f"at once: {_many(result.waiting)}"
    if team is not None:
        people = "1 person" if team.people == 1 else f"{team.people} people"
        yield f"{people}, at gates for {share(queue.busy, queue.open)} of their hours"
        yield f"until somebody began: {_long(queue.begun)}"
        if queue.unseen or queue.late:
            yield f"timed out before anybody began: {queue.unseen}; votes that came too late: {queue.late}"


def _server(result: SimulationResult) -> Iterator[str]:
    queue, alive, limit = result.queue, result.alive, result.simulation.workload.limit
    yield f"jobs alive at once: {_many(alive)}"
    if limit is None:
        yield f"no limit; one below {alive.largest} would refuse some"
    elif not queue.refused:
        yield f"limit {limit}: never met"
    else:
        jobs, first = queue.turned_away.count + queue.gave_up, brief(queue.first_refused or 0)
        yield f"limit {limit}: {queue.refused} calls of {jobs} jobs got 429, the first {first} after the start"
        yield f"so they were accepted later by {_long(queue.turned_away)}; {queue.gave_up} gave up"
    each, shared = result.tally.tokens, result.shared_tokens
    lives = brief(result.simulation.lifetime)
    yield f"tokens: {each} if each job has a client of its own, {shared} if one client asks for all; one lives {lives}"


def _polls(result: SimulationResult) -> Section:
    rows = tuple(
        (
            each.text,
            polls_a_job(each),
            share(each.tally.wasted, each.tally.polls),
            brief(each.tally.delay.quantile(50)),
            brief(each.tally.delay.quantile(95)),
            "-" if each.worst is None else brief(each.worst),
        )
        for each in result.schedules
    )
    tried = next((each.tally.jobs for each in result.schedules if not each.given), 0)
    best = next((number for number, each in enumerate(result.schedules) if each.best), None)
    head = ("schedule", "a job", "wasted", "late p50", "late p95", "at worst")
    left = result.tally.left
    gave_up = (f"The lab's app gave up on {left} jobs that went on too long.",) if left else ()
    notes = (*advice(result), *gave_up, f"Schedules that weren't given were tried on {tried} of the jobs.")
    return Section("polls", "Polls", head, rows, notes, best)


def advice(result: SimulationResult) -> Iterator[str]:
    """Which schedule is best, what it saves, and which is best whenever jobs may end."""
    delay = duration_text(result.simulation.workload.delay)
    best = next((each for each in result.schedules if each.best), None)
    sure = next((each for each in result.schedules if each.sure), None)
    given = [each for each in result.schedules if each.given]
    mine = given[1] if len(given) > 1 else given[0]
    if best is None:
        yield f"No schedule tells of ends within {delay} at p95; allow more with --delay."
    elif best is mine:
        yield f"Best: {best.text}. No other polls less and tells of ends within {delay} at p95."
    elif not mine.tally.jobs:
        yield f"Best: {best.text}, with {polls_a_job(best)} polls a job."
    else:
        instead = f"{polls_a_job(best)} polls a job in place of {polls_a_job(mine)}"
        late, was = (brief(each.tally.delay.quantile(95)) for each in (best, mine))
        yield f"Best: {best.text} in place of {mine.text}: {instead}, {late} late at p95 in place of {was}."
    if sure is not None and sure is not best:
        yield f"Should jobs end at other times: {sure.text} is never later than {delay}, with {polls_a_job(sure)} polls a job."


def polls_a_job(row: ScheduleRow) -> str:
    """The mean."""
    return f"{row.tally.polls / row.tally.jobs:.1f}" if row.tally.jobs else "-"


def share(part: int, whole: int) -> str:
    """So many per cent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _spread(values: Histogram) -> tuple[str, ...]:
    return tuple(map(brief, (values.mean, values.quantile(50), values.quantile(95), values.largest)))


def _long(values: Histogram) -> str:
    return f"{brief(values.mean)} on average, p95 {brief(values.quantile(95))}, at most {brief(values.largest)}"


def _many(values: Histogram) -> str:
    return f"p50 {values.quantile(50)}, p95 {values.quantile(95)}, at most {values.largest}"
