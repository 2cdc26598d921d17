"""Warnings about ways and times: steps that nobody comes to, gates that nobody answers, faults that never strike, what
outlasts a token or the lab's own client, callers that nobody is."""

from collections.abc import Collection, Iterator, Sequence
from typing import assert_never

from msgspec import Struct

from lab.core.clock import Millis
from lab.jobs.branches import exits, possible, reachable
from lab.jobs.compiled import CompiledScenario
from lab.jobs.gates import Opening, votes
from lab.jobs.lint.texts import Warnings
from lab.jobs.plan import Plan
from lab.jobs.span import Span, stretches
from lab.jobs.texts import shown_status
from lab.jobs.timeline import spans
from lab.program.draws import longest_latency
from lab.program.faults import Calls, Fault, fault_names
from lab.program.scenario import Scenario
from lab.program.steps import Gate, Parallel, Pause, Script, Step, TimedStep, Vote, placed_steps, targets_of
from lab.program.switches import Layers, Switches
from lab.program.words import KeyPath, Status, Verdict, duration_text, nearest

_HOUR: Millis = 3_600_000


def unreachable(part: CompiledScenario) -> Warnings:
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


def long_waits(part: CompiledScenario) -> Warnings:
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


def unanswered_gates(part: CompiledScenario) -> Iterator[tuple[KeyPath, str, str]]:
    """Gates that nobody answers in time."""
    for place, step in enumerate(part.scenario.steps):
        path: KeyPath = ("steps", place)
        if not isinstance(step, Gate):
            continue
        if step.escalate is not None and isinstance(step.escalate.reviewer, Vote):
            late = step.escalate.reviewer.late or any(vote.late for vote in _votes(step))
            if votes(Opening(step, 0, 0, 0), ())[-1].verdict is Verdict.TIMED_OUT and not late:
                hint = f"patience ends after {duration_text(step.patience)}; write late: true if that is meant"
                yield (*path, "escalate", "reviewer"), f"{step.id} times out before its reviewers answer", hint
            continue
        if step.reviewer is None:
            hint = "write reviewer: nobody if that is meant"
            yield path, f"{step.id} has no reviewer: without a person the job waits until it times out", hint
        due = _due(step)
        own = _votes(step)
        if due is not None and due >= step.patience and not any(vote.late for vote in own):
            hint = f"{duration_text(due)} after the opening, patience ends after {duration_text(step.patience)}; write late: true if that is meant"
            answers = "answers" if step.approvals == 1 else f"has given {step.approvals} approvals"
            yield (*path, "reviewer"), f"{step.id} times out before its reviewer {answers}", hint
        approves = all(vote.verdict == "approved" for vote in own)
        if isinstance(step.reviewer, Script) and len(own) < step.approvals and approves:
            hint = f"{len(own)} of {step.approvals} votes are scripted"
            yield (*path, "reviewer"), f"{step.id} times out: its script holds too few votes", hint


def idle_escalations(part: CompiledScenario) -> Iterator[tuple[KeyPath, str, str]]:
    """Escalations that are never reached, change nothing, or come too late for who is asked then."""
    for place, step in enumerate(part.scenario.steps):
        if not isinstance(step, Gate) or (escalate := step.escalate) is None:
            continue
        path: KeyPath = ("steps", place, "escalate")
        end = votes(Opening(step, 0, 0, 0), ())[-1]
        # a script may say something else at a later opening, and past its last entry nobody answers
        if isinstance(step.reviewer, Vote) and end.at < escalate.after:
            answers = duration_text(end.at)
            hint = f"let it come before {answers}, or the reviewer later; as it is only a person can be so slow"
            yield (*path, "after"), f"{step.id} never escalates: its reviewer decides after {answers}", hint
        if escalate.asks is None and escalate.reviewer is None:
            hint = "give it asks or a reviewer; write reviewer: nobody in it if that is meant"
            yield path, f"the escalation of {step.id} changes nothing: it asks nobody else, and nothing else", hint
        second = escalate.reviewer
        if not isinstance(second, Vote) or second.late or end.verdict is Verdict.TIMED_OUT:
            continue  # of a gate that times out is told as such
        if (due := escalate.after + second.after) >= step.patience:
            hint = f"{duration_text(due)} after the opening, patience ends after {duration_text(step.patience)}; write late: true if that is meant"
            yield (*path, "reviewer"), f"{step.id} times out before who is asked in the escalation answers", hint


def _votes(gate: Gate) -> tuple[Vote, ...]:
    match gate.reviewer:
        case Vote() as vote:
            return (vote,) * gate.approvals
        case Script(script=votes):
            return votes
        case None | "nobody":
            return ()
        case _:
            assert_never(gate.reviewer)


def _due(gate: Gate) -> Millis | None:
    """When the script ends the gate's slowest opening, counted from that opening, if nobody else votes."""
    # one vote ends an opening, so the entries are those of different openings; in a quorum they follow each other
    if gate.approvals == 1:
        return max((vote.after for vote in _votes(gate)), default=None)
    total: Millis = 0
    votes = _votes(gate)[: gate.approvals]
    for vote in votes:
        total += vote.after
        if vote.verdict != "approved":
            break
    return total if votes else None


