"""What one part of a document says of another: ids, targets, expressions, files, names in templates.

Checked on the raw values, so a mistake of shape elsewhere hides nothing; what has the wrong shape is passed over here.
"""

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from lab.core.errors import Unusable
from lab.core.exchange import Json
from lab.language.document import STEPS, nearest, strings_in
from lab.language.parse.complaints import Complaints, KeyPath
from lab.language.parse.conditions import check_condition, parameters_of
from lab.language.parse.data import check_data
from lab.language.parse.steps import RawStep, branches_in, check_steps
from lab.language.parse.template_names import Names, TextReader, check_text
from lab.language.parse.yaml_tree import list_of, mapping_of
from lab.language.patterns import ASCII_ALONE, BadPattern, pattern_of
from lab.language.templates import template, timeless_template

_TEXTS = tuple(dict.fromkeys(name for step in STEPS.values() for name in step.templates))
"""The members of steps that are templates, or hold some."""
_OUTSIDE = re.compile(r"^[/~]|^[A-Za-z]:|\\|(?:^|/)\.\.(?:/|$)|\0")
"""Names that lead out of a folder on some system."""

Reader: TypeAlias = Callable[[str], str]
"""Gives the text of a file in the scenario's folder; BadFile says why there is none."""


class BadFile(Unusable):
    """A file that an output names can't be used."""


def check_references(
    value: dict[str, Json], complaints: Complaints, stem: str | None, reader: Reader | None = None
) -> None:
    """Complain about every reference that leads nowhere. Without a reader, files that outputs name are not looked at."""
    name = value.get("name")
    if stem is not None and isinstance(name, str) and name != stem:
        fits = re.fullmatch("[a-z0-9][a-z0-9-]*", stem)
        hint = f"write {stem}, or rename the file" if fits else "rename the file: small letters, digits and -"
        complaints.add(("name",), f"{name} is not the file's name", hint)
    turns = [(("turns", place), turn) for place, turn in enumerate(list_of(value.get("turns")))]
    earlier: list[frozenset[str] | None] = []
    steps: list[RawStep] = []
    for prefix, part in [((), value), *turns]:
        if isinstance(part, dict):
            own = check_steps(part, prefix, complaints)
            _part(part, prefix, own, tuple(earlier) if turns else None, parameters_of(value), complaints)
            for step in own:
                _file(step, complaints, reader)
            steps += own
            data = part.get("data", {})
            # in any order only the first is known
            known = isinstance(data, dict) and (not earlier or value.get("turn_order") != "any")
            earlier.append(frozenset(mapping_of(data)) if known else None)
    _order(value, complaints)
    _narration(value, steps, complaints)
    _expectation(value, [step.id for step in steps if step.kind == "gate"], complaints)
    _faults(value, list(dict.fromkeys(step.id for step in steps)), complaints)


def _part(
    part: dict[str, Json],
    prefix: KeyPath,
    steps: list[RawStep],
    earlier: tuple[frozenset[str] | None, ...] | None,
    parameters: dict[str, Json],
    complaints: Complaints,
) -> None:
    """A scenario, or one of its later turns: data, match and texts of its own."""
    groups = _groups(part, prefix, complaints)
    data = part.get("data", {})
    names = Names(
        data=data if isinstance(data, dict) else None,
        groups=groups,
        gates=frozenset(step.id for step in steps if step.kind == "gate"),
        delegates=frozenset(step.id for step in steps if step.kind == "delegate"),
        earlier=earlier,
        parameters={**parameters, **parameters_of(part)},
    )
    check_data(mapping_of(data), (*prefix, "data"), names, complaints)
    for path, text, reading in _texts(part, prefix):
        check_text(path, text, names, complaints, reading)
    for step in steps:
        for path, branch in branches_in(step):
            if isinstance(when := branch.get("when"), str):
                check_condition((*path, "when"), when, names, complaints)


def _order(value: dict[str, Json], complaints: Complaints) -> None:
    """What may come at any time, or not at all, has no place among turns that come as they are written."""
    for place, turn in enumerate(list_of(value.get("turns")) if value.get("turn_order") != "any" else ()):
        if mapping_of(turn).get("optional") is True:
            complaints.add(
                ("turns", place, "optional"), "an optional turn has no place in an order", "write turn_order: any"
            )


def _narration(value: dict[str, Json], steps: list[RawStep], complaints: Complaints) -> None:
    """Each ending that has a sentence of its own is one of its kind."""
    narration = mapping_of(value.get("narration"))
    for kind in ("complete", "error"):
        ids = [step.id for step in steps if step.kind == kind]
        for name in mapping_of(narration.get(kind)):
            if name not in ids:
                hint = nearest(name, ids) or f"there are {', '.join(ids) or 'none'}"
                complaints.add(("narration", kind, name), f"no step ends in {kind}: {name}", hint)


