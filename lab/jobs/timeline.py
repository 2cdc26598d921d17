"""What a job looks like at an instant: a function of plan, decisions and now.

    view = at(plan, decisions, now)

The walk
    A job goes from step to step. `spans` walks the steps and yields one span for each: a half-open stretch
    `since <= t < until` in one step and one status. The spans tile time from the acceptance on: each begins where the one
    before it ended, and the last has no end. `at` is the span that holds `now`. Nothing is stored of a walk; it is made
    again whenever somebody looks, and yields the same.

    How a span ends depends on the kind of its step, and that is all the machine there is:

    work,
    delegate    after its duration                          -> the next step
    parallel    when all of its children have ended, or any -> the next step; a span for each of its stretches (`parallel`)
    wait        after its duration, or when it is cut short -> back to `again.to` while rounds are left, else the next step
    gate        with its last vote (`gates`)                -> where the verdict leads: a step, or a default ending;
                where it escalates before, at that instant  -> a second span of the same opening
    complete,
    error       never

    A job that a client cancels is cut short, wherever it is, and ends in a default ending (`_cut_short`).

    Each of these ways may be a list of branches; which one is taken is settled at the instant the step ends (`branches`).

What must hold
    1. The past is final: `at(plan, decisions, t)` for t < now is not changed by a decision made at now or later. So a
       decision counts from its own instant on, never before, and the future doesn't leak into a view.
    2. A decision belongs to one visit. Whoever walks around a loop comes to the same step again as visit 1, 2, …; its
       duration is drawn anew under that number, and an answer to visit 0 doesn't answer visit 1.
    3. Every walk ends. A way leads forward in the document, but for two: `changes-requested` and `again`. Both are
       counted by `rounds`, per job and step, and with the last round they lead forward (or to a default ending) too. So
       there are finitely many visits; the parser sees to the rest: names lead to steps, and the last step is an ending.

A worked example: a gate with patience 10 s between two steps of 2 s, accepted at 100, approved by a person at 5 000

    index  step    status    since   until    settled before it
    0      read    RUNNING     100   2 100    -
    1      boss    WAITING   2 100   5 000    -             seen at 3 000 its `until` is 12 100: the decision is not known yet
    2      pay     RUNNING   5 000   7 000    approved
    3      end     COMPLETE  7 000   -        approved
"""

from collections.abc import Iterator
from functools import partial
from typing import assert_never

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.jobs.branches import Branching
from lab.jobs.gates import Decision, Opening, votes
from lab.jobs.names import unwritten
from lab.jobs.plan import Plan
from lab.jobs.program import NEXT
from lab.jobs.span import DefaultEnding, DelegateEnd, Ending, Span, ends_of, stretches
from lab.language.templates import RenderFailure
from lab.program.steps import Again, Cancellation, Delegate, Gate, Parallel, Pause, Step, TimedStep
from lab.program.words import Status, Verdict


def at(plan: Plan, decisions: tuple[Decision, ...], now: Millis) -> Span:
    """The span that holds `now`; before the acceptance, the first one."""
    # What is decided at `now` counts at `now`: a client that is told of its decision sees what came of it. What is
    # decided later is left out and not merely passed over, for a later vote would change `until` of the span that holds
    # `now`, and so what a body says of the future.
    known = tuple(decision for decision in decisions if decision.at <= now) if decisions else ()
    since = plan.invocation.at
    lead = () if any(each.cancels for each in known) else plan.program.lead
    for index, step in enumerate(lead):
        until = since + plan.takes(step.id, 0)
        if now < until:
            return Span(index, step, 0, since, until, ())
        since = until
    for span in spans(plan, known, led=since if lead else None):
        if span.until is None or now < span.until:
            return span
    raise AssertionError("the last span never ends")


def spans(plan: Plan, decisions: tuple[Decision, ...], *, led: Millis | None = None) -> Iterator[Span]:
    """The timeline, given that nobody else decides anything: lazy, so look no further than you must.

    `led`: when the steps are over that lead every job of the program; their spans are left out then.
    """
    walk = _walk(plan, decisions, led)
    cancels = (each.at for each in decisions if each.cancels and each.at >= plan.invocation.at) if decisions else ()
    first = next(iter(cancels), None)
    return walk if first is None else _cut_short(plan, walk, first)


