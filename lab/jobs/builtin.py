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
from lab.program.scenario import Agent, Scenario
from lab.program.steps import Failure, Step, Work


def _built_in(name: str, title: str, *steps: Step) -> Scenario:
    return Scenario(lab=1, name=name, title=title, agent=Agent("X"), ask="x", steps=steps)


UNMATCHED = compile_scenario(
    _built_in(
        NO_SCENARIO,
        "No scenario fits the message",
        Work("search", 1_000),
        Failure("unmatched", "No answer is defined for this message."),
    )
)
"""What a job does whose message fits no scenario of its team: ERROR after 1 s."""

_QUEUED = 17
_SEARCH = _built_in(
    "no such version",
    "The version is not published",
    Work("queue", _QUEUED),
    Work("lookup", 60),
    Failure("no-workflow", "workflow not found"),
)
NO_SUCH_VERSION = replace(compile_scenario(_SEARCH), queued=_QUEUED)
"""What a job does that asks for a version which isn't published: ERROR after 77 ms, its work begun after 17 (recorded)."""

ROLE_REFUSED: tuple[Step, ...] = (Work("admission", 1_000), Failure("refused", CANNOT_EXECUTE))
"""What a job does whose owner lacks the role, where that shows inside the job: ERROR after 1 s."""


def role_refused(compiled: CompiledScenario) -> CompiledScenario:
    """The scenario with its refusal in place of its steps."""
    return compile_scenario(replace(compiled.scenario, steps=ROLE_REFUSED, data={}, turns=()), compiled.digest)
