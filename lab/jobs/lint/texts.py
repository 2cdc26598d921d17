"""Warnings about texts, conditions and data: what fails in some job that is tried, is empty, or isn't what its author thinks."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from msgspec import Struct, field

from lab.core.exchange import Json
from lab.jobs.branches import exits, reachable
from lab.jobs.compiled import CompiledScenario
from lab.jobs.lint.trials import TrialJob, asks_for_absent, reworded, whose
from lab.jobs.names import output_text, render_failure
from lab.language.complaints import Locations, path_text
from lab.language.parse.names import spelt_as
from lab.language.templates import RenderFailure, condition, template
from lab.program.draws import DRAWN, Constant, DataRow, Derivation, Element, Listed, form_of_datum
from lab.program.steps import (
    STEPS,
    Branch,
    Complete,
    Delegate,
    EndingStep,
    Filler,
    Gate,
    JsonOutput,
    Parallel,
    Pause,
    Step,
    placed_steps,
    targets_of,
    texts_of,
    votes_of,
)
from lab.program.words import KeyPath, nearest

Warnings: TypeAlias = Iterator[tuple[KeyPath, str, str]]
"""Each with its place in a scenario or a turn, what is the matter, and a hint."""

_TEXTS = frozenset(
    {"title", "shows", "story", "ask", "match", "narration", "labels", "comment", "by"}
    | {name for step in STEPS.values() for name in step.templates}
)
"""Keys of what people write in words; of other values nobody expects a `#`."""
_SINGLE_BRACES = re.compile(
    r"(?<!\{)\$?\{ *((?:data|match|parameters|decisions|delegates|user|client)\.[\w.]+|message) *\}(?!\})"
)
"""What looks like a template of another language, and names what there is here."""


def commented(locations: Locations) -> Warnings:
    """Texts of which YAML takes the end for a comment: behind two blanks or more one is meant as such."""
    for path in locations:
        in_words = not _TEXTS.isdisjoint(path) or (len(path) == 2 and path[0] == "data")
        if in_words and locations.nearest(path).commented:
            hint = "put the text in quotes; a comment that is meant stands two blanks behind"
            yield path, f"{path_text(path)} ends before the #: YAML takes the rest for a comment", hint


def placed_branches(step: Step) -> Iterator[tuple[KeyPath, Branch]]:
    """The branches of a step that stand in lists, each with its place there."""
    for place, target in targets_of(step):
        yield from (((*place, number), branch) for number, branch in enumerate(target) if isinstance(branch, Branch))


# What the trials show


class _Tried(Struct):
    """What came of one text or condition in the jobs that may come to it."""

    what: str
    """What it is, for people."""
    condition: bool = False
    passed: list[TrialJob] = field(default_factory=list)
    failed: list[TrialJob] = field(default_factory=list)
    why: str = ""
    texts: set[str | None] = field(default_factory=set)
    """What it gave."""


def tried(compiled: CompiledScenario, turn: int, trials: Sequence[TrialJob], prefix: KeyPath) -> Warnings:
    """What fails, is empty, or leads nowhere in the jobs that are tried of one turn; `prefix` is its place."""
    part = compiled.of_turn(turn)
    assert part is not None
    found: dict[KeyPath, _Tried] = {}
    for trial in trials:
        answers = {(name, when): why for name, when, why in trial.conditions()}
        for path, step in placed_steps(part.scenario.steps):
            if step.id in trial.reached:
                _try_step(step, path, part, trial, found)
            for place, branch in placed_branches(step):
                if (why := answers.get((step.id, branch.when or ""))) is not None:
                    _note((*path, *place, "when"), path_text((*prefix, *path, *place, "when")), why, trial, found)
    for path, each in found.items():
        if each.failed:
            yield _failing(path, each)
        elif each.texts and path[-1] == "output" and all(text is not None and not text.strip() for text in each.texts):
            yield path, f"{each.what} renders to nothing", "write output: null if that is meant"
        for question in sorted(filter(None, each.texts)) if "follow_up" in path else ():
            if compiled.part_for(turn + 1, question, (turn,)) is None:
                hint = "an entry of turns whose match fits it, with turn_order: any; or suggest another"
                yield path, f"no turn answers the follow-up: {question}", hint
                break
    for name, datum in part.scenario.data.items():
        why = next(filter(None, (render_failure(partial(trial.plan.data.__getitem__, name)) for trial in trials)), "")
        if why and isinstance(datum, Derivation | Listed):
            reason, hint = reworded(why)
            yield ("data", name), f"{name} can't be made: {reason}", hint or "a text that looks at it would fail"


def _try_step(step: Step, path: KeyPath, part: CompiledScenario, trial: TrialJob, found: dict[KeyPath, _Tried]) -> None:
    write = trial.write
    outputs: list[tuple[KeyPath, Callable[[], str | None]]] = []
    if isinstance(step, Delegate) and step.output:
        outputs = [(("output",), partial(trial.handed_back, step.id))]
    elif isinstance(step, EndingStep) and step.output and not isinstance(step.output, JsonOutput | Filler):
        outputs = [(("output",), partial(output_text, step.output, part.files, write))]
    texts: list[tuple[KeyPath, Callable[[], str | None]]] = [
        (place, partial(write, text))
        for place, text in texts_of(step)
        if place[0] != "output" or not outputs or (len(place) > 1 and not isinstance(step, Delegate))
    ]
    for place, render in (*texts, *outputs):
        text, why = None, ""
        try:
            text = render()
        except RenderFailure as failure:
            why = str(failure)
        tried = _note((*path, *place), f"the {path_text(place)} of {step.id}", why, trial, found)
        tried.texts.add(text)


def _note(path: KeyPath, what: str, why: str, trial: TrialJob, found: dict[KeyPath, _Tried]) -> _Tried:
    tried = found.setdefault(path, _Tried(what, path[-1] == "when"))
    (tried.failed if why else tried.passed).append(trial)
    tried.why = tried.why or why
    return tried


def _failing(path: KeyPath, tried: _Tried) -> tuple[KeyPath, str, str]:
    kind, first = whose(tried.failed, tried.passed)
    reason, hint = reworded(tried.why)
    if tried.condition:
        # where it fails in every job, and nothing is missing, asking first would not help
        ask = f"; ask first, as {{{{ {first or 'user is not none'} and … }}}}, {{{{ … is defined and … }}}}"
        hint = hint or "the job would fail" + (ask if kind or asks_for_absent(tried.why) else "")
        return path, f"{tried.what}: has no answer{' ' if kind else ''}{kind}: {reason}", hint
    if kind:  # else it fails whoever asks, and however gates end
        hint = hint or f"ask first, as {{{{ … if {first} }}}}, {{{{ … | default('') }}}}"
    return path, f"{tried.what} doesn't render{' ' if kind else ''}{kind}: {reason}", hint


def quoted_json(part: CompiledScenario, trials: Sequence[TrialJob]) -> Warnings:
    """JSON outputs that are one string, and that is an object or a list in JSON already."""
    for path, step in placed_steps(part.scenario.steps):
        output = step.output if isinstance(step, Complete | Delegate) else None
        if isinstance(output, JsonOutput) and isinstance(output.json, str):
            there = [trial for trial in trials if step.id in trial.reached]
            if any(_is_json(trial, output.json) for trial in there):
                hint = "write the value itself, or the text as output: without json:"
                what = f"the output of {step.id} is JSON quoted twice: json: was given a text of JSON"
                yield (*path, "output"), what, hint


def _is_json(trial: TrialJob, text: str) -> bool:
    try:
        return isinstance(json.loads(trial.write(text)), dict | list)
    except (RenderFailure, ValueError, RecursionError):
        return False


def single_braces(part: CompiledScenario) -> Warnings:
    """Names in single braces, which stay as they are."""
    for path, step in placed_steps(part.scenario.steps):
        for place, text in texts_of(step):
            if lone := _SINGLE_BRACES.search(text):
                what = f"the {path_text(place)} of {step.id} has {lone[0]}, which stays as it is"
                yield (*path, *place), what, f"names stand in double braces: {{{{ {lone[1]} }}}}"


def misspelt(part: CompiledScenario) -> Warnings:
    """Constants that look like a draw: any mapping is a fine constant, so a slip in the one key that counts is no error."""
    for name, datum in part.scenario.data.items():
        for path, constant in _constants(datum):
            if not isinstance(constant, dict):
                continue
            drawn = next((key for key, each in constant.items() if form_of_datum(each) != "constant"), None)
            if drawn is not None:
                entry = [name, *(each for each in path if each != "list")][-1]
                what = f"{entry} is a constant, and so is {drawn} within it: nothing is drawn"
                hint = "rows stand in a list: {list: {each: …}, count: 3}"
                yield ("data", name, *path), what, hint if path else f"draw entries of data, or of rows: {hint}"
            for key in constant:
                hint = nearest(key, DRAWN)
                hint = "rows stand in a list: {list: {each: …}, count: 3}" if key == "each" else hint
                if hint:
                    what = f"{(path or (name,))[-1]} is a constant with a key {key}: nothing is drawn"
                    yield ("data", name, *path), what, hint


def unread_braces(part: CompiledScenario) -> Warnings:
    """Constants with an expression in them, which nobody reads."""
    for name, datum in part.scenario.data.items():
        for path, text in _constants(datum):
            if isinstance(text, str) and "{{" in text:
                entry = (name, *path)[-1]
                quote = "'" if '"' in text else '"'
                what = f"{entry} is a constant: what stands in its braces is no more than text"
                yield ("data", name, *path), what, f"write {entry}: {{value: {quote}{text}{quote}}}"
    for place, step in enumerate(part.scenario.steps):
        for way, vote in votes_of(step):
            for key, words in (("comment", vote.comment), ("by", vote.by)):
                if "{{" in (words or ""):
                    what = f"the {key} of a reviewer is no template: its braces stay as they are"
                    yield ("steps", place, *way, key), what, f"write the {key} itself"


def _constants(datum: Element) -> Iterator[tuple[KeyPath, Json]]:
    """The constants in an entry, in its list and in its rows, with their places there."""
    match datum:
        case Listed():
            yield from ((("list", *path), constant) for path, constant in _constants(datum.list))
        case DataRow():
            for name, each in datum.each.items():
                yield from ((("each", name, *path), constant) for path, constant in _constants(each))
        case Constant():
            yield (), datum.value
        case _:
            return


# What is empty wherever it is looked at: decisions and outputs that can't be there by then

_ASKS_FIRST = re.compile(r"\b(?:if|or|default|d)\b")
"""In a text that is ready for an output which isn't there."""


