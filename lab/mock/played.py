"""What a job plays that no author wrote: no scenario fits, or a role is missing (contract.md §6.2)."""

from lab.dialects.fusion.events import REFUSAL
from lab.jobs.facts import NO_SCENARIO
from lab.jobs.plan import CompiledScenario, compile_scenario
from lab.language.document import Scenario

UNMATCHED = compile_scenario(
    Scenario.model_validate({
        "lab": 1, "name": NO_SCENARIO, "title": "No scenario fits the message", "agent": {"code": "X"}, "ask": "x",
        "steps": [
            {"work": "search", "takes": "1s"},
            {"error": "unmatched", "text": "No answer is defined for this message."},
        ],
    })
)  # fmt: skip
"""What a job does whose message fits no scenario of its team: ERROR after 1 s (contract.md §6.2)."""


def refused(made: CompiledScenario) -> CompiledScenario:
    """What a job does whose owner lacks the role, where that shows inside the job: ERROR after 1 s (contract.md §6.2)."""
    return compile_scenario(made.scenario.model_copy(update={"steps": REFUSAL, "data": {}, "turns": ()}), made.digest)
