"""The course of a turn: the steps of its job, those that have begun and those that are planned to come."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from lab.core.clock import Millis
from lab.jobs.gates import Decision
from lab.jobs.own_run import own_plans
from lab.jobs.plan import Plan
from lab.jobs.program import part_for, parts_for, program_of
from lab.jobs.span import Span
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


class CourseStep(Struct, frozen=True):
    """One step: its name (empty: nobody told it), how its status shows, how long it is planned to take, when it was."""

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
    run, plan = state.run, _planned(state)
    accepted = next((each.at for each in run.milestones if each.kind == "invoke"), None)
    if accepted is None:
        return Course(plan)
    steps = [each for each in run.milestones if each.kind == "step"]
    if not plan and not steps:
        return Course(_as_bodies_told(run), named=False)
    begun = [(plan[0].name if plan else "", plan[0].face if plan else FACES[Status.RUNNING], accepted)]
    begun += [(each.value, face(each.word), each.at) for each in steps] if steps else list(_by_status(run, plan))
    ended = [at for *_, at in begun[1:]]
    found, at = list[CourseStep](), 0
    for number, (name, known, began) in enumerate(begun):
        at = next((each for each in range(at, len(plan)) if plan[each].name == name), at)
        takes = plan[at].takes if at < len(plan) and plan[at].name == name else 1_000
        until = ended[number] if number < len(ended) else None
        found.append(CourseStep(name, known, takes if until is None else max(1, until - began), began, until))
    if found[-1].face.final or run.ended is not None:
        return Course(tuple(found))
    return Course((*found, *plan[at + 1 :]))


def _by_status(run: RunState, plan: tuple[CourseStep, ...]) -> Iterator[tuple[str, StatusFace, Millis]]:
    """The planned steps at which answers have shown another status: where nobody tells steps."""
    at = 0
    for word, since in run.statuses[1:]:
        known = face(word)
        at = next((each for each in range(at + 1, len(plan)) if plan[each].face == known), at)
        yield plan[at].name if plan[at].face == known else word.lower(), known, since


def _as_bodies_told(run: RunState) -> tuple[CourseStep, ...]:
    """A stretch for each status that an answer showed; gates have names."""
    gates = iter([each.value for each in run.milestones if each.kind == "gate"])
    found: list[CourseStep] = []
    for number, (word, since) in enumerate(run.statuses):
        until = run.statuses[number + 1][1] if number + 1 < len(run.statuses) else None
        known = face(word)
        name = next(gates, "") if known.phase == "waiting" else word.lower() if known.final else ""
        found.append(CourseStep(name, known, 1_000 if until is None else max(1, until - since), since, until))
    return tuple(found)


# The plan

_PLANS: list[tuple[Scenario, int, tuple[tuple[CourseStep, ...], ...]]] = []
"""The last few that were made: a scenario is the same object from frame to frame."""


def _planned(state: ScreenState) -> tuple[CourseStep, ...]:
    """The plan of the turn that shows; nothing where no scenario is at hand."""
    scenario = state.source.scenario
    if scenario is None:
        return ()
    messages = messages_of(state.run)
    if state.run.job is None:
        messages[-1] = state.source.message or scenario.message
    part = state.run.part or parts_for(scenario, messages)[-1]
    return () if part is None else planned_course(scenario, state.source.seed or 0, part)


def planned_course(scenario: Scenario, seed: int, part: int) -> tuple[CourseStep, ...]:
    """The steps of a part of the scenario as this seed has them."""
    turns = next((kept for known, number, kept in _PLANS if known is scenario and number == seed), None)
    if turns is None:
        turns = tuple(_turns(scenario, seed))
        _PLANS[:] = [*_PLANS[-7:], (scenario, seed, turns)]
    if part <= len(turns):
        return turns[part - 1]
    # a turn that the scenario's own messages don't come to is as long as it is told to be
    scripted = scenario.of_turn(part)
    steps = () if scripted is None else scripted.steps
    return tuple(CourseStep(step.id, face(str(step.status)), 0 if step.status.final else 1_000) for step in steps)


def _turns(scenario: Scenario, seed: int) -> Iterator[tuple[CourseStep, ...]]:
    """The steps of each turn with this seed, if gates that nobody of the scenario decides are approved."""
    for plan in own_plans(program_of(scenario), seed):
        yield tuple(_steps_of(plan))


def _steps_of(plan: Plan) -> Iterator[CourseStep]:
    decisions: tuple[Decision, ...] = ()
    while True:
        walked = list(islice(spans(plan, decisions), _MOST))
        known = {(each.step, each.visit) for each in decisions}
        alone = next((span for span in walked if _alone(span) and (span.id, span.visit) not in known), None)
        if alone is None:
            break
        votes = alone.step.approvals if isinstance(alone.step, Gate) else 1
        decisions += (Decision(alone.since + _DECIDES, alone.id, alone.visit, Verdict.APPROVED),) * votes
    for span in walked:
        if not (span.goes_on or span.escalated):
            yield CourseStep(span.id, face(str(span.status)), 0 if span.until is None else span.until - span.since)


def _alone(span: Span) -> bool:
    """Whether it is a gate that nobody of the scenario decides."""
    return isinstance(span.step, Gate) and span.step.reviewer is None and span.step.escalate is None


MOST_KEYS = 9


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
    end = run.ended if run.ended is not None else run.latest
    person = agents = 0
    for word, lasted in lengths_of(run, end):
        if run.gates and meaning(word) is Status.WAITING:
            person += lasted
        elif not face(word).final:
            agents += lasted
    waited = person if run.gates else None
    decided = run.decisions > 0 or not nobody_decided(run)
    return TurnSummary(run.job is not None and bool(run.job.job), run.polls, waited, decided, agents)


def lengths_of(run: RunState, end: Millis) -> list[tuple[str, Millis]]:
    """Each status that the app saw, and how long it lasted, the last one until `end`."""
    stops = [since for _, since in (*run.statuses[1:], ("", end))]
    return [(word, max(0, until - since)) for (word, since), until in zip(run.statuses, stops, strict=False)]


class FollowUp(Struct, frozen=True):
    """A suggested question that wasn't asked yet; `key` is what asks it, nothing where no key does."""

    text: str
    key: str = ""
    answered: bool = True
    """Whether the scenario answers it; where none is at hand nobody knows, and it may be asked."""


