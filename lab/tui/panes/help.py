"""The help page: the pane in focus, every key, the size and the colours of the terminal."""

from lab.tui.panes import keys
from lab.tui.rows.spans import BLANK, Row, clip, cut, fill, row, wrap
from lab.tui.state.screen import ScreenState

GROUPS = (("run", "The run"), ("gate", "At a gate"), ("time", "Time"), ("view", "The screen"))
PANES = {
    "token": ("Token", "enter z"), "job": ("Job", "enter [ z"), "polling": ("Polling", "enter z"),
    "output": ("Output", "o ↑ pgup enter z"), "wire": ("Wire", "↑ pgup enter W z"),
}  # fmt: skip
"""What is particular to each pane: its name, and the keys by their faces."""
NO_CLOCK = "Pause, step, speed, faults and rewind need the lab's own mock: a pod's clock and wire are its own."

NO_PACE = "Pause and speed need a clock that can be set: start the lab with --clock scaled:1."


def help_page(scene: ScreenState, columns: int, rows: int, colours: str, inner: int) -> list[Row]:
    """Every key of this source with what it does; those of this state stand out."""
    lines: list[Row] = [
        row(
            (f"{columns} × {rows}", "fg b"),
            ("  80 to 100 columns on a projector", "dim"),
            ("  colours ", "dim"),
            colours,
        )
    ]
    lines = [cut(lines[0], inner), *_pane(scene, inner)]
    if scene.show.pill.startswith("POD"):
        lines += wrap(row((NO_CLOCK, "wait")), inner)
    if scene.show.follows and "pause" not in scene.show.can:
        lines += wrap(row((NO_PACE, "wait")), inner)
    lines.append(BLANK)
    short = inner < 96
    room = inner if inner < 60 else inner // 2 - 1
    halves: list[list[Row]] = [[], []]
    for group, name in GROUPS:
        known = [
            key for key in keys.TABLE if key.group == group and key.shown not in _LATER and keys.served(scene, key)
        ]
        if not known:
            continue
        half = halves[1 if group == "view" and room < inner else 0]
        half += [BLANK] if half and not (short and group == "time") else []
        half.append(row((name, "run b")))
        half += [_key(scene, key, room, short=short) for key in known]
    for at in range(max(map(len, halves))):
        left = halves[0][at] if at < len(halves[0]) else BLANK
        right = halves[1][at] if at < len(halves[1]) else BLANK
        lines.append(row(fill(left, room + 1), right) if right else left)
    return lines


_LATER = frozenset(("↓", "pgdn", "]", "-", "ctrl+c", "→", "⇧→"))
"""Keys that stand beside their counterpart."""
_PAIRS = {"↑": "↑ ↓", "pgup": "pgup/dn", "[": "[ ]", "+": "+ -", "←": "← →", "⇧←": "⇧← ⇧→"}


def _pane(scene: ScreenState, inner: int) -> list[Row]:
    told = PANES.get(scene.look.focus)
    if told is None:
        return [cut(row(("1 to 5 choose a pane, then its own keys stand here", "dim")), inner)]
    name, faces = told
    parts: list[Row] = [row((f"{name}: ", "accent"))]
    for face in faces.split():
        parts.append(row((_PAIRS.get(face, face), "wait b"), f" {keys.by_shown(face).label}  "))
    return [cut(row(*parts), inner)]


def _key(scene: ScreenState, key: keys.ScreenKey, inner: int, *, short: bool) -> Row:
    tone = "fg" if key.offered(scene) else "dim"
    face = _PAIRS.get(key.shown, key.shown)
    told = keys.label(scene, key) if short else key.help
    return cut(row((f"{face:>7}  ", "wait b" if tone == "fg" else "dim"), (clip(told, inner - 9), tone)), inner)
