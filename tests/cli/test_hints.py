"""Who starts a lab is told of what a client of it does in vain."""

import io

from lab.cli.console import Console
from lab.cli.serve.hints import MANY_POLLS, client_hints
from lab.core.observe import Noted, Touched
from lab.jobs.facts import JobAccepted
from tests.wire_peer import service


def notes(mode: str, *polls: tuple[int, str, int], again: bool = False) -> int:
    """How often it is told of so many polls of a job at an instant; `again`: between them the job is accepted anew."""
    err = io.StringIO()
    hints = list(client_hints(Console(io.StringIO(), err), mode, service()))
    for instant, job, count in polls:
        if again:
            accepted = JobAccepted(at=0, job=job, client="demo", turn=1, team="T", ordinal=1, input={}, drawn={})
            for hint in hints:
                hint(Noted(0, accepted))
        for _ in range(count):
            for hint in hints:
                hint(Touched(instant, job))
    return err.getvalue().count(f"note: {MANY_POLLS} polls of job")


def test_polls_of_a_standing_clock_are_told_of_once() -> None:
    few = MANY_POLLS - 1
    assert notes("manual", (5, "a", few)) == 0
    assert notes("manual", (5, "a", MANY_POLLS)) == notes("manual", (5, "a", 3 * MANY_POLLS)) == 1
    assert notes("manual", (5, "a", few), (6, "a", few)) == notes("manual", (5, "a", few), (5, "b", few)) == 0
    assert notes("manual", (0, "a", few), (0, "a", few), again=True) == 0
    assert notes("scaled", (5, "a", MANY_POLLS)) == 0
