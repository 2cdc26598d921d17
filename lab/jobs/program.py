"""A program: a scenario indexed, its steps by name, where each leads, which part of it answers which message.

Parts are counted as `of_turn` counts them: 1 is the scenario itself, from 2 on its later turns as they are written. In the
order `any` a turn without `match` is the fallback: it answers what nothing else does, as often as that comes
(scenarios.md §9).

Some programs no author wrote (contract.md §6.2). They are planned and walked as any other, so a refusal inside a job is a
job: it has an id, spans and a body, and a tape shows how it came to its ERROR. None draws anything, for all durations are
written out. A job's record names what it plays, for good: its scenario, also where that refuses inside the job; nothing,
where none fits the message; `NO_SUCH_VERSION` by a name that no author's scenario can have, for it holds blanks.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.refusal import CANNOT_EXECUTE
from lab.language.patterns import Pattern, pattern_of
from lab.program.callers import Callers
from lab.program.scenario import Agent, Scenario
from lab.program.steps import (
    Branch,
    CancelRule,
    EndingStep,
    Failure,
    OngoingStep,
    Parallel,
    Step,
    TimedStep,
    Work,
    branches_of,
    with_children,
)
from lab.program.words import Verdict

NEXT = "next"
"""The way out of a step that is no gate."""


class Program(Struct, frozen=True, eq=False):
    """A scenario indexed, made once and shared by all its jobs; equal to itself only, so that others may index by it.

    Each later turn of a conversation is a program of its own: its steps, data and draws know nothing of those of the turns
    before, and it may use the same ids.
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
    lead: tuple[Work, ...]
    """The steps with which every job begins, whatever happens: `straight` leads on from each."""
    lots: tuple[str, ...]
    """The steps of which it depends on chance where they lead."""
    conditional: bool
    """Whether it depends on a condition where a job goes."""
    turns: tuple["Program", ...] = ()
    """What answers the second and later messages of a conversation."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The texts of the files that outputs name."""
    source: str = ""
    """The file's text, where it was read from one."""
    queued: Millis = 0
    """How long an accepted job lies before its work begins."""

    @property
    def name(self) -> str:
        return self.scenario.name

    def cancel_at(self, step: Step) -> CancelRule:
        """Whether and how a job is cancelled that is at this step."""
        own = step.cancel if isinstance(step, OngoingStep) else None
        return self.scenario.cancel if own is None else own

    @property
    def first(self) -> Step:
        return self.scenario.steps[0]

    @property
    def pattern(self) -> Pattern | None:
        """What the message must contain; made once, when it is first asked for."""
        return pattern_of(self.scenario.match) if self.scenario.match else None

    def fits(self, message: str) -> bool:
        return self.pattern is None or self.pattern.fits(message)

    def groups(self, message: str) -> dict[str, str]:
        """The named groups of `match` in the message, missing ones empty; none if it doesn't fit."""
        pattern = self.pattern
        return (pattern.groups(message) if pattern is not None else None) or {}

    def of_turn(self, turn: int) -> "Program | None":
        """Part n; None: past the last."""
        if turn <= 1 or not self.turns:
            return self
        return self.turns[turn - 2] if turn - 2 < len(self.turns) else None

    @property
    def sent(self) -> tuple["Program", ...]:
        """What answers the messages that the external app sends by itself, turn by turn."""
        parts = parts_for(self.scenario, (each.message for each in self.scenario.user_messages))
        return tuple(each for part in parts if part is not None and (each := self.of_turn(part)) is not None)


def program_of(
    scenario: Scenario, digest: str = "", files: Mapping[str, str] | None = None, source: str = ""
) -> Program:
    """The program of a scenario that `lab.language.parse` has accepted; `files` holds the texts that its outputs name."""
    steps: dict[str, Step] = {step.id: step for step in with_children(scenario.steps)}
    ways = {step.id: _exits(step, after.id) for step, after in pairwise(scenario.steps)}
    branches = [(step, branch) for step, exits in ways.items() for some in exits.values() for branch in some]
    straight = {
        (step, name): steps[some[0].to] for step, exits in ways.items() for name, some in exits.items() if some[0].sure
    }
    lots = tuple({step: None for step, branch in branches if branch.chance})
    conditional = any(branch.when for _, branch in branches)
    later = (scenario.of_turn(turn) for turn in range(2, len(scenario.turns) + 2))
    turns = tuple(program_of(each, digest, files) for each in later if each is not None)
    lead = tuple(_lead(scenario.steps[0], straight))
    return Program(scenario, digest, steps, ways, straight, lead, lots, conditional, turns, files or {}, source)


def _lead(step: Step, straight: Mapping[tuple[str, str], Step]) -> Iterator[Work]:
    while isinstance(step, Work) and (after := straight.get((step.id, NEXT))) is not None:
        yield step
        step = after


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


# Which part answers a message


def part_for(scenario: Scenario, turn: int, message: str, used: Collection[int] = ()) -> int | None:
    """Which part answers the n-th message of a conversation; None: none does. `used`: those that answered before."""
    for part in _open(scenario, turn, used):
        pattern = _pattern(scenario, part)
        if pattern is None or pattern_of(pattern).fits(message):
            return part
    return None


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


def shadowed(scenarios: Iterable[Scenario]) -> Iterator[tuple[Scenario, Scenario]]:
    """Each of those served together that is never chosen, with the one that is chosen in its place (scenarios.md §3.2).

    Only what is certain is found: patterns are alike or they are not compared, and two earlier ones are never added up.
    """
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


# What no author wrote

NO_SCENARIO = "unmatched"
"""Stands for the scenario of a job that none fits, in the names of its draws and of its counter."""


def _built_in(name: str, title: str, *steps: Step) -> Program:
    return program_of(Scenario(lab=1, name=name, title=title, agent=Agent("X"), ask="x", steps=steps))


UNMATCHED = _built_in(
    NO_SCENARIO, "No scenario fits the message",
    Work("search", 1_000), Failure("unmatched", "No answer is defined for this message."),
)  # fmt: skip
"""What a job does whose message fits no scenario of its team: ERROR after 1 s."""

_NOT_PUBLISHED = _built_in(
    "no such version", "The version is not published",
    Work("queue", 17), Work("lookup", 60), Failure("no-workflow", "workflow not found"),
)  # fmt: skip
NO_SUCH_VERSION = replace(_NOT_PUBLISHED, queued=17)
"""What a job does that asks for a version which isn't published: ERROR after 77 ms, its work begun after 17 (recorded)."""

ROLE_REFUSED: tuple[Step, ...] = (Work("admission", 1_000), Failure("refused", CANNOT_EXECUTE))
"""What a job does whose owner lacks the role, where that shows inside the job: ERROR after 1 s."""


def role_refused(program: Program) -> Program:
    return program_of(replace(program.scenario, steps=ROLE_REFUSED, data={}, turns=()), program.digest)
