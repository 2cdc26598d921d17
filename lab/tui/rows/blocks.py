"""What all panes are made of: frames, labelled fields, the request and reply rows."""

from http import HTTPStatus

from rich.cells import cell_len

from lab.core.clock import Millis, clock_text, tenths
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
from lab.tui.state.ink import TINTS, Ground, Ink
from lab.tui.state.run import NextCall, Pairs, RunState
from lab.tui.state.status import face

ROUND, HEAVY = "╭─╮│╰╯", "┏━┓┃┗┛"
FRAMES = {
    "coming": (ROUND, "faint", "dim"), "work": (ROUND, "run", "run b"), "done": (ROUND, "line", "done"),
    "waits": (ROUND, "wait", "wait b"), "need": (HEAVY, "wait", "wait b"), "bad": (HEAVY, "bad", "bad b"),
}  # fmt: skip
"""By kind: the border's characters, its colour, the title's role."""

SIGNS = {"coming": "○", "work": "◐", "done": "✓", "waits": "◆", "need": "◆", "bad": "✗"}
"""By kind: the sign before the title of a pane that is one row."""


def frame(body: list[Row], title: Row, state: Row, kind: str, columns: int, rows: int) -> Rows:
    """The body within a border: title and state at the two ends of its top, so that neither ever moves."""
    lines_of, role, _ = FRAMES[kind]
    left_top, across, right_top, side, left_foot, right_foot = tuple(lines_of)
    title = cut(title, columns - 8)
    state = cut(state, columns - 10 - width(title))
    at_end = row(" ", state, (f" {across}{right_top}", role)) if state else row((right_top, role))
    left = row((f"{left_top}{across} ", role), title, " ")
    top = row(left, (across * max(0, columns - width(left) - width(at_end)), role), at_end)
    inner = columns - 6
    lines = [row((side + "  ", role), fill(line, inner), ("  " + side, role)) for line in body[: max(0, rows - 2)]]
    while len(lines) < rows - 2:
        lines.append(row((side + " " * (columns - 2) + side, role)))
    last = row((left_foot + across * (columns - 2) + right_foot, role))
    return (top, *lines, last)


def request_row(method: str, path: str, inner: int, tail: str = "") -> Row:
    """`→ POST /oauth2/v1/token`."""
    room = inner - len(method) - 3 - len(tail)
    return row(("→ ", "run"), (method, "run b"), " ", clip(path, room), (tail, "dim"))


def request_head(method: str, *rest: "str | TextSpan | tuple[str, str] | Row") -> Row:
    """`→ POST …`, of any path."""
    return row(("→ ", "run b"), (f"{method} ", "run b"), *rest)


def tail_of(path: str, parts: int) -> str:
    """The last parts of a path: `…/ITEM_COMPARE_TEAM/invokeAsync`."""
    found = path.partition("?")[0].strip("/").split("/")
    return path if len(found) <= parts else "…/" + "/".join(found[-parts:])


def reply_row(code: int | None, took: Millis | None, inner: int, word: str | None = None) -> Row:
    """`← 202 Accepted   183 ms`; a blank row while nothing came."""
    if code is None:
        return row(("← ", "dim"), ("···", "dim"))
    role = "done" if code < 300 else "bad"
    phrased = phrase(code) if word is None else word
    return ends(row(("← ", role), (str(code), f"{role} b"), f" {phrased}"), row((latency(took), "dim")), inner)


def phrase(code: int) -> str:
    """The reason phrase of a code, or nothing."""
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""


def latency(took: Millis | None) -> str:
    """`41 ms`, from ten seconds on `12.3 s`."""
    if took is None:
        return ""
    return f"{took} ms" if took < 10_000 else f"{took / 1000:.1f} s"


def seconds(span: Millis) -> str:
    """`9.0 s`, from ten minutes on `12:34`."""
    return f"{tenths(span)} s" if span < 600_000 else minutes(span)


def speed_text(factor: str) -> str:
    """A clock's factor as a person reads it: `×½`; of a manual clock `manual`."""
    return factor if factor == "manual" else "×" + {"0.25": "¼", "0.5": "½"}.get(factor, factor)


