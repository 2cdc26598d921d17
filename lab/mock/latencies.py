"""How long a reply is withheld: drawn from job (on token: client), command and instant, so it needs no counter."""

from lab.core.clock import Millis
from lab.core.seeds import Seed
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
