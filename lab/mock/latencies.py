"""How long a reply is withheld: drawn from job (on token: client), command and instant, so it needs no counter."""

from collections.abc import Iterable

from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.core.observe import Replied
from lab.core.seeds import Seed
from lab.jobs.facts import JobAccepted
from lab.jobs.program import Program
from lab.program.draws import draw_latency


def planned_latency(seed: Seed, program: Program, routes: tuple[str, ...], stream: str, now: Millis) -> Millis:
    """The latency that a scenario plans for a call at `now`.

    `routes` are the names that the call goes by, the most exact first, its command last; the first that has a latency
    counts, and the draw is the command's.
    """
    known = program.scenario.latency
    for route in routes:
        if route in known:
            spec = known[route]
            return spec if isinstance(spec, int) else draw_latency(seed, f"{stream}/{routes[-1]}@{now}", spec)
    return 0


MOST_LEFT = 10_000
"""First answers that left early and are remembered; of older ones their instant alone tells."""


class FirstAnswers:
    """Which answers to requests with an idempotency key left before they were due: a clock that stands withholds none.

    A memo, never state: once it is forgotten, the clock has to come to the instant at which the answer was due.
    """

    def __init__(self) -> None:
        self.awaited: dict[int, str] = {}
        """By exchange the jobs whose answer is planned to be withheld."""
        self.left: dict[str, None] = {}
        """The jobs whose answer has left."""

    def plan(self, x: int, facts: Iterable[Fact]) -> None:
        """An exchange brought these facts, and its answer is to be withheld."""
        for fact in facts:
            if isinstance(fact, JobAccepted) and fact.idempotency is not None:
                self.awaited[x] = fact.job

    def note(self, replied: Replied) -> None:
        """An answer has left; one that was cut isn't known to have arrived."""
        job = self.awaited.pop(replied.x, None)
        if job is not None and replied.cut is None:
            self.left[job] = None
            if len(self.left) > MOST_LEFT:
                del self.left[next(iter(self.left))]
