"""The trial pass: jobs in thought, what the scenario's own messages may come to, with and without a user, with other data;
and what of their texts, conditions and data fails, or is empty.

A condition or a text that looks at no decision is the same whoever decides. Where decisions count, each gate is taken for
approved, with a comment; then one after the other for each other verdict that it may end with, with no word of a comment
where none is needed, and only the steps behind that verdict are looked at. A step to which no such job comes, for it takes
several gates that aren't approved, is tried with approved ones all the same. Last, the ending is tried to which the
scenario's own reviewers lead: by several rounds, perhaps.

Its findings are for the author alone. Run time has no use for them: at its acceptance a job tries its own texts, of its own
message. So nothing of the pass is kept, and a lab that loads a scenario doesn't make it.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH
from lab.jobs.branches import NO_VERDICTS, exits, holds_now, possible, reachable
from lab.jobs.gates import Decision, offers
from lab.jobs.names import DelegateOutputs, Writer, job_names, output_text, request_names
from lab.jobs.own_run import USUAL_USER, own_caller
from lab.jobs.plan import Input, Invocation, Plan
from lab.jobs.program import Program, part_for
from lab.jobs.span import DelegateEnd, Span
from lab.jobs.texts import writer_at
from lab.jobs.timeline import spans
from lab.language.complaints import path_text
from lab.language.parse.names import spelt_as
from lab.language.step_texts import step_texts
from lab.language.templates import NO_ANSWER, RenderFailure, condition
from lab.language.templates.filters import BY_ZERO, NO_NUMBER
from lab.program.draws import Derivation, Listed
from lab.program.steps import Complete, Delegate, EndingStep, FileOutput, Gate, JsonOutput, Output, Step, placed_steps
from lab.program.words import KeyPath, Verdict

Warnings: TypeAlias = Iterator[tuple[KeyPath, str, str]]
"""Each with its place in a scenario or a turn, what is the matter, and a hint."""

_DRAWS = 8
"""With how many draws of its data a scenario with conditions is tried."""
_FEW_DRAWS = 2
"""And one without."""
_MOST_VERDICTS = 20
"""How many verdicts are tried beside the approvals."""
_NOBODY = "00000000-0000-4000-8000-000000000000"


class TrialJob(Struct, frozen=True, eq=False):
    """One job in thought."""

    plan: Plan
    span: Span
    """One before which its gates were decided and its delegates have ended, each of these once, in the order of steps."""
    reached: frozenset[str]
    """The steps to which it may come, whatever is drawn by chance."""
    verdicts: Mapping[str, Verdict]
    """Of each gate the verdict with which it ends; none: with any."""

    @property
    def write(self) -> Writer:
        """Renders as in that job, its gates ended."""
        return writer_at(self.plan, self.span, INSTANT_EPOCH)

    def handed_back(self, delegate: str) -> str | None:
        """A delegate's output; RenderFailure if it can't be written."""
        place = next(place for place, end in enumerate(self.span.ends) if end.step == delegate)
        return DelegateOutputs(self.plan, self.span.settled, self.span.ends).text(place)

    @property
    def who(self) -> str:
        """Who asks, for people."""
        user = self.plan.invocation.user
        return "without a user" if user is None else f"for a user with the roles {', '.join(user.roles) or '(none)'}"

    @property
    def unusual(self) -> Sequence[tuple[str, Verdict]]:
        """Its gates that aren't approved, with their verdicts."""
        return [(gate, verdict) for gate, verdict in self.verdicts.items() if verdict is not Verdict.APPROVED]

    def conditions(self) -> dict[tuple[str, str], str]:
        """Conditions that it may come to, by step, and why each gives neither true nor false, if so."""
        names, program = job_names(self.plan, self.span.settled, self.span.ends), self.plan.program
        found: dict[tuple[str, str], str] = {}

        def holds(step: str, when: str) -> bool:
            found[step, when] = ""
            try:
                return condition(when).holds(names)
            except RenderFailure as failure:
                found[step, when] = str(failure)
                return True  # the job ends there

        for name in self.reached:
            for _, branches in exits(program, program.steps[name], self.verdicts):
                deque(possible(branches, partial(holds, name)), 0)
        return found


