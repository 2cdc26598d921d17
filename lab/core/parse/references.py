"""What one part of a document says of another: ids, targets, expressions, names in templates.

Checked on the raw values, so a mistake of shape elsewhere hides nothing; what has the wrong shape is passed over here.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from lab.core.exchange import Json
from lab.core.generate import check_fake
from lab.core.parse.collect import Collector
from lab.core.parse.templates import Names, check_text
from lab.core.parse.tree import Path
from lab.core.scenario import STEP_KINDS, nearest

_ENDINGS = ("complete", "error")
_VERDICTS = ("approved", "rejected", "changes-requested", "timed-out")
_TEXTS = ("says", "asks", "text", "output", "change_prompt", "last_round")


@dataclass(frozen=True, slots=True)
class _Step:
    place: int
    kind: str
    id: str
    body: dict[str, Json]

    @property
    def path(self) -> Path:
        return ("steps", self.place)


def references(value: dict[str, Json], collector: Collector, stem: str | None) -> None:
    """Complain about every reference that leads nowhere."""
    name = value.get("name")
    if stem is not None and isinstance(name, str) and name != stem:
        collector.add(("name",), f"{name} is not the file's name", f"write {stem}, or rename the file")
    steps = list(_steps(value))
    _ids(steps, collector)
    _targets(steps, collector)
    _last(value, steps, collector)
    for step in steps:
        if step.kind == "gate":
            _votes(step, collector)
    _faults(value, steps, collector)
    groups = _groups(value, collector)
    data = value.get("data", {})
    if isinstance(data, dict):
        for key, datum in data.items():
            _fakes(("data", key), datum, collector)
    names = Names(
        data=frozenset(data) if isinstance(data, dict) else None,
        groups=groups,
        gates=frozenset(step.id for step in steps if step.kind == "gate"),
    )
    for path, text in _texts(value):
        check_text(path, text, names, collector)


def _steps(value: dict[str, Json]) -> Iterator[_Step]:
    steps = value.get("steps")
    for place, body in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(body, dict):
            for kind in STEP_KINDS:
                if isinstance(id_ := body.get(kind), str):
                    yield _Step(place, kind, id_, body)
                    break


def _ids(steps: list[_Step], collector: Collector) -> None:
    first: dict[str, _Step] = {}
    for step in steps:
        other = first.setdefault(step.id, step)
        if other is not step:
            line = collector.places.value((*other.path, other.kind)).line
            collector.add((*step.path, step.kind), f"a second step called {step.id}", f"the first is on line {line}")


def _targets(steps: list[_Step], collector: Collector) -> None:
    order: dict[str, int] = {}
    for step in steps:
        order.setdefault(step.id, step.place)
    for step in steps:
        for path, target, back in _ways(step):
            if target not in order:
                hint = nearest(target, order) or f"steps: {', '.join(order)}"
                collector.add(path, f"there is no step {target}", hint)
            elif order[target] <= step.place and not back:
                what = f"{target} is an earlier step" if order[target] < step.place else "leads to its own step"
                collector.add(path, what, "only changes-requested and again may lead back")


def _ways(step: _Step) -> Iterator[tuple[Path, str, bool]]:
    """The step's ways to others: where it is written, the target, whether it may lead back."""
    if isinstance(target := step.body.get("next"), str):
        yield (*step.path, "next"), target, False
    verdicts = step.body.get("verdicts")
    for verdict in _VERDICTS:
        if isinstance(verdicts, dict) and isinstance(target := verdicts.get(verdict), str):
            yield (*step.path, "verdicts", verdict), target, verdict == "changes-requested"
    again = step.body.get("again")
    if isinstance(again, dict) and isinstance(target := again.get("to"), str):
        yield (*step.path, "again", "to"), target, True


def _last(value: dict[str, Json], steps: list[_Step], collector: Collector) -> None:
    every = value.get("steps")
    if isinstance(every, list) and steps and steps[-1].place == len(every) - 1 and steps[-1].kind not in _ENDINGS:
        # ways lead forward but for counted loops, so every path ends if the last step does
        hint = "end with a complete or an error step"
        collector.add(steps[-1].path, f"nothing follows {steps[-1].id}, and it is no ending", hint)


def _votes(step: _Step, collector: Collector) -> None:
    reviewer = step.body.get("reviewer")
    verdicts = step.body.get("verdicts")
    offers_changes = isinstance(verdicts, dict) and verdicts.get("changes-requested") is not None
    for path, vote in _scripted((*step.path, "reviewer"), reviewer):
        verdict = vote.get("verdict")
        if step.body.get("approval") is False and verdict in _VERDICTS and verdict != "approved":
            collector.add((*path, "verdict"), "this gate only collects a text", "its verdict is approved")
        elif verdict == "changes-requested" and not offers_changes:
            hint = "name a step in verdicts: {changes-requested: STEP}"
            collector.add((*path, "verdict"), "this gate doesn't offer changes-requested", hint)
        elif verdict == "changes-requested" and not vote.get("comment"):
            collector.add((*path, "verdict"), "a request for changes says what should change", "add a comment")


def _faults(value: dict[str, Json], steps: list[_Step], collector: Collector) -> None:
    known = [step.id for step in steps]
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


def _scripted(path: Path, reviewer: Json) -> Iterator[tuple[Path, dict[str, Json]]]:
    if isinstance(reviewer, dict):
        script = reviewer.get("script")
        if isinstance(script, list):
            for place, vote in enumerate(script):
                if isinstance(vote, dict):
                    yield (*path, "script", place), vote
        else:
            yield path, reviewer


def _groups(value: dict[str, Json], collector: Collector) -> frozenset[str] | None:
    """The names that `match` gives; None if it can't be told."""
    match = value.get("match")
    if match is None:
        return frozenset()
    if not isinstance(match, str):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what later versions of the language will read otherwise
            expression = re.compile(match, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        collector.add(("match",), f"not a regular expression: {error}")
        return None
    ask = value.get("ask")
    path, message = (("ask", "message"), ask.get("message")) if isinstance(ask, dict) else (("ask",), ask)
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


def _texts(value: dict[str, Json]) -> Iterator[tuple[Path, str]]:
    """Every text that is a template, with its path."""
    steps = value.get("steps")
    for place, body in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(body, dict):
            for name in (*_TEXTS, "follow_up"):
                if name in body:
                    yield from _strings(("steps", place, name), body[name])


def _strings(path: Path, value: Json) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for place, element in enumerate(value):
            yield from _strings((*path, place), element)
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from _strings((*path, key), element)
