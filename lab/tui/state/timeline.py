"""The rows of a timeline, in order of their instants and bounded: changes stay, what repeats is counted."""

from collections.abc import Sequence
from itertools import groupby

from lab.tui.state.run import TimelineRow

MOST_TIMELINE_ROWS = 400
"""How many rows are kept; of older ones those that changed nothing are only counted."""


def with_row(rows: tuple[TimelineRow, ...], row: TimelineRow) -> tuple[TimelineRow, ...]:
    """The rows with one more."""
    added = (*rows, row)
    if rows and rows[-1].at > row.at:
        added = tuple(sorted(added, key=lambda each: each.at))
    return added if len(added) <= MOST_TIMELINE_ROWS else _bounded(added)


def repeats(row: TimelineRow) -> bool:
    """Whether a row tells nothing new: a poll that saw what the one before saw."""
    return row.kind == "poll" and not row.first and not row.bad


def _bounded(rows: tuple[TimelineRow, ...]) -> tuple[TimelineRow, ...]:
    """The older half without repeats; if that isn't enough, without its oldest rows."""
    half, kept = len(rows) // 2, list[TimelineRow]()
    for dull, group in groupby(rows[:half], lambda row: repeats(row) or row.kind == "folded"):
        same = list(group)
        count = sum(int(row.word) if row.kind == "folded" else 1 for row in same) if dull else 0
        kept += [TimelineRow(same[0].at, "folded", str(count))] if dull else same
    return (*kept[-half // 2 :], *rows[half:])


def fitted(rows: Sequence[TimelineRow], room: int) -> list[TimelineRow | int]:
    """The timeline in `room` rows; a number stands for so many folded polls.

    The oldest long stretches are folded first; then what is folded is left out, the oldest first. Where the changes alone
    are too many, the newest stay, below a count of the polls that are older.
    """
    lines: list[TimelineRow | int] = []
    over, seen = len(rows) - room, 0
    for dull, group in groupby(rows, repeats):
        same = list(group)
        seen += len(same)
        # of a stretch that goes on the last poll shows
        many = min(len(same) - (seen == len(rows)), over + 1) if dull else 0
        if many >= 2:
            lines.append(many)
            over -= many - 1
        lines += [int(each.word) if each.kind == "folded" else each for each in same[many if many >= 2 else 0 :]]
    return lines if over <= 0 else _changes_in(lines, room)


def _changes_in(lines: list[TimelineRow | int], room: int) -> list[TimelineRow | int]:
    """The changes, with as many of the newest other rows as there is room for; else the newest changes below a count."""
    over = len(lines) - room
    plain = {at: each for at, each in enumerate(lines[:-1]) if isinstance(each, int) or repeats(each)}
    dropped = plain if over > len(plain) else list(plain)[:over]
    kept = [each for at, each in enumerate(lines) if at not in dropped]
    if over <= len(plain):
        return kept
    tail = kept[max(0, len(kept) - room + 1) :]
    while tail and isinstance(tail[0], TimelineRow) and tail[0].kind == "said":
        tail = tail[1:]  # what was said isn't told without whose it is
    shown = sum(isinstance(each, TimelineRow) and each.kind == "poll" for each in tail)
    polls = sum(each if isinstance(each, int) else each.kind == "poll" for each in lines)
    return [polls - shown, *tail][:room]
