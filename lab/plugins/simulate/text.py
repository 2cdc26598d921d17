"""The result for people: what each part of it says, in tables and sentences, as text and as one page for browsers."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from lab.app.pauses import CEILINGS, SHORTEST_PAUSE, STEADY
from lab.core.clock import Millis, epoch_text
from lab.plugins.simulate.passes import DAY, ReviewTeam
from lab.plugins.simulate.result import Figures, ScheduleRow, SimulationResult
from lab.plugins.simulate.schedule import NOTICEABLE
from lab.program.words import duration_text

_SPREAD = ("mean", "p50", "p95", "max")
_ONE_SEED = "that is of one seed: --seeds 20 tells how far it varies"
MOST_TRIED = 12
"""Rows of schedules that were only tried, beside the best: of a longer front so many that are spread over it."""
_ROWS, _WIDTH = 12, 40
"""Of the bars."""


class Section(Struct, frozen=True):
    """One part: a table, if it has one, and sentences."""

    name: str
    title: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    marked: int | None = None
    """The row that is best."""


def result_lines(result: SimulationResult) -> Iterator[str]:
    """What `lab simulate` prints."""
    yield f"{result.simulation.invocation.scenario}: {headline(result)}"
    for section in sections(result):
        yield ""
        yield from _table(section) if section.rows else [section.title]
        if section.name == "ended":
            stretches = result.duration.stretches(_ROWS)
            most = max((jobs for *_, jobs in stretches), default=0)
            for low, high, jobs in stretches:
                bar = f"{'#' * -(-jobs * _WIDTH // most)} {jobs}" if jobs else ""
                yield f"  {duration_text(low):>9} to {duration_text(high):>9}  {bar}".rstrip()
        yield from (f"  {note}" for note in section.notes)


def _table(section: Section) -> Iterator[str]:
    rows = [(section.title, *section.head[1:]), *section.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, (first, *others) in enumerate(rows, -1):
        mark = "" if number < 0 else "> " if number == section.marked else "  "
        cells = [
            cell.ljust(width) if section.head[place] == "status" else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(others, widths[1:], strict=True), 1)
        ]
        yield "  ".join([f"{mark}{first}".ljust(widths[0] + 2), *cells]).rstrip()


def headline(result: SimulationResult) -> str:
    """What was simulated."""
    simulation, workload = result.simulation, result.simulation.workload
    last = simulation.seeds[-1]
    seeds = f"seed {simulation.seed}" if workload.seeds == 1 else f"each of seeds {simulation.seed} to {last}"
    gap = brief(workload.gap // 1_000)
    return f"{workload.jobs} jobs, {seeds}, one every {gap} on average from {epoch_text(simulation.epoch)} on"


def sections(result: SimulationResult) -> Iterator[Section]:
    """All parts, in the order in which they are read."""
    count = result.duration.count
    ended = [
        (step, status, str(took.count), share(took.count, count), *_spread(took))
        for (step, status), took in result.endings
    ]
    yield Section("ended", "How jobs end", ("ending", "status", "jobs", "", *_SPREAD), tuple(ended))
    steps = result.steps.items()
    if steps:
        rows = [(name, str(each.jobs), str(len(each.lasted)), *_spread(Figures(each.lasted))) for name, each in steps]
        yield Section("steps", "Time in steps", ("step", "jobs", "visits", *_SPREAD), tuple(rows))
    if any(each.verdicts for _, each in steps):
        yield Section("waiting", "Waiting for a person", notes=tuple(_waiting(result)))
    yield Section("server", "The server", notes=tuple(_server(result)))
    yield _polls(result)


def _waiting(result: SimulationResult) -> Iterator[str]:
    for name, step in result.steps.items():
        if step.verdicts:
            verdicts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(step.verdicts.items()))
            escalated = f"; escalated {step.escalated} of {len(step.lasted)}" if step.escalated else ""
            yield f"{name}: {verdicts}{escalated}; open for {_long(step.lasted)}"
    yield f"at once: {_many(result.waiting)}"
    if (team := result.simulation.workload.reviewers) is not None:
        yield from _team(result, team)


def _team(result: SimulationResult, team: ReviewTeam) -> Iterator[str]:
    queue, split, overtime = result.queue, "", ""
    gates = len(queue.begun) + queue.unseen
    if team.length < DAY:
        begins, ends = team.begins // 3_600_000, team.ends // 3_600_000
        first = epoch_text(result.simulation.epoch)
        yield f"people begin from {begins} to {ends} UTC; clients come round the clock, the first at {first} (--epoch)"
        split = f": {queue.outside} outside their hours, {queue.unseen - queue.outside} in the queue"
    if queue.overtime:
        overtime = f", and {brief(queue.overtime)} beyond them, all together, to finish what they had begun"
    at_work = (
        f"at gates for {share(queue.busy, queue.open)} of their hours" if queue.open else "off while jobs were alive"
    )
    yield f"{'1 person' if team.people == 1 else f'{team.people} people'}, {at_work}{overtime}"
    if queue.begun:
        yield f"until somebody began, of {len(queue.begun)} gates with which somebody did: {_long(queue.begun)}"
    if queue.unseen:
        yield f"timed out before anybody began: {queue.unseen} of {gates} gates{split}"
    if queue.late:
        yield f"votes that came too late: {queue.late}"


def _server(result: SimulationResult) -> Iterator[str]:
    yield f"jobs alive at once: {_many(result.alive)}"
    limit, fullest = result.simulation.workload.limit, [each.at_once for each in result.loads]
    if limit is not None:
        yield from _limited(result, limit)
    elif len(fullest) == 1:
        yield f"no limit; one below {fullest[0]} would refuse some ({_ONE_SEED})"
    else:
        yield f"no limit; one below {max(fullest)} would refuse some with some seed, one below {min(fullest)} with every"
    each, shared = result.tokens, sum(each.shared_tokens for each in result.loads)
    lives = brief(result.simulation.lifetime)
    yield f"tokens: {each} if each job has a client of its own, {shared} if one client asks for all; one lives {lives}"


def _limited(result: SimulationResult, limit: int) -> Iterator[str]:
    queue, loads = result.queue, result.loads
    if queue.refused:
        firsts = _range(queue.first_refused, brief)
        yield f"limit {limit}: {queue.refused} calls of {queue.jobs_refused} jobs got 429, the first {firsts} after the start"
        yield f"so they were accepted later by {_long(queue.turned_away)}; {queue.gave_up} gave up"
    else:
        yield f"limit {limit}: never met"
    if len(loads) == 1:
        yield _ONE_SEED
    elif queue.refused:
        jobs, gave_up = (
            sorted(each.queue.jobs_refused for each in loads),
            _range([each.queue.gave_up for each in loads]),
        )
        median, met = jobs[len(jobs) // 2], len(queue.first_refused)
        yield f"of a seed: {_range(jobs)} jobs (p50 {median}), {gave_up} gave up; met with {met} of {len(loads)} seeds"


def _polls(result: SimulationResult) -> Section:
    later, tried = _if_later(result), [number for number, each in enumerate(result.schedules) if not each.given]
    spread = {tried[place * (len(tried) - 1) // (MOST_TRIED - 1)] for place in range(MOST_TRIED) if tried}
    shown = [
        each
        for number, each in enumerate(result.schedules)
        if each.given or each.best or each.sure or each is later or number in spread
    ]
    rows = [
        (
            each.text,
            polls_a_job(each),
            share(each.wasted, each.polls),
            brief(each.delay.quantile(50)),
            brief(each.delay.quantile(95)),
            "-" if each.worst is None else brief(each.worst),
        )
        for each in shown
    ]
    notes = [*advice(result)]
    # which of the schedules given leave the limits to which all others are held, and what those are
    notes += [f"{each.text} leaves the limits of {each.outside}." for each in result.schedules if each.outside]
    shortest, steady = duration_text(SHORTEST_PAUSE), duration_text(STEADY)
    notes += [
        f"Others keep within those of lab report (C5 to C7): pauses of {shortest} and more, which grow to {steady} and more;",
        f"no pause is longer than {CEILINGS}.",
    ]
    if result.left:
        jobs = "1 job" if result.left == 1 else f"{result.left} jobs"
        notes.append(f"The lab's app gave up on {jobs} for it went on too long; --deadline DURATION allows more.")
    sample = result.schedules[tried[0]].jobs if tried else 0
    notes.append(f"Schedules that weren't given were tried on {sample} of the jobs.")
    if len(result.schedules) > len(shown):
        notes.append(f"{len(result.schedules) - len(shown)} more of the front are left out: --json has them all.")
    best = next((number for number, each in enumerate(shown) if each.best), None)
    head = ("schedule", "a job", "wasted", "late p50", "late p95", "at worst")
    return Section("polls", "Polls", head, tuple(rows), tuple(notes), best)


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
    elif not mine.jobs:
        yield f"Best: {best.text}, with {polls_a_job(best)} polls a job."
    else:
        instead = f"{polls_a_job(best)} polls a job in place of {polls_a_job(mine)}"
        late, was = (brief(each.delay.quantile(95)) for each in (best, mine))
        yield f"Best: {best.text} in place of {mine.text}: {instead}, {late} late at p95 in place of {was}."
    if sure is not None and sure is not best:
        yield f"Should jobs end at other times: {sure.text} is never later than {delay}, with {polls_a_job(sure)} polls a job."
    if (later := _if_later(result)) is not None:
        lasting, late = brief(result.duration.quantile(50)), brief(later.delay.quantile(95))
        takes = f"{later.text} takes {polls_a_job(later)} polls a job"
        yield f"Half of the jobs last {lasting} or longer: if {late} late is as good (--delay), {takes}."


def _if_later(result: SimulationResult) -> ScheduleRow | None:
    """What polls less than half as often as the best, where jobs last so long that a longer delay hardly matters."""
    lasting = result.duration.quantile(50)
    rows = [each for each in result.schedules if each.jobs and each.times is not None and not each.outside]
    enough = [each for each in rows if each.delay.quantile(95) * NOTICEABLE <= lasting]
    best = next((each for each in result.schedules if each.best), None)
    least = min(enough, key=lambda each: each.a_job, default=None)
    return least if least is not None and best is not None and 2 * least.a_job <= best.a_job else None


# Figures


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


def polls_a_job(row: ScheduleRow) -> str:
    """The mean."""
    return f"{row.a_job:.1f}" if row.jobs else "-"


def share(part: int, whole: int) -> str:
    """So many per cent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _spread(values: Figures) -> tuple[str, ...]:
    return tuple(map(brief, (values.mean, values.quantile(50), values.quantile(95), values.largest)))


def _long(values: Sequence[Millis]) -> str:
    mean, _, p95, most = _spread(Figures(values))
    return f"{mean} on average, p95 {p95}, at most {most}"


def _many(values: Figures) -> str:
    return f"p50 {values.quantile(50)}, p95 {values.quantile(95)}, at most {values.largest}"


def _range(values: Sequence[int], text: Callable[[int], str] = str) -> str:
    low, high = text(min(values)), text(max(values))
    return low if low == high else f"{low} to {high}"
