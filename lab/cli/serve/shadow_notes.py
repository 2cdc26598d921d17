"""What is said, once a lab serves, of scenarios that no message of a client can choose."""

from collections.abc import Iterable, Iterator

from lab.jobs.program import shadowed
from lab.program.scenario import Scenario


def shadow_notes(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """One for each scenario that takes all that later ones of its team take."""
    hidden: dict[str, list[str]] = {}
    for later, first in shadowed(scenarios):
        hidden.setdefault(first.name, []).append(later.name)
    for name, never in hidden.items():
        yield (
            f"note: never chosen: {', '.join(never)}: {name}, before by name, takes all that is asked of that team and fits."
            " X-Lab-Scenario: NAME calls for one."
        )
