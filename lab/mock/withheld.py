"""How long a reply is withheld: drawn from job (on token: client), route and instant, so it needs no counter."""

from lab.core.clock import Millis
from lab.core.seeds import Seed
from lab.jobs.plan import CompiledScenario
from lab.language.document import Latency, draw_latency


def withheld(seed: Seed, made: CompiledScenario, route: str, stream: str, now: Millis) -> Millis:
    """The latency that a scenario plans for a call of the route at `now`."""
    spec: Latency = getattr(made.scenario.latency, route)
    return spec if isinstance(spec, int) else draw_latency(seed, f"{stream}/{route}@{now}", spec)
