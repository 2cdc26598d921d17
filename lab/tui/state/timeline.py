"""The rows of a timeline, in order of their instants and bounded: changes stay, what repeats is counted."""

from collections.abc import Sequence

from msgspec.structs import replace

from lab.tui.state.run import RunState, TimelineRow

MOST_TIMELINE_ROWS = 1_000
"""How many rows are kept; of older ones those that changed nothing are only counted."""


def with_row(rows: tuple[TimelineRow, ...], row: TimelineRow) -> tuple[TimelineRow, ...]:
    """The rows with one more."""
    added = (*rows, row)
    if len(added) > 1 and added[-2].at > row.at:
        added = tuple(sorted(added, key=lambda each: each.at))
    return added if len(added) <= MOST_TIMELINE_ROWS else _bounded(added)


def noted(run: RunState, row: TimelineRow) -> RunState:
    """The run with one row more in its timeline."""
    return replace(run, timeline=with_row(run.timeline, row))


def repeats(row: TimelineRow) -> bool:
    """Whether a row tells nothing new: a poll that saw what the one before saw."""
    return row.kind == "poll" and not row.first and not row.bad


def _bounded(rows: tuple[TimelineRow, ...]) -> tuple[TimelineRow, ...]:
    """The older half without repeats; if that isn't enough, without its oldest rows."""
    half = len(rows) // 2
    kept: list[TimelineRow] = []
    for row in rows[:half]:
        if not repeats(row) and row.kind != "folded":
            kept.append(row)
            continue
        count = int(row.word) if row.kind == "folded" else 1
        if kept and kept[-1].kind == "folded":
            kept[-1] = TimelineRow(kept[-1].at, "folded", str(int(kept[-1].word) + count))
        else:
            kept.append(TimelineRow(row.at, "folded", str(count)))
    return (*kept[-half // 2 :], *rows[half:])


def fitted(rows: Sequence[TimelineRow], room: int) -> list[TimelineRow | int]:
    """The timeline in `room` rows; a number stands for so many folded polls.

    The oldest long stretches are folded first; then what is folded is left out, the oldest first. Where the changes alone
    are too many, the newest stay, below a count of the polls that are older.
    """
    lines: list[TimelineRow | int] = [int(each.word) if each.kind == "folded" else each for each in rows]
    start = 0
    while len(lines) > room and start < len(lines):
        first = lines[start]
        if isinstance(first, int) or not repeats(first):
            start += 1
            continue
        stop = start
        while stop < len(lines) and not isinstance(line := lines[stop], int) and repeats(line):
            stop += 1
        keep = 1 if stop == len(lines) else 0
        many = min(stop - start - keep, len(lines) - room + 1)
        if many >= 2:
            lines[start : start + many] = [many]
            start += 1
        else:
            start = stop
    return lines if len(lines) <= room else _changes_in(lines, room)


def _changes_in(lines: list[TimelineRow | int], room: int) -> list[TimelineRow | int]:
    """The changes, with as many of the newest other rows as there is room for; else the newest changes below a count."""
    over = len(lines) - room
    plain = [at for at, each in enumerate(lines[:-1]) if isinstance(each, int) or repeats(each)]
    if over <= len(plain):
        dropped = set(plain[:over])
        return [each for at, each in enumerate(lines) if at not in dropped]
    changes = [each for at, each in enumerate(lines) if at not in plain]
    tail = changes[max(0, len(changes) - room + 1) :]
    while tail and isinstance(tail[0], TimelineRow) and tail[0].kind == "said":
        tail = tail[1:]  # what was said isn't told without whose it is
    shown = sum(isinstance(each, TimelineRow) and each.kind == "poll" for each in tail)
    polls = sum(each if isinstance(each, int) else each.kind == "poll" for each in lines)
    return [polls - shown, *tail][:room]
