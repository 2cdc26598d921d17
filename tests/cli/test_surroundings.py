"""What changes around a lab that runs, and is told of."""

import asyncio

import pytest

from lab.cli.serve import surroundings
from lab.cli.serve.surroundings import WallClockLook, look_around
from lab.clocks import ManualClock, real
from lab.core.journal.shell import ClockJumped, LabFailed
from lab.core.observe import Noted, Observation
from lab.recording.format.codec import fact_of
from lab.recording.format.lines import Entry
from lab.recording.format.reader import read
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from lab.server.bugs import Bugs
from tests.server.conftest import make_service


def test_a_wall_clock_that_is_set_is_on_the_tape(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = 0
    monkeypatch.setattr(real.time, "time_ns", lambda: wall)
    service, clock = make_service(), ManualClock(7)
    look, lines = WallClockLook(service.note, clock), list[bytes]()
    tape = Tape(service, lines.append, recording_header(service.config, lab="0"))
    service.observers.append(tape)
    look()
    wall = -3_600_000 * 1_000_000
    look()
    tape.close(8)
    (line,) = read(b"".join(lines), "tape").lines
    assert isinstance(line, Entry)
    fact = fact_of(line)
    assert isinstance(fact, ClockJumped) and abs(fact.wall + 3_600_000) < 1_000 and fact.at == 7


async def test_a_look_that_breaks_is_told_of_once_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "LOOK_EVERY", 1)
    observations: list[Observation] = []
    service, looks = make_service(), 0
    service.observers.append(observations.append)
    enough = asyncio.Event()

    def breaks() -> None:
        raise ZeroDivisionError

    def counts() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            enough.set()

    task = asyncio.create_task(look_around([breaks, counts], Bugs(service, ManualClock())))
    async with asyncio.timeout(5):
        await enough.wait()
    task.cancel()
    assert [type(each.fact) for each in observations if isinstance(each, Noted)] == [LabFailed]
