"""Schedules of polls, held to a walk through the polls of one job."""

import re
from collections.abc import Sequence
from itertools import permutations

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.plugins.simulate.command import simulation_of
from lab.plugins.simulate.passes import Workload
from lab.plugins.simulate.result import Figures, ScheduleRow, best_row, median_latency, schedule_rows
from lab.plugins.simulate.schedule import WIDTHS, JobAnswers, PollSchedule, PollTimes, RulesKept, family, front
from tests.plugins.simulate.test_against_a_server import setup_of

PAUSES = st.integers(10, 60_000)


def tried(times: PollTimes, sample: Sequence[JobAnswers]) -> ScheduleRow:
    found = ScheduleRow("given", times)
    for answers in sample:
        found.add(answers)
    return found


def walked(schedule: PollSchedule, latency: Millis, answers: JobAnswers) -> tuple[int, int, Millis]:
    """Polls, those that say something new, and the delay: by making each poll."""
    now, pause, polls, telling, last = 0, schedule.first, 0, 0, object()
    while True:
        now += pause
        polls += 1
        answer = [answer for since, answer in answers if since <= now][-1]
        telling += answer != last
        last = answer
        if now >= answers[-1][0]:
            return polls, telling, now + latency - answers[-1][0]
        now += latency
        grown = max(pause + 1, pause * schedule.percent // 100) if schedule.percent > 100 else pause
        pause = min(schedule.longest, grown)


@example(1_000, 1_000, 150, 50, [1_000])
@given(PAUSES, PAUSES, st.integers(100, 300), st.integers(0, 500), st.lists(st.integers(1, 200_000), min_size=1))
def test_what_a_schedule_means_for_a_job_is_what_its_polls_find(first, longer, percent, latency, instants):
    schedule = PollSchedule(first, first + longer if percent > 100 else first, percent)
    changes: list[tuple[Millis, tuple[str, object]]] = [(-5, ("RUNNING", None))]
    changes += [(instant, ("RUNNING", number % 3)) for number, instant in enumerate(sorted(set(instants)))]
    times = PollTimes(schedule, latency)
    polls, delay = times.delay(changes[-1][0])
    assert (polls, times.telling(changes), delay) == walked(schedule, latency, changes)
    assert times.total([changes[-1][0]]) == (polls, delay)


@given(st.lists(st.integers(0, 10**12), min_size=1), st.integers(1, 99))
def test_what_is_told_of_many_values_is_exact(values, percent):
    found, ordered = Figures(values), sorted(values)
    assert found.quantile(percent) == ordered[-(-len(values) * percent // 100) - 1]
    assert (found.count, found.total, found.largest) == (len(values), sum(values), max(values))
    assert abs(found.mean - sum(values) / len(values)) <= 0.5
    rows = found.stretches(12)
    assert {high - low for low, high, _ in rows} <= {*WIDTHS}
    assert len(rows) <= 12
    assert [count for *_, count in rows] == [sum(low <= value < high for value in values) for low, high, _ in rows]
    weighed = Figures(dict.fromkeys(values, 3))
    assert weighed.quantile(percent) == Figures(3 * [*{*values}]).quantile(percent)


def test_of_nothing_there_is_nothing_to_tell():
    nothing = Figures()
    assert (nothing.mean, nothing.quantile(95), nothing.largest, nothing.stretches(12)) == (0, 0, 0, [])


@example([59_500, 43_169, 54_926], 5_000)  # one is in time that tells hardly sooner than a cheaper one, which isn't
@given(st.lists(st.integers(1_000, 60_000), min_size=1, max_size=40), st.integers(500, 20_000))
def test_the_best_polls_least_of_all_in_its_family_that_are_in_time_and_within_the_limits(ends, allowed):
    plain = setup_of("quick")
    simulation = simulation_of(plain, Workload(delay=allowed, schedules=(PollSchedule(2_000, 30_000, 150),)))
    latency = median_latency(simulation)
    sample = [[(-50, ("RUNNING", None)), (end, ("COMPLETE", None))] for end in ends]
    given = tried(PollTimes(simulation.workload.schedules[0], latency), sample)
    rows = schedule_rows(simulation, [ScheduleRow("app"), given], sample)
    rules, grid = RulesKept(sample), family(simulation.workload.schedules, [allowed])
    fitting = (times for times in (PollTimes(each, latency) for each in grid) if not rules.left(times))
    in_time = [polls for polls, late in (times.total(sorted(ends)) for times in fitting) if late <= allowed]
    if in_time:
        [best] = [row for row in rows if row.best]
        assert best.polls <= min(in_time)


def test_a_family_lies_around_the_schedule_and_around_the_delay_that_is_allowed():
    found = family([PollSchedule(100, 100, 100)], [60_000])
    assert PollSchedule(1_000, 1_000, 100) in found and PollSchedule(60_000, 60_000, 100) in found
    assert min(each.first for each in found) == 1_000  # who polls sooner breaks C6
    assert all(each.first < each.longest or each.percent == 100 for each in found)
    long = {each.text for each in family([PollSchedule(86_400_000, 86_400_000, 100)], [10**8])}
    assert {"1d", "1d4h", "8h20m", "4h10m", "9d6h"} <= long and not any(re.search(r"h.*s|d.*m", text) for text in long)


def test_the_front_leaves_out_what_polls_more_and_tells_hardly_sooner():
    cheap, dear, near, worse = (PollSchedule(pause, pause, 100) for pause in (1, 2, 3, 4))
    points = [(9, 1_000, dear), (5, 2_000, cheap), (6, 1_950, near), (8, 2_100, worse)]
    assert list(front(points)) == [cheap, dear]
    assert list(front([(1, 0, cheap), (2, 0, dear)])) == [cheap]  # nothing is sooner than at once


def row(text: str, polls: int, *delays: Millis, given: bool = False, worst: Millis | None = 1) -> ScheduleRow:
    times = PollTimes(PollSchedule(1_000, 1_000, 100), 0) if worst is not None else None
    return ScheduleRow(text, times, given, polls, delays=list(delays), worst=worst)


def test_of_schedules_that_poll_as_often_the_best_tells_sooner_and_of_equal_ones_it_is_the_given():
    app = row("app", 4, 900, 900, given=True, worst=None)
    late, soon, sooner = row("late", 2, 900, 900, given=True), row("soon", 2, 500, 800), row("sooner", 2, 400, 800)
    too_late = row("too late", 1, 1_001, 1_001)
    for rows in permutations((app, late, soon, sooner, too_late)):
        assert best_row(rows, 1_000) is sooner
    mine, other = row("mine", 2, 400, 800, given=True), row("other", 2, 400, 800)
    as_good = row("app", 2, 400, 800, given=True, worst=None)
    for rows in permutations((other, as_good, mine)):
        assert best_row(rows, 1_000) is mine
    assert best_row([too_late], 1_000) is None
    assert best_row([replace(sooner, outside="C7"), late], 1_000) is late
