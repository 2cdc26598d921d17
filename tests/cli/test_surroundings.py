"""What changes around a lab that runs, and is told of."""

import asyncio

import pytest

from lab.cli.serve import surroundings
from lab.cli.serve.surroundings import look_around
from lab.clocks import ManualClock
from lab.core.journal.shell import LabFailed
from lab.core.observe import Noted, Observation
from lab.server.bugs import Bugs
from tests.server.conftest import make_service


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
