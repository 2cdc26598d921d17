"""The Polling pane: the timeline of polls, the wait for the next one."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from statistics import median

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len

from lab.core.clock import Millis
from lab.tui.panes.approval import by_whom
from lab.tui.panes.pane import OPENS, PaneFact, View, coming
from lab.tui.rows.blocks import FRAMES, Kind, at_text, latency, next_call, polls_text, request_row
from lab.tui.rows.spans import BLANK, Row, clip, hot, ink, plain, row, width, wrap
from lab.tui.state.gate import GateDecision, verdict_face
from lab.tui.state.ink import Ink
from lab.tui.state.run import RunState, TimelineRow
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import face, phase, stopped
from lab.tui.state.timeline import fitted

NO_POLL = "Nothing to poll yet."
BAR_FROM = 42
"""From so many columns on a bar shows each latency."""
MOST_COMMENT_ROWS = 4
"""How many rows a comment takes at most."""


def _kind(run: RunState) -> Kind:
    here = phase(run)
    begun = run.job is not None and run.job.job is not None
    if here == "error" and begun:
        return "done" if not stopped(run) else "bad"
    if here == "complete":
        return "done"
    if not begun:
        return "coming"
    return "waits" if here == "waiting" and run.gate is not None else "work"


def polling_fact(view: View) -> PaneFact:
    """The polls one below the other, and the wait for the next one."""
    state, run, inner, rows, kind = view.state, view.run, view.inner, view.room, _kind(view.run)
    if kind == "coming":
        return coming(NO_POLL, inner)
    tone, call = FRAMES[kind].title, run.next_call
    method, path, differs = state.labels.poll
    job = (run.job.job or "")[:8] if run.job is not None else ""
    lost = bool(run.timeline) and run.timeline[-1].kind == "lost"
    waits: Ink = "bad" if lost else "wait" if kind == "waits" else "run"
    foot = [] if call is None or rows < 5 else [next_call(call, inner, view.now, waits, again=lost)]
    up = view.top if state.ui.zoom == "polling" else None
    head = request_row(method, path, inner, job if differs.startswith("{") else differs)
    polls = [head, *timeline(state, inner, max(0, rows - 1 - len(foot)), up)]
    losses = [each for each in run.timeline if each.kind == "lost"]
    how = "refused" if all(each.refused for each in losses) else "failed"
    text = f"{len(losses)} of {run.polls} {how}" if losses else polls_text(run.polls)
    counted = ink(text, "bad" if losses else tone, bold=True)
    last = next((each for each in reversed(run.timeline) if each.x is not None), None)
    code = ink(str(last.code or "···") if last else "···", "bad" if last and last.bad else tone, bold=True)
    took = f" · last {latency(last.took)}" if last is not None and last.took is not None else ""
    decided = next((each for each in reversed(run.timeline) if each.decision is not None), None)
    by = "" if decided is None else f"◇ {decided.word}{by_whom(state, decided.decision)}"
    right = row((clip(by, view.columns // 2 - 8), "dim"))
    right = right if call is None else next_call(call, 30, view.now, waits, again=lost)
    body = [*polls, *[BLANK] * (rows - len(polls) - len(foot)), *foot]
    return PaneFact(kind, body, row(counted), row(code), row(polls_text(run.polls), (took, "dim")), right)


# The timeline


class TimelineColumns(Struct, frozen=True):
    """What each row of a timeline has room for: words and instants first, then latencies and codes."""

    at: int
    word: int
    tenths: bool = True
    code: bool = True
    took: bool = True


def timeline(state: ScreenState, inner: int, room: int, up: int | None = None) -> list[Row]:
    """One row a poll or decision, what was said below it; the oldest long stretches are folded until all fits.

    `up`: nothing is folded; so many of the newest rows are scrolled away.
    """
    run = state.run
    known = _with_comments(state, inner)
    # a fault that had a call refused is told by the call's own row
    known = [
        each
        for each, following in zip_longest(known, known[1:])
        if each.kind != "struck" or following is None or following.kind != "lost"
    ]
    if up is None:
        rows: Sequence[TimelineRow | int] = fitted(known, room)
    else:
        stop = max(min(room, len(known)), len(known) - up)
        rows = [int(each.word) if each.kind == "folded" else each for each in known[max(0, stop - room) : stop]]
    columns, tone, lines = _columns(run, rows, inner), face("RUNNING").role, list[Row]()
    times = [each.took for each in run.timeline[-200:] if each.took is not None and each.kind == "poll"]
    slow = int(2 * median(times)) if len(times) >= 3 else 1_000_000_000
    longest = max([each.took or 0 for each in run.timeline] or [1]) or 1
    for each in rows:
        if isinstance(each, int):
            said = _folded(state, each, inner - columns.at - 1)
            lines.append(row(" " * columns.at, ink("┊", tone), (said, "dim")))
            continue
        tone = face(each.word).role if each.kind == "poll" else tone
        if each.kind == "said":
            lines.append(row(" " * (columns.at + 2), clip(each.word, inner - columns.at - 2)))
        elif each.decision is not None:
            lines.append(_decided(state, each, each.decision, columns, inner))
        else:
            line = _line(run, each, columns, inner, slow, longest)
            lines.append(line if each.x is None else hot(line, f"{OPENS}{each.x}"))
    return lines


def _with_comments(state: ScreenState, inner: int) -> list[TimelineRow]:
    """The rows; below a decision what was said, and who decided where its own row has no room for that."""
    rows: list[TimelineRow] = []
    for each in state.run.timeline:
        rows.append(each)
        if each.decision is None:
            continue
        comment = f" “{each.decision.comment}”" if each.decision.comment else ""
        by = by_whom(state, each.decision)
        if said := ("" if _by_fits(state, each, by, inner) else by) + comment:
            room = inner - len(at_text(state.run.since_start(each.at))) - 3
            lines = wrap(row(said.strip()), room, most=MOST_COMMENT_ROWS)
            rows += [TimelineRow(each.at, "said", plain(line)) for line in lines]
    return rows


def _by_fits(state: ScreenState, each: TimelineRow, by: str, inner: int) -> bool:
    """Whether a row of the timeline has room for who decided."""
    return cell_len(f"{at_text(state.run.since_start(each.at))} ◇ {each.word}{by}") <= inner


def _folded(state: ScreenState, many: int, room: int) -> str:
    """So many polls are left out, and which keys show them: as much of it as fits."""
    said, ui = f" {many} more poll{'' if many == 1 else 's'}", state.ui
    if ui.zoom == "polling" or state.in_sight.finale or state.shows_act:
        return said
    keys = "z" if ui.focus == "polling" else "3, then z"
    texts = (f"{said} · press {keys}", f" {many} more · press {keys}")
    return next((text for text in texts if len(text) <= room), said)


def _columns(run: RunState, rows: Iterable[TimelineRow | int], inner: int) -> TimelineColumns:
    """The columns of these rows: the word is never cut while a figure could go."""
    shown = [
        each
        for each in rows
        if isinstance(each, TimelineRow) and each.kind not in ("struck", "said") and not each.decision
    ]
    word = max([8 if inner < BAR_FROM else 10, *(cell_len(each.word) for each in shown)])
    took = max([5, *(len(latency(each.took)) for each in shown)])
    for columns in (
        TimelineColumns(8, word),
        TimelineColumns(8, word, took=False),
        TimelineColumns(8, word, took=False, tenths=False),
        TimelineColumns(8, word, took=False, tenths=False, code=False),
    ):
        at = max([5, *(len(_instant(run, each, columns)) for each in shown)]) + 1
        if at + 2 + word + 4 * columns.code + (1 + took) * columns.took <= inner:
            return replace(columns, at=at)
    return replace(columns, at=at, word=max(1, inner - at - 2))


def _instant(run: RunState, each: TimelineRow, columns: TimelineColumns) -> str:
    text = at_text(run.since_start(each.shown_at))
    return text if columns.tenths else text.partition(".")[0]


def _decided(
    state: ScreenState, each: TimelineRow, decision: GateDecision, columns: TimelineColumns, inner: int
) -> Row:
    """`◇ approved by you  202  145 ms`: of the figures those that fit beside the name."""
    tone, by = verdict_face(decision.verdict).role, by_whom(state, each.decision)
    by = by if _by_fits(state, each, by, inner) else ""
    said = ink(clip(f"{each.word}{by}", inner - columns.at - 2), tone, bold=True)
    line = row((f"{_instant(state.run, each, columns):<{columns.at}}", "dim"), ink("◇ ", tone, bold=True), said)
    code, took = "" if each.code is None else f"  {each.code}", latency(each.took)
    for figures in (f"{code}  {took:>7}" if took else "", code):
        if figures and width(line) + len(figures) <= inner:
            return row(line, (figures, "dim"))
    return line


def _line(run: RunState, each: TimelineRow, columns: TimelineColumns, inner: int, slow: Millis, longest: Millis) -> Row:
    line = row((f"{_instant(run, each, columns):<{columns.at}}", "dim"))
    if each.kind == "struck":
        room = inner - columns.at - 2
        name = f"fault {each.word}" if cell_len(each.word) + 6 <= room else each.word
        return row(line, ("✗ ", "bad"), (clip(name, room), "bad b"))
    tone: Ink = "wait" if each.kind == "poll" and each.took is not None and each.took > slow else "dim"
    line = row(line, _word(each, columns.word))
    if columns.code:
        line = row(line, (f" {'' if each.code is None else each.code:>3}", "bad" if each.bad else "dim"))
    barred = inner >= BAR_FROM
    if columns.took:
        line = row(line, ink(f"{latency(each.took):>{8 if barred else inner - width(line)}}", tone))
    space = min(30, inner - width(line) - 2)
    if not barred or each.took is None or each.kind != "poll" or space < 4:
        return line
    return row(line, "  ", ink("▪" * max(1, round(each.took / longest * space * 0.8)), tone))


def _word(each: TimelineRow, room: int) -> Row:
    word, known = clip(each.word, room), face(each.word)
    padding = " " * (room - cell_len(word))
    if each.bad or each.kind == "decided":  # a decision without who took it was refused
        return row(("◇ " if each.kind == "decided" else "✗ ", "bad"), (word + padding, "bad b"))
    if each.first:
        return row(ink(f"{known.glyph} ", known.role), ink(word.upper() + padding, known.role, bold=True))
    return row(ink("│ ", known.role), (word.lower() + padding, "dim"))
