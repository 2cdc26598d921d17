"""The key bar: the keys of this state, as many as fit, `? Help` last."""

from collections.abc import Iterator, Mapping, Sequence

from lab.tui.panes.keys import ScreenKey
from lab.tui.panes.pane import Bar, View
from lab.tui.rows.spans import Row, Rows, backed, fill, hot, row
from lab.tui.state.course import follow_ups
from lab.tui.state.screen import SEARCH, ScreenState
from lab.tui.state.status import finished

ASK = "Ask"
"""Which question is asked, its own number in the finale says; here there is none to click."""
_RUNNING = ("space", ">", "d", "n", "[", "w", "s", "f", "+", "v", "0", "?")
_IDLE = ("space", "P", "w", "s", "f", "+", "v", "?")
_ACTS = ("space", ">", "d", "n", "p", "P", "w", "0", "?")
_ENDED = ("m", "esc", "o", "w", "s", "0", "[", "v", "?")
_WATCHED = ("space", "n", "[", "esc", "w", "o", "f", "+", "?")
_PLAYED = ("space", ">", "n", "←", "[", "esc", "0", "w", "o", "+", "?")
_PAIRS = {"+": ("", "-"), "[": ("", "]"), "←": (" ", "→")}
"""Two keys that stand in the key bar as one: what is between them, and the second."""
_RANK = {
    "space": 0,
    "?": 1,
    "0": 2,
    "[": 2,
    "s": 3,
    "←": 3,
    "esc": 4,
    "m": 4,
    "P": 4,
    "d": 4,
    "w": 5,
    ">": 5,
    "n": 6,
    "f": 7,
    "o": 8,
    "+": 9,
    "v": 7,
}
"""How early a key is given up where there is no room for all: the highest first, of equals the leftmost."""


def keys_shown(keys: Mapping[str, ScreenKey], state: ScreenState) -> Iterator[tuple[str, str]]:
    """The keys that the bar names, in order: face and label."""
    order: tuple[str, ...]
    if state.source.follows:
        order = _WATCHED if state.source.cursor is None else _PLAYED
    else:
        order = _RUNNING if state.newest.ended is None else _ENDED
        if state.newest.start is None:
            order = _IDLE
    if state.shows_act:
        order = _ACTS
    asks = [each.key for each in follow_ups(state) if each.key] if state.finale else []
    if asks and not state.source.follows:
        yield (" ".join(asks) if len(asks) < 4 else f"{asks[0]}-{asks[-1]}"), ASK
    if state.uncalled:
        order = ("y", *order)
    for face in order:
        if face == "esc" and not finished(state.run):
            continue
        if keys[face].is_offered(state):
            yield face, keys[face].label_in(state)


def key_bar(keys: Sequence[ScreenKey]) -> Bar:
    """The bar of these keys."""
    by_face = {key.face: key for key in reversed(keys)}

    def shown(face: str, state: ScreenState) -> str:
        """What stands for a key, and for its counterpart."""
        if (key := by_face.get(face)) is None:
            return face
        between, other = _PAIRS.get(face, ("", ""))
        return key.face_in(state) + (between + by_face[other].face_in(state) if other else "")

    def draw(view: View) -> Rows:
        names = list(keys_shown(by_face, view.state))
        if view.state.ui.query:  # n is the hits' then, and the search says so
            names = [each for each in names if each[0] not in ("n", "esc")]
        if view.state.ui.typing:
            several = view.state.ui.typing in ("approve", "reject") and "name" in view.state.source.can
            in_name = several and view.state.ui.field == 0
            names = [
                ("enter", "Find" if view.state.ui.typing == SEARCH else "Next" if in_name else "Send"),
                *([("tab", "Comment" if in_name else "Name")] if several else []),
                ("esc", "Back"),
            ]
        while (
            len(names) > 1
            and sum(len(shown(face, view.state)) + len(label) + 3 for face, label in names) >= view.columns - 3
        ):
            names.remove(max(names, key=lambda each: 1 if each[1] == ASK else _RANK.get(each[0], 11)))
        parts: list[Row] = []
        for face, label in names:
            name = row((shown(face, view.state), "wait b"), f" {label}")
            parts += [name if face[0].isdigit() and label == ASK else hot(name, face), row("  ")]
        return (backed(fill(row("   ", *parts), view.columns), "@panel"),)

    return Bar("keys", "bottom", lambda state, columns, rows: int(not state.presents), draw)