def trials_of(parts: Sequence[Program]) -> list[list[TrialJob]]:
    """The jobs of each part, the first of them as its own message brings it, the turns before answered."""
    found: list[list[TrialJob]] = []
    for turn, part in enumerate(parts, 1):
        scenario, own = part.scenario, parts[0].scenario
        client, named = own_caller(scenario)
        user = named or USUAL_USER
        user = replace(user, roles=(*user.roles, *scenario.agent.roles))
        call = Invocation(
            _NOBODY, client, scenario.agent.code, part.name, 1, 0, Input(scenario.message, parameters=scenario.parameters),
            _NOBODY, turn, own.parameters, user if named is not None or scenario.agent.roles else None,
        )  # fmt: skip
        earlier = partial(tuple, [{**request_names(each[0].plan), "output": "An answer."} for each in found])
        calls = [call] + [
            replace(call, user=who, ordinal=ordinal)
            for ordinal in range(1, (_DRAWS if part.conditional else _FEW_DRAWS) + 1)
            for who in {call.user: None, user: None}
        ]
        jobs = [Plan(part, each, scenario.seed or 0, earlier=earlier) for each in calls]
        found.append([trial for job in jobs for trial in _trials(job, with_verdicts=job.invocation.ordinal <= 1)])
    return found


def _trials(job: Plan, *, with_verdicts: bool) -> Iterator[TrialJob]:
    """A job with each gate approved, if wanted with other verdicts, and for the steps that none of these comes to."""
    program = job.program
    gates = [step for step in program.scenario.steps if isinstance(step, Gate)]
    delegates = [name for name, step in program.steps.items() if isinstance(step, Delegate)]
    approved = dict.fromkeys((gate.id for gate in gates), Verdict.APPROVED)
    others = ({gate.id: verdict} for gate in gates for verdict in (*offers(gate)[1:], Verdict.TIMED_OUT))

    def trial(verdicts: Mapping[str, Verdict], places: Iterable[str]) -> TrialJob:
        votes = tuple(vote for gate in gates for vote in _votes(gate, verdicts.get(gate.id, Verdict.APPROVED)))
        ends = tuple(DelegateEnd(name, 0, len(votes), known) for known, name in enumerate(delegates))
        return TrialJob(job, Span(0, program.first, 0, 0, None, votes, ends=ends), frozenset(places), verdicts)

    def answer(when: str) -> bool | None:
        try:
            return holds_now(job, when)
        except RenderFailure:
            return None

    there = set[str]()
    for unusual in [NO_VERDICTS, *islice(others, _MOST_VERDICTS)]:
        verdicts = {**approved, **unusual}
        places = reachable(program, answer, verdicts)
        if unusual.keys() <= places:
            there |= places
            if with_verdicts or not unusual:
                yield trial(verdicts, places)
    # a job without conditions may be anywhere, also where no way leads: that is warned of by itself
    if rest := (reachable(program, answer) if program.conditional else program.steps.keys()) - there:
        yield trial(NO_VERDICTS, rest)
    # and where its own reviewers lead it, perhaps by several rounds
    *_, end = spans(job, ())
    if with_verdicts and isinstance(end.step, EndingStep):
        yield TrialJob(job, end, frozenset({end.id}), {**approved, **end.verdicts})


def _votes(gate: Gate, verdict: Verdict) -> tuple[Decision, ...]:
    approved = verdict is Verdict.APPROVED
    comment = "A comment." if verdict in (Verdict.APPROVED, Verdict.CHANGES) else None
    vote = Decision(0, gate.id, 0, verdict, name="reviewer" if approved else None, comment=comment)
    return (vote,) * (gate.approvals if approved else 1)


# What the trials show


