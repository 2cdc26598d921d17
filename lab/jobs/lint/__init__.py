"""Warnings about a scenario that loads: what is allowed, and probably not meant.

A complaint (`lab.language.parse`) is about what can't be: a name that leads nowhere, a loop in which no time passes. A
warning is about what can be and surprises: a step that no path leads to, a gate that times out before its script
answers, a fault that another one forestalls. It says nothing of what depends on a client or on chance: a latency counts
as its longest, a log-normal one as its 95th percentile.

Ways are followed as `timeline` walks them, and texts rendered as `texts` renders them, for jobs that are tried in
thought (`trials`). So whatever a warning says is true of some run; that all is well where none is given is not promised.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

from lab.core.clock import Millis
from lab.core.errors import Complaint
from lab.jobs.branches import possible, reachable
from lab.jobs.compiled import CompiledScenario, compile_scenario
from lab.jobs.expectation import TurnResult, ended_at_own_error, unmet, verdicts_at
from lab.jobs.lint.constants import misspelt, unmade, unread_braces
from lab.jobs.lint.failures import asks_for_absent, reworded, whose
from lab.jobs.lint.idle_faults import idle_faults
from lab.jobs.lint.long_work import outlasting_work
from lab.jobs.lint.reviewers import idle_escalations, unanswered_gates
from lab.jobs.lint.too_early import always_empty
from lab.jobs.lint.trials import TrialJob, trials_of
from lab.jobs.lint.unknown_callers import KnownCallers, unknown_callers
from lab.jobs.lint.written import (
    Warnings,
    commented,
    failing_texts,
    odd_outputs,
    placed_branches,
    single_braces,
    unanswered_follow_ups,
)
from lab.jobs.plan import Plan
from lab.jobs.timeline import spans
from lab.language.complaints import path_text
from lab.language.parse import KeyPath, Locations
from lab.language.patterns import ASCII_ALONE
from lab.program.draws import longest_latency
from lab.program.scenario import ExpectedRun, Scenario
from lab.program.steps import Gate, Pause, placed_steps
from lab.program.words import Status, duration_text

_LONGEST_WAIT: Millis = 3_600_000


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
    compiled = compile_scenario(scenario, files=files)
    parts = (compiled, *compiled.turns)
    trials = trials_of(parts)
    sent = [some[0].plan for some in trials if some[0].plan.compiled in compiled.sent]
    found = [*idle_faults(scenario, parts), *_expectation(scenario, sent), *_fallbacks(scenario)]
    found += unknown_callers(scenario, known) if known is not None else ()
    found += commented(locations)
    for turn, part in enumerate(parts, 1):
        prefix: KeyPath = ("turns", turn - 2) if turn > 1 else ()
        of_part = _of_part(part, compiled, turn, trials[turn - 1], prefix)
        outlasting = _outlasting(part, trials[turn - 1], deadline, scenario.expect)
        found += [((*prefix, *path), what, hint) for path, what, hint in chain(of_part, outlasting)]
    marks = [(locations.value_at(path), what, hint) for path, what, hint in found]
    return tuple(sorted(Complaint(file, mark.line, mark.column, what, hint) for mark, what, hint in marks))


def _of_part(
    part: CompiledScenario, compiled: CompiledScenario, turn: int, trials: Sequence[TrialJob], prefix: KeyPath
) -> Warnings:
    """Those of one turn's steps and data; `prefix` is its place."""
    yield from _torn(part)
    yield from _unreachable(part)
    yield from _conditions(part, trials, prefix)
    yield from unanswered_gates(part)
    yield from idle_escalations(part)
    yield from _token(part)
    yield from _long_waits(part)
    yield from failing_texts(part, trials)
    yield from odd_outputs(part, trials)
    yield from unanswered_follow_ups(compiled, turn, trials)
    yield from misspelt(part)
    yield from unread_braces(part)
    yield from single_braces(part)
    yield from unmade(part, trials)
    yield from always_empty(part)


