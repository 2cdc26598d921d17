"""Warnings about ways and times: steps that nobody comes to, gates that nobody answers, faults that never strike, waits
that outlast a token, callers that nobody is."""

from collections.abc import Collection, Sequence
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.jobs.branches import possible, reachable
from lab.jobs.gates import Opening, votes
from lab.jobs.lint.texts import Warnings
from lab.jobs.plan import Plan
from lab.jobs.program import Program
from lab.jobs.texts import shown_status
from lab.jobs.timeline import spans
from lab.language.parse.references import instant
from lab.program.callers import Callers
from lab.program.draws import longest_latency
from lab.program.faults import Calls, Fault, fault_names
from lab.program.scenario import Scenario
from lab.program.steps import Gate, Pause, Script, TimedStep, Vote, placed_steps, targets_of, votes_of
from lab.program.switches import Layers
from lab.program.words import LONGEST, KeyPath, Status, Verdict, among, duration_text

_HOUR: Millis = 3_600_000
_FOREVER = 1000 * LONGEST
"""Longer than any script takes."""


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
        openings = (Opening(replace(gate, patience=_FOREVER), 0, 0, 0, earlier_votes=each) for each in range(count))
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


class KnownCallers(Struct, frozen=True):
    """Who may call, by the settings that a scenario is to be served with."""

    users: Collection[str]
    roles: Collection[str]
    """All that users have."""
    clients: Collection[str] | None
    """None: whoever has an id is one."""
    from_file: bool = True
    """Whether a settings file says so; False: it is what a lab knows without one."""


def unknown_callers(scenario: Scenario, known: KnownCallers) -> Warnings:
    """Names in `for`, in `agent.roles` and in faults that are nobody's."""
    callers = scenario.callers or Callers()
    named: list[tuple[KeyPath, str, str | None]] = []
    for kind, where, names in (
        # without a file a role that nobody has may be meant: its lack is what such a scenario shows
        ("role", ("agent", "roles"), scenario.agent.roles if known.from_file else ()),
        ("user", ("for", "users"), callers.users),
        ("role", ("for", "roles"), callers.roles),
        ("client", ("for", "clients"), callers.clients),
    ):
        named += [((*where, place), kind, name) for place, name in enumerate(names)]
    for place, fault in enumerate(scenario.faults):
        named += [
            (("faults", place, "client"), "client", fault.client),
            (("faults", place, "user"), "user", fault.user),
        ]
    clients = None if scenario.settings.get("clients") == "any" else known.clients
    lists = {"user": known.users, "role": known.roles, "client": clients}
    for path, kind, name in named:
        there = lists[kind]
        if there is None or name is None or name in there:
            continue
        hint = among(name, sorted(there)[:20], f"{kind}s there")
        if known.from_file:
            yield path, f"the settings know no {kind} {name}", hint
        else:
            hint += f"{' Else' if hint.endswith('?') else ';'} name the file that has it"
            yield path, f"a lab without --settings FILE knows no {kind} {name}", hint
