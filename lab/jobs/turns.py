"""Which part of a scenario answers a message of a conversation (scenarios.md §9).

Parts are counted as `of_turn` counts them: 1 is the scenario itself, from 2 on its later turns as they are written.
"""

from collections.abc import Collection, Iterable, Sequence

from lab.language.document import Scenario
from lab.language.patterns import pattern_of


def part_for(scenario: Scenario, turn: int, message: str, used: Collection[int] = ()) -> int | None:
    """Which part answers the n-th message of a conversation; None: none does. `used`: those that answered before."""
    last = len(scenario.turns) + 1
    if turn <= 1 or not scenario.turns:
        parts: Sequence[int] = (1,)
    elif scenario.turn_order == "any":
        parts = [*(part for part in range(2, last + 1) if part not in used), 1]
    else:
        parts = (turn,) if turn <= last else ()
    patterns = (scenario.match, *(each.match for each in scenario.turns))
    return next((part for part in parts if _fits(patterns[part - 1], message)), None)


def parts_for(scenario: Scenario, messages: Iterable[str]) -> list[int | None]:
    """Which part answers each message of a conversation; None: none does."""
    parts: list[int | None] = []
    for turn, message in enumerate(messages, 1):
        parts.append(part_for(scenario, turn, message, [part for part in parts if part is not None]))
    return parts


def _fits(pattern: str | None, message: str) -> bool:
    return pattern is None or pattern_of(pattern).fits(message)
