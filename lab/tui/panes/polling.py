"""The Polling pane: the lane of statuses, the timeline of polls, the wait for the next one."""

from statistics import median

from lab.core.clock import Millis
from lab.tui.rows.blocks import at_text, bottom, frame, latency, one_row, paragraph, request_row, seconds, title
from lab.tui.rows.lane import bars
from lab.tui.rows.spans import BLANK, Row, Rows, clip, ends, gauge, row
from lab.tui.state.narrate import glyph, phase, status_role
from lab.tui.state.screen import RunState, ScreenState
from lab.tui.state.timeline import repeats
from lab.tui.state.values import NextCall, TimelineRow

NONE_YET = "Nothing to poll yet."
BAR_FROM = 46
"""From so many columns on a bar shows each latency."""


def kind(stage: RunState) -> str:
    """Which border the pane has."""
    here = phase(stage)
    if here == "error" and stage.job is not None and stage.job.job is not None:
        return "done" if stage.last is not None and stage.last.status == "ERROR" else "bad"
    if here == "complete":
        return "done"
    if stage.job is None or stage.job.job is None or not (stage.polls or stage.marks or stage.pending):
        return "coming"
    if here == "waiting":
        return "need" if stage.gate is not None else "work"
    return "work"


def status(scene: ScreenState, columns: int, now: Millis) -> Row:
    """`9 polls · pause 3 s`, at the end the last status."""
    stage = scene.stage
    if phase(stage) in ("complete", "error") and stage.last is not None:
        word = stage.last.status
        return row((f"{glyph(word)} {word}", f"{status_role(word)} b"))
    if stage.job is None or stage.job.job is None or not (stage.polls or stage.pending):
        return ()
    polls = f"{stage.polls} poll" + ("" if stage.polls == 1 else "s")
    tone = "wait" if kind(stage) == "need" else "run"
    if stage.pending is None:
        return row((polls, tone))
    left = max(0, stage.pending.until - now)
    if columns >= BAR_FROM:
        return row((f"{polls} · next in {seconds(left)}", tone))
    pause = round((stage.pending.until - stage.pending.since) / 1000, 1)
    return row((f"{polls} · pause {pause:g} s", tone))


def draw(scene: ScreenState, columns: int, rows: int, now: Millis) -> Rows:
    """The pane with its frame."""
    stage = scene.stage
    name = title(scene, "polling", "3 POLLING", kind(stage))
    body = _body(stage, columns - 4, rows - 2, now, tight=columns >= 72)
    return frame(body, name, status(scene, columns, now), kind(stage), columns, rows, key="3")


