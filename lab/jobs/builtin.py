"""Built-in scenarios: what a job plays that no author wrote (contract.md §6.2).

They are planned and walked as any other, so a refusal inside a job is a job: it has an id, spans and a body, and a tape
shows how it came to its ERROR. None draws anything, for all durations are written out.

A job's record names what it plays, for good: its scenario, also where that refuses inside the job; nothing, where none
fits the message; `NO_SUCH_VERSION` by a name that no author's scenario can have, for it holds blanks.
"""

from msgspec.structs import replace

from lab.core.refusal import CANNOT_EXECUTE
from lab.jobs.compiled import CompiledScenario, compile_scenario
from lab.jobs.facts import NO_SCENARIO
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

_QUEUED = 17
_SEARCH = Scenario.model_validate(
    {
        "lab": 1,
        "name": "x",
        "title": "The version is not published",
        "agent": {"code": "X"},
        "ask": "x",
        "steps": [
            {"work": "queue", "takes": f"{_QUEUED}ms"},
            {"work": "lookup", "takes": "60ms"},
            {"error": "no-workflow", "text": "workflow not found"},
        ],
    }
)
NO_SUCH_VERSION = replace(compile_scenario(_SEARCH.model_copy(update={"name": "no such version"})), queued=_QUEUED)
"""What a job does that asks for a version which isn't published: ERROR after 77 ms, its work begun after 17 (recorded)."""

ROLE_REFUSED: tuple[Step, ...] = (
    Work.model_validate({"work": "admission", "takes": "1s"}),
    Failure.model_validate({"error": "refused", "text": CANNOT_EXECUTE}),
)
"""What a job does whose owner lacks the role, where that shows inside the job: ERROR after 1 s."""


def role_refused(compiled: CompiledScenario) -> CompiledScenario:
    """The scenario with its refusal in place of its steps."""
    steps = {"steps": ROLE_REFUSED, "data": {}, "turns": ()}
    return compile_scenario(compiled.scenario.model_copy(update=steps), compiled.digest)
