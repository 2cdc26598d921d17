"""What all parts are made of: frames, buttons, labelled fields, the request and reply rows, times as they are read."""

from http import HTTPStatus
from typing import Literal, NamedTuple

from rich.cells import cell_len

from lab.core.clock import Millis, clock_text, tenths
from lab.core.observe import Waiting
from lab.tui.rows.spans import (
    BLANK,
    Row,
    Rows,
    TextSpan,
    backed,
    clip,
    cut,
    ends,
    fill,
    gauge,
    hot,
    ink,
    row,
    width,
    wrap,
)
from lab.tui.state.ink import TINTS, Ground, Ink, SpanRole
from lab.tui.state.run import Pairs, RunState
from lab.tui.state.status import face

LEFT = 3
"""Columns before text, in every area."""
ROUND, HEAVY = "╭─╮│╰╯", "┏━┓┃┗┛"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
Kind = Literal["coming", "work", "done", "waits", "need", "bad"]
"""What state a pane is in."""


class FrameFace(NamedTuple):
    """How a pane in a state looks: the border's characters and colour, the title's colour, the sign of one that is a row."""

    border: str
    line: Ink
    title: Ink
    sign: str


FRAMES: dict[Kind, FrameFace] = {
    "coming": FrameFace(ROUND, "faint", "dim", "○"),
    "work": FrameFace(ROUND, "run", "run", "◐"),
    "done": FrameFace(ROUND, "line", "done", "✓"),
    "waits": FrameFace(ROUND, "wait", "wait", "◆"),
    "need": FrameFace(HEAVY, "wait", "wait", "◆"),
    "bad": FrameFace(HEAVY, "bad", "bad", "✗"),
}


FRAME_ENDS = 10
"""Cells of a frame's top that are neither its title nor its state."""


def frame(body: list[Row], title: Row, state: Row, kind: Kind, columns: int, rows: int) -> Rows:
    """The body within a border: title and state at the two ends of its top, so that neither ever moves."""
    left_top, across, right_top, side, left_foot, right_foot = tuple(FRAMES[kind].border)
    tone = FRAMES[kind].line
    title = cut(title, columns - 8)
    state = cut(state, columns - FRAME_ENDS - width(title))
    at_end = row(" ", state, ink(f" {across}{right_top}", tone)) if state else row(ink(right_top, tone))
    left = row(ink(f"{left_top}{across} ", tone), title, " ")
    top = row(left, ink(across * max(0, columns - width(left) - width(at_end)), tone), at_end)
    begin, end = ink(f"{side}  ", tone), ink(f"  {side}", tone)
    lines = [row(begin, fill(line, columns - 2 * LEFT), end) for line in body[: max(0, rows - 2)]]
    lines += [row(ink(side + " " * (columns - 2) + side, tone))] * (rows - 2 - len(lines))
    return (top, *lines, row(ink(left_foot + across * (columns - 2) + right_foot, tone)))


def tinted(lines: list[Row], tone: Ink, columns: int) -> Rows:
    """Rows of a bar: on the tone's tint, with an edge of it."""
    edge = ink("▌", "faint" if tone == "dim" else tone)
    return tuple(backed(fill(row(edge, "  ", line), columns), TINTS.get(tone, "surface")) for line in lines)


