"""What one part of a scenario says of another: ids, targets, expressions, files, names in texts, values made of others.

Checked on what was read, stand-ins too: of what is spoilt nobody complains twice.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from lab.core.exchange import Json
from lab.language.complaints import BadFile, Complaints
from lab.language.generators import NoValue, fake_length
from lab.language.parse.names import KnownValue, check_text, known_in_part, within_row
from lab.language.patterns import ASCII_ALONE, BadPattern, pattern_of
from lab.language.step_texts import step_texts
from lab.language.templates import TemplateError, derivation
from lab.program.draws import DataRow, Datum, Derivation, DrawnElement, Fake, elements_in, longest_latency
from lab.program.scenario import Scenario, Turn, user_message
from lab.program.steps import (
    Complete,
    Delegate,
    FileOutput,
    Gate,
    Parallel,
    Pause,
    Step,
    TimedStep,
    cancel_texts,
    placed_steps,
    targets_of,
    votes_of,
    with_children,
)
from lab.program.words import MILLION, KeyPath, Status, Verdict, among, chance_text, duration_text

MOST_GENERATED = 500_000
"""Characters that a scenario's generated values come to in all, by one of each: about as many milliseconds' work."""
_LONGEST_CHAIN = 16
"""How many values may be made of each other in a row."""
_OUTSIDE = re.compile(r"^[/~]|^[A-Za-z]:|\\|(?:^|/)\.\.(?:/|$)|\0")
"""Names that lead out of a folder on some system."""

Reader: TypeAlias = Callable[[str], str]
"""Gives the text of a file in the scenario's folder; BadFile says why there is none."""


def check_references(scenario: Scenario, to: Complaints, stem: str | None, reader: Reader | None) -> None:
    """Complain about every reference that leads nowhere. Without a reader, files that outputs name are not looked at."""
    if stem is not None and scenario.name != stem:
        fits = re.fullmatch("[a-z0-9][a-z0-9-]*", stem)
        hint = f"write {stem}, or rename the file" if fits else "rename the file: small letters, digits and -"
        to.add(("name",), f"{scenario.name} is not the file's name", hint)
    earlier: list[Collection[str] | None] = []
    parts: list[tuple[KeyPath, Scenario | Turn]] = [((), scenario)]
    parts += [(("turns", place), turn) for place, turn in enumerate(scenario.turns)]
    for at, part in parts:
        _steps(part.steps, (*at, "steps"), to)
        _part(part, at, earlier if scenario.turns else None, user_message(scenario.ask).parameters, to, reader)
        # in any order only the first is known
        known = to.sound((*at, "data")) and (not earlier or scenario.turn_order != "any")
        earlier.append(part.data if known else None)
    for place, turn in enumerate(scenario.turns if scenario.turn_order != "any" else ()):
        if turn.optional:
            what, hint = "an optional turn has no place in an order", "write turn_order: any"
            to.add(("turns", place, "optional"), what, hint)
    _named_steps(scenario, [step for _, part in parts for step in with_children(part.steps)], to)


def _part(
    part: Scenario | Turn,
    at: KeyPath,
    earlier: Sequence[Collection[str] | None] | None,
    parameters: Mapping[str, Json],
    to: Complaints,
    reader: Reader | None,
) -> None:
    """A scenario, or one of its later turns: data, match and texts of its own."""
    sound, known = to.sound((*at, "data")), {**parameters, **user_message(part.ask).parameters}
    names = known_in_part(part, data_sound=sound, groups=_groups(part, at, to), earlier=earlier, parameters=known)
    _data(part.data, (*at, "data"), names, to)
    for each in step_texts(part.steps, (*at, "steps")):
        check_text(each.path, each.text, names, to, each.reading)
    for place, text in cancel_texts(part.cancel if isinstance(part, Scenario) else None):
        check_text(place, text, names, to)
    for path, step in placed_steps(part.steps, (*at, "steps")):
        if isinstance(step, Complete | Delegate) and isinstance(step.output, FileOutput):
            _file(step.output.file, (*path, "output", "file"), to, reader)


