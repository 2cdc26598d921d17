"""What the steps of a scenario, or of a turn, say of each other: ids, targets, endings, loops, votes."""

from collections.abc import Iterator, Sequence

from lab.language.complaints import Complaints
from lab.program.draws import longest_latency
from lab.program.steps import Gate, Parallel, Pause, Step, TimedStep, placed_steps, targets_of, votes_of
from lab.program.words import MILLION, KeyPath, Verdict, chance_text, duration_text, nearest


def check_steps(steps: Sequence[Step], at: KeyPath, to: Complaints) -> None:
    """Complain about what the steps at a place say of each other."""
    first: dict[str, KeyPath] = {}
    order: dict[str, int] = {}
    around: dict[str, Step] = {}
    for path, step in placed_steps(steps, at):
        if (other := first.setdefault(step.id, (*path, step.kind))) != (*path, step.kind):
            line = to.locations.value_at(other).line
            to.add((*path, step.kind), f"a second step called {step.id}", f"the first is on line {line}")
        place = len(at)
        if len(path) > place + 1:  # within a parallel
            parallel = steps[int(path[place])]
            around[step.id] = parallel
            if dict(targets_of(step)):
                what, hint = "the parallel says what follows, no child of it", f"write next in {parallel.id}"
                to.add((*path, "next"), what, hint, at_key=True)
        elif step.id:  # else it is a stand-in
            order.setdefault(step.id, int(path[place]))
    for place, step in enumerate(steps):
        for path, target, back in _ways(step):
            if target not in order:
                hint = nearest(target, order) or f"steps: {', '.join(order)}"
                hint = f"lead to {around[target].id}, in which it is" if target in around else hint
                to.add((*at, place, *path), f"there is no step {target}", hint)
            elif order[target] <= place and not back:
                what = f"{target} is an earlier step" if order[target] < place else "leads to its own step"
                to.add((*at, place, *path), what, "only changes-requested and again may lead back")
        _branches(step, (*at, place), to)
        if isinstance(step, Gate):
            _gate(step, (*at, place), to)
    if steps and not steps[-1].status.final:
        # ways lead forward but for counted loops, so every path ends if the last step does
        hint = "end with a complete or an error step"
        to.add((*at, len(steps) - 1), f"nothing follows {steps[-1].id}, and it is no ending", hint)
    _loops(steps, order, at, to)


def _ways(step: Step) -> Iterator[tuple[KeyPath, str, bool]]:
    """The step's ways to others: where it is written there, the target, whether it may lead back."""
    for place, target in targets_of(step):
        back = place[-1] == Verdict.CHANGES
        if isinstance(target, str):
            yield place, target, back
        else:
            yield from (((*place, number, "to"), branch.to, back) for number, branch in enumerate(target))
    if isinstance(step, Pause) and step.again is not None:
        yield ("again", "to"), step.again.to, True


def _branches(step: Step, path: KeyPath, to: Complaints) -> None:
    """Shares of more than the whole; a way back that isn't always one."""
    for place, target in targets_of(step):
        if isinstance(target, str):
            continue
        total = 0
        for number, branch in enumerate(target):
            before, total = total, total + (branch.chance or 0)
            if before <= MILLION < total:
                what = f"the chances come to {chance_text(total)}, 100% at most"
                hint = "what is left is taken by a last {to: STEP}"
                to.add((*path, *place, number, "chance"), what, hint)
        if place[-1] == Verdict.CHANGES and not any(each.sure for each in target):
            hint = "end the list with {to: STEP}"
            to.add((*path, *place), "where changes are asked for, some branch must be taken", hint)


def _gate(gate: Gate, path: KeyPath, to: Complaints) -> None:
    """Its quorum, its scripted votes, its escalation."""
    text_alone = "this gate only collects a text"
    if gate.approvals > 1 and gate.channel == "CHAT":
        hint = "write channel: APPROVAL_PROCESS, or EMAIL"
        to.add((*path, "approvals"), "a CHAT gate takes one approval: the one who chats", hint)
    elif gate.approvals > 1 and not gate.approval:
        to.add((*path, "approvals"), text_alone, "leave approvals out")
    for place, vote in votes_of(gate):
        verdict = (*path, *place, "verdict")
        if not gate.approval and vote.verdict != "approved":
            to.add(verdict, text_alone, "its verdict is approved")
        elif vote.verdict == "changes-requested" and gate.verdicts.changes_requested is None:
            hint = "name a step in verdicts: {changes-requested: STEP}"
            to.add(verdict, "this gate doesn't offer changes-requested", hint)
        elif vote.verdict == "changes-requested" and not vote.comment:
            to.add(verdict, "a request for changes says what should change", "add a comment")
    if gate.escalate is not None and to.sound((*path, "patience")) and gate.escalate.after >= gate.patience:
        hint = f"patience ends after {duration_text(gate.patience)}"
        to.add((*path, "escalate", "after"), "the gate times out before it escalates", hint)


def _loops(steps: Sequence[Step], order: dict[str, int], at: KeyPath, to: Complaints) -> None:
    """Complain about loops in which no time passes: rounds that nobody could see, however many."""
    reached: dict[str, set[str]] = {}
    """Of each step: to which a job may come from there before any time has passed."""
    for place, step in reversed([*enumerate(steps)]):
        found = {step.id}
        if _instant(step):
            found.update(*(reached.get(target, ()) for _, target, back in _ways(step) if not back))
            onward = dict(targets_of(step)).get(("next",), ())
            led = isinstance(onward, str) or any(each.sure for each in onward)
            if place + 1 < len(steps) and not led and not step.status.final:
                found |= reached[steps[place + 1].id]
        reached[step.id] = found
    for place, step in enumerate(steps):
        for path, target, back in _ways(step):
            leads_back = back and order.get(target, place + 1) <= place
            if leads_back and _instant(step) and step.id in reached[target]:
                what = "a loop of 0ms: no time passes from round to round"
                to.add((*at, place, *path), what, "let one of its steps take time")


def _instant(step: Step) -> bool:
    """Whether the step surely takes no time: a draw of 0ms, or a script that answers at once."""
    if isinstance(step, Parallel):
        return (any if step.until == "any" else all)(map(_instant, step.of))
    if isinstance(step, Gate):
        scripted = [vote for place, vote in votes_of(step) if place[0] == "reviewer"]
        return bool(scripted) and all(vote.after == 0 for vote in scripted)
    return isinstance(step, TimedStep) and longest_latency(step.takes) == 0