def follow_ups(state: ScreenState) -> tuple[FollowUp, ...]:
    """What was suggested so far and nobody has asked; each keeps the number that it had first."""
    run, scenario, messages = state.run, state.source.scenario, messages_of(state.run)
    asks = "message" in state.source.can and not state.source.follows and run is state.newest and not state.running
    numbers: dict[str, int] = {}
    found: list[FollowUp] = []
    for count, turn in enumerate((*run.past, run), 1):
        for text in dict.fromkeys(turn.last.follow_up if turn.last is not None else ()):
            if text and text not in numbers and _answered(scenario, messages[:count], text):
                numbers[text] = _free(numbers, messages)
    for turn in (run, *reversed(run.past)):
        for text in dict.fromkeys(turn.last.follow_up if turn.last is not None else ()):
            if text and text not in messages and text not in [each.text for each in found]:
                known = _answered(scenario, messages, text)
                number = numbers.get(text, 0) if asks and known else 0
                found.append(FollowUp(text, str(number) if 0 < number <= MOST_KEYS else "", known))
    return tuple(sorted(found, key=lambda each: (not each.key, each.key)))


def _answered(scenario: Scenario | None, messages: Sequence[str], text: str) -> bool:
    """Whether a text is answered after these messages."""
    if scenario is None:
        return True
    used = [part for part in parts_for(scenario, messages) if part is not None]
    return part_for(scenario, len(messages) + 1, text, used) is not None


def _free(numbers: Mapping[str, int], messages: Collection[str]) -> int:
    """A number that no question had; once all keys are used up, one whose question was asked."""
    still = {number for text, number in numbers.items() if text not in messages}
    candidates = [number for number in range(1, MOST_KEYS + 1) if number not in still]
    return next((each for each in candidates if each not in numbers.values()), [*candidates, MOST_KEYS + 1][0])
