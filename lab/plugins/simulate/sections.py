"""The result for people, before it is written down: what each part of it says, in tables and sentences."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from lab.app.pauses import CEILINGS, SHORTEST_PAUSE, STEADY
from lab.core.clock import Millis, epoch_text
from lab.language.document.base import duration_text
from lab.plugins.simulate.document import duration_of, endings
from lab.plugins.simulate.histogram import Histogram
from lab.plugins.simulate.schedule import NOTICEABLE
from lab.plugins.simulate.totals import ScheduleRow, SimulationResult
from lab.plugins.simulate.workload import DAY, ReviewTeam

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
    team = result.simulation.workload.reviewers
    for name, step in result.tally.steps.items():
        if step.verdicts:
            verdicts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(step.verdicts.items()))
            escalated = f"; escalated {step.escalated} of {step.lasted.count}" if step.escalated else ""
            yield f"{name}: {verdicts}{escalated}; open for {_long(step.lasted)}"
    yield f"at once: {_many(result.waiting)}"
    if team is not None:
        yield from _team(result, team)


def _team(result: SimulationResult, team: ReviewTeam) -> Iterator[str]:
    queue = result.queue
    people, overtime = "1 person" if team.people == 1 else f"{team.people} people", ""
    if team.length < DAY:
        first = epoch_text(result.simulation.epoch)
        begin = f"people begin from {team.hours}"
        yield f"{begin}; clients come round the clock, the first at {first} (--epoch)"
    if queue.overtime:
        overtime = f", and {brief(queue.overtime)} beyond them, all together, to finish what they had begun"
    hours = (
        f"at gates for {share(queue.busy, queue.open)} of their hours" if queue.open else "off while jobs were alive"
    )
    yield f"{people}, {hours}{overtime}"
    gates = queue.begun.count + queue.unseen
    if queue.begun.count:
        yield f"until somebody began, of {queue.begun.count} gates with which somebody did: {_long(queue.begun)}"
    if queue.unseen:
        where = f": {queue.outside} outside their hours, {queue.unseen - queue.outside} in the queue"
        split = where if team.length < DAY else ""
        yield f"timed out before anybody began: {queue.unseen} of {gates} gates{split}"
    if queue.late:
        yield f"votes that came too late: {queue.late}"


def _server(result: SimulationResult) -> Iterator[str]:
    limit = result.simulation.workload.limit
    yield f"jobs alive at once: {_many(result.alive)}"
    yield from _unlimited(result) if limit is None else _limited(result, limit)
    each, shared = result.tally.tokens, result.shared_tokens
    lives = brief(result.simulation.lifetime)
    yield f"tokens: {each} if each job has a client of its own, {shared} if one client asks for all; one lives {lives}"


_ONE_SEED = "that is of one seed: --seeds 20 tells how far it varies"


def _unlimited(result: SimulationResult) -> Iterator[str]:
    fullest = [each.at_once for each in result.loads]
    if len(fullest) == 1:
        yield f"no limit; one below {fullest[0]} would refuse some ({_ONE_SEED})"
    else:
        yield f"no limit; one below {max(fullest)} would refuse some with some seed, one below {min(fullest)} with every"


def _limited(result: SimulationResult, limit: int) -> Iterator[str]:
    queue, loads = result.queue, result.loads
    met = [each for each in loads if each.queue.refused]
    if met:
        firsts = _range([each.queue.first_refused or 0 for each in met], brief)
        yield f"limit {limit}: {queue.refused} calls of {queue.jobs_refused} jobs got 429, the first {firsts} after the start"
        yield f"so they were accepted later by {_long(queue.turned_away)}; {queue.gave_up} gave up"
    else:
        yield f"limit {limit}: never met"
    if len(loads) == 1:
        yield _ONE_SEED
    elif met:
        jobs = sorted(each.queue.jobs_refused for each in loads)
        gave_up = _range([each.queue.gave_up for each in loads])
        median = jobs[len(jobs) // 2]
        yield f"of a seed: {_range(jobs)} jobs (p50 {median}), {gave_up} gave up; met with {len(met)} of {len(loads)} seeds"


def _range(values: Sequence[int], text: Callable[[int], str] = str) -> str:
    low, high = text(min(values)), text(max(values))
    return low if low == high else f"{low} to {high}"


MOST_TRIED = 12
"""Rows of schedules that were only tried, beside the best: of a longer front so many that are spread over it."""


def _shown(result: SimulationResult) -> list[ScheduleRow]:
    """The schedules that people are shown: all that were given or that a sentence names, and some of the others."""
    tried = [number for number, each in enumerate(result.schedules) if not each.given]
    spread = {tried[place * (len(tried) - 1) // (MOST_TRIED - 1)] for place in range(MOST_TRIED) if tried}
    later = _if_later(result)
    return [
        each
        for number, each in enumerate(result.schedules)
        if each.given or each.best or each.sure or each is later or number in spread
    ]


def _polls(result: SimulationResult) -> Section:
    shown = _shown(result)
    rows = tuple(
        (
            each.text,
            polls_a_job(each),
            share(each.tally.wasted, each.tally.polls),
            brief(each.tally.delay.quantile(50)),
            brief(each.tally.delay.quantile(95)),
            "-" if each.worst is None else brief(each.worst),
        )
        for each in shown
    )
    tried = next((each.tally.jobs for each in result.schedules if not each.given), 0)
    best = next((number for number, each in enumerate(shown) if each.best), None)
    left_out = len(result.schedules) - len(shown)
    more = (f"{left_out} more of the front are left out: --json has them all.",) if left_out else ()
    head = ("schedule", "a job", "wasted", "late p50", "late p95", "at worst")
    left = result.tally.left
    jobs = "1 job" if left == 1 else f"{left} jobs"
    gave_up = (
        (f"The lab's app gave up on {jobs} for it went on too long; --deadline DURATION allows more.",) if left else ()
    )
    notes = (
        *advice(result),
        *_limits(result),
        *gave_up,
        f"Schedules that weren't given were tried on {tried} of the jobs.",
        *more,
    )
    return Section("polls", "Polls", head, rows, notes, best)


def advice(result: SimulationResult) -> Iterator[str]:
    """Which schedule is best, what it saves, which is best whenever jobs may end, and which if they may be known later."""
    delay = duration_text(result.simulation.workload.delay)
    best = next((each for each in result.schedules if each.best), None)
    sure = next((each for each in result.schedules if each.sure), None)
    given = [each for each in result.schedules if each.given]
    mine = given[1] if len(given) > 1 else given[0]
    if best is None:
        yield f"No schedule within the limits tells of ends within {delay} at p95; allow more with --delay."
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
    if (later := _if_later(result)) is not None:
        lasting, late = brief(duration_of(result).quantile(50)), brief(later.tally.delay.quantile(95))
        takes = f"{later.text} takes {polls_a_job(later)} polls a job"
        yield f"Half of the jobs last {lasting} or longer: if {late} late is as good (--delay), {takes}."


def _limits(result: SimulationResult) -> Iterator[str]:
    """Which of the schedules given leave the limits to which all others are held, and what those are."""
    yield from (f"{each.text} leaves the limits of {each.outside}." for each in result.schedules if each.outside)
    shortest, steady = duration_text(SHORTEST_PAUSE), duration_text(STEADY)
    yield f"Others keep within those of lab report (C5 to C7): pauses of {shortest} and more, which grow to {steady} and more;"
    yield f"no pause is longer than {CEILINGS}."


def _if_later(result: SimulationResult) -> ScheduleRow | None:
    """What polls less than half as often as the best, where jobs last so long that a longer delay hardly matters."""
    best = next((each for each in result.schedules if each.best), None)
    lasting = duration_of(result).quantile(50)
    rows = (each for each in result.schedules if each.tally.jobs and each.worst is not None and not each.outside)
    enough = [each for each in rows if each.tally.delay.quantile(95) * NOTICEABLE <= lasting]
    least = min(enough, key=_a_job, default=best)
    return least if least is not None and best is not None and 2 * _a_job(least) <= _a_job(best) else None


def _a_job(row: ScheduleRow) -> float:
    return row.tally.polls / row.tally.jobs


def polls_a_job(row: ScheduleRow) -> str:
    """The mean."""
    return f"{_a_job(row):.1f}" if row.tally.jobs else "-"


def share(part: int, whole: int) -> str:
    """So many per cent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _spread(values: Histogram) -> tuple[str, ...]:
    return tuple(map(brief, (values.mean, values.quantile(50), values.quantile(95), values.largest)))


def _long(values: Histogram) -> str:
    return f"{brief(values.mean)} on average, p95 {brief(values.quantile(95))}, at most {brief(values.largest)}"


def _many(values: Histogram) -> str:
    return f"p50 {values.quantile(50)}, p95 {values.quantile(95)}, at most {values.largest}"
