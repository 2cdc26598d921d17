"""The wire drawer: one row an exchange."""

from lab.core.clock import Millis
from lab.tui.rows.blocks import API_HEAD, frame, latency, one_row, since_text, title
from lab.tui.rows.spans import Row, Rows, backed, clip, clip_left, cut, fill, row
from lab.tui.state.screen import ScreenState
from lab.tui.state.values import Exchange

FULL_PATHS = 146
"""From so many columns within the frame on, paths are whole."""


def draw(scene: ScreenState, columns: int, rows: int, now: Millis, up: int = 0) -> Rows:
    """The newest exchanges at the lower end; the one `up` rows above the newest is chosen, and in sight."""
    calls = scene.stage.calls
    room = max(1, rows - 2)
    up = max(0, min(up, len(calls) - 1))
    last = len(calls) - max(0, up - room + 1)
    body = [call_row(scene, call, columns - 4) for call in calls[max(0, last - room) : last]]
    if scene.look.focus == "wire" and body:
        at = len(body) - 1 - min(up, room - 1)
        body[at] = backed(fill(body[at], columns - 4), "@panel")
    if not calls:
        body = [row(("Nothing has been sent yet.", "dim"))]
    name = title(scene, "wire", "5 WIRE", "coming", "one row an exchange")
    told = f"{len(calls)} exchange{'' if len(calls) == 1 else 's'}"
    if scene.show.missed:
        told += f" · {scene.show.missed} earlier ones are gone"
    foot = row((f"{told} · enter opens" if scene.look.focus == "wire" else told, "dim")) if calls else ()
    return frame(body, name, foot, "coming", columns, rows, key="5")


def short(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """The drawer as one row."""
    return one_row("coming", "5 WIRE", row((f"{len(scene.stage.calls)} exchanges", "dim")), (), columns, key="5")


def call_row(scene: ScreenState, call: Exchange, inner: int) -> Row:
    """Instant, method, path, code, latency, the beginning of the body."""
    at = since_text(scene.stage, call.at)
    path_room = 78 if inner >= FULL_PATHS else max(12, inner * 45 // 100 - 6)
    tone = "run" if call.code is None and call.lost is None else "fg"
    head = row(
        (f"{at} ", "dim"), (f"{call.method:<4} ", "run b"), fill(row((_path(call.path, path_room), tone)), path_room)
    )
    struck = row((f"  ✗ {call.struck}", "bad")) if call.struck and call.struck != call.lost else ()
    if call.lost is not None:
        return cut(row(head, (f"  {call.lost}", "bad b"), struck), inner)
    if call.code is None:
        return cut(row(head, ("  ···", "dim"), struck), inner)
    code = (f"  {call.code}", "done b" if call.code < 400 else "bad b")
    return cut(row(head, code, (f" {latency(call.took):>8}", "dim"), struck, (f"  {call.head}", "dim")), inner)


def _path(path: str, room: int) -> str:
    """The path as it is, without the end of its Job ID, with `…` for what all have in common, or cut: what fits."""
    head, sign, job = path.partition("/status/")
    short_path = path.replace(API_HEAD, "…", 1)
    for shown in (path, f"{head}{sign}{job[:8]}…" if sign else path, short_path):
        if len(shown) <= room:
            return shown
    if "/status/" in short_path:
        head, _, job = short_path.partition("/status/")
        spare = room - len("/status/") - 9
        return clip(f"{clip_left(head, max(1, spare))}/status/{job[:8]}…", room)
    return clip_left(short_path, room)
