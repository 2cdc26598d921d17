"""Schedules of polls, held to a walk through the polls of one job."""

from itertools import pairwise, permutations

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.app.pauses import LONGEST_RUNNING, SHORTEST_PAUSE
from lab.core.clock import Millis
from lab.plugins.simulate.figures import WIDTHS, Figures, ValueSpread
from lab.plugins.simulate.schedule import (
    CLEARLY,
    PollSchedule,
    PollTimes,
    ScheduleRow,
    StatusPath,
    best_row,
    compared,
    family,
    rule_left,
)
from lab.program.words import Status

PAUSES = st.integers(10, 60_000)
APP = ScheduleRow("app", True, 0, ValueSpread())


def ending_at(*ends: Millis) -> list[StatusPath]:
    return [[(-50, Status.RUNNING), (end, Status.COMPLETE)] for end in ends]


def walked(schedule: PollSchedule, latency: Millis, end: Millis) -> tuple[int, Millis]:
    """Polls, and how late the end is known: by making each poll."""
    now, pause, polls = 0, schedule.first, 0
    while True:
        now += pause
        polls += 1
        if now >= end:
            return polls, now + latency - end
        now += latency
        grown = max(pause + 1, pause * schedule.percent // 100) if schedule.percent > 100 else pause
        pause = min(schedule.longest, grown)


@example(1_000, 1_000, 150, 50, 1_000)
@given(PAUSES, PAUSES, st.integers(100, 300), st.integers(0, 500), st.integers(1, 200_000))
def test_what_a_schedule_means_for_a_job_is_what_its_polls_find(first, longer, percent, latency, end):
    schedule = PollSchedule(first, first + longer if percent > 100 else first, percent)
    times = PollTimes(schedule, latency)
    assert times.late(end) == walked(schedule, latency, end)
    number = times.first_from(end)
    assert times.at(number) >= end > (times.at(number - 1) if number else 0)
    # who ends in the millisecond after the poll before is seen latest
    assert times.worst(end) == max(0, times.late(times.at(number - 1) + 1 if number else 1)[1]) + 1


@given(st.lists(st.integers(0, 10**12), min_size=1), st.integers(0, 4))
def test_what_is_told_of_many_values_is_exact(values, which):
    found, ordered, percent = Figures(values), sorted(values), (50, 90, 95, 99, 100)[which]
    spread = found.spread()
    assert (spread.p50, spread.p90, spread.p95, spread.p99, spread.max)[which] == (
        ordered[-(-len(values) * percent // 100) - 1]
    )
    assert (spread.count, found.total) == (len(values), len(values))
    assert abs(spread.mean - sum(values) / len(values)) <= 0.5
    rows = found.histogram(12)
    assert {until - since for since, until, _ in rows} <= {*WIDTHS}
    assert len(rows) <= 12
    assert [count for *_, count in rows] == [
        sum(since <= value < until for value in values) for since, until, _ in rows
    ]
    assert Figures(dict.fromkeys(values, 3)).spread() == Figures(3 * [*{*values}]).spread()


def test_of_nothing_there_is_nothing_to_tell():
    assert Figures().spread() == ValueSpread(0, 0, 0, 0, 0, 0, 0)


@example([59_500, 43_169, 54_926], 5_000)  # one is in time that tells hardly sooner than a cheaper one, which isn't
@given(st.lists(st.integers(1_000, 60_000), min_size=1, max_size=40), st.integers(500, 20_000))
def test_the_best_polls_least_of_all_in_its_family_that_are_in_time_and_within_the_limits(ends, allowed):
    rows = compared(ending_at(*ends), APP, [PollSchedule(2_000, 30_000, 150)], 80, allowed)
    grid = [PollTimes(each, 80) for each in family(allowed, 80)]
    fitting = [times for times in grid if rule_left(times, max(ends), 0) is None]
    found = [[times.late(end) for end in ends] for times in fitting]
    in_time = [polls for polls in found if sorted(late for _, late in polls)[-(-len(polls) * 95 // 100) - 1] <= allowed]
    if in_time:
        [best] = [row for row in rows if row.best]
        assert best.polls <= min(sum(many for many, _ in polls) for polls in in_time)
    sure = [times for times in fitting if times.worst(max(ends)) <= allowed]
    assert [row.worst is not None and row.worst <= allowed for row in rows if row.sure] == [True] * bool(sure)
    tried = [row for row in rows if not row.given and not row.sure]
    sooner = [each.late.p95 * 100 < before.late.p95 * CLEARLY for before, each in pairwise(tried)]
    assert sooner.count(False) <= 2  # the first in time may be as late as the one before, and the next as that one


def test_a_family_lies_between_the_shortest_pause_and_the_ceiling_and_knows_what_is_surely_in_time():
    for allowed in (500, 5_000, 10**9):
        found = family(allowed, 80)
        assert {each.first for each in found} | {each.longest for each in found} <= {*range(1_000, 60_001)}
        assert PollSchedule(SHORTEST_PAUSE, SHORTEST_PAUSE) in found
        assert PollSchedule(LONGEST_RUNNING, LONGEST_RUNNING) in found
        assert all((each.first < each.longest) is (each.percent > 100) for each in found)
        assert len({each.text for each in found}) == len(found)
    assert PollSchedule(4_900, 4_900) in family(5_000, 80)


def row(text: str, polls: int, *delays: Millis, given: bool = False, worst: Millis | None = 1) -> ScheduleRow:
    return ScheduleRow(text, given, polls, Figures(delays).spread(), worst)


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
