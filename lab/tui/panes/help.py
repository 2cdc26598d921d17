"""The help page: the pane in focus, every key, the size and the colours of the terminal."""

from collections.abc import Iterator, Sequence

from lab.tui.panes.finale import pane_digits
from lab.tui.panes.keys import Page, ScreenKey
from lab.tui.panes.pane import Pane
from lab.tui.rows.spans import BLANK, Row, at_both_ends, fill, flow, ink, row, width, wrap
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


class HelpPage(Page):
    """Every key of this source with what it does; those of this state stand out."""

    def __init__(self, table: Sequence[ScreenKey], panes: Sequence[Pane], size: tuple[int, int], colours: str) -> None:
        """`size` and `colours` are the terminal's: columns and rows, and how many colours it has."""
        super().__init__("?", "HELP", "? or esc")
        self._table = table
        self._panes = panes
        self._size = size
        self._colours = colours

    def body(self, state: ScreenState, inner: int) -> list[Row]:
        """The terminal, the pane, the keys in one column or two."""
        size = ink(f"{self._size[0]} × {self._size[1]}", bold=True)
        first = row(size, ("  80 to 100 columns on a projector", "dim"), ("  colours ", "dim"), self._colours)
        lines = [*wrap(first, inner), *self._focus(state, inner)]
        if state.source.pill.startswith("POD"):
            lines += wrap(row((NO_CLOCK, "wait")), inner)
        if state.source.follows and "pause" not in state.source.can:
            lines += wrap(row((NO_PACE, "wait")), inner)
        lines.append(BLANK)
        room = inner if inner < 96 else inner // 2 - 1
        groups = [group for group, _ in GROUPS]
        halves = [groups] if room == inner else [groups[:-1], groups[-1:]]
        left, *others = [self._column(state, half, room) for half in halves]
        right = [fill(each, inner - room - 1) for column in others for each in column]
        return [*lines, *at_both_ends(left, right, inner), BLANK, *_legend(inner)]

    def _focus(self, state: ScreenState, inner: int) -> list[Row]:
        """The pane in focus, and its own keys."""
        pane = next((pane for pane in self._panes if pane.name == state.ui.focus), None)
        if pane is None:
            return wrap(row((f"{pane_digits(state)} for a pane, then its own keys stand here", "dim")), inner)
        own = [key for face in pane.help_keys.split() for key in self._table if key.face == face]
        keys = [row((self._face(key), "wait b"), f" {key.label}  ") for key in own]
        return wrap(row((f"{pane.title}: ", "accent"), *keys), inner)

    def _column(self, state: ScreenState, groups: Sequence[str], room: int) -> list[Row]:
        """Groups of keys below each other, their faces as wide as the widest."""
        listed = [key for key in self._rows_of_keys(state) if key.group in groups]
        faces = max((len(self._face(key)) for key in listed), default=0)
        lines: list[Row] = []
        for group, name in GROUPS:
            keys = [key for key in listed if key.group == group]
            if keys:
                lines += [BLANK] if lines else []
                lines.append(row((name, "run b")))
            for key in keys:
                offered = key.is_offered(state)
                text = row((key.series or key.help, "fg" if offered else "dim"))
                head = row((f" {self._face(key):>{faces}}  ", "wait b" if offered else "dim"))
                beside = " " * width(head)
                lines += [row(beside if at else head, line) for at, line in enumerate(wrap(text, room - len(beside)))]
        return lines

    def _rows_of_keys(self, state: ScreenState) -> Iterator[ScreenKey]:
        """The keys of this source: one for each pair, and one for each series."""
        listed = {key.pair for key in self._table if key.pair}
        for key in self._table:
            if key.keys and key.is_served(state) and key.name not in listed and key.series not in listed:
                yield key
            if key.series:
                listed.add(key.series)

    def _face(self, key: ScreenKey) -> str:
        """What stands for a key, with its counterpart, or the last of its series."""
        if key.series:
            return f"{key.face} … {[each.face for each in self._table if each.series == key.series][-1]}"
        return key.face + "".join(f" {each.face}" for each in self._table if each.name == key.pair)


def _legend(inner: int) -> list[Row]:
    """The signs on as many rows as they need, none parted from its meaning; then what borders say."""
    signs = [row(ink(sign, role, bold=True), (f" {meaning}", "dim")) for sign, meaning, role in LEGEND]
    texts = [line for text in (BORDERS, MOUSE) for line in wrap(row((text, "dim")), inner)]
    return [*flow(signs, inner, row(("  ", "dim"))), *texts]
