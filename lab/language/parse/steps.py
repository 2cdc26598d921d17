"""What the steps of a scenario, or of a turn, say of each other: ids, targets, endings, loops, votes."""

from collections.abc import Iterator, Sequence

from lab.language.complaints import Complaints
from lab.program.draws import longest_latency
from lab.program.steps import Gate, Parallel, Pause, Step, TimedStep, placed_steps, targets_of, votes_of
from lab.program.words import MILLION, KeyPath, Verdict, chance_text, duration_text, nearest


def check_steps(steps: Sequence[Step], at: KeyPath, to: Complaints) -> None:
    """Complain about what the steps at a place say of each other."""
    if not steps:
        return  # it was complained of
    _ids(steps, at, to)
    _targets(steps, at, to)
    if not steps[-1].status.final:
        # ways lead forward but for counted loops, so every path ends if the last step does
        hint = "end with a complete or an error step"
        to.add((*at, len(steps) - 1), f"nothing follows {steps[-1].id or 'it'}, and it is no ending", hint)
    for place, step in enumerate(steps):
        _branches(step, (*at, place), to)
        if isinstance(step, Gate):
            _gate(step, (*at, place), to)
    _loops(steps, at, to)


def _ids(steps: Sequence[Step], at: KeyPath, to: Complaints) -> None:
    first: dict[str, KeyPath] = {}
    for path, step in placed_steps(steps, at):
        place = (*path, step.kind)
        other = first.setdefault(step.id, place)
        if other != place:
            line = to.locations.value_at(other).line
            to.add(place, f"a second step called {step.id}", f"the first is on line {line}")


def _targets(steps: Sequence[Step], at: KeyPath, to: Complaints) -> None:
    around: dict[str, str] = {}
    for place, step in enumerate(steps):
        for within, child in enumerate(step.of if isinstance(step, Parallel) else ()):
            around[child.id] = step.id
            if child.next is not None:
                what, hint = "the parallel says what follows, no child of it", f"write next in {step.id}"
                to.add((*at, place, "of", within, "next"), what, hint, at_key=True)
    order = _order(steps)
    for place, step in enumerate(steps):
        for path, target, back in _ways(step):
            if target not in order:
                hint = nearest(target, order) or f"steps: {', '.join(order)}"
                hint = f"lead to {around[target]}, in which it is" if target in around else hint
                to.add((*at, place, *path), f"there is no step {target}", hint)
            elif order[target] <= place and not back:
                what = f"{target} is an earlier step" if order[target] < place else "leads to its own step"
                to.add((*at, place, *path), what, "only changes-requested and again may lead back")


def _order(steps: Sequence[Step]) -> dict[str, int]:
    """The steps' places by id; of two with one id the first."""
    order: dict[str, int] = {}
    for place, step in enumerate(steps):
        if step.id:  # else it is a stand-in
            order.setdefault(step.id, place)
    return order


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
        total = 0
        for number, branch in enumerate(() if isinstance(target, str) else target):
            share = branch.chance or 0
            total += share
            if total - share <= MILLION < total:
                what = f"the chances come to {chance_text(total)}, 100% at most"
                hint = "what is left is taken by a last {to: STEP}"
                to.add((*path, *place, number, "chance"), what, hint)
        if place[-1] == Verdict.CHANGES and not isinstance(target, str) and not any(each.sure for each in target):
            hint = "end the list with {to: STEP}"
            to.add((*path, *place), "where changes are asked for, some branch must be taken", hint)


def _gate(gate: Gate, path: KeyPath, to: Complaints) -> None:
    """Its quorum, its scripted votes, its escalation."""
    only_text = not gate.approval and to.sound((*path, "approval"))
    chat = gate.channel == "CHAT" and to.sound((*path, "channel"))
    if gate.approvals > 1 and chat:
        hint = "write channel: APPROVAL_PROCESS, or EMAIL"
        to.add((*path, "approvals"), "a CHAT gate takes one approval: the one who chats", hint)
    elif gate.approvals > 1 and only_text:
        to.add((*path, "approvals"), "this gate only collects a text", "leave approvals out")
    offers_changes = gate.verdicts.changes_requested is not None or not to.sound((*path, "verdicts", Verdict.CHANGES))
    for place, vote in votes_of(gate):
        verdict = (*path, *place, "verdict")
        if only_text and vote.verdict != "approved":
            to.add(verdict, "this gate only collects a text", "its verdict is approved")
        elif vote.verdict == "changes-requested" and not offers_changes:
            hint = "name a step in verdicts: {changes-requested: STEP}"
            to.add(verdict, "this gate doesn't offer changes-requested", hint)
        elif vote.verdict == "changes-requested" and not vote.comment and to.sound((*path, *place, "comment")):
            to.add(verdict, "a request for changes says what should change", "add a comment")
    if gate.escalate is not None and to.sound((*path, "patience")) and gate.escalate.after >= gate.patience:
        hint = f"patience ends after {duration_text(gate.patience)}"
        to.add((*path, "escalate", "after"), "the gate times out before it escalates", hint)


def _loops(steps: Sequence[Step], at: KeyPath, to: Complaints) -> None:
    """Complain about loops in which no time passes: rounds that nobody could see, however many."""
    order = _order(steps)
    for place, step in enumerate(steps):
        for path, target, back in _ways(step):
            leads_back = back and order.get(target, place + 1) <= place
            if leads_back and _instant(step) and _reaches(steps, order, target, step.id):
                what = "a loop of 0ms: no time passes from round to round"
                to.add((*at, place, *path), what, "let one of its steps take time")


def _reaches(steps: Sequence[Step], order: dict[str, int], start: str, goal: str) -> bool:
    """Whether some way from `start` to the goal takes no time at all."""
    ahead, visited = [start], set[str]()
    while ahead:
        name = ahead.pop()
        if name == goal:
            return True
        place = order.get(name)
        if place is None or name in visited or not _instant(steps[place]):
            continue
        visited.add(name)
        step = steps[place]
        ahead += [target for _, target, back in _ways(step) if not back]
        onward = dict(targets_of(step)).get(("next",), ())
        led = isinstance(onward, str) or any(each.sure for each in onward)
        if place + 1 < len(steps) and not led and not step.status.final:
            ahead.append(steps[place + 1].id)
    return False


def _instant(step: Step) -> bool:
    """Whether the step surely takes no time: a draw of 0ms, or a script that answers at once."""
    if isinstance(step, Parallel):
        return (any if step.until == "any" else all)(map(_instant, step.of))
    if isinstance(step, Gate):
        scripted = [vote for place, vote in votes_of(step) if place[0] == "reviewer"]
        return bool(scripted) and all(vote.after == 0 for vote in scripted)
    return isinstance(step, TimedStep) and longest_latency(step.takes) == 0