def always_empty(part: CompiledScenario) -> Warnings:
    """Texts and conditions that look at a decision or an output which no job has by then, or only some have."""
    there = reachable(part)
    parallels = {child.id: step for step in part.steps.values() if isinstance(step, Parallel) for child in step.of}
    behind = {
        name: _behind(part, parallels.get(name, step))
        for name, step in part.steps.items()
        if isinstance(step, Gate | Delegate)
    }
    for path, step in placed_steps(part.scenario.steps):
        for place, text, looked_up in _looking(step) if step.id in there else ():
            for root, name, *more in dict.fromkeys(used for used in looked_up if len(used) > 1):
                source = part.steps.get(name)
                if root not in ("decisions", "delegates") or source is None or name not in behind:
                    continue
                # what is asked once a step has ended knows of itself, and a gate's texts of its rounds before
                own = {name, parallels[name].id if name in parallels else name} if place[-1] == "when" else set()
                own |= {name} if root == "decisions" else set()
                what = f"the {path_text(place)} of {step.id} looks at {spelt_as(root, name)}"
                if root == "delegates" and not more:
                    yield (*path, *place), f"{what}, which is a mapping", f"write {spelt_as(root, name)}.output"
                elif isinstance(source, Delegate) and source.output is None:
                    yield (*path, *place), f"{what}, and that is empty: {name} hands nothing back", "give it an output"
                elif step.id not in behind[name] | own:
                    hint = f"look at it in a step that comes behind {name}"
                    yield (*path, *place), f"{what}, and that is empty: no path from {name} leads here", hint
                elif name in parallels and _lonely(parallels[name], name, text, looked_up):
                    hint = f"ask first, as {{{{ {spelt_as(root, name)}.output or '…' }}}}"
                    yield (
                        (*path, *place),
                        f"{what}, and that is empty where another of {parallels[name].id} ends first",
                        hint,
                    )


