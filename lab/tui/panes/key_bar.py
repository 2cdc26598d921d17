"""The key bar: the keys of this state, as many as fit, `? Help` last."""

from collections.abc import Iterator, Sequence

from lab.tui.panes.keys import ScreenKey
from lab.tui.panes.pane import Bar, View
from lab.tui.rows.spans import Row, Rows, backed, fill, hot, row, width
from lab.tui.state.course import follow_ups
from lab.tui.state.screen import ScreenState

_ASK = 2
"""How early the digits of follow-ups are given up."""


def key_bar(keys: Sequence[ScreenKey]) -> Bar:
    """The bar of these keys, in their order."""
    faces = {key.name: key.face for key in keys}

    def shown(state: ScreenState) -> Iterator[tuple[int, Row]]:
        """Each with how early it is given up: the highest first, of equals the leftmost."""
        asks = [each.key for each in follow_ups(state) if each.key] if state.finale and not state.source.follows else []
        if asks:  # which question is asked, its own number in the finale says; here there is none to click
            digits = " ".join(asks) if len(asks) < 4 else f"{asks[0]}-{asks[-1]}"
            yield _ASK, row((digits, "wait b"), " Ask  ")
        for key in keys:
            if rank := key.rank_in(state):
                pair = f" {faces[key.pair]}" if key.pair else ""
                yield rank, hot(row((key.face + pair, "wait b"), f" {key.label_in(state)}  "), key.face)

    def draw(view: View) -> Rows:
        found = list(shown(view.state))
        while len(found) > 1 and sum(width(each) for _, each in found) >= view.columns - 3:
            found.remove(max(found, key=lambda each: each[0]))
        return (backed(fill(row("   ", *[each for _, each in found]), view.columns), "panel"),)

    return Bar("keys", "bottom", lambda state, columns, rows: int(not state.presents), draw)
