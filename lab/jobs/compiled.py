"""A scenario indexed: its steps by name, where each leads, its pattern, its later turns."""

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.jobs.turns import part_for, parts_for
from lab.language.patterns import Pattern, pattern_of
from lab.program.scenario import Scenario
from lab.program.steps import Branch, EndingStep, Parallel, Step, TimedStep, branches_of, with_children
from lab.program.words import Verdict

NEXT = "next"
"""The way out of a step that is no gate."""


class CompiledScenario(Struct, frozen=True, eq=False):
    """A scenario indexed, made once and shared by all its jobs; equal to itself only, so that others may index by it.

    Each later turn of a conversation is a compiled scenario of its own: its steps, data and draws know nothing of those of
    the turns before, and it may use the same ids.
    """

    scenario: Scenario
    digest: str
    """SHA-256 of the file's bytes with CRLF made LF, in hex."""
    steps: Mapping[str, Step]
    """By id, those within parallels too."""
    ways: Mapping[str, Mapping[str, tuple[Branch, ...]]]
    """By step and exit, `next` or a verdict, the branches that are tried in order; none fits, or the exit is missing: the
    verdict's default ending. `next` and `approved` end with a sure one."""
    straight: Mapping[tuple[str, str], Step]
    """By step and exit, where it leads whatever happens: most ways are no branches, and a walk over them is short."""
    turns: tuple["CompiledScenario", ...] = ()
    """What answers the second and later messages of a conversation."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The texts of the files that outputs name."""
    source: str = ""
    """The file's text, where it was read from one."""
    queued: Millis = 0
    """How long an accepted job lies before its work begins."""

    @property
    def pattern(self) -> "Pattern | None":
        """What the message must contain; made once, when it is first asked for."""
        return pattern_of(self.scenario.match) if self.scenario.match else None

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.scenario.name

    @property
    def first(self) -> Step:
        """The step in which every job begins."""
        return self.scenario.steps[0]

    @property
    def order_free(self) -> bool:
        """Whether later messages may come in any order."""
        return self.scenario.turn_order == "any" and bool(self.turns)

    def part_for(self, turn: int, message: str, used: Collection[int] = ()) -> int | None:
        """Which part answers the n-th message of a conversation, as `of_turn` counts them; None: none does.

        `used`: the parts that answered the messages before (scenarios.md §9).
        """
        return part_for(self.scenario, turn, message, used)

    def parts_for(self, messages: Iterable[str]) -> list[int | None]:
        """Which part answers each message of a conversation; None: none does."""
        return parts_for(self.scenario, messages)

    @property
    def sent(self) -> tuple["CompiledScenario", ...]:
        """What answers the messages that the external app sends by itself, turn by turn."""
        parts = self.parts_for(each.message for each in self.scenario.user_messages)
        return tuple(each for part in parts if part is not None and (each := self.of_turn(part)) is not None)

    def of_turn(self, turn: int) -> "CompiledScenario | None":
        """Part n: 1 the scenario itself, from 2 on its later turns as they are written; None: past the last."""
        if turn <= 1 or not self.turns:
            return self
        return self.turns[turn - 2] if turn - 2 < len(self.turns) else None

    @property
    def lots(self) -> tuple[str, ...]:
        """The steps of which it depends on chance where they lead."""
        return tuple(
            step
            for step, exits in self.ways.items()
            if any(branch.chance for branches in exits.values() for branch in branches)
        )

    @property
    def conditional(self) -> bool:
        """Whether it depends on a condition where a job goes."""
        return any(branch.when for exits in self.ways.values() for branches in exits.values() for branch in branches)

    def fits(self, message: str) -> bool:
        """Whether `match` is found in the message."""
        pattern = self.pattern
        return pattern is None or pattern.fits(message)

    def groups(self, message: str) -> dict[str, str]:
        """The named groups of `match` in the message, missing ones empty; none if it doesn't fit."""
        pattern = self.pattern
        return (pattern.groups(message) if pattern is not None else None) or {}


def compile_scenario(
    scenario: Scenario, digest: str = "", files: Mapping[str, str] | None = None, source: str = ""
) -> CompiledScenario:
    """Index a scenario that `lab.language.parse` has accepted; `files` holds the texts that its outputs name."""
    steps: dict[str, Step] = {step.id: step for step in with_children(scenario.steps)}
    ways = {step.id: _exits(step, after.id) for step, after in pairwise(scenario.steps)}
    straight = {
        (step, name): steps[branches[0].to]
        for step, exits in ways.items()
        for name, branches in exits.items()
        if branches[0].sure
    }
    later = (scenario.of_turn(turn) for turn in range(2, len(scenario.turns) + 2))
    turns = tuple(compile_scenario(each, digest, files) for each in later if each is not None)
    return CompiledScenario(scenario, digest, steps, ways, straight, turns, files or {}, source)


def _exits(step: Step, following: str) -> dict[str, tuple[Branch, ...]]:
    """The ways out of a step, each with its branches; a retry loop's way back is the timeline's."""
    if isinstance(step, EndingStep):
        return {}
    onward = (*branches_of(step.next), Branch(to=following))
    if isinstance(step, TimedStep | Parallel):
        return {NEXT: onward}
    said = {verdict: branches_of(step.verdicts.of(verdict)) for verdict in Verdict}
    exits = {str(verdict): branches for verdict, branches in said.items() if branches}
    return {**exits, Verdict.APPROVED: (*exits.get(Verdict.APPROVED, ()), *onward)}
