"""The Polling pane: the timeline of polls, the wait for the next one."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from statistics import median

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len

from lab.core.clock import Millis
from lab.program.words import Status
from lab.tui.panes.decision import by_fits, by_whom, with_comments
from lab.tui.panes.pane import OPENS, Kind, Pane, PaneFact, View, last_of
from lab.tui.rows.blocks import FRAMES, at_text, latency, next_call, paragraph, request_row
from lab.tui.rows.spans import BLANK, Row, clip, hot, row, width
from lab.tui.state.gate import GateDecision, verdict_face
from lab.tui.state.run import RunState, TimelineRow
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import face, meaning, phase
from lab.tui.state.timeline import fitted

NO_POLL = "Nothing to poll yet."
BAR_FROM = 46
"""From so many columns on a bar shows each latency."""


def _kind(run: RunState) -> Kind:
    here = phase(run)
    begun = run.job is not None and run.job.job is not None
    if here == "error" and begun:
        return "done" if run.last is not None and meaning(run.last.status) is Status.ERROR else "bad"
    if here == "complete":
        return "done"
    if not begun:
        return "coming"
    return "waits" if here == "waiting" and run.gate is not None else "work"


def polling_fact(view: View) -> PaneFact:
    """The polls one below the other, and the wait for the next one."""
    state, run, inner, rows = view.state, view.run, view.inner, view.room
    kind = _kind(run)
    if kind == "coming":
        return PaneFact(kind, paragraph(NO_POLL, "dim", inner), gist=row((NO_POLL, "dim")))
    tone = FRAMES[kind][2]
    method, path, differs = state.labels.poll
    job = (run.job.job or "")[:8] if run.job is not None else ""
    head = [request_row(method, path, inner, job if differs.startswith("{") else differs)]
    call = run.next_call
    refused = bool(run.timeline) and run.timeline[-1].kind == "lost"
    waits = "bad" if refused else "wait" if kind == "waits" else "run"
    foot = [] if call is None or rows < 5 else [next_call(call, inner, view.now, waits, refused=refused)]
    up = view.top if state.ui.zoom == "polling" else None
    polls = [*head, *timeline(state, inner, max(0, rows - 1 - len(foot)), up)]
    body = [*polls, *[BLANK] * (rows - len(polls) - len(foot)), *foot]
    bad = sum(each.kind == "lost" for each in run.timeline)
    counted = f"{run.polls} poll" + ("" if run.polls == 1 else "s")
    title = row((f"{bad} of {run.polls} refused", "bad b")) if bad else row((counted, tone))
    last = next((each for each in reversed(run.timeline) if each.x is not None), None)
    code = row(
        (
            f"{last.code or '···'}" if last is not None else "···",
            "bad b" if last is not None and last.bad else f"{tone.removesuffix(' b')} b",
        )
    )
    took = f" · last {latency(last.took)}" if last is not None and last.took is not None else ""
    decided = next((each for each in reversed(run.timeline) if each.decision is not None), None)
    by = "" if decided is None else f"◇ {decided.word}{by_whom(state, decided.decision)}"
    right = (
        row((clip(by, view.columns // 2 - 8), "dim"))
        if call is None
        else next_call(call, 30, view.now, waits, refused=refused)
    )
    return PaneFact(kind, body, title, code, row(counted, (took, "dim")), right)


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
    known = with_comments(state, inner)
    # a fault that had a call refused is told by the call's own row
    known = [
        each
        for each, following in zip_longest(known, known[1:])
        if each.kind != "struck" or following is None or following.kind != "lost"
    ]
    rows = _in_sight(known, room, up)
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
    keys = zoom if ui.focus == "polling" else f"{focus}, then {zoom}"
    texts = (f"{said} · press {keys}", f" {many} more · press {keys}")
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


POLLING_PANE = Pane(
    "polling",
    "3",
    "Polling",
    polling_fact,
    lambda state: last_of(state, "status"),
    timed=True,
    scrolls=-1,
    help_keys="↑ pgup enter z",
    wide=40,
)