def _groups(part: Scenario | Turn, at: KeyPath, to: Complaints) -> frozenset[str] | None:
    """The names that `match` gives; None if it can't be told."""
    if part.match is None or not to.sound((*at, "match")):
        return frozenset() if part.match is None else None
    match = part.match
    try:
        pattern = pattern_of(match)
    except BadPattern as bad:
        to.add((*at, "match"), str(bad), bad.hint)
        return None
    message = user_message(part.ask).message
    if message and not pattern.fits(message):
        hint = "no job of this scenario would come of it"
        if len(match) > 1 and match[0] == match.rstrip("gimsu")[-1] == "/":
            hint = "write it without slashes; case is ignored anyway"
        elif word := pattern.cut(message):
            hint = f"{ASCII_ALONE}, not all of {word}"
        path: KeyPath = (*at, "ask") if isinstance(part.ask, str) else (*at, "ask", "message")
        to.add(path, "the message doesn't fit match", hint)
    return frozenset(pattern.names)


def _file(name: str, path: KeyPath, to: Complaints, reader: Reader | None) -> None:
    """Complain about the file that an output names, if it can't be used."""
    if _OUTSIDE.search(name):
        to.add(path, f"{name} is outside the scenario's folder", "name a file beside the scenario, or below it")
    elif reader is not None and to.sound(path):
        try:
            reader(name)
        except BadFile as bad:
            to.add(path, str(bad), bad.hint)


def _named_steps(scenario: Scenario, steps: list[Step], to: Complaints) -> None:
    """Steps that are named beside the steps: in sentences, in what is expected, in faults; and faults of one name."""
    for kind, status in (("polling", Status.RUNNING), ("complete", Status.COMPLETE), ("error", Status.ERROR)):
        ids = [step.id for step in steps if step.status is status and step.id]
        sentences = getattr(scenario.narration, kind)
        for name in sentences if isinstance(sentences, dict) else ():
            if name not in ids:
                what = f"no step ends in {kind}" if status.final else "no step is RUNNING"
                to.add(("narration", kind, name), f"{what}: {name}", among(name, ids, f"{kind} steps"))
    gates = [step.id for step in steps if isinstance(step, Gate)]
    for name in scenario.expect.verdicts:
        if name not in gates:
            hint = among(name, gates, "gates")
            to.add(("expect", "verdicts", name), f"there is no gate {name}", hint, at_key=True)
    known, first = [step.id for step in steps], dict[str, int]()
    for place, struck in enumerate(scenario.callbacks.faults):
        if struck.step is not None and struck.step not in known:
            hint = among(struck.step, known, "steps")
            to.add(("callbacks", "faults", place, "step"), f"there is no step {struck.step}", hint)
    for place, fault in enumerate(scenario.faults):
        path: KeyPath = ("faults", place)
        if fault.step is not None and fault.step not in known:
            to.add((*path, "step"), f"there is no step {fault.step}", among(fault.step, known, "steps"))
        if fault.scenario is not None and to.sound(("name",)) and fault.scenario != scenario.name:
            what = f"the faults of {scenario.name} strike nobody's jobs but its own"
            to.add((*path, "scenario"), what, "leave it out")
        if fault.name is not None and first.setdefault(fault.name, place) != place:
            line = to.locations.value_at(("faults", first[fault.name], "name")).line
            to.add((*path, "name"), f"a second fault called {fault.name}", f"the first is on line {line}")


# Steps


def _steps(steps: Sequence[Step], at: KeyPath, to: Complaints) -> None:
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
                lead = f"lead to {around[target].id}, in which it is" if target in around else ""
                to.add((*at, place, *path), f"there is no step {target}", lead or among(target, order, "steps"))
            elif order[target] <= place and not back:
                what = f"{target} is an earlier step" if order[target] < place else "leads to its own step"
                to.add((*at, place, *path), what, "only changes-requested and again may lead back")
        _branches(step, (*at, place), to)
        if isinstance(step, Gate):
            _gate(step, (*at, place), to)
    if steps and not steps[-1].status.final:
        # ways lead forward but for counted loops, so every path ends if the last step does
        hint = "end with a complete or an error step"
        to.add((*at, len(steps) - 1), f"nothing follows {steps[-1].id or 'it'}, and it is no ending", hint)
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
    only_text = not gate.approval and to.sound((*path, "approval"))
    offers_changes = gate.verdicts.changes_requested is not None or not to.sound((*path, "verdicts", Verdict.CHANGES))
    if gate.approvals > 1 and gate.channel == "CHAT" and to.sound((*path, "channel")):
        hint = "write channel: APPROVAL_PROCESS, or EMAIL"
        to.add((*path, "approvals"), "a CHAT gate takes one approval: the one who chats", hint)
    elif gate.approvals > 1 and only_text:
        to.add((*path, "approvals"), text_alone, "leave approvals out")
    for place, vote in votes_of(gate):
        verdict = (*path, *place, "verdict")
        if only_text and vote.verdict != "approved":
            to.add(verdict, text_alone, "its verdict is approved")
        elif vote.verdict == "changes-requested" and not offers_changes:
            hint = "name a step in verdicts: {changes-requested: STEP}"
            to.add(verdict, "this gate doesn't offer changes-requested", hint)
        elif vote.verdict == "changes-requested" and not vote.comment and to.sound((*path, *place, "comment")):
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
        if instant(step):
            found.update(*(reached.get(target, ()) for _, target, back in _ways(step) if not back))
            onward = dict(targets_of(step)).get(("next",), ())
            led = isinstance(onward, str) or any(each.sure for each in onward)
            if place + 1 < len(steps) and not led and not step.status.final:
                found |= reached[steps[place + 1].id]
        reached[step.id] = found
    for place, step in enumerate(steps):
        for path, target, back in _ways(step):
            leads_back = back and order.get(target, place + 1) <= place
            if leads_back and instant(step) and step.id in reached[target]:
                what = "a loop of 0ms: no time passes from round to round"
                to.add((*at, place, *path), what, "let one of its steps take time")


