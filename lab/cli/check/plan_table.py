"""`lab check --plan`: the timeline that a seed settles, as a table: what happens when, and who decides."""

from collections.abc import Iterator, Sequence

from lab.cli.check.plan_caller import PlanCaller
from lab.cli.check.plan_faults import fault_rows, struck_polls
from lab.core.clock import INSTANT_EPOCH, Millis, clock_text
from lab.core.seeds import Seed
from lab.faults.model import rules_on
from lab.jobs.branches import Branching, possible
from lab.jobs.gates import Decision, decision_text
from lab.jobs.names import DelegateOutputs
from lab.jobs.own_run import own_plans
from lab.jobs.plan import Plan
from lab.jobs.program import Program, role_refused
from lab.jobs.span import DefaultEnding, Span
from lab.jobs.texts import final_texts, shown_status, takes_text, writer_at
from lab.jobs.timeline import exit_of, spans
from lab.language.templates import RenderFailure
from lab.program.scenario import Scenario, user_message
from lab.program.steps import Branch, Complete, Delegate, Failure, Gate, Parallel, Work
from lab.program.switches import Switches
from lab.program.words import Verdict, chance_text, duration_text

_WIDEST = 72
_Row = tuple[str, str, str, str, str]


def plan_table(program: Program, seed: Seed | None, switches: Switches, caller: PlanCaller | None = None) -> list[str]:
    """The lines: a part for each turn, each counted from its own acceptance, if nobody but the script decides.

    Then the faults. Without a seed it is the scenario's own, else 0, and the first line says so. `caller` asks; None: the
    first one in thought for whom it is.
    """
    scenario = program.scenario
    seed, named = _settled(seed, scenario.seed)
    lines = [f"{scenario.name} · {scenario.title} · {named}"]
    if caller is not None:
        lines += [f"  as {caller.words}"]
        if (refused := _refused(caller, scenario)) is not None:
            return [*lines, f"  {refused}"]
        program = program if scenario.agent.admits(caller.user.roles) else role_refused(program)
    plans = list(own_plans(program, seed, None if caller is None else (caller.client, caller.user)))
    return [*lines, *_turns_and_faults(program, plans, switches)]


def _refused(caller: PlanCaller, scenario: Scenario) -> str | None:
    """Why somebody's request brings no job of the scenario; None: it brings one."""
    agent, left_out = scenario.agent, caller.left_out(scenario.callers)
    if left_out is None and agent.refuses == "request" and not agent.admits(caller.user.roles):
        return f"refused with 403: it takes one of the roles {', '.join(agent.roles)}"
    return left_out


def _turns_and_faults(program: Program, plans: Sequence[Plan], switches: Switches) -> Iterator[str]:
    scenario = program.scenario
    several = len(scenario.user_messages) > 1
    turns = [list(spans(planned, ())) for planned in plans]
    for turn, (planned, timeline) in enumerate(zip(plans, turns, strict=True), 1):
        message = _one_line(planned.invocation.input.message)
        yield f"  {f'turn {turn}' if several else 'asked'}: {message}"
        yield from _columns([("at", "lasts", "status", "step", "what"), *_rows(planned, timeline, switches)])
    optional = (user_message(turn.ask).message for turn in scenario.turns if turn.optional)
    yield from (f"  answered too: {_one_line(message)}" for message in optional)
    if scenario.faults:
        yield "  faults, in the order in which they are tried:"
        yield from _columns([("from", "route", "when", "what"), *fault_rows(scenario, turns)])
    rules = [rule for rule in rules_on(program, ("status",)) if rule.fault.step is None]
    if rules:
        yield "  `calls` of a status fault without `step` counts per job; struck, where a job is polled so often:"
        yield from _columns(
            [
                (f"turn {turn}" if several else "the job", struck_polls(rules, planned, timeline))
                for turn, (planned, timeline) in enumerate(zip(plans, turns, strict=True), 1)
            ]
        )


def _settled(given: Seed | None, own: Seed | None) -> tuple[Seed, str]:
    if given is None and own is None:
        return 0, "seed 0, for the scenario names none: a run draws its own"
    seed = given if given is not None else own or 0
    return seed, f"seed {seed}"


