"""Jobs that are tried in thought: what the scenario's own messages may come to, with and without a user, with other data.

A condition or a text that looks at no decision is the same whoever decides. Where decisions count, each gate is taken for
approved, with a comment; then one after the other for each other verdict that it may end with, with no word of a comment
where none is needed, and only the steps behind that verdict are looked at. A step to which no such job comes, for it takes
several gates that aren't approved, is tried with approved ones all the same. Last, the ending is tried to which the
scenario's own reviewers lead: by several rounds, perhaps.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH
from lab.jobs.branches import NO_VERDICTS, exits, holds_now, reachable
from lab.jobs.gates import Decision, Origin, offers
from lab.jobs.names import DelegateOutputs, Writer, request_names, timeless_names
from lab.jobs.own_plans import USUAL_USER, own_caller
from lab.jobs.plan import Input, Invocation, Plan, plan
from lab.jobs.program import Program
from lab.jobs.span import DelegateEnd, Span
from lab.jobs.texts import writer_at
from lab.jobs.timeline import spans
from lab.language.parse.names import spelt_as
from lab.language.templates import NO_ANSWER, RenderFailure, condition
from lab.language.templates.filters import BY_ZERO, NO_NUMBER
from lab.program.steps import Delegate, EndingStep, Gate
from lab.program.words import Verdict

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
    votes: tuple[Decision, ...]
    """How its gates ended."""
    ends: tuple[DelegateEnd, ...]
    """Of each delegate one, in the order of the steps."""
    reached: frozenset[str]
    """The steps to which it may come, whatever is drawn by chance."""
    verdicts: Mapping[str, Verdict]
    """Of each gate the verdict with which it ends; none: with any."""

    @property
    def write(self) -> Writer:
        """Renders as in that job, its gates ended."""
        span = Span(0, self.plan.program.first, 0, 0, None, self.votes, ends=self.ends)
        return writer_at(self.plan, span, INSTANT_EPOCH)

    def handed_back(self, delegate: str) -> str | None:
        """A delegate's output; RenderFailure if it can't be written."""
        place = next(place for place, end in enumerate(self.ends) if end.step == delegate)
        return DelegateOutputs(self.plan, self.votes, self.ends).text(place)

    @property
    def who(self) -> str:
        """Who asks, for people."""
        user = self.plan.invocation.user
        return "without a user" if user is None else f"for a user with the roles {', '.join(user.roles) or '(none)'}"

    @property
    def unusual(self) -> Sequence[tuple[str, Verdict]]:
        """Its gates that aren't approved, with their verdicts."""
        return [(gate, verdict) for gate, verdict in self.verdicts.items() if verdict is not Verdict.APPROVED]

    def conditions(self) -> Iterator[tuple[tuple[str, str], str]]:
        """Conditions that it may come to, by step, and why each gives neither true nor false, if so."""
        names, program = timeless_names(self.plan, self.votes, self.ends), self.plan.program
        for name in self.reached:
            for _, branches in exits(program, program.steps[name], self.verdicts):
                for branch in branches:
                    if branch.sure:
                        break
                    if branch.when is None:
                        continue
                    over, why = True, ""  # where it has no answer the job ends
                    try:
                        over = condition(branch.when).holds(names)
                    except RenderFailure as failure:
                        why = str(failure)
                    yield (name, branch.when), why
                    if over:
                        break


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
        jobs = [plan(part, each, scenario.seed or 0, {}, scripted=True, earlier=earlier) for each in calls]
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
        return TrialJob(job, votes, ends, frozenset(places), verdicts)

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
        last = {vote.step: vote.verdict for vote in end.settled if vote.verdict is not None}
        yield TrialJob(job, end.settled, end.all_ends, frozenset({end.id}), {**approved, **last})


def _votes(gate: Gate, verdict: Verdict) -> tuple[Decision, ...]:
    match verdict:
        case Verdict.APPROVED:
            return (Decision(0, gate.id, 0, verdict, name="reviewer", comment="A comment."),) * gate.approvals
        case Verdict.CHANGES:
            return (Decision(0, gate.id, 0, verdict, comment="A comment."),)
        case Verdict.REJECTED | Verdict.TIMED_OUT:
            return (Decision(0, gate.id, 0, verdict, Origin.SCRIPT),)


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


def asks_for_absent(why: str) -> bool:
    """Whether something fails for the lack of a value."""
    return _ABSENT.search(why) is not None


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
