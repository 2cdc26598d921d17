"""The rows of a timeline, in order of their instants and bounded: changes stay, what repeats is counted."""

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
