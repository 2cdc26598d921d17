"""A scenario's own run: its messages as somebody for whom it is sends them first, and how such a run may end.

What a scenario expects of one (`expect`) is compared with what came of it. The same comparison serves two: `lab run`, of
what happened, and a warning, of what would happen if nobody but the scenario's own reviewers acted. The status is that of
the last message's job, for every message before it needs an answer; verdicts and polls are those of the whole run.

Where no status is written, COMPLETE is expected. A scenario with branches may come to an `error` step of its own by
chance, by what was asked or by who asks: nobody wrote which, so that is as expected too, and the messages behind it
aren't sent. What no step says, as a gate that nobody answered or a text that failed, is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial

from msgspec import UNSET, Struct
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.seeds import Seed, uuid4
from lab.jobs.gates import Decision
from lab.jobs.plan import Input, Invocation, JobUser, Plan
from lab.jobs.program import Program
from lab.jobs.span import Span
from lab.jobs.texts import earlier_turns
from lab.jobs.timeline import spans
from lab.program.draws import longest_latency
from lab.program.scenario import ExpectedRun, Scenario
from lab.program.steps import Delegate, Failure, Work, with_children
from lab.program.words import Status

_CLIENT = "demo"
USUAL_USER = JobUser("jane", "Jane")
"""Who asks in thought where it is some user, and none is named."""


def own_caller(scenario: Scenario) -> tuple[str, JobUser | None]:
    """Who asks in thought: the lab's own client, or the first user and client that the scenario is for."""
    callers = scenario.callers
    if callers is None:
        return _CLIENT, None
    user = JobUser(callers.users[0], callers.users[0], callers.roles) if callers.users else USUAL_USER
    client = callers.clients[0] if callers.clients else _CLIENT
    return client, replace(user, roles=callers.roles) if callers.need_a_user else None


def own_plans(program: Program, seed: Seed, caller: tuple[str, JobUser | None] | None = None) -> Iterator[Plan]:
    """The plan of each turn, sent at the end of the one before, if nobody but the scenario's reviewers decides.

    Turn and ordinal are the same there; who asks is `caller`, a client and a user, else `own_caller`.
    """
    client, user = caller or own_caller(program.scenario)
    stream = f"{client}/{program.name}"
    conversation = uuid4(seed, f"conversation/{stream}/1")
    earlier: list[tuple[Plan, tuple[Decision, ...]]] = []
    now: Millis = 0
    for turn, (ask, part) in enumerate(zip(program.scenario.user_messages, program.sent, strict=False), 1):
        call = Invocation(
            uuid4(seed, f"job/{stream}/{turn}"), client, part.scenario.agent.code, program.name, turn, now,
            Input(ask.message, True, parameters=ask.parameters), conversation, turn,
            earlier[0][0].invocation.input.parameters if earlier else {}, user,
        )  # fmt: skip
        texts = partial(earlier_turns, tuple(earlier), now, INSTANT_EPOCH)
        own = Plan(part, call, seed, earlier=texts)  # what is drawn, is drawn when it is looked at
        yield own
        earlier.append((own, ()))
        *_, end = spans(own, ())
        now = end.since


class TurnResult(Struct, frozen=True):
    status: str | None
    """Of its job as it was seen last; None: no job is known."""
    refused: int | None = None
    """The HTTP status because of which the client gave up."""
    verdicts: Mapping[str, str] | None = None
    """How its gates ended, by id; None: nobody can tell."""
    polls: int = 0
    own_error: bool = False
    """Whether it ended at an `error` step to which its scenario may branch."""


def seen_at(plan: Plan, span: Span) -> TurnResult:
    """What is seen of its job at that span of the plan."""
    branches = bool(plan.program.lots) or plan.program.conditional
    return TurnResult(span.status, verdicts=span.verdicts, own_error=branches and isinstance(span.step, Failure))


def unmet(expect: ExpectedRun, turns: Sequence[TurnResult], messages: int) -> Iterator[str]:
    """Each difference in one line; `messages` is how many turns there would have been."""
    last = turns[-1]
    by_branch = last.own_error and expect.status is UNSET
    if len(turns) < messages and not by_branch:
        yield f"turn {len(turns)} of {messages}: {last.status or 'no job'}, expected {Status.COMPLETE}"
        return
    if not expect.any_status and last.status not in expect.statuses and not by_branch:
        yield f"status: {last.status or 'no job'}, expected {' or '.join(each or 'no job' for each in expect.statuses)}"
    if expect.refused not in (None, last.refused):
        yield f"refused: {last.refused or 'no'}, expected {expect.refused}"
    known = {gate: verdict for turn in turns for gate, verdict in (turn.verdicts or {}).items()}
    for gate, verdict in expect.verdicts.items() if last.verdicts is not None else ():
        if known.get(gate) != verdict:
            yield f"{gate}: {known.get(gate, 'no verdict')}, expected {verdict}"
    polls = sum(turn.polls for turn in turns)
    if expect.polls is not None and polls > expect.polls:
        yield f"polls: {polls}, expected at most {expect.polls}"


LONGEST_DEADLINE: Millis = 172_800_000
"""Two days: no client works on one job for longer."""


class GoodEnd(StrEnum):
    """How a good client's run may end (clients.md §9)."""

    RESULT = "result"
    """It takes the job's end, whatever that is, and asks no more."""
    CLEAN_STOP = "clean stop"
    """It stops, and says so."""


def ends_in(scenario: Scenario) -> tuple[GoodEnd, ...]:
    """What a good client does: it stops where it is refused, and where the wire fails, or the work takes days, it may."""
    if scenario.expect.refused is not None:
        return (GoodEnd.CLEAN_STOP,)
    works = [longest_latency(step.takes) for step in with_children(scenario.steps) if isinstance(step, Work | Delegate)]
    may_stop = scenario.faults or any(each >= LONGEST_DEADLINE for each in works)
    return (GoodEnd.RESULT, GoodEnd.CLEAN_STOP) if may_stop else (GoodEnd.RESULT,)
