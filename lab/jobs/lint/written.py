"""Warnings about what is written for people to read: texts that don't render, render to nothing, or end too early.

Every text of a step is rendered as in each job of the trials that may come to that step.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from lab.jobs.compiled import CompiledScenario
from lab.jobs.lint.failures import reworded, whose
from lab.jobs.lint.trials import TrialJob
from lab.jobs.outputs import Writer, output_text, render_failure
from lab.language.complaints import path_text
from lab.language.parse import KeyPath, Locations
from lab.language.templates import RenderFailure
from lab.program.steps import (
    STEPS,
    Branch,
    Complete,
    Delegate,
    EndingStep,
    Filler,
    JsonOutput,
    Output,
    Step,
    placed_steps,
    targets_of,
    texts_of,
)

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


def placed_branches(step: Step) -> Iterator[tuple[KeyPath, tuple[Branch, ...]]]:
    """The lists of branches that stand in a step, each with its place there."""
    return ((place, target) for place, target in targets_of(step) if isinstance(target, tuple))


def failing_texts(part: CompiledScenario, trials: Sequence[TrialJob]) -> Warnings:
    """Texts that don't render in some job; of an output of another form, its parts."""
    passed: dict[KeyPath, list[TrialJob]] = {}
    failed: dict[KeyPath, list[TrialJob]] = {}
    reasons: dict[KeyPath, tuple[str, str]] = {}
    for trial in trials:
        write = trial.write  # what templates see is gathered once for them all
        for path, step in placed_steps(part.scenario.steps):
            if step.id not in trial.reached:
                continue
            for place, why in _rendered(step, trial, write):
                (failed if why else passed).setdefault((*path, *place), []).append(trial)
                if why:
                    what = f"the {path_text(place)} of {step.id} doesn't render"
                    reasons.setdefault((*path, *place), (what, why))
    for path, (what, why) in reasons.items():
        kind, first = whose(failed[path], passed.get(path, ()))
        reason, hint = reworded(why)
        if kind:  # else it fails whoever asks, and however gates end
            hint = hint or f"ask first, as {{{{ … if {first} }}}}, {{{{ … | default('') }}}}"
        yield path, f"{what}{' ' if kind else ''}{kind}: {reason}", hint


def single_braces(part: CompiledScenario) -> Warnings:
    """Names in single braces, which stay as they are."""
    for path, step in placed_steps(part.scenario.steps):
        for place, text in texts_of(step):
            if lone := _SINGLE_BRACES.search(text):
                what = f"the {path_text(place)} of {step.id} has {lone[0]}, which stays as it is"
                yield (*path, *place), what, f"names stand in double braces: {{{{ {lone[1]} }}}}"


def _rendered(step: Step, trial: TrialJob, write: Writer) -> Iterator[tuple[KeyPath, str]]:
    """Each text of a step, by its place there, and why it doesn't render."""
    for place, text in texts_of(step):
        if not (isinstance(step, Delegate) and place[0] == "output"):
            yield place, render_failure(partial(write, text))
    if isinstance(step, Delegate) and step.output:  # which is made otherwise
        yield ("output",), render_failure(partial(trial.handed_back, step.id))


def odd_outputs(part: CompiledScenario, trials: Sequence[TrialJob]) -> Warnings:
    """Outputs that render to nothing whatever happens, or are JSON quoted twice."""
    for path, step in placed_steps(part.scenario.steps):
        if not isinstance(step, EndingStep | Delegate):
            continue
        path = (*path, "output")
        try:
            texts = [
                trial.handed_back(step.id)
                if isinstance(step, Delegate) and step.output
                else _output(step.output, part.files, trial.write)
                for trial in _there(trials, step)
            ]
        except RenderFailure:
            continue  # that is told of by itself
        if texts and all(text is not None and not text.strip() for text in texts):
            yield path, f"the output of {step.id} renders to nothing", "write output: null if that is meant"
        if any(_quoted(step.output, trial.write) for trial in _there(trials, step)):
            hint = "write the value itself, or the text as output: without json:"
            yield path, f"the output of {step.id} is JSON quoted twice: json: was given a text of JSON", hint


def _there(trials: Sequence[TrialJob], step: Step) -> Iterator[TrialJob]:
    """The jobs that may come to a step."""
    return (trial for trial in trials if step.id in trial.reached)


def unanswered_follow_ups(compiled: CompiledScenario, place: int, trials: Sequence[TrialJob]) -> Warnings:
    """Questions that a part suggests and nothing answers: whoever asks one meets an ERROR."""
    part = compiled.of_turn(place)
    for path, step in placed_steps(part.scenario.steps) if part is not None else ():
        for number, text in enumerate(step.follow_up if isinstance(step, Complete) else ()):
            try:
                questions = {trial.write(text) for trial in _there(trials, step)}
            except RenderFailure:
                continue  # that is told of by itself
            for question in sorted(questions):
                if compiled.part_for(place + 1, question, (place,)) is None:
                    hint = "an entry of turns whose match fits it, with turn_order: any; or suggest another"
                    yield (*path, "follow_up", number), f"no turn answers the follow-up: {question}", hint
                    break


def _quoted(output: Output, write: Writer) -> bool:
    """Whether a JSON output is one string, and that is an object or a list in JSON already."""
    if not isinstance(output, JsonOutput) or not isinstance(output.json, str):
        return False
    try:
        return isinstance(json.loads(write(output.json)), dict | list)
    except (RenderFailure, ValueError, RecursionError):
        return False


def _output(output: Output, files: Mapping[str, str], write: Writer) -> str | None:
    """A text output as it would be; None where there is none, or an empty one was written as such."""
    return output_text(output, files, write) if output and not isinstance(output, JsonOutput | Filler) else None