def _expectation(value: dict[str, Json], gates: list[str], complaints: Complaints) -> None:
    """Each gate of which a verdict is expected is one of the scenario's, of its later turns too."""
    for name in mapping_of(mapping_of(value.get("expect")).get("verdicts")):
        if name not in gates:
            hint = nearest(name, gates) or f"gates: {', '.join(dict.fromkeys(gates)) or 'none'}"
            complaints.add(("expect", "verdicts", name), f"there is no gate {name}", hint, at_key=True)


def _faults(value: dict[str, Json], known: list[str], complaints: Complaints) -> None:
    first: dict[str, int] = {}
    for place, fault in enumerate(list_of(value.get("faults"))):
        body = mapping_of(fault)
        if isinstance(step := body.get("step"), str) and step not in known:
            hint = nearest(step, known) or f"steps: {', '.join(known)}"
            complaints.add(("faults", place, "step"), f"there is no step {step}", hint)
        if isinstance(of := body.get("scenario"), str) and isinstance(value.get("name"), str) and of != value["name"]:
            what = f"the faults of {value['name']} strike nobody's jobs but its own"
            complaints.add(("faults", place, "scenario"), what, "leave it out")
        if isinstance(name := body.get("name"), str) and first.setdefault(name, place) != place:
            line = complaints.locations.value_at(("faults", first[name], "name")).line
            complaints.add(("faults", place, "name"), f"a second fault called {name}", f"the first is on line {line}")


def _groups(part: dict[str, Json], prefix: KeyPath, complaints: Complaints) -> frozenset[str] | None:
    """The names that `match` gives; None if it can't be told."""
    match = part.get("match")
    if match is None:
        return frozenset()
    if not isinstance(match, str):
        return None
    try:
        pattern = pattern_of(match)
    except BadPattern as bad:
        complaints.add((*prefix, "match"), str(bad), bad.hint)
        return None
    ask = part.get("ask")
    path: KeyPath = (*prefix, "ask")
    path, message = ((*path, "message"), ask.get("message")) if isinstance(ask, dict) else (path, ask)
    if isinstance(message, str) and message and not pattern.fits(message):
        hint = "no job of this scenario would come of it"
        if len(match) > 1 and match[0] == match.rstrip("gimsu")[-1] == "/":
            hint = "write it without slashes; case is ignored anyway"
        elif word := pattern.cut(message):
            hint = f"{ASCII_ALONE}, not all of {word}"
        complaints.add(path, "the message doesn't fit match", hint)
    return frozenset(pattern.names)


def _texts(part: dict[str, Json], prefix: KeyPath) -> Iterator[tuple[KeyPath, str, TextReader]]:
    """Every text that is a template, with its path and what reads it."""
    for path, body in _bodies(part, prefix):
        for name in _TEXTS:
            value = body.get(name)
            reading = timeless_template if name == "output" and "delegate" in body else template
            if name == "output" and isinstance(value, dict):
                value = {form: text for form, text in value.items() if form not in ("file", "filler")}
            yield from ((*each, reading) for each in strings_in(value, (*path, name)))
        if isinstance(asks := mapping_of(body.get("escalate")).get("asks"), str):
            yield (*path, "escalate", "asks"), asks, template


def _bodies(part: dict[str, Json], prefix: KeyPath) -> Iterator[tuple[KeyPath, dict[str, Json]]]:
    """The steps, those within a parallel too, each with its path, whatever their kind."""
    for place, step in enumerate(list_of(part.get("steps"))):
        body = mapping_of(step)
        yield (*prefix, "steps", place), body
        for within, child in enumerate(list_of(body.get("of"))):
            yield (*prefix, "steps", place, "of", within), mapping_of(child)


def _file(step: RawStep, complaints: Complaints, reader: Reader | None) -> None:
    """Complain about the file that an output names, if it can't be used."""
    name = mapping_of(step.body.get("output")).get("file")
    if step.kind not in ("complete", "delegate") or not isinstance(name, str):
        return
    path = (*step.path, "output", "file")
    if _OUTSIDE.search(name):
        complaints.add(path, f"{name} is outside the scenario's folder", "name a file beside the scenario, or below it")
    elif reader is not None:
        try:
            reader(name)
        except BadFile as bad:
            complaints.add(path, str(bad), bad.hint)
