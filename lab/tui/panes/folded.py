"""The folded panes of the finale: token, job, polling and output as one line of time."""

from lab.core.clock import Millis
from lab.tui.panes.decision import by_whom
from lab.tui.panes.pane import View
from lab.tui.panes.token import validity
from lab.tui.rows.blocks import at_text, bars, latency, seconds
from lab.tui.rows.spans import BLANK, Row, Rows, ends, row, width, wrap
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import face, phase, stopped
from lab.tui.state.summary import lengths_of


def folded(view: View) -> Rows:
    """Token, job, polling and output as one line of time."""
    run, inner = view.run, view.columns - 2
    parts = [_token(view, inner), _job(view.state, inner), _polling(view, inner), _end(run, inner)]
    parts = [part for part in parts if part]
    spare = view.rows - sum(map(len, parts))
    gap = max(0, min(2, spare // max(1, len(parts) - 1)))
    lines: list[Row] = []
    for number, (head, *rest) in enumerate(parts):
        last = number == len(parts) - 1
        below = max(0, view.rows - len(lines) - 1 - len(rest) - len(parts[-1])) if number == len(parts) - 2 else gap
        lines.append(head)
        lines += [row(("  " if last else "│ ", "line"), line) for line in (*rest, *([BLANK] * (0 if last else below)))]
    return tuple(lines)


def _head(sign: str, name: str, right: Row, inner: int, beside: str = "") -> Row:
    role = "done" if sign == "✓" else "bad"
    if width(row(f"{sign} {name}  {beside} ", right)) > inner + 2:
        beside = beside.replace(" of ", "/")
    return ends(row((f"{sign} {name}", f"{role} b"), (f"  {beside}" if beside else "", "dim")), right, inner + 2)


def _answer(code: int | None, took: Millis | None, refusal: str | None) -> Row:
    role = "bad b" if refusal is not None else "done"
    return row((str(code or "···"), role), (f"  {latency(took)}" if took is not None else "", "dim"))


def _token(view: View, inner: int) -> list[Row]:
    token = view.run.token
    if token is None:
        return []
    head = _head("✓" if token.token else "✗", "TOKEN", _answer(token.code, token.took, token.refusal), inner)
    if token.token is None:
        return [head, *wrap(row((token.refusal or "", "bad")), inner, most=4)]
    return [head, ends(row(token.token), validity(token, view.now), inner)]


def _place(state: ScreenState) -> str:
    """Which turn, or of a journal which job, where there are several."""
    number, many = state.source.place
    if many > 1:
        return f"{number} of {many}"
    return f"turn {state.run.turn} of {state.newest.turn}" if state.newest.turn > 1 else ""


def _job(state: ScreenState, inner: int) -> list[Row]:
    job = state.run.job
    if job is None:
        return []
    head = _head("✓" if job.job else "✗", "JOB", _answer(job.code, job.took, job.refusal), inner, _place(state))
    if not job.job:
        return [head, *wrap(row((job.refusal or "", "bad")), inner, most=4)]
    begin, rest = job.job[:8], job.job[8:]
    if len(job.job) <= inner:
        return [head, row((begin, "run b"), rest)]
    stop = job.job.rfind("-", 0, inner) + 1 or inner
    return [head, row((begin, "run b"), job.job[8:stop]), *wrap(row(job.job[stop:]), inner)]


def _polling(view: View, inner: int) -> list[Row]:
    """The lane, then each status and decision in its order, as many as there is room for."""
    run = view.run
    if not run.statuses:
        return []
    lengths = lengths_of(run, run.ended if run.ended is not None else run.latest)
    passed = [
        (since, 1, _status(word, length, inner))
        for (word, length), (_, since) in zip(lengths, run.statuses, strict=True)
        if not face(word).final
    ]
    for each in run.timeline:
        if each.kind == "decided":
            tone = "bad" if each.bad else "wait" if each.word == "rejected" else "done"
            at = row(at_text(run.since_start(each.at)))
            by = by_whom(view.state, each.decision)
            by = by if width(row(f"◇ {each.word}{by} ", at)) <= inner else ""
            passed.append((each.at, 0, ends(row((f"◇ {each.word}{by}", tone)), at, inner)))
    lines = [line for *_, line in sorted(passed, key=lambda each: each[:2])]
    room = max(1, view.rows - 12)
    if len(lines) > room:
        lines = [row((f"┊ {len(lines) - room + 1} more", "dim")), *lines[len(lines) - room + 1 :]]
    counted = f"{run.polls} poll" + ("" if run.polls == 1 else "s")
    final = "✗" if stopped(run) else "✓"
    lane = bars([each for each in lengths if each[1] or len(lengths) == 1][-max(1, inner // 2) :], inner)[:1]
    return [_head(final, "POLLING", row(counted), inner), *lane, *lines]


def _status(word: str, length: Millis, inner: int) -> Row:
    known = face(word)
    return ends(row((f"{known.glyph} {word}", known.role)), row(seconds(length)), inner)


def _end(run: RunState, inner: int) -> list[Row]:
    after = row(("after ", "dim"), seconds(run.elapsed(run.latest)))
    return [_head("✓" if phase(run) == "complete" else "✗", "OUTPUT", after, inner)]