class _Tried(Struct):
    """What came of one text, output or condition in the jobs that may come to it."""

    what: str
    """What it is, for people."""
    output: Output = None
    """Of which it is the whole."""
    passed: list[TrialJob] = field(default_factory=list)
    failed: list[TrialJob] = field(default_factory=list)
    why: str = ""
    texts: set[str | None] = field(default_factory=set)
    """What it gave."""

    def note(self, trial: TrialJob, render: Callable[[], str | None]) -> None:
        """What comes of it in one job."""
        try:
            self.texts.add(render())
            self.passed.append(trial)
        except RenderFailure as failure:
            self.failed.append(trial)
            self.why = self.why or str(failure)


def tried(program: Program, turn: int, trials: Sequence[TrialJob], prefix: KeyPath) -> Warnings:
    """What fails, is empty, or leads nowhere in the jobs that are tried of one turn; `prefix` is its place."""
    part = program.of_turn(turn)
    assert part is not None
    found: dict[KeyPath, _Tried] = {}
    for trial in trials:
        for path, what, output, render in _renderings(part, trial, prefix):
            found.setdefault(path, _Tried(what, output)).note(trial, render)
    for path, each in found.items():
        if each.failed:
            yield _failing(path, each)
        elif path[-1] in ("output", "html") and not any(text is None or text.strip() for text in each.texts):
            yield path, f"{each.what} renders to nothing", "write output: null if that is meant"
        elif isinstance(each.output, JsonOutput) and any(_is_quoted(text or "") for text in each.texts):
            hint = "write the value itself, or the text as output: without json:"
            yield path, f"{each.what} is JSON quoted twice: json: was given a text of JSON", hint
        for question in sorted(filter(None, each.texts)) if "follow_up" in path else ():
            if part_for(program.scenario, turn + 1, question, (turn,)) is None:
                hint = "an entry of turns whose match fits it, with turn_order: any; or suggest another"
                yield path, f"no turn answers the follow-up: {question}", hint
                break
    for name, datum in part.scenario.data.items():
        try:
            for trial in trials if isinstance(datum, Derivation | Listed) else ():
                trial.plan.data[name]
        except RenderFailure as failure:
            reason, hint = reworded(str(failure))
            yield ("data", name), f"{name} can't be made: {reason}", hint or "a text that looks at it would fail"


def _renderings(
    part: Program, trial: TrialJob, prefix: KeyPath
) -> Iterator[tuple[KeyPath, str, Output, Callable[[], str | None]]]:
    """All that one job may come to: its place, what it is, the output of which it is the whole, and how it is rendered.

    A text that is written as the empty one is meant.
    """
    answers = trial.conditions()
    for each in step_texts(part.scenario.steps):
        if each.is_condition:
            if (why := answers.get((each.step.id, each.text))) is not None:
                yield each.path, path_text((*prefix, *each.path)), None, partial(_answered, why)
        elif each.text and each.step.id in trial.reached and not (each.of_output and whole_output(each.step)):
            yield each.path, each.what, None, partial(trial.write, each.text)
    for path, step in placed_steps(part.scenario.steps):
        if step.id in trial.reached and (output := whole_output(step)):
            write = partial(output_text, output, part.files, trial.write)
            render = partial(trial.handed_back, step.id) if isinstance(step, Delegate) else write
            yield (*path, "output"), f"the output of {step.id}", output, render


def _answered(why: str) -> None:
    if why:
        raise RenderFailure(why)


def whole_output(step: Step) -> Output:
    """The output of a step that is tried at once, and not text by text; None: there is none."""
    if isinstance(step, Delegate):
        return step.output
    output = step.output if isinstance(step, Complete) else None
    return (
        output
        if isinstance(output, FileOutput) or (isinstance(output, JsonOutput) and isinstance(output.json, str))
        else None
    )


def _is_quoted(text: str) -> bool:
    """Whether a JSON text is a string that holds an object or a list in JSON."""
    try:
        value = json.loads(text)
        return isinstance(value, str) and isinstance(json.loads(value), dict | list)
    except (ValueError, RecursionError):
        return False


