"""What `lab simulate` recommends is nothing that `lab report` fails: held to the report's own rules, poll by poll."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from lab.app.effects import Backoff
from lab.app.pauses import longest_pause
from lab.core.clock import Millis
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.simulate.figures import ValueSpread
from lab.plugins.simulate.schedule import (
    PollSchedule,
    PollTimes,
    ScheduleRow,
    StatusPath,
    compared,
    rule_left,
    waited,
)
from lab.program.words import Status
from tests.conftest import each_row
from tests.plugins.rehearsal.report.by_hand import call, history, verdict

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
RULES = ("C5", "C6", "C7")
MOST_POLLS = 1_000
"""Of a job that is polled by hand: a longer one tells nothing more."""
LENGTHS = st.one_of(st.integers(1, 90 * SECOND), st.integers(1, 8 * HOUR), st.integers(1, 4 * DAY))
JOBS = st.lists(LENGTHS, min_size=1, max_size=5)
"""How long a job is RUNNING, then WAITING, and so on in turn."""


def changes_of(lengths: Sequence[Millis]) -> StatusPath:
    since, found = -50, list[tuple[Millis, Status]]()
    for place, length in enumerate(lengths):
        found.append((since, (Status.RUNNING, Status.WAITING)[place % 2]))
        since += length
    return [*found, (max(1, since), Status.COMPLETE)]


def left(times: PollTimes, job: StatusPath) -> str | None:
    return rule_left(times, job[-1][0], waited(job))


def polled(times: PollTimes, job: StatusPath, measured: Millis = 0) -> ClientHistory | None:
    """A client that polls so; of every other pause some milliseconds more are measured. None: it takes too many polls."""
    number, end = 0, job[-1][0]
    calls, late = [], 0
    while number <= MOST_POLLS:
        now = times.at(number)
        status = [status for since, status in job if since <= now][-1]
        calls.append(call(now + late, status, took=times.latency))
        if now >= end:
            return history(*calls)
        late += measured * (number % 2)
        number += 1
    return None


def broken(times: PollTimes, job: StatusPath, measured: Millis = 0) -> list[str] | None:
    lived = polled(times, job, measured)
    return None if lived is None else [rule for rule in RULES if verdict(rule, lived) == "fail"]


@example((2 * SECOND, 2_400, 120), [30 * SECOND], 40)  # grows by a fifth to the millisecond
@example((MINUTE, MINUTE, 100), [6 * HOUR], 40)
@example((1 * SECOND, 10 * SECOND, 130), [40 * SECOND, HOUR, 10 * SECOND], 0)
@example((6 * SECOND, 40 * MINUTE, 107), [5 * SECOND, 2 * DAY], 0)
@example((5 * SECOND, 5 * SECOND, 100), [MINUTE, 1, MINUTE], 0)  # no poll sees it waiting
@given(
    st.tuples(st.integers(10, 90 * SECOND), st.integers(10, 2 * HOUR), st.integers(100, 250)), JOBS, st.integers(0, 40)
)
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_a_schedule_within_the_limits_breaks_no_rule(
    schedule: tuple[Millis, Millis, int], lengths: list[Millis], measured: Millis
) -> None:
    first, longest, percent = schedule
    times = PollTimes(PollSchedule(first, max(first, longest) if percent > 100 else first, percent), 80)
    job = changes_of(lengths)
    assume(left(times, job) is None)
    assert broken(times, job, measured) in (None, [])


@each_row(
    ("schedule", "lengths", "rule"),
    [
        ((900, 900, 100), (20 * SECOND,), "C6"),
        ((2_000, 2_000, 100), (20 * SECOND,), "C7"),
        ((2_000, 2_000, 100), (10 * SECOND,), None),  # five polls tell nothing
        ((2_000, 3_000, 130), (3 * MINUTE,), "C7"),
        ((2_000, 30_000, 104), (14 * SECOND,), "C7"),  # by less than a fifth in five pauses
        ((5_000, 5_000, 100), (HOUR,), None),
        ((60_000, 60_000, 100), (HOUR,), None),
        ((63_100, 63_100, 100), (HOUR,), "C7"),
        ((10_000, HOUR, 113), (1, 2 * DAY), "C7"),
        ((10_000, HOUR, 107), (MINUTE, 5 * HOUR, 5 * HOUR), "C7"),  # what WAITING allows is too long once work goes on
        ((5_000, 5_000, 100), (MINUTE, HOUR), "C5"),
        ((5_000, 5_000, 100), (MINUTE, 19 * SECOND, 1, 19 * SECOND), "C5"),  # no poll sees it working between
        ((5_000, 10_000, 150), (18 * SECOND, HOUR), None),
        ((5_000, 5_000, 100), (MINUTE, 15 * SECOND), None),
    ],
)
def test_which_limits_a_schedule_leaves(
    schedule: tuple[Millis, Millis, int], lengths: tuple[Millis, ...], rule: str | None
) -> None:
    times, job = PollTimes(PollSchedule(*schedule), 80), changes_of(lengths)
    assert left(times, job) == rule
    found = broken(times, job)
    assert found is not None and (rule in found if rule else not found)


def recommended(allowed: Millis, jobs: Sequence[StatusPath], *given: PollSchedule) -> list[ScheduleRow]:
    """All schedules that were only tried, and the best of all."""
    rows = compared(jobs, ScheduleRow("app", True, 0, ValueSpread()), given, 80, allowed)
    return [row for row in rows if row.best or row.sure or not row.given]


def read_back(text: str) -> PollSchedule:
    from lab.plugins.simulate.options import poll_schedule

    return poll_schedule(text)


@pytest.mark.parametrize("allowed", [500, 5 * SECOND, 30 * SECOND, 10 * MINUTE, 2 * HOUR])
@pytest.mark.parametrize(
    "jobs",
    [
        [(length,) for length in (15 * SECOND, 18 * SECOND, 21 * SECOND)],
        [(5 * HOUR,), (6 * HOUR,), (7 * HOUR,)],
        [(20 * SECOND, 70 * SECOND, 5 * SECOND), (25 * SECOND, 50 * SECOND, 5 * SECOND)],
        [(10 * SECOND, 2 * DAY, 20 * MINUTE)],
        [(1, 5 * HOUR), (3 * MINUTE,)],
    ],
)
def test_whatever_is_recommended_passes_the_report_when_a_client_polls_so(
    jobs: list[tuple[Millis, ...]], allowed: Millis
) -> None:
    sample = [changes_of(lengths) for lengths in jobs]
    rows = recommended(allowed, sample, PollSchedule(10 * MINUTE, 10 * MINUTE, 100), PollSchedule(2_000, 2_000, 100))
    assert rows
    for row in rows:
        times = PollTimes(read_back(row.schedule), 80)
        assert not row.outside
        assert all(broken(times, job) in (None, []) for job in sample), row.schedule


def test_the_lab_s_own_app_keeps_to_its_ceilings_however_long_a_job_lasts() -> None:
    own = Backoff()
    for waiting in (False, True):
        for lasted in (0, MINUTE, HOUR, DAY, 9 * DAY, 900 * DAY):
            assert own.lasting(own.longest, lasted, waiting=waiting) <= longest_pause(lasted, waiting=waiting)