def _cut_short(plan: Plan, walk: Iterator[Span], request: Millis) -> Iterator[Span]:
    """The walk of a job for whose end somebody asked, up to that end; whole, if the job ends by itself before.

    How long it takes is said where the job was when it was asked. A span that begins at the very instant of the end is
    passed, and lasts no time: so whoever was told of it at that instant, before the request came, was told the truth.
    """
    end: Millis | None = None
    for span in walk:
        if span.until is None:
            yield span
            return
        if end is None and request < span.until:
            assert not isinstance(span.step, Ending)
            cancel = plan.program.cancel_at(span.step)
            end = request + (cancel.takes if isinstance(cancel, Cancellation) else 0)
            output = cancel.output if isinstance(cancel, Cancellation) else None
        if end is None or span.until <= end:
            yield span
            continue
        cast = tuple(vote for vote in span.votes if vote.at <= end)
        yield replace(span, until=end, votes=cast)
        ending = DefaultEnding(Status.CANCELLED, span.id, output or "", template=True)
        yield Span(span.index + 1, ending, 0, end, None, (*span.settled, *cast), ends=span.all_ends)
        return


def _walk(plan: Plan, decisions: tuple[Decision, ...], led: Millis | None) -> Iterator[Span]:
    lead = () if led is None else plan.program.lead
    step: Step | DefaultEnding = plan.program.straight[lead[-1].id, NEXT] if lead else plan.program.first
    index, since = len(lead), plan.invocation.at if led is None else led
    settled: tuple[Decision, ...] = ()
    ends: tuple[DelegateEnd, ...] = ()
    branching = Branching(plan)
    visits, rounds = {each.id: 1 for each in lead}, dict[str, int]()
    while True:
        name = step.id
        visit, used = visits.get(name, 0), rounds.get(name, 0)
        visits[name] = visit + 1
        if isinstance(step, TimedStep):
            until, cut = _timed_end(plan, decisions, step, visit, since)
            # one of 0 ms is yielded too: nobody can be in it, but it was passed, and the next index is one more
            yield (span := Span(index, step, visit, since, until, settled, rounds_used=used, ends=ends))
            settled += cut
            # a wait that was cut short goes round like one that ran out: its rounds count tries, not time
            again = step.again if isinstance(step, Pause) else None
            rounds[name] = used + (again is not None and used < again.rounds)
        elif isinstance(step, Parallel):
            for place, part in enumerate(stretches(step, since, partial(plan.takes, visit=visit))):
                until = part.until
                span = Span(index + place, step, visit, part.since, until, settled, ends=ends, stretch=part)
                yield span
        elif isinstance(step, Gate):
            # How many entries of its script it has used up: a time-out is nobody's vote, but a live vote uses one up too.
            # The script says what is decided *as the n-th*, so it goes on behind a person who stepped in, and doesn't say
            # again what that person said already.
            voted = sum(each.step == name and each.verdict is not Verdict.TIMED_OUT for each in settled)
            opening = Opening(step, visit, since, plan.scripted, voted)
            cast = votes(opening, decisions)
            until, escalates = cast[-1].at, opening.escalates
            span = Span(index, step, visit, since, until, settled, opening, used, cast, ends)
            # `<=`: a decision at that instant comes after it, for who looked before the decision saw the escalation
            if escalates is not None and escalates <= until:
                yield replace(span, until=escalates)
                span = replace(span, index=index + 1, since=escalates, escalated=True)
            yield span
            # what follows begins at the instant of the last vote: that vote is before it
            settled += cast
            rounds[name] = used + (cast[-1].verdict is Verdict.CHANGES)
        elif isinstance(step, Ending):
            # entered once, so its visit is 0, though a default ending bears the id of a gate that was visited
            yield Span(index, step, 0, since, None, settled, ends=ends)
            return
        else:
            assert_never(step)
        index, since, ends = span.index + 1, until, _ends_behind(span)
        step = after(plan, branching, span, settled, ends)


