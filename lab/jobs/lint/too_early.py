"""Warnings about what is empty wherever it is looked at: decisions and outputs that can't be there by then."""

import re
from collections.abc import Iterator

from lab.jobs.branches import exits, reachable
from lab.jobs.compiled import CompiledScenario
from lab.jobs.lint.written import Warnings, placed_branches
from lab.language.complaints import path_text
from lab.language.parse import KeyPath
from lab.language.parse.names import spelt_as
from lab.language.templates import condition, template
from lab.program.steps import Delegate, Gate, Parallel, Pause, Step, placed_steps, texts_of

_ASKS_FIRST = re.compile(r"\b(?:if|or|default|d)\b")
"""In a text that is ready for an output which isn't there."""


def always_empty(part: CompiledScenario) -> Warnings:
    """Texts and conditions that look at a decision or an output which no job has by then, or only some have."""
    there = reachable(part)
    parallels = {child.id: step for step in part.steps.values() if isinstance(step, Parallel) for child in step.of}
    behind = {name: _behind(part, parallels.get(name, step)) for name, step in part.steps.items() if _gives(step)}
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


def _gives(step: Step) -> bool:
    return isinstance(step, Gate | Delegate)


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
    for more, branches in placed_branches(step):
        for number, branch in enumerate(branches):
            if branch.when is not None:
                looked_up = condition(branch.when).looked_up
                yield (*more, number, "when"), branch.when, tuple(used for _, used in looked_up)


def _lonely(parallel: Parallel, name: str, text: str, looked_up: tuple[tuple[str, ...], ...]) -> bool:
    """Whether a text counts on one of those of which others may be the first."""
    others = {child.id for child in parallel.of} - {name}
    read = {used[1] for used in looked_up if used[0] == "delegates" and len(used) > 1}
    return parallel.until == "any" and not others & read and not _ASKS_FIRST.search(text)