def minutes(span: Millis) -> str:
    """`14:44`, hours in front if there are any."""
    whole = max(0, span) // 1000
    hours, rest = divmod(whole, 3600)
    head = f"{hours}:" if hours else ""
    return f"{head}{rest // 60:02d}:{rest % 60:02d}"


def at_text(at: Millis) -> str:
    """An instant of the run: `00:01.6`; from an hour on `1:00:01`, for a row has no room for more."""
    text = clock_text(max(0, at))
    return text if at < 3_600_000 else text.rpartition(".")[0]


def since_text(run: RunState, at: Millis) -> str:
    """An instant as the run counts it; of an exchange before its first request `-12:30`, minutes and seconds."""
    if run.start is None or at >= run.start:
        return at_text(run.since_start(at))
    return f"{'-' + minutes(run.start - at):>7}"


def fields(pairs: Pairs, label: int, inner: int, *, most: int = 1) -> list[Row]:
    """Labelled values under a request: `  scope   urn:…`, long ones on up to `most` rows."""
    lines: list[Row] = []
    for name, value in pairs:
        head = f"  {clip(name, label):<{label}}  "
        parts = wrap(row(value or " "), inner - len(head), most=most)
        lines.append(row((head, "dim"), parts[0]))
        lines.extend(row(" " * len(head), part) for part in parts[1:])
    return lines


def answer_rows(code: int | None, took: Millis | None, refusal: str | None, inner: int) -> list[Row]:
    """What came back: the reply, and in red why the call was refused, or brought none."""
    if refusal is None:
        return [reply_row(code, took, inner)]
    why = [row("  ", line) for line in wrap(row((refusal, "bad")), inner - 2, most=4)]
    return why if code is None else [reply_row(code, took, inner), *why]


def paragraph(text: str, role: str, inner: int) -> list[Row]:
    """Plain text, wrapped."""
    return wrap(row((text, role)), inner)


def bottom(lines: list[Row], foot: list[Row], rows: int) -> list[Row]:
    """`foot` at the lower end, if there is room for it and a blank row."""
    gap = rows - len(lines) - len(foot)
    return [*lines, *[BLANK] * gap, *foot] if gap >= 1 or (gap == 0 and not foot) else lines


def next_call(call: NextCall, inner: int, now: Millis, tone: str, *, refused: bool = False) -> Row:
    """How long until the app calls again, and why it waits."""
    label = {"retry-after": "Retry-After", "retry": "next try"}.get(call.why, "next try" if refused else "next poll")
    left = max(0, call.until - now)
    whole = max(1, call.until - call.since)
    cells = max(4, min(24, inner - len(label) - 9))
    return ends(row((f"{label}  ", "dim"), gauge(1 - left / whole, cells, tone)), row(seconds(left)), inner)


def button(face: str, label: str, key: str, tone: Ink, ground: Ground, wide: int = 0) -> Row:
    """A button: the key's face and what it does, on its ground, in the middle of `wide` cells."""
    text = row(ink(f"{face} ", tone, bold=True, on=ground), ink(label, tone, on=ground))
    side = max(2, (wide - width(text)) // 2)
    right = max(2, wide - width(text) - side)
    return hot(row(ink(" " * side, tone, on=ground), text, ink(" " * right, tone, on=ground)), key)


def raised(faces: list[Row], note: Row = BLANK) -> list[Row]:
    """Buttons side by side, three rows high, and a note behind them."""
    line = row(*[part for each in faces for part in (each, row(" "))][:-1])
    blank = tuple(TextSpan(" " * cell_len(span.text), span.role) for span in line)
    return [blank, row(line, note), blank]


def tinted(lines: list[Row], tone: Ink, columns: int) -> Rows:
    """Rows of a bar: on the tone's tint, with an edge of it."""
    edge = ink("▌", "faint" if tone == "dim" else tone)
    return tuple(backed(fill(row(edge, "  ", line), columns), f"@{TINTS.get(tone, 'surface')}") for line in lines)


def status_row(status: str) -> Row:
    """A status word with its sign, in its colour."""
    return row((f"{face(status).glyph} {status}", f"{face(status).role} b"))