def _ends_behind(span: Span) -> tuple[DelegateEnd, ...]:
    """The visits to delegates that have ended once the last span of a step is over."""
    part, place = span.stretch, (span.visit, len(span.settled), len(span.ends))
    if part is None:
        return (*span.ends, *ends_of((span.step,), *place)) if isinstance(span.step, Delegate) else span.ends
    return (*span.all_ends, *ends_of(part.ending, *place), *ends_of(part.left, *place, left=True))


def spans_from(plan: Plan, decisions: tuple[Decision, ...], first: Span) -> Iterator[Span]:
    """The spans of a job from one on that it had at some instant.

    With what was decided since they are the same up to then: only where that span ends may be another instant.
    """
    return (span for span in spans(plan, decisions) if span.index >= first.index)


def _timed_end(
    plan: Plan, decisions: tuple[Decision, ...], step: TimedStep, visit: int, since: Millis
) -> tuple[Millis, tuple[Decision, ...]]:
    """When a step ends that lasts a drawn time; of a wait, the decision that cut it short, if one did."""
    # work can't be cut short: what an agent does takes as long as it takes, only what waits can be woken
    until = since + plan.takes(step.id, visit)
    for decision in decisions if decisions and isinstance(step, Pause) else ():
        # half-open as at a gate: cut at its last instant a wait ends earlier, at `until` it has ended by itself
        if decision.step == step.id and decision.visit == visit and since <= decision.at < until:
            return decision.at, (decision,)
    return until, ()


UNWRITTEN = "The answer could not be written."
"""The error of a job of which a text failed to render after a decision, or a condition had no answer."""
ENDS = "the job ends ERROR"
"""What comes of that, to whom is told why."""


def exit_of(span: Span, settled: tuple[Decision, ...]) -> str | None:
    """The way out of a span that ended with what is `settled`; None: none, the job is over or a round of a loop leads on."""
    match span.step:
        case Gate(rounds=rounds):
            verdict = settled[-1].verdict
            # with the last round the way back is shut, or a walk would not end
            return None if verdict is Verdict.CHANGES and span.rounds_used >= rounds else verdict
        case Pause(again=Again(rounds=rounds)) if span.rounds_used < rounds:
            return None
        case step:
            cut = span.stretch is not None and not span.stretch.last
            return None if cut or isinstance(step, Ending) else NEXT


def after(
    plan: Plan, branching: Branching, span: Span, settled: tuple[Decision, ...], ends: tuple[DelegateEnd, ...]
) -> Step | DefaultEnding:
    """Where a job goes on from a span that ended with what is `settled`, these delegates ended: as the scenario says, else the default (contract.md §5.2)."""
    program, step, name = plan.program, span.step, exit_of(span, settled)
    if name is not None:
        if (straight := program.straight.get((step.id, name))) is not None:
            return straight
        try:
            branch = branching.taken(span, name, settled, ends)
        except RenderFailure as failure:
            unwritten(plan, step.id, ENDS, failure)
            return DefaultEnding(Status.ERROR, step.id, UNWRITTEN)
        if branch is not None:
            return program.steps[branch.to]
    if isinstance(step, Pause) and step.again is not None:
        return program.steps[step.again.to]
    assert isinstance(step, Gate)
    end = settled[-1]
    match end.verdict:
        case Verdict.REJECTED:
            # A person's no is an answer, so the job has done its work: COMPLETE, and the output says so. The comment is
            # shown as it was typed; rendered as a template it could read what its author was not meant to see.
            reason = f" {end.comment}" if end.comment else ""
            return DefaultEnding(Status.COMPLETE, step.id, f"The request was rejected.{reason}")
        case Verdict.TIMED_OUT:
            # nobody answered, so it has not
            return DefaultEnding(Status.ERROR, step.id, "Nobody decided in time.")
        case Verdict.CHANGES:
            return DefaultEnding(Status.COMPLETE, step.id, step.last_round, template=True)
        case Verdict.APPROVED | None:
            raise AssertionError("an approval always leads on, and a gate is not ended like a wait")
        case _:
            assert_never(end.verdict)