def _failing(path: KeyPath, tried: _Tried) -> tuple[KeyPath, str, str]:
    kind, first = whose(tried.failed, tried.passed)
    reason, hint = reworded(tried.why)
    where = f" {kind}" if kind else ""
    if path[-1] == "when":
        # where it fails in every job, and nothing is missing, asking first would not help
        ask = f"; ask first, as {{{{ {first or 'user is not none'} and … }}}}, {{{{ … is defined and … }}}}"
        hint = hint or "the job would fail" + (ask if kind or _ABSENT.search(tried.why) else "")
        return path, f"{tried.what}: has no answer{where}: {reason}", hint
    if kind and first:  # else it fails whoever asks, and however gates end
        hint = hint or f"ask first, as {{{{ … if {first} }}}}, {{{{ … | default('') }}}}"
    return path, f"{tried.what} doesn't render{where}: {reason}", hint


# What a failure means to its author

_ABSENT = re.compile(r"^there is no |\bundefined\b|'None' has no|sequence was empty")
"""What is said of a value that isn't there, for which one can ask first."""
_KINDS = {"str": "a text", "int": "a number", "float": "a number", "Decimal": "a number", "NoneType": "none"}
_INT = "a number that comes as text is made one by int, as {{ match.sum | int > 500 }}"
_REWORDED = (
    (re.escape(NO_ANSWER) + "$", "", "a condition gives true or false: compare it, as {{ … > 500 }}, {{ … == 'yes' }}"),
    # Python's words for < and > of values without an order, and for what can't be calculated, as a test does it
    (r"not supported between instances of '(\w+)' and '(\w+)'", "it compares {} with {}", _INT),
    (
        r"unsupported operand type\(s\) for \S+ '(\w+)' and '(\w+)'",
        "it calculates with {} and {}",
        "a number stands without quotes; one that comes as text is made one by int",
    ),
    (
        rf'{NO_NUMBER} "[^",]*\.\d{{3}}[^",]*,',
        "",
        "write it as numbers are here, as {{ match.sum | replace('.', '') | replace(',', '.') | float }}",
    ),
    (rf'{NO_NUMBER} ".*\d,\d', "", "take the commas out first, as {{ match.sum | replace(',', '') | int }}"),
    (NO_NUMBER, "", "where there may be none give a default, as int(0)"),
    (BY_ZERO, "", "ask first, as {{ a / b if b else 0 }}"),
)
"""By words of a failure: what it is, if these don't say it to an author, and what to do."""


def reworded(why: str) -> tuple[str, str]:
    """Why something fails, and what to do about it; no hint where that depends on when it fails."""
    for pattern, what, hint in _REWORDED:
        if found := re.search(pattern, why):
            return what.format(*(_KINDS.get(each, each) for each in found.groups())) or why, hint
    return why, ""


def whose(failed: Sequence[TrialJob], passed: Sequence[TrialJob]) -> tuple[str, str]:
    """In which jobs something fails that passes in others, and for what to ask first there; empty where none pass."""
    if not passed:
        return "", ""
    first = failed[0]
    alike = [each for each in passed if each.plan.invocation.ordinal == first.plan.invocation.ordinal]
    by_user = any(each.verdicts == first.verdicts for each in alike if each.who != first.who)
    by_verdict = any(each.verdicts != first.verdicts for each in alike if each.who == first.who)
    if any((each.verdicts, each.who) == (first.verdicts, first.who) for each in alike):
        return "after the rounds that its reviewers ask for", ""
    ended = ", ".join(f"{gate} {verdict}" for gate, verdict in first.unusual)
    if by_verdict and not by_user and ended:
        return f"with {ended}", f"{spelt_as('decisions', first.unusual[0][0])}.comment"
    if not alike:  # each draw of the data has its number
        return "with some of its data", "data.NAME is defined"
    return first.who if (by_user and not by_verdict) or not ended else f"{first.who}, {ended}", "user is not none"
