"""Warnings about a scenario's data: what isn't drawn, and what can't be made."""

from collections.abc import Iterator, Mapping, Sequence

from lab.jobs.compiled import CompiledScenario
from lab.jobs.lint.trials import TrialJob
from lab.jobs.lint.written import Warnings
from lab.language import document as doc
from lab.language.templates import RenderFailure


def misspelt(part: CompiledScenario) -> Warnings:
    """Constants that look like a draw: any mapping is a fine constant, so a slip in the one key that counts is no error."""
    for name, datum in part.scenario.data.items():
        for path, constant in _mappings(datum):
            for key in constant:
                hint = doc.nearest(key, doc.DRAWN)
                hint = "rows stand in a list: {list: {each: …}, count: 3}" if key == "each" else hint
                if hint:
                    what = f"{(path or (name,))[-1]} is a constant with a key {key}: nothing is drawn"
                    yield ("data", name, *path), what, hint


def unread_braces(part: CompiledScenario) -> Warnings:
    """Constants with an expression in them, which nobody reads."""
    for name, datum in part.scenario.data.items():
        if isinstance(datum, str) and "{{" in datum:
            what = f"{name} is a constant: what stands in its braces is no more than text"
            quote = "'" if '"' in datum else '"'
            yield ("data", name), what, f"write {name}: {{value: {quote}{datum}{quote}}}"


def _mappings(datum: doc.Element) -> Iterator[tuple[tuple[str, ...], Mapping[str, object]]]:
    """The constants within an entry that are mappings, with their places there."""
    match datum:
        case dict():
            yield (), datum
        case doc.Listed():
            yield from ((("list", *path), constant) for path, constant in _mappings(datum.list))
        case doc.DataRow():
            for name, each in datum.each.items():
                yield from ((("each", name, *path), constant) for path, constant in _mappings(each))
        case _:
            return


def unmade(part: CompiledScenario, trials: Sequence[TrialJob]) -> Warnings:
    """Values that can't be made of others, in some job."""
    for name, datum in part.scenario.data.items():
        try:
            for trial in trials if isinstance(datum, doc.Derivation | doc.Listed) else ():
                trial.plan.data[name]
        except RenderFailure as failure:
            yield ("data", name), f"{name} can't be made: {failure}", "a text that looks at it would fail"
