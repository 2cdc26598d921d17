"""The rows of a timeline, in order of their instants and bounded: changes stay, what repeats is counted."""

from lab.tui.state.screen import MOST_MARKS
from lab.tui.state.values import TimelineRow

Marks = tuple[TimelineRow, ...]


def with_mark(marks: Marks, mark: TimelineRow) -> Marks:
    """The rows with one more."""
    added = (*marks, mark)
    if len(added) > 1 and added[-2].at > mark.at:
        added = tuple(sorted(added, key=lambda each: each.at))
    return added if len(added) <= MOST_MARKS else _bounded(added)


def repeats(mark: TimelineRow) -> bool:
    """Whether a row tells nothing new: a poll that saw what the one before saw."""
    return mark.kind == "poll" and not mark.first and not mark.bad


def _bounded(marks: Marks) -> Marks:
    """The older half without repeats; if that isn't enough, without its oldest rows."""
    half = len(marks) // 2
    kept: list[TimelineRow] = []
    for mark in marks[:half]:
        if not repeats(mark) and mark.kind != "folded":
            kept.append(mark)
            continue
        count = int(mark.word) if mark.kind == "folded" else 1
        if kept and kept[-1].kind == "folded":
            kept[-1] = TimelineRow(kept[-1].at, "folded", str(int(kept[-1].word) + count))
        else:
            kept.append(TimelineRow(mark.at, "folded", str(count)))
    return (*kept[-half // 2 :], *marks[half:])
