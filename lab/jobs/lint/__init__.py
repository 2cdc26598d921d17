"""Warnings about a scenario that loads: what is allowed, and probably not meant.

A complaint (`lab.language.parse`) is about what can't be: a name that leads nowhere, a loop in which no time passes. A
warning is about what can be and surprises: a step that no path leads to, a gate that times out before its script
answers, a fault that another one forestalls. It says nothing of what depends on a client or on chance: a latency counts
as its longest, a log-normal one as its 95th percentile.

Ways are followed as `timeline` walks them, and texts rendered as `texts` renders them, for jobs that are tried in
thought (`trials`). So whatever a warning says is true of some run; that all is well where none is given is not promised.
"""

from collections.abc import Mapping, Sequence

from lab.core.clock import Millis
from lab.core.errors import Complaint
from lab.jobs.expectation import TurnResult, ended_at_own_error, unmet, verdicts_at
from lab.jobs.lint.texts import Warnings, always_empty, braces, commented, misspelt, tried
from lab.jobs.lint.trials import TrialJob, trials_of
from lab.jobs.lint.ways import (
    KnownCallers,
    idle_faults,
    long_waits,
    outlasting_work,
    undecided_gates,
    unknown_callers,
    unreachable,
)
from lab.jobs.plan import Plan
from lab.jobs.program import Program, program_of
from lab.jobs.timeline import spans
from lab.language.complaints import Locations
from lab.language.patterns import ASCII_ALONE
from lab.program.scenario import ExpectedRun, Scenario
from lab.program.words import KeyPath, Status


def lint(
    scenario: Scenario,
    file: str,
    locations: Locations,
    files: Mapping[str, str] | None = None,
    known: KnownCallers | None = None,
    deadline: Millis | None = None,
) -> tuple[Complaint, ...]:
    """The warnings, in the order of the file; `locations` are its own, `files` holds the texts that outputs name.

    `known`: who may call; None: nobody knows yet, so nobody is warned of. `deadline`: for how long in RUNNING the lab's own
    client follows a job; None: to its end.
    """
    program = program_of(scenario, files=files)
    parts = (program, *program.turns)
    trials = trials_of(parts)
    sent = [some[0].plan for some in trials if some[0].plan.program in program.sent]
    found = [*idle_faults(scenario, parts), *_expectation(scenario, sent), *_fallbacks(scenario)]
    found += unknown_callers(scenario, known) if known is not None else ()
    found += commented(locations)
    for turn, part in enumerate(parts, 1):
        prefix: KeyPath = ("turns", turn - 2) if turn > 1 else ()
        of_part = _of_part(part, program, turn, trials[turn - 1], prefix)
        # where it is expected that the client gives up, or is refused, it may
        patient = Status.RUNNING not in scenario.expect.statuses and scenario.expect.refused is None
        outlasting = outlasting_work(trials[turn - 1][0].plan, deadline) if deadline is not None and patient else ()
        found += [((*prefix, *path), what, hint) for path, what, hint in (*of_part, *outlasting)]
    marks = [(locations.value_at(path), what, hint) for path, what, hint in found]
    return tuple(sorted(Complaint(file, mark.line, mark.column, what, hint) for mark, what, hint in marks))


def _of_part(part: Program, program: Program, turn: int, trials: Sequence[TrialJob], prefix: KeyPath) -> Warnings:
    """Those of one turn's steps and data; `prefix` is its place."""
    if part.pattern is not None and (word := part.pattern.cut(part.scenario.message)):
        yield ("match",), f"it takes a part of {word} alone", ASCII_ALONE
    for found in (unreachable, undecided_gates, long_waits, misspelt, braces, always_empty):
        yield from found(part)
    yield from tried(program, turn, trials, prefix)


def _expectation(scenario: Scenario, plans: Sequence[Plan]) -> Warnings:
    """What is expected, and doesn't come if only the script decides; of a refusal, a role or a caller nothing is foretold."""
    expect = scenario.expect
    if (
        not {Status.COMPLETE, Status.ERROR}.issuperset(expect.statuses)
        or expect.any_status
        or scenario.agent.roles
        or scenario.callers
    ):
        return
    if scenario.seed is None and any(each.program.lots for each in plans):
        return  # by chance it goes otherwise with another seed
    turns: list[TurnResult] = []
    for each in plans:
        *_, end = spans(each, ())
        turns.append(TurnResult(end.status, verdicts=verdicts_at(end), own_error=ended_at_own_error(each, end)))
        if end.status is not Status.COMPLETE:
            break
    for difference in unmet(expect, turns, len(plans)) if scenario.expect != ExpectedRun() else ():
        yield ("expect",), f"it comes otherwise if nobody but the reviewers decides: {difference}", ""


def _fallbacks(scenario: Scenario) -> Warnings:
    """With free order, turns behind the one that answers whatever nothing else does, and the lack of any."""
    if scenario.turn_order == "any" and not scenario.turns:
        yield ("turn_order",), "there are no turns that could come in any order", "add turns, or leave turn_order out"
    places = [place for place, turn in enumerate(scenario.turns) if turn.match is None]
    for place in places[1:] if scenario.turn_order == "any" else ():
        what = f"this turn is never taken: turns[{places[0]}] has no match either, and answers first"
        yield ("turns", place), what, "give all but one of them a match"