def _rows(planned: Plan, timeline: Sequence[Span], switches: Switches) -> Iterator[_Row]:
    began = timeline[0].since
    for span, after in zip(timeline, [*timeline[1:], None], strict=True):
        lasts = "" if span.until is None else duration_text(span.until - span.since)
        head = (clock_text(span.since - began), lasts, str(shown_status(span, switches)), span.id)
        first, *more = _texts(planned, span, began)
        yield (*head, first)
        behind = (
            (*_outputs(planned, span, after), *_ways(planned, span, after))
            if after is not None and not after.escalated
            else ()
        )
        for line in (*more, *behind):
            yield ("", "", "", "", line)


def _outputs(planned: Plan, span: Span, after: Span) -> Iterator[str]:
    """What delegates hand back that end with a span; `after` is the next one."""
    ends = after.all_ends
    outputs = DelegateOutputs(planned, after.settled, ends)
    for place in range(len(span.all_ends), len(ends)):
        try:
            text = outputs.text(place)
            if not ends[place].left:
                yield f"{ends[place].step} hands back: {'null' if text is None else _one_line(text) or '(empty)'}"
        except RenderFailure as failure:
            yield f"what {ends[place].step} hands back can't be written: {failure}"
    if span.stretch is not None and span.stretch.left:
        yield f"left: {', '.join(child.id for child in span.stretch.left)}"


def _ways(planned: Plan, span: Span, after: Span) -> Iterator[str]:
    """Where a step goes on, and where else it could have gone; nothing where it names no branches."""
    name = exit_of(span, after.settled)
    branches = tuple(possible(planned.program.ways[span.id].get(name, ()))) if name is not None else ()
    if name is None or all(branch.sure for branch in branches):
        return
    try:
        taken = Branching(planned).taken(span, name, after.settled, after.ends)
    except RenderFailure as failure:
        yield f"{' '.join(str(failure).split())}, so the job ends ERROR"
        return
    for branch in branches:
        drawn = f", {chance_text(planned.lot(span.id, span.visit))} was drawn" if branch.chance else ""
        yield f"{'->' if branch is taken else '  '} {branch.to}: {condition_text(branch)}{drawn if branch is taken else ''}"
    if taken is None:
        yield f"-> none of these: what {name} leads to by default"


def condition_text(branch: Branch) -> str:
    """When a branch is taken, in words."""
    if branch.when is not None:
        return f"if {_one_line(branch.when)}"
    return "else" if branch.chance is None else f"{chance_text(branch.chance)} of jobs"


def _texts(planned: Plan, span: Span, began: Millis) -> list[str]:
    """What there is to say of a span: the text that is seen, and of a gate each vote."""
    write = writer_at(planned, span, INSTANT_EPOCH)
    try:
        match span.step:
            case Gate() as gate:
                for text in (gate.change_prompt, gate.last_round) if takes_text(gate) else ():
                    write(text)
                return [_one_line(write(gate.question(escalated=span.escalated))), *_votes(gate, span, began)]
            case Complete() | Failure() | DefaultEnding():
                said = final_texts(planned, span, write)
                return [_one_line(text) or "(empty)" for text in (said.output, said.error) if text is not None] or [
                    "null"
                ]
            case Parallel():
                first = span.at_work[0]
                says = write(first.says) if isinstance(first, Work | Delegate) and first.says else ""
                return [_one_line(", ".join(span.ids[1:]) + (f": {says}" if says else ""))]
            case step:
                return [_one_line(write(step.says) if step.says else step.title)]
    except RenderFailure as failure:
        return [f"can't be written, so the job ends ERROR: {failure}"]


def _votes(gate: Gate, span: Span, began: Millis) -> Iterator[str]:
    approved = 0
    for vote in span.votes:
        approved += vote.verdict is Verdict.APPROVED
        if vote in span.own_votes:
            yield _vote(vote, began, approved, gate.approvals)


def _vote(vote: Decision, began: Millis, approved: int, approvals: int) -> str:
    assert vote.verdict is not None
    comment = _one_line(vote.comment) if vote.comment else None
    text = decision_text(vote.verdict, vote.by, vote.name, comment, approved=approved, approvals=approvals)
    return f"{clock_text(vote.at - began)} {text}"


def _one_line(text: str) -> str:
    """The first line that says something, short enough for a table."""
    lines = [line.strip() for line in text[:4096].splitlines() if line.strip()]
    line = " ".join(lines) if lines and lines[0] in ("{", "[") else "".join(lines[:1])
    line = "".join(letter if letter.isprintable() else "·" for letter in line)
    whole = line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"
    return whole or ("(blank)" if text else "")


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The last column is as wide as it likes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [
        "    " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]
