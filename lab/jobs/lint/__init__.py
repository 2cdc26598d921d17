"""Warnings about a scenario that loads: what is allowed, and probably not meant.

A complaint (`lab.language.parse`) is about what can't be: a name that leads nowhere, a loop in which no time passes. A
warning is about what can be and surprises: a step that no path leads to, a gate that times out before its script
answers, a fault that another one forestalls. It says nothing of what depends on a client or on chance: a latency counts
as its longest, a log-normal one as its 95th percentile.

Ways are followed as `timeline` walks them, and texts rendered as `texts` renders them, for jobs of which everything
went well (`trials`). So whatever a warning says is true of some run; that all is well where none is given is not promised.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, assert_never

from lab.core.clock import clock_text
from lab.core.errors import Complaint
from lab.jobs.branches import possible, reachable
from lab.jobs.compiled import CompiledScenario, compile_scenario
from lab.jobs.expectation import TurnResult, unmet, verdicts_at
from lab.jobs.lint.idle_faults import idle_faults
from lab.jobs.lint.reviewers import unanswered_gates
from lab.jobs.lint.trials import TrialJob, trials_of
from lab.jobs.lint.unknown_callers import KnownCallers, unknown_callers
from lab.jobs.outputs import Writer
from lab.jobs.plan import Plan
from lab.jobs.timeline import spans
from lab.language import document as doc
from lab.language.parse import KeyPath, Locations
from lab.language.templates import RenderFailure

Warnings: TypeAlias = Iterator[tuple[KeyPath, str, str]]
"""Each with its place in a scenario or a turn, what is the matter, and a hint."""


def lint(
    scenario: doc.Scenario,
    file: str,
    locations: Locations,
    files: Mapping[str, str] | None = None,
    known: KnownCallers | None = None,
) -> tuple[Complaint, ...]:
    """The warnings, in the order of the file; `locations` are its own, `files` holds the texts that outputs name.

    `known`: who may call; None: nobody knows yet, so nobody is warned of.
    """
    compiled = compile_scenario(scenario, files=files)
    parts = (compiled, *compiled.turns)
    trials = trials_of(parts)
    sent = [some[0].plan for some in trials if some[0].plan.compiled in compiled.sent]
    found = [*idle_faults(scenario, parts), *_expectation(scenario, sent), *_fallbacks(scenario)]
    found += unknown_callers(scenario, known) if known is not None else ()
    for turn, part in enumerate(parts, 1):
        prefix: KeyPath = ("turns", turn - 2) if turn > 1 else ()
        for warnings in (
            _unreachable(part),
            _conditions(part, trials[turn - 1]),
            unanswered_gates(part),
            _token(part),
            _outputs(part, trials[turn - 1]),
            _follow_ups(compiled, turn, trials[turn - 1]),
            _misspelt(part),
            _unmade(part, trials[turn - 1]),
        ):
            found += [((*prefix, *path), what, hint) for path, what, hint in warnings]
    marks = [(locations.value_at(path), what, hint) for path, what, hint in found]
    return tuple(sorted(Complaint(file, mark.line, mark.column, what, hint) for mark, what, hint in marks))


def _steps(part: CompiledScenario) -> Iterator[tuple[KeyPath, doc.Step]]:
    return ((("steps", place), step) for place, step in enumerate(part.scenario.steps))


def _unreachable(part: CompiledScenario) -> Warnings:
    there = reachable(part)
    for path, step in _steps(part):
        if step.id not in there:
            yield path, f"no path leads to {step.id}", "name it in a verdict or a next, or leave it out"
        for more, branches in _lists(step):
            for place, branch in enumerate(branches):
                if not any(branch is each for each in possible(branches)):
                    what = f"the branch to {branch.to} is never taken: those before it leave nothing over"
                    yield (*path, *more, place), what, "the first that fits is taken: put it before them"


def _lists(step: doc.Step) -> Iterator[tuple[KeyPath, tuple[doc.Branch, ...]]]:
    """The lists of branches that stand in a step, each with its place there."""
    found: list[tuple[KeyPath, doc.Target | None]] = []
    if isinstance(step, doc.Gate):
        found += [(("verdicts", verdict), step.verdicts.of(verdict)) for verdict in doc.Verdict]
    if not isinstance(step, doc.EndingStep):
        found.append((("next",), step.next))
    yield from ((path, target) for path, target in found if isinstance(target, tuple))


def _conditions(part: CompiledScenario, trials: Sequence[TrialJob]) -> Warnings:
    """Conditions that give neither true nor false in some job that the own message brings."""
    why: dict[tuple[str, str], str] = {}
    for trial in trials:
        for name, when, failure in trial.failures():
            user = trial.plan.invocation.user
            who = "without a user" if user is None else f"for a user with the roles {', '.join(user.roles) or '(none)'}"
            why.setdefault((name, when), f"{who}: {failure}")
    for path, step in _steps(part):
        for more, branches in _lists(step):
            for place, branch in enumerate(branches):
                if reason := why.get((step.id, branch.when or "")):
                    hint = "the job would fail; ask first, as {{ user is not none and … }}, {{ … is defined and … }}"
                    yield (*path, *more, place, "when"), f"has no answer {reason}", hint


def _token(part: CompiledScenario) -> Warnings:
    """Waits that outlast a token: its client needs another before the job goes on.

    Each wait by itself, for a client may fetch a token at any poll; work is left out, which is short as a rule.
    """
    token = part.scenario.token
    for path, step in _steps(part):
        longest = step.patience if isinstance(step, doc.Gate) else 0
        longest = doc.longest_latency(step.takes) if isinstance(step, doc.Pause) else longest
        if longest > token.lifetime and not token.renewed:
            lifetime = clock_text(token.lifetime)
            what = f"the token ({lifetime}) expires while {step.id} waits (up to {clock_text(longest)})"
            yield path, what, "the client must ask for another; write token: {renewed: true} if that is meant"


def _expectation(scenario: doc.Scenario, plans: Sequence[Plan]) -> Warnings:
    """What is expected, and doesn't come if only the script decides; of a refusal, a role or a caller nothing is foretold."""
    expect = scenario.expect
    if (
        expect.status not in (doc.Status.COMPLETE, doc.Status.ERROR)
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
        turns.append(TurnResult(end.status, verdicts=verdicts_at(end)))
        if end.status is not doc.Status.COMPLETE:
            break
    for difference in unmet(expect, turns, len(plans)) if "expect" in scenario.model_fields_set else ():
        yield ("expect",), f"it comes otherwise if nobody but the reviewers decides: {difference}", ""


def _outputs(part: CompiledScenario, trials: Sequence[TrialJob]) -> Warnings:
    for path, step in _steps(part):
        if not isinstance(step, doc.EndingStep | doc.Delegate):
            continue
        path = (*path, "output")
        try:
            texts = [
                trial.handed_back(step.id)
                if isinstance(step, doc.Delegate) and step.output
                else _output(step.output, part.files, trial.write)
                for trial in _there(trials, step)
            ]
        except RenderFailure as failure:
            yield path, f"the output of {step.id} doesn't render: {failure}", ""
            continue
        if any(text is not None and not text.strip() for text in texts):
            yield path, f"the output of {step.id} renders to nothing", "write output: null if that is meant"
        if any(_quoted(step.output, trial.write) for trial in _there(trials, step)):
            hint = "write the value itself, or the text as output: without json:"
            yield path, f"the output of {step.id} is JSON quoted twice: json: was given a text of JSON", hint


def _there(trials: Sequence[TrialJob], step: doc.Step) -> Iterator[TrialJob]:
    """The jobs that may come to a step."""
    return (trial for trial in trials if step.id in trial.reached)


def _follow_ups(compiled: CompiledScenario, place: int, trials: Sequence[TrialJob]) -> Warnings:
    """Questions that a part suggests and nothing answers: whoever asks one meets an ERROR."""
    part = compiled.of_turn(place)
    for path, step in _steps(part) if part is not None else ():
        for number, text in enumerate(step.follow_up if isinstance(step, doc.Complete) else ()):
            try:
                questions = {trial.write(text) for trial in _there(trials, step)}
            except RenderFailure as failure:
                yield (*path, "follow_up", number), f"a follow-up of {step.id} doesn't render: {failure}", ""
                continue
            for question in sorted(questions):
                if compiled.part_for(place + 1, question, (place,)) is None:
                    hint = "an entry of turns whose match fits it, with turn_order: any; or suggest another"
                    yield (*path, "follow_up", number), f"no turn answers the follow-up: {question}", hint
                    break


def _fallbacks(scenario: doc.Scenario) -> Warnings:
    """With free order, turns behind the one that answers whatever nothing else does."""
    places = [place for place, turn in enumerate(scenario.turns) if turn.match is None]
    for place in places[1:] if scenario.turn_order == "any" else ():
        what = f"this turn is never taken: turns[{places[0]}] has no match either, and answers first"
        yield ("turns", place), what, "give all but one of them a match"


def _quoted(output: doc.Output, write: Writer) -> bool:
    """Whether a JSON output is one string, and that is an object or a list in JSON already."""
    if not isinstance(output, doc.JsonOutput) or not isinstance(output.json_, str):
        return False
    try:
        return isinstance(json.loads(write(output.json_)), dict | list)
    except (RenderFailure, ValueError, RecursionError):
        return False


def _output(output: doc.Output, files: Mapping[str, str], write: Writer) -> str | None:
    """A text output as it would be; None where there is none, or an empty one was written as such."""
    match output:
        case doc.Html():
            return write(output.html)
        case doc.FileOutput():
            return files.get(output.file)
        case str():
            return write(output) if output else None
        case None | doc.JsonOutput() | doc.Filler():
            return None
        case _:
            assert_never(output)


def _misspelt(part: CompiledScenario) -> Warnings:
    """Constants that look like a draw: any mapping is a fine constant, so a slip in the one key that counts is no error."""
    for name, datum in part.scenario.data.items():
        for path, constant in _mappings(datum):
            for key in constant:
                hint = doc.nearest(key, doc.DRAWN)
                hint = "rows stand in a list: {list: {each: …}, count: 3}" if key == "each" else hint
                if hint:
                    what = f"{(path or (name,))[-1]} is a constant with a key {key}: nothing is drawn"
                    yield ("data", name, *path), what, hint


def _mappings(datum: doc.Element) -> Iterator[tuple[tuple[str, ...], Mapping[str, object]]]:
    """The constants within an entry that are mappings, with their places there."""
    match datum:
        case dict():
            yield (), datum
        case doc.Listed():
            yield from ((("list", *path), constant) for path, constant in _mappings(datum.list))
        case doc.DataRow():
            for name, each in datum.each.items():
                yield from ((("each", name, *path), constant) for path, constant in _mappings(each))
        case _:
            return


def _unmade(part: CompiledScenario, trials: Sequence[TrialJob]) -> Warnings:
    """Values that can't be made of others, in some job."""
    for name, datum in part.scenario.data.items():
        try:
            for trial in trials if isinstance(datum, doc.Derivation | doc.Listed) else ():
                trial.plan.data[name]
        except RenderFailure as failure:
            yield ("data", name), f"{name} can't be made: {failure}", "a text that looks at it would fail"
