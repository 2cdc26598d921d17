"""Warnings about texts, conditions and data: what fails in some job that is tried, is empty, or isn't what its author thinks."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from msgspec import Struct, field

from lab.core.exchange import Json
from lab.jobs.branches import exits, reachable
from lab.jobs.lint.trials import TrialJob, asks_for_absent, reworded, whose
from lab.jobs.names import output_text, render_failure
from lab.jobs.program import Program
from lab.language.complaints import Locations, path_text
from lab.language.parse.names import spelt_as
from lab.language.step_texts import step_texts
from lab.language.templates import RenderFailure
from lab.program.draws import DRAWN, Constant, Derivation, Listed, elements_in, form_of_datum
from lab.program.steps import (
    STEPS,
    Complete,
    Delegate,
    FileOutput,
    Gate,
    JsonOutput,
    Output,
    Parallel,
    Pause,
    Step,
    placed_steps,
    votes_of,
)
from lab.program.words import KeyPath, nearest

Warnings: TypeAlias = Iterator[tuple[KeyPath, str, str]]
"""Each with its place in a scenario or a turn, what is the matter, and a hint."""

_IN_WORDS = frozenset(
    {"title", "shows", "story", "ask", "match", "narration", "labels", "comment", "by"}
    | {name for step in STEPS.values() for name in step.templates}
)
"""Keys of what people write in words; of other values nobody expects a `#`."""
_SINGLE_BRACES = re.compile(
    r"(?<!\{)\$?\{ *((?:data|match|parameters|decisions|delegates|user|client)\.[\w.]+|message) *\}(?!\})"
)
"""What looks like a template of another language, and names what there is here."""


def commented(locations: Locations) -> Warnings:
    """Texts that YAML ends before their end: at a comment (behind two blanks one is meant as such), or a comma."""
    for path, place in locations.found.items():
        if place.cut:
            what = f"{path_text(path)} is empty: a comma ends the text of {place.cut} before it"
            yield path, what, f'put it in quotes: {place.cut}: "…, {path[-1]}"; or write {path[-1]}: null'
        in_words = not _IN_WORDS.isdisjoint(path) or (len(path) == 2 and path[0] == "data")
        if in_words and place.commented:
            hint = "put the text in quotes; a comment that is meant stands two blanks behind"
            yield path, f"{path_text(path)} ends before the #: YAML takes the rest for a comment", hint


# What the trials show


class _Tried(Struct):
    """What came of one text, output or condition in the jobs that may come to it."""

    what: str
    """What it is, for people."""
    output: Output = None
    """Of which it is the whole."""
    passed: list[TrialJob] = field(default_factory=list)
    failed: list[TrialJob] = field(default_factory=list)
    why: str = ""
    texts: set[str | None] = field(default_factory=set)
    """What it gave."""

    def note(self, trial: TrialJob, render: Callable[[], str | None]) -> None:
        """What comes of it in one job."""
        try:
            self.texts.add(render())
            self.passed.append(trial)
        except RenderFailure as failure:
            self.failed.append(trial)
            self.why = self.why or str(failure)


def tried(program: Program, turn: int, trials: Sequence[TrialJob], prefix: KeyPath) -> Warnings:
    """What fails, is empty, or leads nowhere in the jobs that are tried of one turn; `prefix` is its place."""
    part = program.of_turn(turn)
    assert part is not None
    found: dict[KeyPath, _Tried] = {}
    for trial in trials:
        for path, what, output, render in _renderings(part, trial, prefix):
            found.setdefault(path, _Tried(what, output)).note(trial, render)
    for path, each in found.items():
        if each.failed:
            yield _failing(path, each)
        elif path[-1] in ("output", "html") and not any(text is None or text.strip() for text in each.texts):
            yield path, f"{each.what} renders to nothing", "write output: null if that is meant"
        elif isinstance(each.output, JsonOutput) and any(_is_quoted(text or "") for text in each.texts):
            hint = "write the value itself, or the text as output: without json:"
            yield path, f"{each.what} is JSON quoted twice: json: was given a text of JSON", hint
        for question in sorted(filter(None, each.texts)) if "follow_up" in path else ():
            if program.part_for(turn + 1, question, (turn,)) is None:
                hint = "an entry of turns whose match fits it, with turn_order: any; or suggest another"
                yield path, f"no turn answers the follow-up: {question}", hint
                break
    for name, datum in part.scenario.data.items():
        why = next(filter(None, (render_failure(partial(trial.plan.data.__getitem__, name)) for trial in trials)), "")
        if why and isinstance(datum, Derivation | Listed):
            reason, hint = reworded(why)
            yield ("data", name), f"{name} can't be made: {reason}", hint or "a text that looks at it would fail"


def _renderings(
    part: Program, trial: TrialJob, prefix: KeyPath
) -> Iterator[tuple[KeyPath, str, Output, Callable[[], str | None]]]:
    """All that one job may come to: its place, what it is, the output of which it is the whole, and how it is rendered.

    A text that is written as the empty one is meant.
    """
    answers = dict(trial.conditions())
    for each in step_texts(part.scenario.steps):
        if each.is_condition:
            if (why := answers.get((each.step.id, each.text))) is not None:
                yield each.path, path_text((*prefix, *each.path)), None, partial(_answered, why)
        elif each.text and each.step.id in trial.reached and not (each.of_output and _whole(each.step)):
            yield each.path, each.what, None, partial(trial.write, each.text)
    for path, step in placed_steps(part.scenario.steps):
        if step.id in trial.reached and (output := _whole(step)):
            write = partial(output_text, output, part.files, trial.write)
            render = partial(trial.handed_back, step.id) if isinstance(step, Delegate) else write
            yield (*path, "output"), f"the output of {step.id}", output, render


def _answered(why: str) -> None:
    if why:
        raise RenderFailure(why)


def _whole(step: Step) -> Output:
    """The output of a step that is tried at once, and not text by text; None: there is none."""
    if isinstance(step, Delegate):
        return step.output
    output = step.output if isinstance(step, Complete) else None
    return (
        output
        if isinstance(output, FileOutput) or (isinstance(output, JsonOutput) and isinstance(output.json, str))
        else None
    )


def _is_quoted(text: str) -> bool:
    """Whether a JSON text is a string that holds an object or a list in JSON."""
    try:
        value = json.loads(text)
        return isinstance(value, str) and isinstance(json.loads(value), dict | list)
    except (ValueError, RecursionError):
        return False


def _failing(path: KeyPath, tried: _Tried) -> tuple[KeyPath, str, str]:
    kind, first = whose(tried.failed, tried.passed)
    reason, hint = reworded(tried.why)
    where = f" {kind}" if kind else ""
    if path[-1] == "when":
        # where it fails in every job, and nothing is missing, asking first would not help
        ask = f"; ask first, as {{{{ {first or 'user is not none'} and … }}}}, {{{{ … is defined and … }}}}"
        hint = hint or "the job would fail" + (ask if kind or asks_for_absent(tried.why) else "")
        return path, f"{tried.what}: has no answer{where}: {reason}", hint
    if kind and first:  # else it fails whoever asks, and however gates end
        hint = hint or f"ask first, as {{{{ … if {first} }}}}, {{{{ … | default('') }}}}"
    return path, f"{tried.what} doesn't render{where}: {reason}", hint


# What stays as it is, and wasn't meant to


def braces(part: Program) -> Warnings:
    """Braces that nobody reads: single ones in texts, and those of values that are no templates."""
    for each in step_texts(part.scenario.steps):
        if not each.is_condition and (lone := _SINGLE_BRACES.search(each.text)):
            what = f"{each.what} has {lone[0]}, which stays as it is"
            yield each.path, what, f"names stand in double braces: {{{{ {lone[1]} }}}}"
    for path, text in _constants(part):
        if isinstance(text, str) and "{{" in text:
            quote = "'" if '"' in text else '"'
            what = f"{path[-1]} is a constant: what stands in its braces is no more than text"
            yield path, what, f"write {path[-1]}: {{value: {quote}{text}{quote}}}"
    for place, step in enumerate(part.scenario.steps):
        for way, vote in votes_of(step):
            for key, words in (("comment", vote.comment), ("by", vote.by)):
                if "{{" in (words or ""):
                    what = f"the {key} of a reviewer is no template: its braces stay as they are"
                    yield ("steps", place, *way, key), what, f"write the {key} itself"


def misspelt(part: Program) -> Warnings:
    """Constants that look like a draw: any mapping is a fine constant, so a slip in the one key that counts is no error."""
    rows = "rows stand in a list: {list: {each: …}, count: 3}"
    for path, constant in _constants(part):
        if not isinstance(constant, dict):
            continue
        drawn = next((key for key, each in constant.items() if form_of_datum(each) != "constant"), None)
        if drawn is not None:
            entry = next(each for each in reversed(path) if each != "list")
            what = f"{entry} is a constant, and so is {drawn} within it: nothing is drawn"
            yield path, what, rows if len(path) > 2 else f"draw entries of data, or of rows: {rows}"
        for key in constant:
            if hint := rows if key == "each" else nearest(key, DRAWN):
                yield path, f"{path[-1]} is a constant with a key {key}: nothing is drawn", hint


def _constants(part: Program) -> Iterator[tuple[KeyPath, Json]]:
    """The constants of data, in its lists and rows too, with their places."""
    for name, datum in part.scenario.data.items():
        for each in elements_in(datum):
            if isinstance(each.element, Constant):
                yield ("data", name, *each.place), each.element.value


# What is empty wherever it is looked at: decisions and outputs that can't be there by then


def always_empty(part: Program) -> Warnings:
    """Texts and conditions that look at a decision or an output which no job has by then."""
    there = reachable(part)
    around = {child.id: step for step in part.steps.values() if isinstance(step, Parallel) for child in step.of}
    sources = {name: step for name, step in part.steps.items() if isinstance(step, Gate | Delegate)}
    behind = {name: _behind(part, around.get(name, step)) for name, step in sources.items()}
    for each in step_texts(part.scenario.steps):
        looked_up = tuple(used for _, used in each.read().looked_up if len(used) > 1) if each.step.id in there else ()
        for root, name, *more in dict.fromkeys(looked_up):
            if root not in ("decisions", "delegates") or name not in sources:
                continue
            parallel, spelt = around.get(name), spelt_as(root, name)
            # what is asked once a step has ended knows of itself, and a gate's texts of its rounds before
            known = behind[name] | ({name} if root == "decisions" or each.is_condition else set())
            known |= {parallel.id} if parallel is not None and each.is_condition else set()
            if root == "delegates" and not more:
                what, hint = "which is a mapping", f"write {spelt}.output"
            elif root == "delegates" and _whole(sources[name]) is None:
                what, hint = f"and that is empty: {name} hands nothing back", "give it an output"
            elif each.step.id not in known:
                hint = f"look at it in a step that comes behind {name}"
                what = f"and that is empty: no path from {name} leads here"
            else:
                continue
            yield each.path, f"{each.what} looks at {spelt}, {what}", hint


def _behind(part: Program, step: Step) -> set[str]:
    """The steps to which a job may come once a step has ended."""
    found, ahead = set[str](), [step]
    while ahead:
        step = ahead.pop()
        ways = [branch.to for _, branches in exits(part, step) for branch in branches]
        ways += [step.again.to] if isinstance(step, Pause) and step.again is not None else []
        fresh = [part.steps[name] for name in ways if name not in found]
        found.update(ways, *([child.id for child in each.of] for each in fresh if isinstance(each, Parallel)))
        ahead += fresh
    return found
