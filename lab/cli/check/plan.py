"""`lab check --plan`: the timeline that a seed settles, as a table: what happens when, who decides, which polls faults strike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.setup import callers_text
from lab.core.clock import INSTANT_EPOCH, Millis, clock_text
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.faults.model import Place, Rule, judge, rules_on
from lab.identity.clients import Account, Client, Grant
from lab.jobs.branches import Branching, possible
from lab.jobs.gates import Decision, decision_text
from lab.jobs.names import DelegateOutputs
from lab.jobs.own_run import own_plans
from lab.jobs.plan import JobUser, Plan
from lab.jobs.program import Program, role_refused
from lab.jobs.span import DefaultEnding, Span
from lab.jobs.texts import final_texts, shown_status, takes_text, writer_at
from lab.jobs.timeline import exit_of, spans
from lab.language.fault import fault_document
from lab.language.templates import RenderFailure
from lab.program.callers import Callers
from lab.program.faults import Fault
from lab.program.scenario import Scenario, user_message
from lab.program.steps import Branch, Complete, Delegate, Failure, Gate, Parallel, Work
from lab.program.switches import Switches
from lab.program.words import Verdict, chance_text, duration_text

# For whom: a user whom the settings know, and a client by which that user asks

_BY_USERS = (Grant.PASSWORD, Grant.CODE, Grant.DEVICE, Grant.ASSERTION)


class PlanCaller(Struct, frozen=True):
    """A user, and the client that was given the user's token."""

    client: str
    user: JobUser

    @property
    def words(self) -> str:
        """As the plan names them."""
        return f"{self.user.name} ({', '.join(self.user.roles) or 'no roles'}), by {self.client}"

    def left_out(self, callers: Callers | None) -> str | None:
        """Why a scenario doesn't answer them; None: it does."""
        if callers is None or callers.include(self.client, self.user.name, self.user.roles):
            return None
        return f"not answered: it is for {callers_text(callers)}"


def caller_of(account: Account, clients: Iterable[Client], scenario: Scenario) -> PlanCaller:
    """That user, by the first client with a grant for users for which the scenario is, else by the first of these."""
    user = JobUser(account.name, account.display, account.roles)
    found = [PlanCaller(each.id, user) for each in clients if any(map(each.may_use, _BY_USERS))]
    if not found:
        raise UsageError("No client may ask for a user's token.", hint="Give one the grant password.")
    return next((each for each in found if each.left_out(scenario.callers) is None), found[0])


# The timeline

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


# Planned faults: from when on they count, and which polls of each turn are struck

_WHEN = ("calls", "client", "user", "scenario", "step", "turn", "after", "chance")


def fault_rows(scenario: Scenario, turns: Sequence[Sequence[Span]]) -> Iterator[tuple[str, str, str, str]]:
    """A row for each, in the order in which they are tried; `turns` holds the timeline of each turn."""
    for fault in scenario.faults:
        document = fault_document(replace(fault, calls=fault.numbers))
        if fault.chance is not None and fault.calls is None:
            del document["calls"]
        route = str(document.pop("route"))
        when = {name: document.pop(name) for name in _WHEN if name in document}
        yield (_from(fault, turns), route, _members(when), _members(document))


def _from(fault: Fault, turns: Sequence[Sequence[Span]]) -> str:
    """The first instant at which its calls count, in each turn; nothing where the plan doesn't settle it."""
    if fault.step is None and fault.after is None:
        return ""
    found: list[str] = []
    for turn, timeline in enumerate(turns, 1):
        at = _first(fault, timeline) if fault.turn in (None, turn) else None
        if at is not None:
            found.append(f"turn {turn} {clock_text(at)}" if len(turns) > 1 else clock_text(at))
    return ", ".join(found) or "not reached"


def _first(fault: Fault, timeline: Sequence[Span]) -> Millis | None:
    began = timeline[0].since
    for span in timeline:
        at = max(span.since, began + (fault.after or 0))
        if (fault.step is None or fault.step in span.ids) and (span.until is None or at < span.until):
            return at - began
    return None


_MOST_POLLS = 1_000
"""How many polls of a job the plan looks at."""
_MOST_RUNS = 5
"""How many stretches of polls a fault is shown with."""


def struck_polls(rules: Sequence[Rule], planned: Plan, timeline: Sequence[Span]) -> str:
    """Which polls of a turn's job are struck by these faults, which name no step: no pause of a client changes that.

    One with `after` counts from the first poll at that instant on, so it is looked at by itself.
    """
    call = planned.invocation
    user = call.user.name if call.user is not None else None
    place = Place(call.client, turn=call.turn, job=call.job, user=user, scenario=call.scenario)
    at_once = [rule for rule in rules if not rule.fault.after]
    found = [_polls(numbers, name) for name, numbers in _strikes(at_once, place, planned.seed).items()]
    for rule in rules:
        after = rule.fault.after
        if after and _first(rule.fault, timeline) is not None:
            struck = _strikes([rule], replace(place, passed=after), planned.seed)
            found += [_polls(numbers, name, f" from {clock_text(after)} on") for name, numbers in struck.items()]
    return "; ".join(found) or "no poll"


def _strikes(rules: Sequence[Rule], place: Place, seed: Seed) -> dict[str, list[int]]:
    """The polls that each fault strikes if nothing but these counts, by its name, in the order of their first ones."""
    counted: dict[str, int] = {}
    struck: dict[str, list[int]] = {}
    for poll in range(1, _MOST_POLLS + 1):
        judged = judge(rules, lambda rule: counted.get(rule.counter, 0), place, seed)
        counted.update((rule.counter, value) for rule, value in judged.counted)
        if judged.struck is not None:
            struck.setdefault(judged.struck.name, []).append(poll)
    return struck


def _polls(numbers: Sequence[int], name: str, since: str = "") -> str:
    """`polls 1, 4-5: slow`; a stretch that goes on to the last poll that was looked at has no end."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    words = [
        f"{first} on" if last == _MOST_POLLS and first < last else f"{first}" if first == last else f"{first}-{last}"
        for first, last in runs[:_MOST_RUNS]
    ]
    more = ["…"] if len(runs) > _MOST_RUNS else []
    return f"poll{'' if len(numbers) == 1 else 's'} {', '.join([*words, *more])}{since}: {name}"


def _members(document: Mapping[str, Json]) -> str:
    return ", ".join(f"{name}: {_word(value)}" for name, value in document.items())


def _word(value: Json) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_word, value))}]"
        case dict():
            return f"{{{_members(value)}}}"
        case _:
            return str(value)
