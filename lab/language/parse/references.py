"""What one part of a document says of another: ids, targets, expressions, names in templates.

Checked on the raw values, so a mistake of shape elsewhere hides nothing; what has the wrong shape is passed over here.
"""

import re
import warnings
from collections.abc import Iterator

from lab.core.exchange import Json
from lab.language.document import nearest
from lab.language.generate import check_fake
from lab.language.parse.collect import Collector
from lab.language.parse.steps import RawStep, check_steps, steps_of
from lab.language.parse.templates import Names, check_text
from lab.language.parse.tree import Path

_TEXTS = ("says", "asks", "text", "output", "change_prompt", "last_round")


def references(value: dict[str, Json], collector: Collector, stem: str | None) -> None:
    """Complain about every reference that leads nowhere."""
    name = value.get("name")
    if stem is not None and isinstance(name, str) and name != stem:
        collector.add(("name",), f"{name} is not the file's name", f"write {stem}, or rename the file")
    turns = value.get("turns")
    entries = [(("turns", place), entry) for place, entry in enumerate(turns if isinstance(turns, list) else [])]
    earlier: list[frozenset[str] | None] = []
    known: list[str] = []
    endings: dict[str, list[str]] = {"complete": [], "error": []}
    for prefix, part in [((), value), *entries]:
        if isinstance(part, dict):
            steps = _part(part, prefix, tuple(earlier) if entries else None, collector)
            known += [step.id for step in steps if step.id not in known]
            for step in steps:
                endings.get(step.kind, []).append(step.id)
            data = part.get("data", {})
            earlier.append(frozenset(data) if isinstance(data, dict) else None)
    _narrated(value, endings, collector)
    _faults(value, known, collector)


def _narrated(value: dict[str, Json], endings: dict[str, list[str]], collector: Collector) -> None:
    """Each ending that has a sentence of its own is one of its kind."""
    narration = value.get("narration")
    for kind, ids in endings.items():
        told = narration.get(kind) if isinstance(narration, dict) else None
        for name in told if isinstance(told, dict) else ():
            if name not in ids:
                what = f"no step ends in {kind}: {name}"
                collector.add(
                    ("narration", kind, name), what, nearest(name, ids) or f"there are {', '.join(ids) or 'none'}"
                )


def _part(
    part: dict[str, Json], prefix: Path, earlier: tuple[frozenset[str] | None, ...] | None, collector: Collector
) -> list[RawStep]:
    """A scenario, or one of its later turns: steps, data, match and texts of its own."""
    steps = check_steps(part, prefix, collector)
    groups = _groups(part, prefix, collector)
    data = part.get("data", {})
    if isinstance(data, dict):
        for key, datum in data.items():
            _fakes((*prefix, "data", key), datum, collector)
    names = Names(
        data=frozenset(data) if isinstance(data, dict) else None,
        groups=groups,
        gates=frozenset(step.id for step in steps if step.kind == "gate"),
        earlier=earlier,
    )
    for path, text in _texts(part, prefix):
        check_text(path, text, names, collector)
    for path, name in _files(part, prefix):
        collector.named(path, name)
    return steps


def _faults(value: dict[str, Json], known: list[str], collector: Collector) -> None:
    first: dict[str, int] = {}
    listed = value.get("faults")
    for place, body in enumerate(listed if isinstance(listed, list) else []):
        if not isinstance(body, dict):
            continue
        if isinstance(step := body.get("step"), str) and step not in known:
            hint = nearest(step, known) or f"steps: {', '.join(known)}"
            collector.add(("faults", place, "step"), f"there is no step {step}", hint)
        if isinstance(name := body.get("name"), str) and first.setdefault(name, place) != place:
            line = collector.places.value(("faults", first[name], "name")).line
            collector.add(("faults", place, "name"), f"a second fault called {name}", f"the first is on line {line}")


def _groups(part: dict[str, Json], prefix: Path, collector: Collector) -> frozenset[str] | None:
    """The names that `match` gives; None if it can't be told."""
    match = part.get("match")
    if match is None:
        return frozenset()
    if not isinstance(match, str):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what later versions of the language will read otherwise
            expression = re.compile(match, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        collector.add((*prefix, "match"), f"not a regular expression: {error}")
        return None
    ask = part.get("ask")
    path: Path = (*prefix, "ask")
    path, message = ((*path, "message"), ask.get("message")) if isinstance(ask, dict) else (path, ask)
    if isinstance(message, str) and message and not expression.search(message):
        collector.add(path, "the message doesn't fit match", "no job of this scenario would come of it")
    return frozenset(expression.groupindex)


def _fakes(path: Path, datum: Json, collector: Collector) -> None:
    if not isinstance(datum, dict):
        return
    if isinstance(provider := datum.get("fake"), str):
        locale = datum.get("locale")
        arguments = {name: value for name, value in datum.items() if name not in ("fake", "locale")}
        if locale is None or isinstance(locale, str):
            complaint = check_fake(provider, locale, arguments)
            if complaint:
                what, _, hint = complaint.partition("; ")
                collector.add((*path, "fake"), what, hint)
    elif "list" in datum:
        _fakes((*path, "list"), datum["list"], collector)


def _texts(part: dict[str, Json], prefix: Path) -> Iterator[tuple[Path, str]]:
    """Every text that is a template, with its path."""
    steps = part.get("steps")
    for place, body in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(body, dict):
            for name in (*_TEXTS, "follow_up"):
                value = body.get(name)
                if name == "output" and isinstance(value, dict):
                    value = {form: text for form, text in value.items() if form not in ("file", "filler")}
                yield from _strings((*prefix, "steps", place, name), value)


def _files(part: dict[str, Json], prefix: Path) -> Iterator[tuple[Path, str]]:
    """Every file that an output names."""
    for step in steps_of(part, prefix):
        output = step.body.get("output")
        if step.kind == "complete" and isinstance(output, dict) and isinstance(name := output.get("file"), str):
            yield (*step.path, "output", "file"), name


def _strings(path: Path, value: Json) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for place, element in enumerate(value):
            yield from _strings((*path, place), element)
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from _strings((*path, key), element)
