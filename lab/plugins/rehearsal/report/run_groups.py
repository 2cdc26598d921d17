"""Runs of a client as people read them: those that ended alike together, or each by itself (clients.md §9).

A client that repeats nothing fails sixty drills for a handful of reasons. So runs are grouped by how they ended and by the
gravest rule that was broken in them; of a group the first is shown, with what shows it and what repeats it, and of each
further one its name. The end of what a client printed is shown whole once, then by its last line, in which an error has
its words, where that is new: tracebacks differ in little else.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from lab.plugins.rehearsal.report.catalog import RULE_OF
from lab.plugins.rehearsal.report.outcomes import RunOutcome
from lab.plugins.rehearsal.report.rule import ClientRule
from lab.plugins.rehearsal.report.runs import JudgedRun, summary_of_runs


class RunGroup(Struct, frozen=True):
    """Runs that ended alike."""

    outcome: RunOutcome
    rule: ClientRule | None
    """The gravest that was broken in each of them; None: none that counts."""
    runs: tuple[JudgedRun, ...]

    @property
    def head(self) -> str:
        """How many, how they ended, and which rule was broken."""
        why = f"; {self.rule.id} {self.rule.asks} ({self.rule.severity})" if self.rule is not None else ""
        return f"{_mark(self.runs[0])}{len(self.runs)} runs: {self.outcome}{why}"


def lines_of_runs(runs: Sequence[JudgedRun], not_called: int = 0, *, whole: bool = False) -> Iterator[str]:
    """Those that ended otherwise than a good client's, then those of which nothing can be said; the counts last.

    `whole`: each by itself, with all that is known of it.
    """
    shown = [run for run in runs if run.good is False or (run.good is None and run.lines)]
    shown.sort(key=lambda run: run.good is None)
    if whole:
        for run in shown:
            yield _line(run)
            yield from _indented(run.lines)
    else:
        seen = set[str]()
        for group in groups_of(shown):
            yield from _group(group, seen)
    yield summary_of_runs(runs, not_called)


def groups_of(runs: Sequence[JudgedRun]) -> list[RunGroup]:
    """By ending and gravest rule: what harms most first, then the larger, then the earlier."""
    grouped: dict[tuple[bool, RunOutcome, str], list[JudgedRun]] = {}
    for run in runs:
        rule = _gravest(run)
        grouped.setdefault((run.good is None, run.outcome, rule.id if rule is not None else ""), []).append(run)
    groups = [RunGroup(outcome, RULE_OF.get(rule), tuple(each)) for (_, outcome, rule), each in grouped.items()]
    return sorted(groups, key=_rank)


def _gravest(run: JudgedRun) -> ClientRule | None:
    return max((RULE_OF[rule] for rule in run.broken), key=lambda rule: rule.severity.weight, default=None)


def _rank(group: RunGroup) -> tuple[bool, int, int]:
    weight = group.rule.severity.weight if group.rule is not None else 0
    return group.runs[0].good is None, -weight, -len(group.runs)


def _group(group: RunGroup, seen: set[str]) -> Iterator[str]:
    first, *further = group.runs
    if not further:
        yield _line(first)
        yield from _indented((*first.own_lines, *_new(first.printed, seen)))
        return
    yield group.head
    yield f"      {_named(first, *first.about)}"
    advice = (first.advice,) if first.advice and group.rule is None else ()
    yield from _indented((*first.details, *advice, *first.notes, *first.commands, *_new(first.printed, seen)))
    yield from (f"      {_named(run)}" for run in further)


def _new(printed: Sequence[str], seen: set[str]) -> Sequence[str]:
    """What a client printed, but for lines that mark a place in the one above: the first time all of it."""
    new = [line for line in printed if line not in seen and line.strip("| ^~")]
    shown = new[-1:] if seen else new
    seen.update(printed)
    return shown


def _mark(run: JudgedRun) -> str:
    return "FAIL  " if run.good is False else "  -   "


def _line(run: JudgedRun) -> str:
    return run.failure if run.good is False else f"{_mark(run)}{run.name}: {run.outcome}"


def _named(run: JudgedRun, *about: str) -> str:
    wanted = (f"a good client: {run.wanted}",) if run.good is False else ()
    return f"{run.name}: {'; '.join((*about, *wanted))}".removesuffix(": ")


def _indented(lines: Sequence[str]) -> Iterator[str]:
    return (f"          {line}" for line in lines)
