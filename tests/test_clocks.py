"""Clocks: never back, never early, sleepers in order."""

import asyncio
import time

import pytest

from lab import clocks
from lab.clocks import ManualClock, RunClock, ScaledClock, SystemClock, breathe, settle
from lab.core.errors import UsageError
from tests.conftest import each_row


class Wall:
    """A monotonic clock under the test's hand, in nanoseconds."""

    def __init__(self) -> None:
        self.nanos = 5_000_000_000

    def pass_by(self, millis: float) -> None:
        self.nanos += int(millis * 1_000_000)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    wall = Wall()
    monkeypatch.setattr(time, "monotonic_ns", lambda: wall.nanos)
    return wall


def test_a_system_clock_counts_whole_milliseconds_from_its_start(wall: Wall) -> None:
    clock = SystemClock(start=700)
    assert clock.now() == 700
    wall.pass_by(0.999)
    assert clock.now() == 700
    wall.pass_by(0.001)
    assert clock.now() == 701


@pytest.mark.parametrize(
    ("factor", "passed", "expected"),
    [("1", 1_000, 1_000), ("20", 1_000, 20_000), ("0.5", 1_001, 500), ("0", 9_000, 0), ("0.1", 9, 0), ("0.1", 10, 1)],
)
def test_a_scaled_clock_runs_at_its_factor(wall: Wall, factor: str, passed: int, expected: int) -> None:
    clock = ScaledClock(factor)
    wall.pass_by(passed)
    assert clock.now() == expected


def test_a_change_of_pace_keeps_the_instant(wall: Wall) -> None:
    clock = ScaledClock("20")
    wall.pass_by(100)
    clock.scale("0")
    wall.pass_by(60_000)
    assert clock.now() == 2_000
    clock.scale("2")
    wall.pass_by(50)
    assert (clock.now(), clock.factor) == (2_100, "2")


@each_row("factor", ["", "-1", "1e3", "nan", "inf", "1.", ".5", " 1", "1234567", "\u0663"])
def test_a_pace_is_plain_decimal_text(factor: str) -> None:
    with pytest.raises(UsageError):
        ScaledClock(factor)


async def test_a_sleeper_on_a_paused_clock_wakes_after_the_pace_changes() -> None:
    clock = ScaledClock("0")
    sleeper = asyncio.create_task(clock.sleep_until(50_000))
    await clocks.settle()
    assert not sleeper.done()
    clock.scale("999999")
    await sleeper
    assert clock.now() >= 50_000


async def test_while_a_run_is_at_work_only_its_pauses_and_what_is_withheld_take_time(wall: Wall) -> None:
    scaled = ScaledClock("999999", start=50)
    deadline = asyncio.create_task(scaled.sleep_until(10_000))
    with RunClock(scaled) as clock:
        wall.pass_by(60_000)
        assert clock.now() == 50, "a call is under way"
        reply = asyncio.create_task(scaled.hold(120))
        await clocks.settle()
        wall.pass_by(60_000)
        assert clock.now() == 170, "it waits for who sleeps until then"
        await reply
        wall.pass_by(60_000)
        assert clock.now() == 170 and not deadline.done()
        pause, rest = asyncio.create_task(clock.sleep_until(1_170)), asyncio.create_task(scaled.hold_until(500))
        await clocks.settle()
        wall.pass_by(0.0004)
        assert clock.now() == 500
        wall.pass_by(60_000)
        await rest
        assert clock.now() == 500
        wall.pass_by(60_000)
        await pause
        assert clock.now() == 1_170
        await clock.sleep_until(700)
        gone = asyncio.create_task(clock.sleep_until(5_000))
        await clocks.settle()
        wall.pass_by(0.001)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        wall.pass_by(60_000)
        assert clock.now() == 2_169
    wall.pass_by(0.01)
    assert scaled.now() == 12_169
    await deadline


async def test_a_run_begins_at_0_on_a_clock_of_its_own_and_on_others_goes_by_theirs() -> None:
    with RunClock(ScaledClock("5", start=900)) as clock:
        clock.begin()
        assert clock.now() == 0
    manual = ManualClock(900)
    with RunClock(manual) as clock:
        clock.begin()
        pause = asyncio.create_task(clock.sleep_until(1_000))
        await clocks.settle()
        await manual.advance_to(1_000)
        assert pause.done() and clock.now() == 1_000


async def test_a_real_sleep_is_never_early() -> None:
    clock = SystemClock()
    for due in (1, 3, 7):
        await clock.sleep_until(due)
        assert clock.now() >= due
    await clock.sleep_until(0)


async def test_a_reply_is_never_held_shorter_and_not_at_all_on_a_manual_clock() -> None:
    for clock in (SystemClock(), ScaledClock("0.5"), ScaledClock("4")):
        pace = float(clock.factor)
        began = time.monotonic_ns()
        await clock.hold(4)
        assert time.monotonic_ns() - began >= 4_000_000 / pace
    await ManualClock().hold(4_000_000)


