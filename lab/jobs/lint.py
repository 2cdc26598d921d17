"""Warnings about a scenario that loads: what is allowed, and probably not meant."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from lab.core.clock import Millis, clock_text
from lab.core.errors import Complaint
from lab.language.document import (
    Between,
    Calls,
    Complete,
    Failure,
    Fault,
    FileOutput,
    Gate,
    Html,
    JsonOutput,
    Latency,
    LogNormal,
    Observed,
    Output,
    Pause,
    Scenario,
    Script,
    Step,
    Vote,
    Work,
    fault_names,
    nearest,
)
from lab.language.generate import generate, restore
from lab.language.parse import Path, Places
from lab.language.templates import RenderFailure, template

_FORMS = ("between", "one_of", "fake", "list")


def lint(
    scenario: Scenario, file: str, places: Places, files: Mapping[str, str] | None = None
) -> tuple[Complaint, ...]:
    """The warnings, in the order of the file; `places` come from `parse_with_places`, `files` are what outputs name."""
    marks = [(places.value(path), what, hint) for path, what, hint in _faults(scenario)]
    parts = list(_parts(scenario))
    for turn, (prefix, part) in enumerate(parts, 1):
        names = _names([each for _, each in parts[:turn]])
        warnings = [
            *_unreachable(part),
            *_reviewers(part),
            *_token(part),
            *_outputs(part, names, files or {}),
            *_misspelt(part),
        ]
        marks += [(places.value((*prefix, *path)), what, hint) for path, what, hint in warnings]
    return tuple(sorted(Complaint(file, mark.line, mark.column, what, hint) for mark, what, hint in marks))


def _parts(scenario: Scenario) -> Iterator[tuple[Path, Scenario]]:
    """The scenario, and each later turn as one of its own."""
    yield (), scenario
    for place in range(len(scenario.turns)):
        part = scenario.of_turn(place + 2)
        if part is not None:
            yield ("turns", place), part


def _unreachable(scenario: Scenario) -> Iterator[tuple[Path, str, str]]:
    reached = _reached(scenario)
    for place, step in enumerate(scenario.steps):
        if (name := step.id) not in reached:
            yield ("steps", place), f"no path leads to {name}", "name it in a verdict or a next, or leave it out"


def _reached(scenario: Scenario) -> set[str]:
    steps = {step.id: step for step in scenario.steps}
    order = list(steps)
    reached: set[str] = set()
    ahead = order[:1]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            following = order[order.index(name) + 1 :][:1]
            ahead += _leads(steps[name], following)
    return reached


def _leads(step: Step, following: list[str]) -> list[str]:
    match step:
        case Complete() | Failure():
            return []
        case Work() | Pause():
            back = [step.again.to] if isinstance(step, Pause) and step.again else []
            return [*([step.next] if step.next else following), *back]
        case Gate():
            ways = step.verdicts
            onward = ways.approved or step.next
            named = [ways.timed_out, *([ways.rejected, ways.changes_requested] if step.approval else [])]
            return [*([onward] if onward else following), *(way for way in named if way)]


def _reviewers(scenario: Scenario) -> Iterator[tuple[Path, str, str]]:
    for place, step in enumerate(scenario.steps):
        if not isinstance(step, Gate):
            continue
        path: Path = ("steps", place)
        if step.reviewer is None:
            hint = "write reviewer: nobody if that is meant"
            yield path, f"{step.gate} has no reviewer: without a person the job waits until it times out", hint
        due = _due(step)
        if due is not None and due >= step.patience:
            hint = f"{clock_text(due)} after the opening, patience ends at {clock_text(step.patience)}"
            answers = "answers" if step.approvals == 1 else f"has given {step.approvals} approvals"
            yield (*path, "reviewer"), f"{step.gate} times out before its reviewer {answers}", hint
        if isinstance(step.reviewer, Script) and len(step.reviewer.script) < step.approvals and _approves(step):
            hint = f"{len(step.reviewer.script)} of {step.approvals} votes are scripted"
            yield (*path, "reviewer"), f"{step.gate} times out: its script holds too few votes", hint


def _votes(gate: Gate) -> tuple[Vote, ...]:
    match gate.reviewer:
        case Vote() as vote:
            return (vote,) * gate.approvals
        case Script(script=votes):
            return votes
        case _:
            return ()


def _approves(gate: Gate) -> bool:
    return all(vote.verdict == "approved" for vote in _votes(gate))


def _due(gate: Gate) -> Millis | None:
    """When the script ends the gate's slowest opening, counted from that opening, if nobody else votes."""
    if gate.approvals == 1:
        return max((vote.after for vote in _votes(gate)), default=None)
    total: Millis = 0
    votes = _votes(gate)[: gate.approvals]
    for vote in votes:
        total += vote.after
        if vote.verdict != "approved":
            break
    return total if votes else None


