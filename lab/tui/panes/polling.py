"""The Polling pane: the lane of statuses, the timeline of polls, the wait for the next one."""

from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len

from lab.core.clock import Millis
from lab.program.words import Status
from lab.tui.panes.decision import by_fits, by_whom, decision_within, with_comments
from lab.tui.panes.pane import OPENS, Column, Framed, OneRow, Pane, View, last_of
from lab.tui.rows.blocks import at_text, bars, bottom, latency, next_call, paragraph, request_row, seconds, status_row
from lab.tui.rows.spans import BLANK, Row, clip, ends, hot, row, width, wrap
from lab.tui.state.gate import GateDecision, verdict_face
from lab.tui.state.run import RunState, TimelineRow
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import decision_shown, face, meaning, phase
from lab.tui.state.timeline import fitted

NO_POLL = "Nothing to poll yet."
BAR_FROM = 46
"""From so many columns on a bar shows each latency."""


def _kind(run: RunState) -> str:
    here = phase(run)
    begun = run.job is not None and run.job.job is not None
    if here == "error" and begun:
        return "done" if run.last is not None and meaning(run.last.status) is Status.ERROR else "bad"
    if here == "complete":
        return "done"
    if not begun:
        return "coming"
    return "need" if here == "waiting" and run.gate is not None else "work"


def _status(view: View) -> Row:
    """`9 polls · pause 3 s`, at the end the last status."""
    run = view.run
    if phase(run) in ("complete", "error") and run.last is not None:
        # the sums say it where there is room for them
        counted = f"{run.polls} polls · " if 40 <= view.columns < 72 and view.room < 12 else ""
        return row((counted, face(run.last.status).role), status_row(run.last.status))
    if run.job is None or run.job.job is None or not (run.polls or run.next_call):
        return ()
    polls = f"{run.polls} poll" + ("" if run.polls == 1 else "s")
    tone = "wait" if _kind(run) == "need" else "run"
    if run.next_call is None:
        return row((polls, tone))
    if view.columns >= 40:
        return row((f"{polls} · next in {seconds(max(0, run.next_call.until - view.now))}", tone))
    pause = seconds(run.next_call.until - run.next_call.since).replace(".0 s", " s")
    return row((f"{polls} · pause {pause}", tone))


def _framed(view: View) -> Framed:
    return Framed(_body(view, tight=view.columns >= 72), _kind(view.run), status=_status(view))


def _one_row(view: View) -> OneRow:
    """The lane in words, and how many polls. Who decided is cut before any figure is left out."""
    run = view.run
    if not run.statuses:
        return OneRow("coming", row((NO_POLL, "dim")))
    gist: list[Row] = []
    for word, length in _lengths(run, view.now):
        known = face(word)
        gist.append(row((known.glyph if known.final else f"{known.glyph} {seconds(length)}  ", known.role)))
    decided = [each for each in run.timeline if each.kind == "decided"]
    polls, many = row(("polls ", "dim"), str(run.polls)), len(gist) + len(decided)
    room = view.columns - 17 - width(polls)
    spare = (room - sum(map(width, gist))) // max(1, len(decided))
    for each in decided:
        gist.append(row((f"  {decision_within(view.state, each, spare - 2)}", "bad" if each.bad else "dim")))
    while len(gist) > 1 and sum(map(width, gist)) > room - (2 if len(gist) < many else 0):
        gist.pop(0)
    return OneRow(_kind(run), row(*([("┊ ", "dim")] if len(gist) < many else []), *gist), polls)


