"""Scenarios that are never chosen: an earlier one of their team takes all that they take (scenarios.md §3.2).

Only what is certain is found: patterns are alike or they are not compared, and two earlier ones are never added up.
"""

from collections.abc import Iterable, Iterator, Sequence

from lab.program.callers import Callers
from lab.program.scenario import Scenario


def shadowed(scenarios: Iterable[Scenario]) -> Iterator[tuple[Scenario, Scenario]]:
    """Each of those served together that is never chosen, with the one that is chosen in its place."""
    earlier: list[Scenario] = []
    for each in sorted(scenarios, key=lambda each: each.name):
        first = next((other for other in earlier if _covers(other, each)), None)
        if first is not None:
            yield each, first
        earlier.append(each)


def _covers(earlier: Scenario, later: Scenario) -> bool:
    """Whether whatever is asked of `later` is answered by `earlier`, which is tried before."""
    one, other = earlier.agent, later.agent
    callers = earlier.callers or Callers(), later.callers or Callers()
    return (
        one.code == other.code
        and (one.published or not other.published)  # a draft may be asked of either
        and one.version in (None, other.version)
        and earlier.match in (None, later.match)
        and all(map(_takes, *((each.users, each.roles, each.clients) for each in callers)))
        # one of several turns begins conversations only: amid one that nobody answered it is passed over
        and (not earlier.turns or bool(later.turns))
    )


def _takes(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether whoever has a place in `theirs` has one in `mine`; a list that isn't there has one for everybody."""
    return not mine or (bool(theirs) and set(theirs) <= set(mine))
