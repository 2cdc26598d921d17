"""The result for people: tables, and the schedule of polls that is best."""

from collections.abc import Iterator, Sequence

from lab.core.clock import Millis, epoch_text
from lab.language.document.base import duration_text
from lab.simulate.document import duration_of, endings
from lab.simulate.histogram import Histogram
from lab.simulate.totals import ScheduleRow, SimulationResult

_ROWS, _WIDTH = 12, 40
ACCURACY = "Percentiles are off by at most 1 %."


def result_lines(result: SimulationResult) -> Iterator[str]:
    """What `lab simulate` prints."""
    yield headline(result)
    yield from _ends(result)
    yield from _steps(result)
    yield from _waiting(result)
    yield from _server(result)
    yield from _polls(result)
    yield f"{ACCURACY} Schedules below yours were tried on {_tried(result.schedules)} of the jobs."


def headline(result: SimulationResult) -> str:
    """What was simulated."""
    simulation, workload = result.simulation, result.simulation.workload
    last = simulation.seeds[-1]
    seeds = f"seed {simulation.seed}" if workload.seeds == 1 else f"each of seeds {simulation.seed} to {last}"
    return (
        f"{simulation.invocation.scenario}: {workload.jobs} jobs, {seeds}, one every {brief(workload.gap // 1_000)} on average "
        f"from {epoch_text(simulation.epoch)} on"
    )


def brief(millis: Millis) -> str:
    """A duration in three digits or its two greatest units."""
    if millis < 1_000:
        return f"{millis} ms"
    if millis < 60_000:
        return f"{millis / 1000:.1f} s"
    minutes, hours = (millis + 500) // 1_000, (millis + 30_000) // 60_000
    if millis < 3_600_000:
        return f"{minutes // 60}m {minutes % 60:02d}s"
    return f"{hours // 60}h {hours % 60:02d}m" if hours < 2_880 else f"{hours // 1_440}d {hours // 60 % 24:02d}h"


def _ends(result: SimulationResult) -> Iterator[str]:
    took = duration_of(result)
    rows = [
        (f"  {step}", status, str(each.count), share(each.count, took.count), *_spread(each))
        for (step, status), each in endings(result)
    ]
    yield from _table(("How jobs end", "", "jobs", "", *_SPREAD), rows)
    most = max((jobs for _, _, jobs in took.stretches(_ROWS)), default=0)
    for low, high, jobs in took.stretches(_ROWS):
        bar = "#" * -(-jobs * _WIDTH // most)
        yield f"  {brief(low):>9} to {brief(high):>9}  {bar}{' ' if bar else ''}{jobs or ''}".rstrip()


def _steps(result: SimulationResult) -> Iterator[str]:
    steps = result.tally.steps
    rows = [
        (f"  {name}", str(step.jobs), str(step.lasted.count), *_spread(step.lasted)) for name, step in steps.items()
    ]
    if rows:
        yield from _table(("Time in steps", "jobs", "visits", *_SPREAD), rows)


def _waiting(result: SimulationResult) -> Iterator[str]:
    team, queue, at_once = result.simulation.workload.reviewers, result.queue, result.waiting
    gates = [(name, step) for name, step in result.tally.steps.items() if step.verdicts]
    if not gates:
        return
    yield "\nWaiting for a person"
    for name, step in gates:
        verdicts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(step.verdicts.items()))
        yield f"  {name}: {verdicts}; open for {_long(step.lasted)}"
    yield f"  at once: {_many(at_once)}"
    if team is not None:
        yield f"  {team.people} {'person' if team.people == 1 else 'people'}, at gates for {share(queue.busy, queue.open)} of their hours; a gate stood in the queue for {_long(queue.begun)}"
        if queue.unseen or queue.late:
            yield f"  timed out before anybody began: {queue.unseen}; votes that came too late: {queue.late}"


def _server(result: SimulationResult) -> Iterator[str]:
    queue, alive, limit = result.queue, result.alive, result.simulation.workload.limit
    yield "\nThe server"
    yield f"  jobs alive at once: {_many(alive)}"
    if limit is None:
        yield f"  no limit; one below {alive.largest} would refuse some"
    elif not queue.refused:
        yield f"  limit {limit}: never met"
    else:
        jobs = queue.turned_away.count + queue.gave_up
        yield f"  limit {limit}: {queue.refused} calls of {jobs} jobs got 429, the first {brief(queue.first_refused or 0)} after the start"
        yield f"  they were accepted later by {_long(queue.turned_away)}; {queue.gave_up} gave up"
    lifetime = brief(result.simulation.lifetime)
    tokens = result.tally.tokens
    yield f"  tokens: {tokens} if each job has a client of its own, {result.shared_tokens} if one client asks for all; one lives {lifetime}"


def _polls(result: SimulationResult) -> Iterator[str]:
    rows = [
        (
            f"{'>' if each.best else ' '} {each.text}",
            a_job(each),
            share(each.tally.wasted, each.tally.polls),
            brief(each.tally.delay.quantile(50)),
            brief(each.tally.delay.quantile(95)),
        )
        for each in result.schedules
    ]
    yield from _table(("Polls", "a job", "wasted", "late p50", "late p95"), rows)
    yield verdict(result)


def verdict(result: SimulationResult) -> str:
    """Which schedule is best, and what it saves."""
    allowed = f"within {duration_text(result.simulation.workload.delay)} at p95"
    best = next((each for each in result.schedules if each.best), None)
    if best is None:
        return f"No schedule tells of an end {allowed}; allow more with --delay."
    given = [each for each in result.schedules if each.given]
    mine = given[1] if len(given) > 1 else given[0]
    if best is mine:
        return f"Best: {best.text}. No other polls less and tells of an end {allowed}."
    instead = f"{a_job(best)} polls a job in place of {a_job(mine)}"
    was = f"{brief(best.tally.delay.quantile(95))} late at p95 in place of {brief(mine.tally.delay.quantile(95))}"
    return f"Best: {best.text} in place of {mine.text}: {instead}, {was}. It polls least of those {allowed}."


def a_job(row: ScheduleRow) -> str:
    """Polls a job."""
    return f"{row.tally.polls / max(1, row.tally.jobs):.1f}"


def share(part: int, whole: int) -> str:
    """So many per cent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _tried(rows: Sequence[ScheduleRow]) -> int:
    return next((each.tally.jobs for each in rows if not each.given), 0)


_SPREAD = ("mean", "p50", "p95", "max")


def _spread(values: Histogram) -> tuple[str, ...]:
    return tuple(map(brief, (values.mean, values.quantile(50), values.quantile(95), values.largest)))


def _long(values: Histogram) -> str:
    return f"{brief(values.mean)} on average, p95 {brief(values.quantile(95))}, at most {brief(values.largest)}"


def _many(values: Histogram) -> str:
    return f"p50 {values.quantile(50)}, p95 {values.quantile(95)}, at most {values.largest}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    yield ""
    for row in (head, *rows):
        first, *others = (
            cell.ljust(width) if number == 0 or cell in ("COMPLETE", "ERROR") else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join((first, *others)).rstrip()
