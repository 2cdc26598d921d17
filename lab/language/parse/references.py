"""What one part of a scenario says of another: ids, targets, expressions, files, names in texts.

Checked on what was read, stand-ins too: of what is spoilt nobody complains twice.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from lab.core.exchange import Json
from lab.language.complaints import BadFile, Complaints
from lab.language.parse.data import check_data
from lab.language.parse.names import check_condition, check_text, names_of
from lab.language.parse.steps import check_steps
from lab.language.patterns import ASCII_ALONE, BadPattern, pattern_of
from lab.language.step_texts import step_texts
from lab.program.scenario import AnyUserMessage, Scenario, Turn
from lab.program.steps import (
    Complete,
    Delegate,
    Failure,
    FileOutput,
    Gate,
    Step,
    placed_steps,
    with_children,
)
from lab.program.words import KeyPath, nearest

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
        check_steps(part.steps, (*at, "steps"), to)
        _part(part, at, earlier if scenario.turns else None, _parameters(scenario.ask), to, reader)
        # in any order only the first is known
        known = to.sound((*at, "data")) and (not earlier or scenario.turn_order != "any")
        earlier.append(part.data if known else None)
    for place, turn in enumerate(scenario.turns if scenario.turn_order != "any" else ()):
        if turn.optional:
            what, hint = "an optional turn has no place in an order", "write turn_order: any"
            to.add(("turns", place, "optional"), what, hint)
    _named_steps(scenario, [step for _, part in parts for step in with_children(part.steps)], to)


def _parameters(ask: AnyUserMessage) -> Mapping[str, Json]:
    return {} if isinstance(ask, str) else ask.parameters


def _part(
    part: Scenario | Turn, at: KeyPath, earlier: Sequence[Collection[str] | None] | None, parameters: Mapping[str, Json],
    to: Complaints, reader: Reader | None,
) -> None:  # fmt: skip
    """A scenario, or one of its later turns: data, match and texts of its own."""
    steps = list(placed_steps(part.steps, (*at, "steps")))
    names = names_of(
        data=part.data if to.sound((*at, "data")) else None,
        groups=_groups(part, at, to),
        gates=[step.id for _, step in steps if isinstance(step, Gate)],
        delegates=[step.id for _, step in steps if isinstance(step, Delegate)],
        earlier=earlier,
        parameters={**parameters, **_parameters(part.ask)},
    )
    check_data(part.data, (*at, "data"), names, to)
    for each in step_texts(part.steps, (*at, "steps")):
        if each.is_condition:
            check_condition(each.path, each.text, names, to)
        else:
            check_text(each.path, each.text, names, to, each.reading)
    for path, step in steps:
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
    path, message = ((*at, "ask"), part.ask)
    if not isinstance(message, str):
        path, message = (*path, "message"), message.message
    if message and not pattern.fits(message):
        hint = "no job of this scenario would come of it"
        if len(match) > 1 and match[0] == match.rstrip("gimsu")[-1] == "/":
            hint = "write it without slashes; case is ignored anyway"
        elif word := pattern.cut(message):
            hint = f"{ASCII_ALONE}, not all of {word}"
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
    for kind, ending in (("complete", Complete), ("error", Failure)):
        ids = [step.id for step in steps if isinstance(step, ending)]
        sentences = getattr(scenario.narration, kind)
        for name in sentences if isinstance(sentences, dict) else ():
            if name not in ids:
                hint = nearest(name, ids) or f"there are {', '.join(ids) or 'none'}"
                to.add(("narration", kind, name), f"no step ends in {kind}: {name}", hint)
    gates = [step.id for step in steps if isinstance(step, Gate)]
    for name in scenario.expect.verdicts:
        if name not in gates:
            hint = nearest(name, gates) or f"gates: {', '.join(dict.fromkeys(gates)) or 'none'}"
            to.add(("expect", "verdicts", name), f"there is no gate {name}", hint, at_key=True)
    known, first = list(dict.fromkeys(step.id for step in steps)), dict[str, int]()
    for place, fault in enumerate(scenario.faults):
        path: KeyPath = ("faults", place)
        if fault.step is not None and fault.step not in known:
            hint = nearest(fault.step, known) or f"steps: {', '.join(known)}"
            to.add((*path, "step"), f"there is no step {fault.step}", hint)
        if fault.scenario is not None and to.sound(("name",)) and fault.scenario != scenario.name:
            what = f"the faults of {scenario.name} strike nobody's jobs but its own"
            to.add((*path, "scenario"), what, "leave it out")
        if fault.name is not None and first.setdefault(fault.name, place) != place:
            line = to.locations.value_at(("faults", first[fault.name], "name")).line
            to.add((*path, "name"), f"a second fault called {fault.name}", f"the first is on line {line}")