def short(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """The pane as one row: the lane in words, and how many polls."""
    stage = scene.stage
    if not stage.spans:
        return one_row("coming", "3 POLLING", row((NONE_YET, "dim")), (), columns, key="3")
    gist: list[Row] = []
    for word, length in _lengths(stage, now):
        if word in ("COMPLETE", "ERROR"):
            gist.append(row((f"{glyph(word)}", status_role(word))))
        else:
            gist.append(row((f"{glyph(word)} {seconds(length)}  ", status_role(word))))
    for mark in stage.marks:
        if mark.kind == "decided":
            gist.append(row((f"  ◇ {mark.word}", "bad" if mark.bad else "dim")))
    tail = row(("polls ", "dim"), str(stage.polls))
    shown = row(*gist) if len(gist) < 12 else row(*gist[:11], ("…", "dim"))
    return one_row(kind(stage), "3 POLLING", shown, tail, columns, key="3")


def _body(stage: RunState, inner: int, rows: int, now: Millis, *, tight: bool) -> list[Row]:
    if kind(stage) == "coming":
        return paragraph(NONE_YET, "dim", inner)
    head = [] if tight and rows < 16 else [request_row("GET", "…/status/", inner, "{jobId}")]
    if stage.spans:
        head += lane(stage, inner, now)
    if not tight:
        head.append(BLANK)
    foot = _foot(stage, inner, now) if not (tight and rows < 16) else []
    room = rows - len(head) - len(foot) - (1 if foot else 0)
    if room < 5:
        foot, room = [], rows - len(head)
    return bottom([*head, *timeline(stage, inner, max(0, room))], foot, rows)


# The lane


def _lengths(stage: RunState, now: Millis) -> list[tuple[str, Millis]]:
    end = stage.ended if stage.ended is not None else max(now, stage.seen)
    starts = [since for _, since in stage.spans]
    return [
        (word, max(0, until - since))
        for (word, _), since, until in zip(stage.spans, starts, [*starts[1:], end], strict=True)
    ]


def lane(stage: RunState, cells: int, now: Millis) -> list[Row]:
    """The statuses so far, in proportion to time."""
    return bars(_lengths(stage, now)[-max(1, cells // 2) :], cells)


# The timeline


def timeline(stage: RunState, inner: int, room: int) -> list[Row]:
    """One row a poll or decision; the oldest long stretches are folded until all fits."""
    lines = _folded(list(stage.marks), room)
    slow = _slow(stage)
    longest = max([mark.took or 0 for mark in stage.marks] or [1]) or 1
    shown: list[Row] = []
    tone = "run"
    for line in lines:
        if isinstance(line, int):
            shown.append(row(" " * 8, ("┊", tone), (f" {line} more polls", "dim")))
            continue
        tone = status_role(line.word) if line.kind == "poll" else tone
        shown.append(_line(stage, line, inner, slow, longest))
    return shown


def _slow(stage: RunState) -> Millis:
    times = [mark.took for mark in stage.marks[-200:] if mark.took is not None and mark.kind == "poll"]
    return int(2 * median(times)) if len(times) >= 3 else 1_000_000_000


def _folded(marks: list[TimelineRow], room: int) -> list[TimelineRow | int]:
    """The marks in `room` rows; a number stands for so many folded polls."""
    lines: list[TimelineRow | int] = [int(mark.word) if mark.kind == "folded" else mark for mark in marks]
    start = 0
    while len(lines) > room and start < len(lines):
        first = lines[start]
        if isinstance(first, int) or first.first or first.bad or first.kind != "poll":
            start += 1
            continue
        stop = start
        while stop < len(lines) and _plain(lines[stop]):
            stop += 1
        keep = 1 if stop == len(lines) else 0
        many = min(stop - start - keep, len(lines) - room + 1)
        if many >= 2:
            lines[start : start + many] = [many]
            start += 1
        else:
            start = stop
    if len(lines) > room:
        return lines[-room:] if room > 0 else []
    return lines


def _plain(line: TimelineRow | int) -> bool:
    return not isinstance(line, int) and repeats(line)


def _line(stage: RunState, mark: TimelineRow, inner: int, slow: Millis, longest: Millis) -> Row:
    at = (at_text(stage.since_start(mark.at)) + " ", "dim")
    if mark.kind == "struck":
        return row(at, ("✗ ", "bad"), (clip(f"fault {mark.word}", inner - 11), "bad b"))
    took = latency(mark.took)
    tone = "wait" if mark.kind == "poll" and mark.took is not None and mark.took > slow else "dim"
    room = 8 if inner < BAR_FROM - 4 else 10
    code = "" if mark.code is None else str(mark.code)
    figures = row((f" {code:>3} ", "bad" if mark.bad else "dim"), (f"{took:>7}", tone))
    line = row(at, *_word(mark, room), figures)
    if inner < BAR_FROM - 4 or mark.took is None or mark.kind != "poll":
        return line
    space = min(30, inner - 36)
    return row(line, "  ", ("▪" * max(1, round(mark.took / longest * space * 0.8)), tone))


def _word(mark: TimelineRow, room: int) -> tuple[tuple[str, str], ...]:
    if mark.kind == "decided":
        role = "bad b" if mark.bad else "wait b" if mark.word == "rejected" else "done b"
        return (("◇ ", role), (f"{clip(mark.word, room):<{room}}", role))
    if mark.bad:
        return (("✗ ", "bad"), (f"{clip(mark.word, room):<{room}}", "bad b"))
    role = status_role(mark.word)
    if mark.first:
        return ((f"{glyph(mark.word)} ", role), (f"{clip(mark.word.upper(), room):<{room}}", f"{role} b"))
    return (("│ ", role), (f"{clip(mark.word.lower(), room):<{room}}", "dim"))


# Below the timeline


def _foot(stage: RunState, inner: int, now: Millis) -> list[Row]:
    if phase(stage) in ("complete", "error"):
        return _sums(stage, inner)
    foot = _node(stage, inner)
    if stage.pending is not None:
        foot += [BLANK] if foot else []
        foot.append(next_call(stage.pending, inner, now, "wait" if kind(stage) == "need" else "run"))
    return foot


def _node(stage: RunState, inner: int) -> list[Row]:
    last = stage.last
    if stage.gate is not None:
        rounds = "" if stage.gate.rounds is None else f" · round {stage.gate.round} of {stage.gate.rounds}"
        told = f"HUMAN · {stage.gate.channel}{rounds}"
        return [row(("waitingNodeDetails", "dim")), row("  ", clip(told, inner - 2))]
    if last is None:
        return []
    if last.node_type is not None:
        return [row(("waitingNodeDetails", "dim")), row("  ", clip(f"{last.node_type} · nobody decides", inner - 2))]
    if last.status not in ("RUNNING", "WAITING", "COMPLETE", "ERROR"):
        return [row((clip(f"{last.status}: unknown, not final", inner), "unknown"))]
    if last.progress:
        return [row(("progressMessage", "dim")), row("  ", clip(last.progress, inner - 2))]
    return []


def next_call(pending: NextCall, inner: int, now: Millis, tone: str) -> Row:
    """How long until the app calls again, and why it waits."""
    label = {"poll": "next poll", "retry-after": "Retry-After", "retry": "next try"}.get(pending.why, "next poll")
    left = max(0, pending.until - now)
    whole = max(1, pending.until - pending.since)
    cells = max(4, min(24, inner - len(label) - 9))
    return ends(row((f"{label}  ", "dim"), gauge(1 - left / whole, cells, tone)), row(seconds(left)), inner)


def _sums(stage: RunState, inner: int) -> list[Row]:
    end = stage.ended if stage.ended is not None else stage.seen
    waited = sum(length for word, length in _lengths(stage, end) if word == "WAITING")
    told = (
        ("elapsed", seconds(stage.elapsed(end))), ("polls", str(stage.polls)), ("slowest poll", f"{stage.slowest} ms"),
        ("time in WAITING", seconds(waited)),
    )  # fmt: skip
    return [ends(row((name, "dim")), row(value), min(inner, 44)) for name, value in told]