def _body(view: View, *, tight: bool) -> list[Row]:
    run, inner, rows = view.run, view.inner, view.room
    if _kind(run) == "coming":
        return paragraph(NO_POLL, "dim", inner)
    bare = rows < (16 if tight else 12)
    due = max(0, run.next_call.until - view.now) if run.next_call is not None else 0
    method, path, differs = view.state.labels.poll
    head = [] if bare else [request_row(method, path, inner, differs)]
    if run.statuses:
        head += bars(_lengths(run, view.now)[-max(1, inner // 2) :], inner)
    foot = [] if bare else _foot(run, inner, view.now)
    if not tight and rows >= 10:
        head.append(BLANK)
    if not run.timeline and _kind(run) == "work":
        head.append(row((f"first poll in {seconds(due)}" if due else "···", "dim")))
        foot = []
    room = rows - len(head) - len(foot) - (1 if foot else 0)
    if room < 5:
        foot, room = [], rows - len(head)
    up = view.top if view.state.ui.zoom == "polling" else None
    return bottom([*head, *timeline(view.state, inner, max(0, room), up)], foot, rows)


def _lengths(run: RunState, now: Millis) -> list[tuple[str, Millis]]:
    """Each status so far, and how long it lasted."""
    end = run.ended if run.ended is not None else max(now, run.latest)
    untils = [*(since for _, since in run.statuses[1:]), end]
    return [(word, max(0, until - since)) for (word, since), until in zip(run.statuses, untils, strict=True)]


# The timeline


def timeline(state: ScreenState, inner: int, room: int, up: int | None = None) -> list[Row]:
    """One row a poll or decision, what was said below it; the oldest long stretches are folded until all fits.

    `up`: nothing is folded; so many of the newest rows are scrolled away.
    """
    run = state.run
    slow = _slow(run)
    longest = max([each.took or 0 for each in run.timeline] or [1]) or 1
    lines: list[Row] = []
    tone = "run"
    rows = _in_sight(with_comments(state, inner), room, up)
    columns = _columns(run, rows, inner)
    for each in rows:
        if isinstance(each, int):
            lines.append(row(" " * columns.at, ("┊", tone), (_folded(state, each, inner - columns.at - 1), "dim")))
            continue
        tone = face(each.word).role if each.kind == "poll" else tone
        if each.kind == "said":
            lines.append(row(" " * (columns.at + 2), (clip(each.word, inner - columns.at - 2), "fg")))
        elif each.decision is not None:
            lines.append(_decided(state, each, each.decision, columns, inner))
        else:
            line = _line(run, each, columns, inner, slow, longest)
            lines.append(line if each.x is None else hot(line, f"{OPENS}{each.x}"))
    return lines


def _folded(state: ScreenState, many: int, room: int) -> str:
    """So many polls are left out, and which keys show them: as much of it as fits."""
    said, ui = f" {many} more poll{'' if many == 1 else 's'}", state.ui
    if ui.zoom == "polling" or state.in_sight.finale or state.shows_act:
        return said
    focus, zoom = ui.faces.get("focus-polling", "3"), ui.faces.get("zoom", "z")
    keys = zoom if ui.focus == "polling" else f"{focus} {zoom}"
    texts = (f"{said} · {keys} shows all", f" {many} more · {keys} shows all", f"{said} · {keys}")
    return next((text for text in texts if len(text) <= room), said)


def _in_sight(rows: Sequence[TimelineRow], room: int, up: int | None) -> list[TimelineRow | int]:
    """What of a timeline shows in `room` rows."""
    if up is None:
        return fitted(rows, room)
    stop = max(min(room, len(rows)), len(rows) - up)
    return [int(each.word) if each.kind == "folded" else each for each in rows[max(0, stop - room) : stop]]


def _slow(run: RunState) -> Millis:
    times = [each.took for each in run.timeline[-200:] if each.took is not None and each.kind == "poll"]
    return int(2 * median(times)) if len(times) >= 3 else 1_000_000_000


class TimelineColumns(Struct, frozen=True):
    """What each row of a timeline has room for: words and instants first, then latencies and codes."""

    at: int
    word: int
    tenths: bool = True
    code: bool = True
    took: bool = True


def _columns(run: RunState, rows: Iterable[TimelineRow | int], inner: int) -> TimelineColumns:
    """The columns of these rows: the word is never cut while a figure could go."""
    shown = [
        each
        for each in rows
        if isinstance(each, TimelineRow) and each.kind not in ("struck", "said") and not each.decision
    ]
    word = max([8 if inner < BAR_FROM - 4 else 10, *(cell_len(each.word) for each in shown)])
    took = max([5, *(len(latency(each.took)) for each in shown)])
    for columns in (
        TimelineColumns(8, word),
        TimelineColumns(8, word, took=False),
        TimelineColumns(8, word, took=False, tenths=False),
        TimelineColumns(8, word, took=False, tenths=False, code=False),
    ):
        at = max([5, *(len(_instant(run, each, columns)) for each in shown)]) + 1
        figures = (4 if columns.code else 0) + (1 + took if columns.took else 0)
        if at + 2 + word + figures <= inner:
            return replace(columns, at=at)
    return replace(columns, at=at, word=max(1, inner - at - 2))


def _instant(run: RunState, each: TimelineRow, columns: TimelineColumns) -> str:
    text = at_text(run.since_start(each.shown_at))
    return text if columns.tenths else text.partition(".")[0]


def _decided(
    state: ScreenState, each: TimelineRow, decision: GateDecision, columns: TimelineColumns, inner: int
) -> Row:
    """`◇ approved by you  202  145 ms`: of the figures those that fit beside the name."""
    role, by = f"{verdict_face(decision.verdict).role} b", by_whom(state, each.decision)
    by = by if by_fits(state, each, by, inner) else ""
    at = row((f"{_instant(state.run, each, columns):<{columns.at}}", "dim"), ("◇ ", role))
    line = row(at, (clip(f"{each.word}{by}", inner - columns.at - 2), role))
    code, took = "" if each.code is None else f"  {each.code}", latency(each.took)
    for figures in (f"{code}  {took:>7}" if took else "", code):
        if figures and width(line) + len(figures) <= inner:
            return row(line, (figures, "dim"))
    return line


def _line(run: RunState, each: TimelineRow, columns: TimelineColumns, inner: int, slow: Millis, longest: Millis) -> Row:
    at = (f"{_instant(run, each, columns):<{columns.at}}", "dim")
    if each.kind == "struck":
        room = inner - columns.at - 2
        name = f"fault {each.word}" if cell_len(each.word) + 6 <= room else each.word
        return row(at, ("✗ ", "bad"), (clip(name, room), "bad b"))
    tone = "wait" if each.kind == "poll" and each.took is not None and each.took > slow else "dim"
    line = row(at, *_word(each, columns.word))
    if columns.code:
        line = row(line, (f" {'' if each.code is None else each.code:>3}", "bad" if each.bad else "dim"))
    barred = inner >= BAR_FROM - 4
    if columns.took:
        room = 8 if barred else inner - width(line)
        line = row(line, (f"{latency(each.took):>{room}}", tone))
    space = min(30, inner - width(line) - 2)
    if not barred or each.took is None or each.kind != "poll" or space < 4:
        return line
    return row(line, "  ", ("▪" * max(1, round(each.took / longest * space * 0.8)), tone))


def _word(each: TimelineRow, room: int) -> tuple[tuple[str, str], ...]:
    word = clip(each.word, room)
    padding = " " * (room - cell_len(word))
    if each.kind == "decided":  # a decision that was refused
        return (("◇ ", "bad b"), (word + padding, "bad b"))
    if each.bad:
        return (("✗ ", "bad"), (word + padding, "bad b"))
    known = face(each.word)
    if each.first:
        return ((f"{known.glyph} ", known.role), (word.upper() + padding, f"{known.role} b"))
    return (("│ ", known.role), (word.lower() + padding, "dim"))


# Below the timeline


def _foot(run: RunState, inner: int, now: Millis) -> list[Row]:
    if phase(run) in ("complete", "error"):
        return _sums(run, inner)
    foot = _waits(run, inner)
    if run.next_call is not None:
        foot += [BLANK] if foot else []
        foot.append(next_call(run.next_call, inner, now, "wait" if _kind(run) == "need" else "run"))
    return foot


def _waits(run: RunState, inner: int) -> list[Row]:
    """What the job waits for, or is at."""
    decision = decision_shown(run)
    gate = run.gate or (decision.gate if decision is not None and phase(run) == "waiting" else None)
    pairs = gate.line if gate is not None else run.last.waits if run.last is not None else ()
    if not pairs and run.last is not None and meaning(run.last.status) is None:
        return wrap(row((f"{run.last.status}: unknown, not final", "unknown")), inner)
    texts = [(label, wrap(row(text), inner - 2, most=2)) for label, text in pairs]
    return [line for label, parts in texts for line in (row((label, "dim")), *[row("  ", part) for part in parts])]


def _sums(run: RunState, inner: int) -> list[Row]:
    end = run.ended if run.ended is not None else run.latest
    waited = sum(length for word, length in _lengths(run, end) if meaning(word) is Status.WAITING)
    sums = {
        "elapsed": seconds(run.elapsed(end)),
        "polls": str(run.polls),
        "slowest poll": f"{run.slowest} ms",
        "time in WAITING": seconds(waited),
    }
    return [ends(row((name, "dim")), row(value), min(inner, 44)) for name, value in sums.items()]


POLLING_PANE = Pane(
    name="polling",
    key="3",
    title="Polling",
    framed=_framed,
    one_row=_one_row,
    exchange=lambda state: last_of(state, "status"),
    column=Column(2, 34),
    leads=lambda run: phase(run) in ("polling", "waiting"),
    timed=True,
    scrolls=-1,
    help_keys="↑ pgup enter z",
)
