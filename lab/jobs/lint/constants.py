"""Warnings about a scenario's data: what isn't drawn, and what can't be made."""

from collections.abc import Iterator, Sequence

from lab.core.exchange import Json
from lab.jobs.compiled import CompiledScenario
from lab.jobs.lint.failures import reworded
from lab.jobs.lint.trials import TrialJob
from lab.jobs.lint.written import Warnings
from lab.language.parse import KeyPath
from lab.language.templates import RenderFailure
from lab.program.draws import DRAWN, Constant, DataRow, Derivation, Element, Listed, form_of_datum
from lab.program.steps import votes_of
from lab.program.words import nearest


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


def unmade(part: CompiledScenario, trials: Sequence[TrialJob]) -> Warnings:
    """Values that can't be made of others, in some job."""
    for name, datum in part.scenario.data.items():
        try:
            for trial in trials if isinstance(datum, Derivation | Listed) else ():
                trial.plan.data[name]
        except RenderFailure as failure:
            reason, hint = reworded(str(failure))
            yield ("data", name), f"{name} can't be made: {reason}", hint or "a text that looks at it would fail"