def instant(step: Step) -> bool:
    """Whether the step surely takes no time: a draw of 0ms, or a script that answers at once."""
    if isinstance(step, Parallel):
        return (any if step.until == "any" else all)(map(instant, step.of))
    if isinstance(step, Gate):
        scripted = [vote for place, vote in votes_of(step) if place[0] == "reviewer"]
        return bool(scripted) and all(vote.after == 0 for vote in scripted)
    return isinstance(step, TimedStep) and longest_latency(step.takes) == 0


# Data


def _data(data: Mapping[str, Datum], path: KeyPath, names: KnownValue, complaints: Complaints) -> None:
    """Complain about what can't be generated, and about values that can't be made of others."""
    length = 0
    within = {name: [*elements_in(datum)] for name, datum in data.items()}
    for name, drawn in within.items():
        for each in drawn:
            at = (*path, name, *each.place)
            match each.element:
                case Fake(fake=fake, locale=locale, arguments=arguments) if complaints.sound(at):
                    try:
                        length += each.most * fake_length(fake, locale, arguments)
                    except NoValue as error:
                        complaints.add((*at, error.key), str(error), error.hint)
                case Derivation(value=text):
                    seen = names if each.row is None else within_row(names, each.row.each)
                    check_text((*at, "value"), text, seen, complaints, derivation)
                case DataRow(each=row):
                    needs = {key: [*_used(elements_in(of), "row")] for key, of in row.items()}
                    _circles(needs, (*at, "each"), complaints)
    if length > MOST_GENERATED:
        what = f"about {length} generated characters for each job, {MOST_GENERATED} at most"
        complaints.add(path, what, "draw fewer, or shorter ones")
    _circles({name: [*_used(drawn, "data")] for name, drawn in within.items()}, path, complaints)


def _used(drawn: Iterator[DrawnElement] | Sequence[DrawnElement], root: str) -> Iterator[str]:
    """The entries of `data`, or of the row in which these stand, of which they are made."""
    for each in drawn:
        # in a row within a row, row is the inner one
        if isinstance(each.element, Derivation) and (root == "data" or each.row is None):
            try:
                looked_up = derivation(each.element.value).looked_up
            except TemplateError as error:
                looked_up = error.looked_up
            yield from (used[1] for _, used in looked_up if used[0] == root and len(used) > 1)


def _circles(needs: Mapping[str, Sequence[str]], path: KeyPath, complaints: Complaints) -> None:
    """Complain about values that are made of themselves, and about chains that are too long."""
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle: list[str] = error.args[1][::-1]
        first = min(circle, key=list(needs).index)
        at = circle.index(first)
        shown = " -> ".join([*circle[at:-1], *circle[: at + 1]] if at else circle)
        complaints.add((*path, first), f"{first} is made of itself: {shown}", "let one of them be drawn, or a constant")
        return
    depths: dict[str, int] = {}
    for name in order:
        depths[name] = 1 + max((depths[each] for each in needs.get(name, ())), default=0)
        if depths[name] == _LONGEST_CHAIN + 1:
            what = f"{name} is made of others in {depths[name]} steps, {_LONGEST_CHAIN} at most"
            complaints.add((*path, name), what, "make it of earlier ones")