def _behind(part: CompiledScenario, step: Step) -> set[str]:
    """The steps to which a job may come once a step has ended."""
    found: set[str] = set()
    ahead = list(_next(part, step))
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            after = part.steps[name]
            ahead += _next(part, after)
            if isinstance(after, Parallel):
                found.update(child.id for child in after.of)
    return found


def _next(part: CompiledScenario, step: Step) -> Iterator[str]:
    yield from (branch.to for _, branches in exits(part, step) for branch in branches)
    if isinstance(step, Pause) and step.again is not None:
        yield step.again.to


def _looking(step: Step) -> Iterator[tuple[KeyPath, str, tuple[tuple[str, ...], ...]]]:
    """The texts and conditions of a step, each with its place there and what it looks up."""
    for place, text in texts_of(step):
        yield place, text, tuple(used for _, used in template(text).looked_up)
    for more, branch in placed_branches(step):
        if branch.when is not None:
            looked_up = condition(branch.when).looked_up
            yield (*more, "when"), branch.when, tuple(used for _, used in looked_up)


def _lonely(parallel: Parallel, name: str, text: str, looked_up: tuple[tuple[str, ...], ...]) -> bool:
    """Whether a text counts on one of those of which others may be the first."""
    others = {child.id for child in parallel.of} - {name}
    read = {used[1] for used in looked_up if used[0] == "delegates" and len(used) > 1}
    return parallel.until == "any" and not others & read and not _ASKS_FIRST.search(text)
