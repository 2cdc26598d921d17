"""The course of a turn: its steps, begun and planned, what it took, and what can be asked after it."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from lab.core.clock import Millis
from lab.jobs.gates import Decision
from lab.jobs.own_run import own_plans
from lab.jobs.plan import Plan
from lab.jobs.program import part_for, parts_for, program_of
from lab.jobs.timeline import spans
from lab.program.scenario import Scenario
from lab.program.steps import Gate
from lab.program.words import Status, Verdict
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState, messages_of
from lab.tui.state.status import FACES, StatusFace, face, meaning, nobody_decided

_MOST = 40
"""How many steps of a plan are looked at."""
_DECIDES: Millis = 5_000
"""After how long a gate is decided in a plan in which nobody else does."""
_UNKNOWN: Millis = 1_000
"""How long a step takes of which nobody knows."""


# Its steps


class CourseStep(Struct, frozen=True):
    """One step: its name (empty: nobody told it), how its status shows, how long it is planned to take, when it was.

    Of a gate that is over, and of a step that isn't planned, it is how long it took.
    """

    name: str
    face: StatusFace
    takes: Millis
    began: Millis | None = None
    ended: Millis | None = None


class Course(NamedTuple):
    """The steps of a turn, and whether anybody told them by name: a plan, or the mock's journal."""

    steps: tuple[CourseStep, ...]
    named: bool = True


def course_of(state: ScreenState) -> Course:
    """The steps of the turn that shows, in order: as they came, then as the scenario's plan has them come."""
    run, scenario, part = state.run, state.source.scenario, state.part
    plan = () if scenario is None or part is None else planned_course(scenario, state.source.seed or 0, part)
    accepted = next((each.at for each in run.milestones if each.kind == "invoke"), None)
    if accepted is None:
        return Course(plan)
    begun = [(each.value, face(each.word), each.at) for each in run.milestones if each.kind == "step"]
    while run.gate is not None and run.gate.sent is not None and begun and begun[-1][1].phase != "waiting":
        begun.pop()  # the answer is on its way: what comes of it shows with its reply
    named = bool(plan or begun)
    begun = begun or list(_as_answers_told(run, plan))
    if named:
        begun = [(plan[0].name if plan else "", plan[0].face if plan else FACES[Status.RUNNING], accepted), *begun]
    found, at = list[CourseStep](), 0
    for (name, known, began), until in zip(begun, [*(since for *_, since in begun[1:]), None], strict=False):
        at = next((each for each in range(at, len(plan)) if plan[each].name == name), at)
        foreseen = at < len(plan) and plan[at].name == name
        takes = plan[at].takes if foreseen else _UNKNOWN
        if until is not None and (known.phase == "waiting" or not foreseen):  # else its columns stay as they were
            takes = max(1, until - began)
        found.append(CourseStep(name, known, takes, began, until))
    over = run.ended is not None or (bool(found) and found[-1].face.final)
    return Course((*found, *(() if over else plan[at + 1 :])), named)


def _as_answers_told(run: RunState, plan: Sequence[CourseStep]) -> Iterator[tuple[str, StatusFace, Millis]]:
    """A stretch for each status that an answer showed: the planned step with it, else gates alone have names."""
    gates, at = iter([each.value for each in run.milestones if each.kind == "gate"]), 0
    for word, since in run.statuses[1:] if plan else run.statuses:
        known = face(word)
        at = next((each for each in range(at + 1, len(plan)) if plan[each].face == known), at)
        if plan:
            name = plan[at].name if plan[at].face == known else word.lower()
        else:
            name = next(gates, "") if known.phase == "waiting" else word.lower() if known.final else ""
        yield name, known, since


_PLANS: list[tuple[Scenario, int, tuple[tuple[CourseStep, ...], ...]]] = []
"""The last few that were made: a scenario is the same object from frame to frame."""


