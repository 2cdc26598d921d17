"""How long a reply is withheld: drawn from job (on token: client), command and instant, so it needs no counter."""

from lab.core.clock import Millis
from lab.core.seeds import Seed
from lab.jobs.plan import CompiledScenario
from lab.language.document import Latency, draw_latency


def planned_latency(seed: Seed, compiled: CompiledScenario, command: str, stream: str, now: Millis) -> Millis:
    """The latency that a scenario plans for a call at `now`; `command` is token, invoke or status."""
    spec: Latency = getattr(compiled.scenario.latency, command)
    return spec if isinstance(spec, int) else draw_latency(seed, f"{stream}/{command}@{now}", spec)