async def test_an_advance_wakes_sleepers_in_order_of_due_and_ordinal_each_at_its_instant() -> None:
    clock = ManualClock()
    woken: list[tuple[str, int]] = []

    async def sleep(name: str, due: int, again: int = 0) -> None:
        await clock.sleep_until(due)
        woken.append((name, clock.now()))
        if again:
            await sleep(name + "+", due + again)

    tasks = [asyncio.create_task(sleep(*each)) for each in (("b", 200), ("a", 100, 50), ("c", 200), ("d", 900))]
    await clocks.settle()
    await clock.advance_to(500)
    assert woken == [("a", 100), ("a+", 150), ("b", 200), ("c", 200)]
    assert clock.now() == 500
    await clock.advance_to(clock.now() + 400)
    assert woken[-1] == ("d", 900)
    await asyncio.gather(*tasks)


async def test_however_far_one_jumps_the_order_is_the_same() -> None:
    async def ticks(steps: list[int]) -> list[int]:
        clock, seen = ManualClock(), []

        async def tick() -> None:
            while clock.now() < 1_000:
                await clock.sleep_until(clock.now() + 100)
                seen.append(clock.now())

        task = asyncio.create_task(tick())
        await clocks.settle()
        for step in steps:
            await clock.advance_to(clock.now() + step)
        await task
        return seen

    assert await ticks([1_000]) == await ticks([100] * 10) == await ticks([999, 1]) == list(range(100, 1_001, 100))


async def test_an_advance_stands_as_long_as_somebody_else_is_called() -> None:
    clock, seen = ManualClock(), list[tuple[str, int]]()
    called = asyncio.Event()

    async def call() -> None:
        await clock.sleep_until(10)
        clock.begin_work()
        seen.append(("called", clock.now()))
        await called.wait()
        seen.append(("answered", clock.now()))
        clock.end_work()
        await clock.sleep_until(15)
        seen.append(("again", clock.now()))

    task = asyncio.create_task(call())
    await settle()
    advancing = asyncio.create_task(clock.advance_to(20))
    for _ in range(100):
        await settle()
    assert (clock.now(), clock.works, advancing.done()) == (10, True, False)
    called.set()
    await advancing
    await task
    assert (seen, clock.now(), clock.works) == ([("called", 10), ("answered", 10), ("again", 15)], 20, False)


async def test_a_manual_clock_stops_at_what_was_begun_just_before_it_is_moved() -> None:
    clock, seen = ManualClock(), list[int]()

    async def follow() -> None:
        for _ in range(5):
            await breathe()
        await clock.sleep_until(10)
        seen.append(clock.now())

    following = asyncio.create_task(follow())
    await clock.advance_to(30)
    await following
    assert (clock.now(), seen) == (30, [10])


async def test_a_manual_clock_is_not_moved_while_somebody_is_called() -> None:
    clock = ManualClock()
    sleeping = asyncio.create_task(clock.sleep_until(10))
    await settle()
    clock.begin_work()
    advancing = asyncio.create_task(clock.advance_to(30))
    for _ in range(10):
        await settle()
    assert (clock.now(), sleeping.done()) == (0, False)
    clock.end_work()
    await advancing
    assert (clock.now(), sleeping.done()) == (30, True)


async def test_a_manual_clock_goes_forward_only() -> None:
    clock = ManualClock(1_000)
    with pytest.raises(UsageError):
        await clock.advance_to(clock.now() + -1)
    await clock.advance_to(1_000)
    await clock.sleep_until(1_000)
    assert clock.now() == 1_000


async def test_a_cancelled_sleeper_stops_nobody() -> None:
    clock = ManualClock()
    gone = asyncio.create_task(clock.sleep_until(10))
    stays = asyncio.create_task(clock.sleep_until(10))
    await clocks.settle()
    gone.cancel()
    await clock.advance_to(10)
    assert gone.cancelled() and stays.done()


async def test_cancelled_sleepers_are_forgotten() -> None:
    clock = ManualClock()
    stays = asyncio.create_task(clock.sleep_until(5_000))
    for _ in range(1_000):
        gone = asyncio.create_task(clock.sleep_until(10_000))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    assert len(clock._sleepers) < 200
    await clock.advance_to(5_000)
    assert stays.done()


async def test_a_scaled_clock_passes_no_instant_at_which_it_is_to_stop() -> None:
    clock = ScaledClock("999999")
    clock.set(5_000, 7_000)
    await clock.sleep_until(7_000)
    await SystemClock().sleep_until(2)
    assert clock.now() == 7_000
    clock.scale("0")
    clock.set(1_000)
    assert clock.now() == 1_000, "it is set back as well as on"