def button(key: str, label: str, tone: Ink, ground: Ground, wide: int = 0) -> Row:
    """A button: the key and what it does, on its ground, in the middle of `wide` cells."""
    text = row(ink(f"{key} ", tone, bold=True, on=ground), ink(label, tone, on=ground))
    side = max(2, (wide - width(text)) // 2)
    right = max(2, wide - width(text) - side)
    return hot(row(ink(" " * side, tone, on=ground), text, ink(" " * right, tone, on=ground)), key)


def raised_buttons(faces: list[Row], note: Row = BLANK) -> list[Row]:
    """Buttons side by side, three rows high, and a note behind them."""
    line = row(*[part for each in faces for part in (each, " ")][:-1])
    blank = tuple(TextSpan(" " * cell_len(span.text), span.role) for span in line)
    return [blank, row(line, note), blank]


# Calls


def request_head(method: str, *rest: "str | TextSpan | Row") -> Row:
    """`→ POST …`, of any path."""
    return row(("→ ", "run b"), (f"{method} ", "run b"), *rest)


def request_row(method: str, path: str, inner: int, tail: str = "") -> Row:
    """`→ POST /oauth2/v1/token`."""
    return row(("→ ", "run"), (f"{method} ", "run b"), clip(path, inner - len(method) - 3 - len(tail)), (tail, "dim"))


def tail_of(path: str, parts: int) -> str:
    """The last parts of a path: `…/ITEM_COMPARE_TEAM/invokeAsync`."""
    found = path.partition("?")[0].strip("/").split("/")
    return path if len(found) <= parts else "…/" + "/".join(found[-parts:])


def answer_rows(code: int | None, took: Millis | None, refusal: str | None, inner: int) -> list[Row]:
    """What came back, `← 202 Accepted   183 ms`, and in red why the call was refused, or brought none."""
    tone: Ink = "dim" if code is None else "done" if code < 300 else "bad"
    came = row(ink("← ", tone), ink("···" if code is None else str(code), tone, bold=code is not None))
    if code is not None:
        came = ends(row(came, f" {phrase(code)}"), row((latency(took), "dim")), inner)
    why = [row("  ", line) for line in wrap(row((refusal or "", "bad")), inner - 2, most=4)]
    return [came] if refusal is None else why if code is None else [came, *why]


def phrase(code: int) -> str:
    """The reason phrase of a code, or nothing."""
    return _PHRASES.get(code, "")


def pill(code: int, tone: Literal["done", "bad"]) -> Row:
    """` 202 Accepted `, on its ground."""
    return row((f" {code} {phrase(code)} ", "fill b @fill-done" if tone == "done" else "fill b @fill-bad"))


def fields(pairs: Pairs, label: int, inner: int, *, most: int = 1) -> list[Row]:
    """Labelled values under a request: `  scope   urn:…`, long ones on up to `most` rows."""
    lines: list[Row] = []
    for name, value in pairs:
        head = f"  {clip(name, label):<{label}}  "
        for at, part in enumerate(wrap(row(value or " "), inner - len(head), most=most)):
            lines.append(row((head, "dim") if not at else " " * len(head), part))
    return lines


def paragraph(text: str, role: SpanRole, inner: int) -> list[Row]:
    """Plain text, wrapped."""
    return wrap(row((text, role)), inner)


def next_call(call: Waiting, inner: int, now: Millis, tone: Ink, *, again: bool = False) -> Row:
    """How long until the app calls again, and why it waits; `again`: the last call failed."""
    label = {"retry-after": "Retry-After", "retry": "next try"}.get(call.why, "next try" if again else "next poll")
    left, whole = max(0, call.until - now), max(1, call.until - call.at)
    cells = max(4, min(24, inner - len(label) - 9))
    return ends(row((f"{label}  ", "dim"), gauge(1 - left / whole, cells, tone)), row(seconds(left)), inner)


def status_row(status: str) -> Row:
    """A status word with its sign, in its colour."""
    return row(ink(f"{face(status).glyph} {status}", face(status).role, bold=True))


# Times and other figures


def latency(took: Millis | None) -> str:
    """`41 ms`, from ten seconds on `12.3 s`."""
    return "" if took is None else f"{took} ms" if took < 10_000 else f"{took / 1000:.1f} s"


def seconds(span: Millis) -> str:
    """`9.0 s`, from ten minutes on `12:34`."""
    return f"{tenths(span)} s" if span < 600_000 else minutes(span)


def figure_of(span: Millis) -> tuple[str, str]:
    """`31.2` and `s`; from 100 s on minutes, which need no unit."""
    return (minutes(span), "") if span >= 100_000 else (tenths(max(0, span)), "s")


def minutes(span: Millis) -> str:
    """`14:44`, hours in front if there are any."""
    hours, rest = divmod(max(0, span) // 1000, 3600)
    return f"{f'{hours}:' if hours else ''}{rest // 60:02d}:{rest % 60:02d}"


def span_text(span: Millis) -> str:
    """`16 s`, `28 min`, `63 h`: how long a run takes, as one would say it."""
    for unit, size in (("s", 1_000), ("min", 60_000)):
        if span < size * 100:
            return f"{round(span / size)} {unit}"
    return f"{round(span / 3_600_000)} h"


def at_text(at: Millis) -> str:
    """An instant of the run: `00:01.6`; from an hour on `1:00:01`, for a row has no room for more."""
    text = clock_text(max(0, at))
    return text if at < 3_600_000 else text.rpartition(".")[0]


def since_text(run: RunState, at: Millis) -> str:
    """An instant as the run counts it; of an exchange before its first request `-12:30`, minutes and seconds."""
    if run.start is None or at >= run.start:
        return at_text(run.since_start(at))
    return f"{'-' + minutes(run.start - at):>7}"


def speed_text(factor: str) -> str:
    """A clock's factor as a person reads it: `×½`; of a manual clock `manual`."""
    return factor if factor == "manual" else "×" + {"0.25": "¼", "0.5": "½"}.get(factor, factor)


def polls_text(many: int) -> str:
    """`1 poll`, `5 polls`."""
    return f"{many} poll{'' if many == 1 else 's'}"
