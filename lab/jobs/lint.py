"""Warnings about a scenario that loads: what is allowed, and probably not meant.

A complaint (`lab.language.parse`) is about what can't be: a name that leads nowhere, a loop in which no time passes. A
warning is about what can be and surprises: a step that no path leads to, a gate that times out before its script
answers, a fault that another one forestalls. It says nothing of what depends on a client or on chance: a latency counts
as its longest, a log-normal one as its 95th percentile.

Ways are followed as `timeline` walks them, and texts rendered as `texts` renders them, for jobs that are tried in
thought (`trials`). So whatever a warning says is true of some run; that all is well where none is given is not promised.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.errors import Complaint, closest
from lab.core.exchange import Json
from lab.jobs.branches import possible, reachable
from lab.jobs.gates import Opening, votes
from lab.jobs.own_run import TurnResult, seen_at, unmet
from lab.jobs.plan import Plan
from lab.jobs.program import Program, program_of
from lab.jobs.texts import shown_status
from lab.jobs.timeline import spans
from lab.jobs.trials import Warnings, trials_of, tried, whole_output
from lab.language.complaints import Locations, path_text
from lab.language.parse.names import spelt_as
from lab.language.parse.references import instant
from lab.language.patterns import ASCII_ALONE
from lab.language.step_texts import step_texts
from lab.program.callers import Callers
from lab.program.draws import DRAWN, Constant, elements_in, form_of_datum, longest_latency
from lab.program.faults import Calls, Fault, fault_names
from lab.program.scenario import LONGEST_SENTENCE, ExpectedRun, Narration, Scenario
from lab.program.steps import (
    STEPS,
    Delegate,
    Gate,
    Parallel,
    Pause,
    Script,
    TimedStep,
    Vote,
    placed_steps,
    targets_of,
    votes_of,
)
from lab.program.switches import Layers
from lab.program.words import LONGEST, KeyPath, Status, Verdict, among, duration_text, nearest

_IN_WORDS = frozenset(
    {"title", "shows", "story", "ask", "match", "narration", "labels", "comment", "by"}
    | {name for step in STEPS.values() for name in step.templates}
)
"""Keys of what people write in words; of other values nobody expects a `#`."""
_SINGLE_BRACES = re.compile(
    r"(?<!\{)\$?\{ *((?:data|match|parameters|decisions|delegates|user|client)\.[\w.]+|message) *\}(?!\})"
)
"""What looks like a template of another language, and names what there is here."""
_HOUR: Millis = 3_600_000
_FOREVER = 1000 * LONGEST
"""Longer than any script takes."""


class KnownCallers(Struct, frozen=True):
    """Who may call, by the settings that a scenario is to be served with."""

    users: Collection[str]
    roles: Collection[str]
    """All that users have."""
    clients: Collection[str] | None
    """None: whoever has an id is one."""
    from_file: bool = True
    """Whether a settings file says so; False: it is what a lab knows without one."""


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
    found += [*commented(locations), *_long_sentences(scenario.narration)]
    # where it is expected that the client gives up, or is refused, it may
    patient = Status.RUNNING not in scenario.expect.statuses and scenario.expect.refused is None
    for turn, (part, jobs) in enumerate(zip(parts, trials, strict=True), 1):
        prefix: KeyPath = ("turns", turn - 2) if turn > 1 else ()
        of_part = [*tried(program, turn, jobs, prefix)]
        for warnings in (unreachable, undecided_gates, long_waits, constants, braces, always_empty):
            of_part += warnings(part)
        if part.pattern is not None and (word := part.pattern.cut(part.scenario.message)):
            of_part += [(("match",), f"it takes a part of {word} alone", ASCII_ALONE)]
        of_part += outlasting_work(jobs[0].plan, deadline) if deadline is not None and patient else ()
        found += [((*prefix, *path), what, hint) for path, what, hint in of_part]
    marks = [(locations.value_at(path), what, hint) for path, what, hint in found]
    return tuple(sorted(Complaint(file, mark.line, mark.column, what, hint) for mark, what, hint in marks))


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
        turns.append(seen_at(each, end))
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


# Ways and times


def unreachable(part: Program) -> Warnings:
    """Steps to which no way leads, and branches that are never taken."""
    there = reachable(part)
    for path, step in placed_steps(part.scenario.steps):
        if step.id not in there:
            yield path, f"no path leads to {step.id}", "name it in a verdict or a next, or leave it out"
        for place, target in targets_of(step):
            branches = () if isinstance(target, str) else target
            taken = list(possible(branches))
            for number, branch in enumerate(branches):
                if not any(branch is each for each in taken):
                    what = f"the branch to {branch.to} is never taken: those before it leave nothing over"
                    yield (*path, *place, number), what, "the first that fits is taken: put it before them"


def outlasting_work(plan: Plan, deadline: Millis) -> Warnings:
    """The step at which a job has been RUNNING for longer than the lab's own client follows it, if only reviewers decide."""
    switches, lasted = Layers().over(plan.program.scenario.settings), 0
    for span in spans(plan, ()):
        if span.until is None or shown_status(span, switches) is not Status.RUNNING:
            continue
        lasted += longest_latency(span.step.takes) if isinstance(span.step, TimedStep) else span.until - span.since
        if lasted > deadline:
            place = plan.program.scenario.steps.index(span.step)
            # a client sees a little later that work is over, and counts till then
            enough = duration_text(-(-(lasted + lasted // 20) // _HOUR) * _HOUR)
            what = f"at the end of {span.id} the job may have been RUNNING for {duration_text(-(-lasted // 1_000) * 1_000)}"
            what += f": the lab's own client gives up after {duration_text(deadline)}, and lab run exits 1"
            hint = f"lab run --deadline {enough} follows it; expect: {{status: RUNNING}} says that it is meant"
            yield ("steps", place), what, hint
            return


def long_waits(part: Program) -> Warnings:
    """Waits that outlast a token, so that its client needs another before the job goes on; and waits that no pod has.

    Each wait by itself, for a client may fetch a token at any poll; work is left out, which is short as a rule. Whoever
    builds a WAIT node of more than an hour in a pod is refused (contract.md §4.3).
    """
    token = part.scenario.token
    for path, step in placed_steps(part.scenario.steps):
        longest = step.patience if isinstance(step, Gate) else 0
        longest = longest_latency(step.takes) if isinstance(step, Pause) else longest
        if longest > token.lifetime and not token.renewed:
            lifetime = duration_text(token.lifetime)
            what = f"the token ({lifetime}) expires while {step.id} waits (up to {duration_text(longest)})"
            yield path, what, "the client must ask for another; write token: {renewed: true} if that is meant"
        if isinstance(step, Pause) and longest > _HOUR:
            what = f"{step.id} waits up to {duration_text(longest)}: a WAIT node of a pod lasts 60 minutes at most"
            hint = "let it go back as again: {to: STEP, rounds: N}; if a person is waited for, write a gate"
            yield (*path, "takes"), what, hint


def undecided_gates(part: Program) -> Warnings:
    """Gates that nobody answers in time, or one for several; escalations that are never reached, or change nothing."""
    for place, gate in enumerate(part.scenario.steps):
        if not isinstance(gate, Gate):
            continue
        path: KeyPath = ("steps", place)
        escalate, scripted = gate.escalate, [vote for _, vote in votes_of(gate)]
        second = escalate.reviewer if escalate is not None and isinstance(escalate.reviewer, Vote) else None
        # when the script ends the slowest of its openings, if nobody else votes and nobody's patience ends; one vote ends
        # an opening, so the entries are those of different openings, but in a quorum they follow each other
        count = len(gate.reviewer.script) if isinstance(gate.reviewer, Script) and gate.approvals == 1 else 1
        openings = (Opening(replace(gate, patience=_FOREVER), 0, 0, earlier_votes=each) for each in range(count))
        cast = [votes(each, ()) for each in openings]
        end = max((each[-1] for each in cast), key=attrgetter("at"))
        if gate.reviewer is None and second is None:
            hint = "write reviewer: nobody if that is meant"
            yield path, f"{gate.id} has no reviewer: without a person the job waits until it times out", hint
        elif scripted and end.verdict is Verdict.TIMED_OUT:
            hint = f"{len(scripted)} of {gate.approvals} votes are scripted"
            yield (*path, "reviewer"), f"{gate.id} times out: its script holds too few votes", hint
        elif scripted and end.at >= gate.patience and not any(vote.late for vote in scripted):
            who = "its reviewer answers" if gate.approvals == 1 else f"there are {gate.approvals} approvals"
            hint = f"{duration_text(end.at)} after the opening, patience ends after {duration_text(gate.patience)}"
            at: KeyPath = ("reviewer",) if second is None else ("escalate", "reviewer")
            yield (*path, *at), f"{gate.id} times out before {who}", f"{hint}; write late: true if that is meant"
        if all(vote.by for vote in scripted) and any(
            v.name is None and v.verdict is not Verdict.TIMED_OUT for v in cast[0]
        ):
            what = f"{gate.id} takes two votes of one name: it counts once, so the second vote goes without it"
            yield (*path, "reviewer"), what, "give each vote a name of its own, in a script; or leave by out"
        if escalate is None:
            continue
        # a script may say something else at a later opening, and past its last entry nobody answers
        if isinstance(gate.reviewer, Vote) and end.at < escalate.after:
            answers = duration_text(end.at)
            hint = f"let it come before {answers}, or the reviewer later; as it is only a person can be so slow"
            yield (*path, "escalate", "after"), f"{gate.id} never escalates: its reviewer decides after {answers}", hint
        if escalate.asks is None and escalate.reviewer is None:
            hint = "give it asks or a reviewer; write reviewer: nobody in it if that is meant"
            what = f"the escalation of {gate.id} changes nothing: it asks nobody else, and nothing else"
            yield (*path, "escalate"), what, hint


def idle_faults(scenario: Scenario, parts: Sequence[Program]) -> Warnings:
    """Faults that can't strike: nobody is ever there to be struck, or an earlier one strikes first."""
    there = {name for part in parts for name in reachable(part)}
    # in a span of 0 ms there is no instant at which a poll could find a job
    lasting = {step.id for part in parts for step in part.steps.values() if not instant(step)}
    names = fault_names(scenario.faults)
    for place, fault in enumerate(scenario.faults):
        path: KeyPath = ("faults", place)
        if fault.step is not None and fault.step not in there:
            yield (*path, "step"), f"{names[place]} can't strike: no path leads to {fault.step}", ""
        elif fault.step is not None and fault.step not in lasting:
            yield (*path, "step"), f"{names[place]} can't strike: {fault.step} takes no time", ""
        if scenario.turns and (fault.turn or 0) > len(parts):
            yield (*path, "turn"), f"{names[place]} can't strike: the conversation has {len(parts)} turns", ""
        for other, earlier in zip(names, scenario.faults[:place], strict=False):
            if _shadows(earlier, fault):
                hint = "the first in the list that fits strikes: put it before, or give it other calls"
                yield path, f"{names[place]} can't strike: {other} strikes all its calls", hint
                break


def _shadows(earlier: Fault, fault: Fault) -> bool:
    """Whether `earlier` strikes every call that `fault` could strike.

    Of the faults that fit a call the first in the list strikes. Two with the same conditions count the same calls, so
    their numbers can be compared: `2-4` behind `1-9` never comes to strike, `3` behind `every 2` does.
    """
    if earlier.route != fault.route or earlier.chance is not None:
        return False
    mine, other = fault.numbers, earlier.numbers
    limits = [(each.step, each.turn, each.client, each.user) for each in (earlier, fault)]
    if limits[0] != limits[1] or earlier.after != fault.after:
        # counted apart, so only one that strikes all calls of a wider condition is in the way for certain
        wider = all(before in (None, after) for before, after in zip(*limits, strict=True))
        return wider and (earlier.after or 0) <= (fault.after or 0) and other == Calls(1, None)
    endless = other.last is None or (mine.last is not None and mine.last <= other.last)
    return endless and other.first <= mine.first and mine.every % other.every == 0


def unknown_callers(scenario: Scenario, known: KnownCallers) -> Warnings:
    """Names in `for`, in `agent.roles` and in faults that are nobody's."""
    callers = scenario.callers or Callers()
    lists = (
        # without a file a role that nobody has may be meant: its lack is what such a scenario shows
        ("role", ("agent", "roles"), scenario.agent.roles if known.from_file else ()),
        ("user", ("for", "users"), callers.users),
        ("role", ("for", "roles"), callers.roles),
        ("client", ("for", "clients"), callers.clients),
    )
    named: list[tuple[KeyPath, str, str]] = [
        ((*at, place), kind, name) for kind, at, names in lists for place, name in enumerate(names)
    ]
    for place, fault in enumerate(scenario.faults):
        of = (("client", fault.client), ("user", fault.user))
        named += [(("faults", place, kind), kind, name) for kind, name in of if name is not None]
    clients = None if scenario.settings.get("clients") == "any" else known.clients
    everybody = {"user": known.users, "role": known.roles, "client": clients}
    for path, kind, name in named:
        there = everybody[kind]
        if there is None or name in there:
            continue
        hint = among(name, sorted(there)[:20], f"{kind}s there")
        if known.from_file:
            yield path, f"the settings know no {kind} {name}", hint
        else:
            hint += f"{' Else' if hint.endswith('?') else ';'} name the file that has it"
            yield path, f"a lab without --settings FILE knows no {kind} {name}", hint


# Texts and data


def commented(locations: Locations) -> Warnings:
    """Texts that YAML ends before their end: at a comment (behind two blanks one is meant as such), or a comma."""
    for path, place in locations.found.items():
        if place.cut:
            what = f"{path_text(path)} is empty: a comma ends the text of {place.cut} before it"
            yield path, what, f'put it in quotes: {place.cut}: "…, {path[-1]}"; or write {path[-1]}: null'
        in_words = not _IN_WORDS.isdisjoint(path) or (len(path) == 2 and path[0] == "data")
        if in_words and place.commented:
            hint = "put the text in quotes; a comment that is meant stands two blanks behind"
            yield path, f"{path_text(path)} ends before the #: YAML takes the rest for a comment", hint


def _long_sentences(narration: Narration) -> Warnings:
    """Sentences that a screen cuts."""
    for name in narration.__struct_fields__:
        said = getattr(narration, name)
        for key, text in said.items() if isinstance(said, Mapping) else ((None, said),):
            if text and len(text) > LONGEST_SENTENCE:
                path: KeyPath = ("narration", name) if key is None else ("narration", name, key)
                what = f"{path_text(path)} has {len(text)} characters, and a screen shows {LONGEST_SENTENCE}"
                yield path, what, "end it at a clause before that; the next stage goes on"


# What stays as it is, and wasn't meant to


def braces(part: Program) -> Warnings:
    """Braces that nobody reads: single ones in texts, and those of reviewers."""
    for each in step_texts(part.scenario.steps):
        if not each.is_condition and (lone := _SINGLE_BRACES.search(each.text)):
            what = f"{each.what} has {lone[0]}, which stays as it is"
            yield each.path, what, f"names stand in double braces: {{{{ {lone[1]} }}}}"
    for place, step in enumerate(part.scenario.steps):
        for way, vote in votes_of(step):
            for key, words in (("comment", vote.comment), ("by", vote.by)):
                if "{{" in (words or ""):
                    what = f"the {key} of a reviewer is no template: its braces stay as they are"
                    yield ("steps", place, *way, key), what, f"write the {key} itself"


_CALLED = dict.fromkeys(("pick", "choice", "choose", "random"), "one_of") | {"range": "between", "uniform": "between"}
"""What people call draws from a list: the keys that they mean."""


def _meant_to_draw(key: str, value: Mapping[str, Json]) -> str:
    """What a key of a constant is a slip of, or another word for; empty: none of a draw."""
    listed = isinstance(value[key], list) and value.keys() <= {key, "weights", "decimals"}
    meant = _CALLED.get(closest(key, _CALLED, 0.8)) if listed else None
    return f"did you mean {meant}?" if meant else nearest(key, DRAWN)


def constants(part: Program) -> Warnings:
    """Constants that look like a draw, for any mapping is one, and a slip in the key that counts no error; or like a template."""
    rows = "rows stand in a list: {list: {each: …}, count: 3}"
    placed = (
        (("data", name, *each.place), each.element)
        for name, of in part.scenario.data.items()
        for each in elements_in(of)
    )
    for path, element in placed:
        entry, value = path[-1], element.value if isinstance(element, Constant) else None
        if isinstance(value, str) and "{{" in value:
            quote = "'" if '"' in value else '"'
            what = f"{entry} is a constant: what stands in its braces is no more than text"
            yield path, what, f"write {entry}: {{value: {quote}{value}{quote}}}"
        if not isinstance(value, dict):
            continue
        drawn = next((key for key, each in value.items() if form_of_datum(each) != "constant"), None)
        if drawn is not None:
            named = next(each for each in reversed(path) if each != "list")
            what = f"{named} is a constant, and so is {drawn} within it: nothing is drawn"
            yield path, what, rows if len(path) > 2 else f"draw entries of data, or of rows: {rows}"
        for key in value:
            if hint := rows if key == "each" else _meant_to_draw(key, value):
                yield path, f"{entry} is a constant with a key {key}: nothing is drawn", hint


# What is empty wherever it is looked at: decisions and outputs that can't be there by then


def always_empty(part: Program) -> Warnings:
    """Texts and conditions that look at a decision or an output which no job has by then."""
    there = reachable(part)
    around = {child.id: step for step in part.steps.values() if isinstance(step, Parallel) for child in step.of}
    sources = {name: step for name, step in part.steps.items() if isinstance(step, Gate | Delegate)}
    behind = {name: reachable(part, behind=around.get(name, step)) for name, step in sources.items()}
    for each in step_texts(part.scenario.steps):
        looked_up = tuple(used for _, used in each.read().looked_up if len(used) > 1) if each.step.id in there else ()
        for root, name, *more in dict.fromkeys(looked_up):
            if root not in ("decisions", "delegates") or name not in sources:
                continue
            parallel, spelt = around.get(name), spelt_as(root, name)
            # what is asked once a step has ended knows of itself, and a gate's texts of its rounds before
            known = behind[name] | ({name} if root == "decisions" or each.is_condition else set())
            known |= {parallel.id} if parallel is not None and each.is_condition else set()
            if root == "delegates" and not more:
                what, hint = "which is a mapping", f"write {spelt}.output"
            elif root == "delegates" and whole_output(sources[name]) is None:
                what, hint = f"and that is empty: {name} hands nothing back", "give it an output"
            elif each.step.id not in known:
                hint = f"look at it in a step that comes behind {name}"
                what = f"and that is empty: no path from {name} leads here"
            else:
                continue
            yield each.path, f"{each.what} looks at {spelt}, {what}", hint