def _torn(part: CompiledScenario) -> Warnings:
    """A pattern that ends within a word of the own message, at a letter beyond ASCII."""
    if part.pattern is not None and (word := part.pattern.cut(part.scenario.message)):
        yield ("match",), f"it takes a part of {word} alone", ASCII_ALONE


def _unreachable(part: CompiledScenario) -> Warnings:
    there = reachable(part)
    for path, step in placed_steps(part.scenario.steps):
        if step.id not in there:
            yield path, f"no path leads to {step.id}", "name it in a verdict or a next, or leave it out"
        for more, branches in placed_branches(step):
            for place, branch in enumerate(branches):
                if not any(branch is each for each in possible(branches)):
                    what = f"the branch to {branch.to} is never taken: those before it leave nothing over"
                    yield (*path, *more, place), what, "the first that fits is taken: put it before them"


def _conditions(part: CompiledScenario, trials: Sequence[TrialJob], prefix: KeyPath) -> Warnings:
    """Conditions that give neither true nor false in some job that the own message brings."""
    tried: dict[tuple[str, str], list[tuple[TrialJob, str]]] = {}
    for trial in trials:
        for name, when, why in trial.conditions():
            tried.setdefault((name, when), []).append((trial, why))
    for path, step in placed_steps(part.scenario.steps):
        for more, branches in placed_branches(step):
            for place, branch in enumerate(branches):
                answers = tried.get((step.id, branch.when or ""), [])
                failed = [(trial, why) for trial, why in answers if why]
                if failed:
                    at = (*path, *more, place, "when")
                    kind, first = whose([trial for trial, _ in failed], [trial for trial, why in answers if not why])
                    reason, hint = reworded(failed[0][1])
                    if not hint:
                        first = first or "user is not none"
                        ask = f"; ask first, as {{{{ {first} and … }}}}, {{{{ … is defined and … }}}}"
                        # where it fails in every job, and nothing is missing, asking first would not help
                        hint = "the job would fail" + (ask if kind or asks_for_absent(failed[0][1]) else "")
                    what = f"has no answer{' ' if kind else ''}{kind}: {reason}"
                    yield at, f"{path_text((*prefix, *at))}: {what}", hint


def _token(part: CompiledScenario) -> Warnings:
    """Waits that outlast a token: its client needs another before the job goes on.

    Each wait by itself, for a client may fetch a token at any poll; work is left out, which is short as a rule.
    """
    token = part.scenario.token
    for path, step in placed_steps(part.scenario.steps):
        longest = step.patience if isinstance(step, Gate) else 0
        longest = longest_latency(step.takes) if isinstance(step, Pause) else longest
        if longest > token.lifetime and not token.renewed:
            lifetime = duration_text(token.lifetime)
            what = f"the token ({lifetime}) expires while {step.id} waits (up to {duration_text(longest)})"
            yield path, what, "the client must ask for another; write token: {renewed: true} if that is meant"


def _outlasting(
    part: CompiledScenario, trials: Sequence[TrialJob], deadline: Millis | None, expect: ExpectedRun
) -> Warnings:
    """Nothing where it is expected that the client gives up, or is refused."""
    if deadline is not None and Status.RUNNING not in expect.statuses and expect.refused is None:
        yield from outlasting_work(part, trials[0].plan, deadline)


def _long_waits(part: CompiledScenario) -> Warnings:
    """Waits that no pod has: a step `wait` is a WAIT node, and whoever builds a longer one there is refused (contract.md §4.3).

    Each round by itself: a node that goes back waits anew.
    """
    for path, step in placed_steps(part.scenario.steps):
        if isinstance(step, Pause) and (longest := longest_latency(step.takes)) > _LONGEST_WAIT:
            what = f"{step.id} waits up to {duration_text(longest)}: a WAIT node of a pod lasts 60 minutes at most"
            hint = "let it go back as again: {to: STEP, rounds: N}; if a person is waited for, write a gate"
            yield (*path, "takes"), what, hint


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
    if scenario.seed is None and any(each.compiled.lots for each in plans):
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