def outlasting_work(part: CompiledScenario, plan: Plan, deadline: Millis) -> Warnings:
    """Steps at which a job has been RUNNING for longer, on the longest way to them, or on that of the scenario's reviewers.

    On the longest way no loop is counted; on the reviewers' each round is.
    """
    switches = Layers().over(part.scenario.settings)
    own = _on_longest_way(part, switches), _on_own_way(plan, switches)
    name, lasted = next(((name, lasted) for way in own for name, lasted in way if lasted > deadline), ("", 0))
    if name:
        place = next(place for place, step in enumerate(part.scenario.steps) if step.id == name)
        # a client sees a little later that work is over, and counts till then
        enough = duration_text(-(-(lasted + lasted // 20) // _HOUR) * _HOUR)
        hint = f"lab run --deadline {enough} follows it; expect: {{status: RUNNING}} says that it is meant"
        what = f"at the end of {name} the job may have been RUNNING for {duration_text(-(-lasted // 1_000) * 1_000)}"
        longest = duration_text(deadline)
        yield ("steps", place), f"{what}: the lab's own client gives up after {longest}, and lab run exits 1", hint


def _on_longest_way(part: CompiledScenario, switches: Switches) -> Iterator[tuple[str, Millis]]:
    """How long a job may have been RUNNING at the end of each step; ways lead forward, but for those counted by rounds."""
    before = {part.first.id: 0}
    for step in part.scenario.steps:
        if step.id not in before:
            continue
        ended = before[step.id] + (_longest(step) if _runs(step, switches) else 0)
        yield step.id, ended
        for _, branches in exits(part, step):
            for branch in possible(branches):
                before[branch.to] = max(before.get(branch.to, 0), ended)


def _longest(step: Step) -> Millis:
    if isinstance(step, Parallel):
        takes = {child.id: longest_latency(child.takes) for child in step.of}
        return max(part.until for part in stretches(step, 0, takes.__getitem__))
    return longest_latency(step.takes) if isinstance(step, TimedStep) else 0


def _runs(step: Step, switches: Switches) -> bool:
    return shown_status(Span(0, step, 0, 0, None, ()), switches) is Status.RUNNING


def _on_own_way(plan: Plan, switches: Switches) -> Iterator[tuple[str, Millis]]:
    lasted = 0
    for span in spans(plan, ()):
        if span.until is not None and shown_status(span, switches) is Status.RUNNING:
            lasted += span.until - span.since
            yield span.id, lasted


def idle_faults(scenario: Scenario, parts: Sequence[CompiledScenario]) -> Iterator[tuple[KeyPath, str, str]]:
    """Faults that can't strike: nobody is ever there to be struck, or an earlier one strikes first."""
    there = {name for part in parts for name in reachable(part)}
    lasting = {step.id for part in parts for step in part.steps.values() if _lasts(step)}
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


def _lasts(step: Step) -> bool:
    """Whether a poll can find a job there: in a span of 0 ms there is no instant. A gate's patience is more than 0."""
    if isinstance(step, Parallel):
        lasting = map(_lasts, step.of)
        return any(lasting) if step.until == "all" else all(lasting)
    return not isinstance(step, TimedStep) or longest_latency(step.takes) > 0


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


def unknown_callers(scenario: Scenario, known: KnownCallers) -> Iterator[tuple[KeyPath, str, str]]:
    """Names in `for`, in `agent.roles` and in faults that are nobody's."""
    callers = scenario.callers
    # without a file a role that nobody has may be meant: its lack is what such a scenario shows
    roles = scenario.agent.roles if known.from_file else ()
    named: list[tuple[KeyPath, str, str]] = []
    for kind, where, names in (
        ("role", ("agent", "roles"), roles),
        ("user", ("for", "users"), callers.users if callers is not None else ()),
        ("role", ("for", "roles"), callers.roles if callers is not None else ()),
        ("client", ("for", "clients"), callers.clients if callers is not None else ()),
    ):
        named += [((*where, place), kind, name) for place, name in enumerate(names)]
    for place, fault in enumerate(scenario.faults):
        found = (("client", fault.client), ("user", fault.user))
        named += [(("faults", place, kind), kind, name) for kind, name in found if name is not None]
    clients = None if scenario.settings.get("clients") == "any" else known.clients
    lists = {"user": known.users, "role": known.roles, "client": clients}
    for path, kind, name in named:
        there = lists[kind]
        if there is not None and name not in there:
            near = nearest(name, there)
            hint = near or f"{kind}s there: {', '.join(sorted(there)[:20]) or 'none'}"
            if known.from_file:
                yield path, f"the settings know no {kind} {name}", hint
            else:
                hint += f"{' Else' if near else ';'} name the file that has it"
                yield path, f"a lab without --settings FILE knows no {kind} {name}", hint