def planned_course(scenario: Scenario, seed: int, part: int) -> tuple[CourseStep, ...]:
    """The steps of a part of the scenario as this seed has them, if gates that nobody of it decides are approved."""
    turns = next((kept for known, number, kept in _PLANS if known is scenario and number == seed), None)
    if turns is None:
        turns = tuple(tuple(_steps_of(plan)) for plan in own_plans(program_of(scenario), seed))
        _PLANS[:] = [*_PLANS[-7:], (scenario, seed, turns)]
    if part <= len(turns):
        return turns[part - 1]
    # a turn that the scenario's own messages don't come to is as long as it is told to be
    scripted = scenario.of_turn(part)
    steps = () if scripted is None else scripted.steps
    return tuple(CourseStep(step.id, face(str(step.status)), 0 if step.status.final else _UNKNOWN) for step in steps)


def _steps_of(plan: Plan) -> Iterator[CourseStep]:
    decisions: tuple[Decision, ...] = ()
    while True:
        walked, known = list(islice(spans(plan, decisions), _MOST)), {(each.step, each.visit) for each in decisions}
        for span in walked:
            step = span.step
            # a gate that nobody of the scenario decides
            alone = isinstance(step, Gate) and step.reviewer is None and step.escalate is None
            if isinstance(step, Gate) and alone and (span.id, span.visit) not in known:
                decision = Decision(span.since + _DECIDES, span.id, span.visit, Verdict.APPROVED)
                decisions += (decision,) * step.approvals
                break
        else:
            break
    for span in walked:
        if not (span.goes_on or span.escalated):
            yield CourseStep(span.id, face(str(span.status)), 0 if span.until is None else span.until - span.since)


# What it took


class TurnSummary(Struct, frozen=True):
    """One turn in figures."""

    job: bool
    """Whether there is a Job ID."""
    polls: int
    person: Millis | None
    """How long it waited for people; None: nobody was asked."""
    decided: bool
    """Whether anybody decided in that time."""
    agents: Millis
    """How long it was in any other status that is not final."""


def turn_summary(run: RunState) -> TurnSummary:
    """The figures of a turn that has ended."""
    lengths, gated = lengths_of(run, run.ended if run.ended is not None else run.latest), bool(run.gates)
    person = sum(lasted for word, lasted in lengths if gated and meaning(word) is Status.WAITING)
    working = sum(lasted for word, lasted in lengths if not face(word).final)
    decided = run.decisions > 0 or not nobody_decided(run)
    job = run.job is not None and bool(run.job.job)
    return TurnSummary(job, run.polls, person if gated else None, decided, working - person)


def lengths_of(run: RunState, end: Millis) -> list[tuple[str, Millis]]:
    """Each status that the app saw, and how long it lasted, the last one until `end`."""
    statuses = run.statuses
    stops = [since for _, since in (*statuses[1:], ("", end))]
    return [(word, max(0, until - since)) for (word, since), until in zip(statuses, stops, strict=False)]


# What can be asked after it

MOST_KEYS = 9


class FollowUp(Struct, frozen=True):
    """A suggested question that wasn't asked yet; `key` is what asks it, nothing where no key does."""

    text: str
    key: str = ""
    answered: bool = True
    """Whether the scenario answers it; where none is at hand nobody knows, and it may be asked."""


def follow_ups(state: ScreenState) -> tuple[FollowUp, ...]:
    """What was suggested so far and nobody has asked; each keeps the number that it had first, while there are keys."""
    run, scenario, messages = state.run, state.source.scenario, messages_of(state.run)
    asks = "message" in state.source.can and not state.source.follows and run is state.newest and not state.running
    turns = [turn.last.follow_up if turn.last is not None else () for turn in (*run.past, run)]
    answered = dict.fromkeys(
        text
        for count, suggested in enumerate(turns, 1)
        for text in suggested
        if text and _answered(scenario, messages[:count], text)
    )
    keys = {text: str(number) for number, text in enumerate(answered, 1) if number <= MOST_KEYS}
    found: list[FollowUp] = []
    for text in dict.fromkeys(text for suggested in (turns[-1], *turns[-2::-1]) for text in suggested):
        if text and text not in messages:
            known = _answered(scenario, messages, text)
            found.append(FollowUp(text, keys.get(text, "") if asks and known else "", known))
    return tuple(sorted(found, key=lambda each: (not each.key, each.key)))


def _answered(scenario: Scenario | None, messages: Sequence[str], text: str) -> bool:
    """Whether a text is answered after these messages."""
    if scenario is None:
        return True
    used = [part for part in parts_for(scenario, messages) if part is not None]
    return part_for(scenario, len(messages) + 1, text, used) is not None
