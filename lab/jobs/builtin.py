"""Built-in scenarios: what a job plays that no author wrote (contract.md §6.2).

They are planned and walked as any other, so a refusal inside a job is a job: it has an id, spans and a body, and a tape
shows how it came to its ERROR. Neither draws anything, for its one second is written out.
"""

from lab.core.refusal import CANNOT_EXECUTE
from lab.jobs.facts import NO_SCENARIO
from lab.jobs.plan import CompiledScenario, compile_scenario
from lab.language.document import Failure, Scenario, Step, Work

UNMATCHED = compile_scenario(
    Scenario.model_validate({
        "lab": 1, "name": NO_SCENARIO, "title": "No scenario fits the message", "agent": {"code": "X"}, "ask": "x",
        "steps": [
            {"work": "search", "takes": "1s"},
            {"error": "unmatched", "text": "No answer is defined for this message."},
        ],
    })
)  # fmt: skip
"""What a job does whose message fits no scenario of its team: ERROR after 1 s."""

ROLE_REFUSED: tuple[Step, ...] = (
    Work.model_validate({"work": "admission", "takes": "1s"}),
    Failure.model_validate({"error": "refused", "text": CANNOT_EXECUTE}),
)
"""What a job does whose owner lacks the role, where that shows inside the job: ERROR after 1 s."""


def role_refused(compiled: CompiledScenario) -> CompiledScenario:
    """The scenario with its refusal in place of its steps."""
    steps = {"steps": ROLE_REFUSED, "data": {}, "turns": ()}
    return compile_scenario(compiled.scenario.model_copy(update=steps), compiled.digest)
