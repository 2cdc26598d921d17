"""The help page: the pane in focus, every key, the size and the colours of the terminal."""

from collections.abc import Callable, Sequence

from lab.tui.panes.finale import pane_digits
from lab.tui.panes.keys import ScreenKey
from lab.tui.panes.page import PageContent
from lab.tui.panes.pane import Pane
from lab.tui.rows.spans import BLANK, Row, cut, fill, ink, row, width, wrap
from lab.tui.state.ink import Ink
from lab.tui.state.screen import ScreenState

LEGEND: tuple[tuple[str, str, Ink], ...] = (
    ("○", "to come", "dim"),
    ("◐", "RUNNING", "run"),
    ("◆", "WAITING", "wait"),
    ("◇", "decided", "wait"),
    ("✓", "COMPLETE, done", "done"),
    ("✗", "ERROR, failed", "bad"),
    ("?", "unknown", "unknown"),
    ("→", "request", "run"),
    ("←", "reply", "done"),
    ("┊", "polls left out", "dim"),
    ("›", "follow-up", "accent"),
    ("●", "recording", "bad"),
)
"""The signs of the screen: what each means, in the colour that it has there."""
MOUSE = "mouse: drag to select within a pane, twice a word, three times a row; y or ctrl+c copies it"
BORDERS = "border: faint to come, blue at work, green done; heavy amber a person is needed, heavy red failed"
GROUPS = (("run", "The run"), ("gate", "At a gate"), ("time", "Time"), ("view", "The screen"))
NO_CLOCK = "Pause, step, speed, faults and rewind need the lab's own mock: a pod's clock and wire are its own."
NO_PACE = "Pause and speed need a clock that can be set: start the lab with --clock scaled:1."
_SECOND = frozenset(("↓", "pgdn", "]", "-", "→", "⇧→", "N", *(f"{number}…" for number in range(2, 10))))
"""Keys that stand beside their counterpart."""
_ALIKE = {"ask-": ("ask a follow-up", "9"), "focus-": ("look at a pane", "5")}
"""By how their names begin keys that are told of in one row: what they do, and the last of them."""
_PAIRS = {"↑": "↑ ↓", "pgup": "pgup/dn", "[": "[ ]", "+": "+ -", "←": "← →", "⇧←": "⇧← ⇧→"}


class HelpPage(PageContent):
    """Every key of this source with what it does; those of this state stand out."""

    opener = "?"
    title = "HELP"
    foot = "? or esc"

    def __init__(
        self,
        state: Callable[[], ScreenState],
        table: Sequence[ScreenKey],
        panes: Sequence[Pane],
        size: tuple[int, int],
        colours: str,
    ) -> None:
        """`size` and `colours` are the terminal's: columns and rows, and how many colours it has."""
        super().__init__(state)
        self._table = table
        self._panes = panes
        self._size = size
        self._colours = colours

    def body(self, inner: int, rows: int) -> list[Row]:
        """The terminal, the pane, the keys in one column or two."""
        state = self.state
        size = ink(f"{self._size[0]} × {self._size[1]}", bold=True)
        first = row(size, ("  80 to 100 columns on a projector", "dim"), ("  colours ", "dim"), self._colours)
        lines = [*wrap(first, inner), *self._focus(state, inner)]
        if state.source.pill.startswith("POD"):
            lines += wrap(row((NO_CLOCK, "wait")), inner)
        if state.source.follows and "pause" not in state.source.can:
            lines += wrap(row((NO_PACE, "wait")), inner)
        lines.append(BLANK)
        room = inner if inner < 60 else inner // 2 - 1
        left, right = self._halves(state, room, short=inner < 96, two=room < inner)
        for at in range(max(len(left), len(right))):
            one, other = left[at] if at < len(left) else BLANK, right[at] if at < len(right) else BLANK
            lines.append(row(fill(one, room + 1), other) if other else one)
        legend = _legend(inner)
        # where that brings the last row into sight, nothing stands between them
        return [*lines, *([] if len(lines) + len(legend) == rows else [BLANK]), *legend]

    def _focus(self, state: ScreenState, inner: int) -> list[Row]:
        """The pane in focus, and its own keys."""
        pane = next((pane for pane in self._panes if pane.name == state.ui.focus), None)
        if pane is None:
            return wrap(row((f"{pane_digits(state)} for a pane, then its own keys stand here", "dim")), inner)
        own = [key for face in pane.help_keys.split() for key in self._table if key.face == face]
        keys = [row((_face(state, key), "wait b"), f" {key.label}  ") for key in own]
        return wrap(row((f"{pane.title}: ", "accent"), *keys), inner)

    def _halves(self, state: ScreenState, room: int, *, short: bool, two: bool) -> tuple[list[Row], list[Row]]:
        """The groups of keys, those of the screen in a second column if there is room for one."""
        halves: tuple[list[Row], list[Row]] = ([], [])
        for group, name in GROUPS:
            keys = [
                key
                for key in self._table
                if key.group == group and key.is_served(state) and _face(state, key) not in _SECOND
            ]
            if not keys:
                continue
            half = halves[1 if group == "view" and two else 0]
            half += [BLANK] if half and not (short and group == "time") else []
            half.append(row((name, "run b")))
            half += [line for key in keys for line in _key_rows(state, key, room, short=short)]
        return halves


def _legend(inner: int) -> list[Row]:
    """The signs on as many rows as they need, none parted from its meaning; then what borders say."""
    lines: list[Row] = [BLANK]
    for sign, meaning, role in LEGEND:
        part = row(ink(sign, role, bold=True), (f" {meaning}  ", "dim"))
        if lines[-1] and width(lines[-1]) + width(part) > inner + 2:
            lines.append(BLANK)
        lines[-1] = row(lines[-1], part)
    return [
        *(cut(line, inner) for line in lines),
        *[line for text in (BORDERS, MOUSE) for line in wrap(row((text, "dim")), inner)],
    ]


def _face(state: ScreenState, key: ScreenKey) -> str:
    """What stands for a key, with its counterpart if both are the usual ones."""
    shown = key.face_in(state)
    last = next((last for name, (_, last) in _ALIKE.items() if key.name.startswith(name)), "")
    if last and shown == key.face:  # one row for all
        return f"1 … {last}" if shown == "1" else f"{shown}…"
    return _PAIRS.get(shown, shown) if shown == key.face else shown


def _key_rows(state: ScreenState, key: ScreenKey, inner: int, *, short: bool) -> list[Row]:
    tone: Ink = "fg" if key.is_offered(state) else "dim"
    face = _face(state, key)
    alike = next((text for name, (text, _) in _ALIKE.items() if key.name.startswith(name)), "")
    text = alike or (key.label_in(state) if short else key.help)
    head = ink(f"{face:>7}  ", "wait", bold=True) if tone == "fg" else ink(f"{face:>7}  ", "dim")
    return [row(" " * 9 if at else head, line) for at, line in enumerate(wrap(row((text, tone)), inner - 9))]