def _token(scenario: Scenario) -> Iterator[tuple[Path, str, str]]:
    lifetime = scenario.token.lifetime
    for place, step in enumerate(scenario.steps):
        longest = step.patience if isinstance(step, Gate) else _longest(step.takes) if isinstance(step, Pause) else 0
        if longest > lifetime and not scenario.token.renewed:
            what = f"the token ({clock_text(lifetime)}) expires while {step.id} waits (up to {clock_text(longest)})"
            yield (
                ("steps", place),
                what,
                "the client must ask for another; write token: {renewed: true} if that is meant",
            )


def _longest(latency: Latency) -> Millis:
    match latency:
        case int():
            return latency
        case Between():
            return latency.between[1]
        case LogNormal():
            return latency.p95
        case Observed():
            return max(latency.observed)


def _faults(scenario: Scenario) -> Iterator[tuple[Path, str, str]]:
    """Faults that can't strike: nobody is ever there to be struck, or an earlier one strikes first."""
    parts = [part for _, part in _parts(scenario)]
    reached = {name for part in parts for name in _reached(part)}
    lasting = {step.id for part in parts for step in part.steps if _lasts(step)}
    names = fault_names(scenario.faults)
    for place, fault in enumerate(scenario.faults):
        path: Path = ("faults", place)
        if fault.step is not None and fault.step not in reached:
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
    return not isinstance(step, Work | Pause) or _longest(step.takes) > 0


def _shadows(earlier: Fault, fault: Fault) -> bool:
    """Whether `earlier` strikes every call that `fault` could strike."""
    if earlier.route != fault.route or earlier.chance is not None:
        return False
    mine, other = fault.numbers, earlier.numbers
    if (earlier.step, earlier.after, earlier.turn) != (fault.step, fault.after, fault.turn):
        # counted apart, so only one that strikes all calls of a wider condition is in the way for certain
        wider = earlier.step in (None, fault.step) and earlier.turn in (None, fault.turn)
        return wider and (earlier.after or 0) <= (fault.after or 0) and other == Calls(1, None)
    endless = other.last is None or (mine.last is not None and mine.last <= other.last)
    return endless and other.first <= mine.first and mine.every % other.every == 0


def _outputs(part: Scenario, names: Mapping[str, object], files: Mapping[str, str]) -> Iterator[tuple[Path, str, str]]:
    for place, step in enumerate(part.steps):
        path: Path = ("steps", place, "output")
        try:
            text = _output(step, names, files)
        except RenderFailure as failure:
            yield path, f"the output of {step.id} doesn't render: {failure}", ""
            continue
        if text is not None and not text.strip():
            yield path, f"the output of {step.id} renders to nothing", "write output: null if that is meant"
        if isinstance(step, Complete) and _quoted(step.output, names):
            hint = "write the value itself, or the text as output: without json:"
            yield path, f"the output of {step.id} is JSON quoted twice: json: was given a text of JSON", hint


def _quoted(output: Output, names: Mapping[str, object]) -> bool:
    """Whether a JSON output is one string, and that is an object or a list in JSON already."""
    if not isinstance(output, JsonOutput) or not isinstance(output.json_, str):
        return False
    try:
        return isinstance(json.loads(template(output.json_).render(names)), dict | list)
    except (RenderFailure, ValueError, RecursionError):
        return False


def _output(step: Step, names: Mapping[str, object], files: Mapping[str, str]) -> str | None:
    """A text output as it would be; None where there is none, or an empty one was written as such."""
    output = step.output if isinstance(step, Complete | Failure) else None
    match output:
        case Html():
            return template(output.html).render(names)
        case FileOutput():
            return files.get(output.file)
        case str():
            return template(output).render(names) if output else None
        case _:
            return None


def _names(parts: Sequence[Scenario]) -> Mapping[str, object]:
    """Names as the first job of the last part has them: its gates approved with a comment, the turns before answered."""
    *before, part = parts
    earlier = [{**_asked(each), "output": "An answer."} for each in before]
    vote = {"verdict": "approved", "by": "reviewer", "comment": "A comment."}
    gates = [step for step in part.steps if isinstance(step, Gate)]
    return {
        **_asked(part),
        "parameters": {**parts[0].parameters, **part.parameters},
        "decisions": {gate.gate: {**vote, "votes": [vote] * gate.approvals} for gate in gates},
        "job": {"id": "00000000-0000-4000-8000-000000000000"},
        "turn": len(parts),
        "conversation": {"id": "00000000-0000-4000-8000-000000000000", "turns": earlier},
        "now": "2026-01-01T00:00:00.000Z",
    }


def _asked(part: Scenario) -> dict[str, object]:
    found = re.search(part.match, part.message, re.IGNORECASE) if part.match else None
    return {
        "message": part.message,
        "match": found.groupdict(default="") if found else {},
        "data": restore(part.data, generate(part.data, part.seed or 0, f"{part.name}/1")),
    }


def _misspelt(scenario: Scenario) -> Iterator[tuple[Path, str, str]]:
    for name, datum in scenario.data.items():
        for key in datum if isinstance(datum, dict) else ():
            hint = nearest(key, _FORMS)
            if hint:
                yield ("data", name), f"{name} is a constant with a key {key}: nothing is drawn", hint
