"""The path that a scenario takes if its own reviewers answer: its plan, drawn before anything runs."""

from itertools import islice

from lab.core.clock import Millis
from lab.jobs.plan import Input, Invocation, Plan, compile_scenario
from lab.jobs.timeline import spans
from lab.language.document import Scenario

MOST_STEPS = 40
"""How much of a path is drawn."""

Path = tuple[tuple[str, Millis], ...]


def expected(scenario: Scenario, seed: int) -> tuple[Path, tuple[str, ...]]:
    """Each stretch of one status with its length, and the steps by id, of the first job with this seed."""
    invocation = Invocation("", "", scenario.agent.code, scenario.name, 1, 0, Input(scenario.message))
    plan = Plan(compile_scenario(scenario), invocation, seed, {}, scripted=True)
    lengths: list[tuple[str, Millis]] = []
    names: list[str] = []
    for span in islice(spans(plan, ()), MOST_STEPS):
        names.append(span.id)
        took = 0 if span.until is None else span.until - span.since
        if lengths and lengths[-1][0] == span.status:
            lengths[-1] = (lengths[-1][0], lengths[-1][1] + took)
        else:
            lengths.append((str(span.status), took))
    return tuple(lengths), tuple(names)
