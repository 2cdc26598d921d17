"""Which part of a scenario answers a message of a conversation (scenarios.md §9).

In the order `any` a turn without `match` is the fallback: it answers what nothing else does, as often as that comes.

Parts are counted as `of_turn` counts them: 1 is the scenario itself, from 2 on its later turns as they are written.
"""

from collections.abc import Collection, Iterable, Sequence

from lab.language.patterns import pattern_of
from lab.program.scenario import Scenario


def part_for(scenario: Scenario, turn: int, message: str, used: Collection[int] = ()) -> int | None:
    """Which part answers the n-th message of a conversation; None: none does. `used`: those that answered before."""
    return next((part for part in _open(scenario, turn, used) if _fits(_pattern(scenario, part), message)), None)


def parts_for(scenario: Scenario, messages: Iterable[str]) -> list[int | None]:
    """Which part answers each message of a conversation; None: none does."""
    parts: list[int | None] = []
    for turn, message in enumerate(messages, 1):
        parts.append(part_for(scenario, turn, message, [part for part in parts if part is not None]))
    return parts


def patterns_for_next(scenario: Scenario, messages: Collection[str]) -> list[str | None]:
    """What the message after these may match to be answered; a None among them: whatever it says, it is."""
    used = [part for part in parts_for(scenario, messages) if part is not None]
    return [_pattern(scenario, part) for part in _open(scenario, len(messages) + 1, used)]


def _open(scenario: Scenario, turn: int, used: Collection[int]) -> Sequence[int]:
    """The parts that may answer the n-th message, in the order in which they are tried."""
    last = len(scenario.turns) + 1
    if turn <= 1 or not scenario.turns:
        return (1,)
    if scenario.turn_order == "any":
        later = range(2, last + 1)
        fitting = [part for part in later if part not in used and _pattern(scenario, part) is not None]
        fallback = [part for part in later if _pattern(scenario, part) is None]
        # a top that takes every message would leave the fallback none
        return [*fitting, 1, *fallback] if scenario.match is not None else [*fitting, *fallback, 1]
    return (turn,) if turn <= last else ()


def _pattern(scenario: Scenario, part: int) -> str | None:
    return scenario.match if part == 1 else scenario.turns[part - 2].match


def _fits(pattern: str | None, message: str) -> bool:
    return pattern is None or pattern_of(pattern).fits(message)
