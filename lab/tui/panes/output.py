"""The Output pane: the story, then a clock, then what the job brought."""

from lab.core.clock import Millis
from lab.tui.rows import formats as outputs
from lab.tui.rows.blocks import bottom, frame, minutes, one_row, paragraph, reply_row, title
from lab.tui.rows.markdown import markdown
from lab.tui.rows.spans import BLANK, Row, Rows, centre, clip, cut, digits, row, wrap
from lab.tui.state.narrate import glyph, phase, role, status_role
from lab.tui.state.screen import RunState, ScreenState
from lab.tui.state.values import LastStatus

LATER = "The output comes with COMPLETE."


def kind(stage: RunState) -> str:
    """Which border the pane has."""
    here = phase(stage)
    if here == "complete":
        return "done"
    if here == "error" and stage.job is not None and stage.job.job is not None:
        return "bad"
    return "coming"


def draw(scene: ScreenState, columns: int, rows: int, now: Millis, top: int = 0) -> Rows:
    """The pane with its frame; `top` rows of a long output are scrolled away."""
    stage = scene.stage
    body = content(scene, columns - 4, rows - 2, now)
    over = max(0, len(body) - (rows - 2))
    top = max(0, min(top, over))
    name = title(scene, "output", "4 OUTPUT", kind(stage), _view_name(scene))
    below = over - top
    status = row((f"↓ {below} more", "dim")) if below else _status(scene)
    return frame(body[top:], name, status, kind(stage), columns, rows, key="4")


def _view_name(scene: ScreenState) -> str:
    return "" if scene.look.output == "rendered" or scene.stage.last is None else f"{scene.look.output} · o"


def _status(scene: ScreenState) -> Row:
    last = scene.stage.last
    if last is None or kind(scene.stage) not in ("done", "bad"):
        return ()
    if kind(scene.stage) == "bad":
        return row((f"{glyph(last.status)} {last.status}", f"{status_role(last.status)} b"))
    return row((f"{outputs.kind(last.output)} · {last.size} B", "done"))


def short(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """The pane as one row."""
    stage = scene.stage
    last = stage.last
    elapsed = row(("elapsed ", "dim"), minutes_tenths(stage.elapsed(now))) if stage.start is not None else ()
    if kind(stage) == "done" and last is not None:
        gist = row(f"{outputs.kind(last.output)} · {last.size} B")
    elif kind(stage) == "bad" and last is not None:
        gist = row((last.error or last.status, "bad"))
    else:
        gist = row(("null" if last else "···", "fg" if last else "dim"), ("  it comes with COMPLETE", "dim"))
    return one_row(kind(stage), "4 OUTPUT", gist, elapsed, columns, key="4")


def minutes_tenths(span: Millis) -> str:
    """`00:22.9`."""
    return f"{minutes(span)}.{span % 1000 // 100}"


def content(scene: ScreenState, inner: int, rows: int, now: Millis) -> list[Row]:
    """Every row of the pane, more than `rows` if the output is longer."""
    stage = scene.stage
    last = stage.last
    if stage.last is not None and scene.look.output == "body":
        return list(outputs.document(stage.last.body, inner))
    if phase(stage) == "idle":
        return _before(scene, inner, rows)
    if kind(stage) == "coming" or last is None:
        return _at_work(scene, inner, rows, now)
    body = (
        _failed(stage, last, scene.look.output, inner)
        if kind(stage) == "bad"
        else _done(last, scene.look.output, inner)
    )
    foot = _last_status(last, inner)
    return bottom(body, foot, rows) if len(body) + len(foot) < rows else _dense(body, rows)


def _dense(body: list[Row], rows: int) -> list[Row]:
    """Without so many blank rows as keep it from fitting; all of them stay in a body that is too long anyway."""
    over = len(body) - rows
    blanks = [at for at, line in enumerate(body) if not line]
    if not 0 < over <= len(blanks):
        return body
    dropped = set(blanks[-1:] + blanks[: over - 1])
    return [line for at, line in enumerate(body) if at not in dropped]


def _before(scene: ScreenState, inner: int, rows: int) -> list[Row]:
    told = scene.show.scenario
    body: list[Row] = []
    if told is not None:
        body += [*wrap(row((told.title, "fg b")), inner), BLANK]
        body += [*markdown(told.story or told.shows or "", inner), BLANK] if told.story or told.shows else []
        body += [*wrap(row(("asks  ", "dim"), scene.show.message or told.message), inner), BLANK]
    return [*body, *paragraph(LATER, "dim", inner)]


def _at_work(scene: ScreenState, inner: int, rows: int, now: Millis) -> list[Row]:
    stage = scene.stage
    tone = role(stage)
    foot = _last_status(stage.last, inner) if stage.last is not None and stage.polls else []
    told, second = _sentences(stage)
    lines = [centre(line, inner) for line in digits(minutes(stage.elapsed(now)), tone)]
    lines += [centre(row(("elapsed", "dim")), inner), BLANK]
    lines += [centre(line, inner) for line in wrap(row(told), inner)]
    lines += [centre(line, inner) for line in wrap(row((second, "dim")), inner)]
    if len(lines) > rows:
        return lines[3:][:rows]
    if len(lines) + len(foot) + 1 > rows:
        foot = []
    above = max(0, (rows - len(lines) - len(foot)) // 2)
    return bottom([*[BLANK] * above, *lines], foot, rows)


def _sentences(stage: RunState) -> tuple[str, str]:
    if phase(stage) == "error":
        return "No job, so no output.", ""
    if stage.last is None:
        return "No job yet.", LATER
    match stage.last.status:
        case "WAITING" if stage.gate is not None:
            return "The job waits for a person.", "Polling goes on meanwhile."
        case "WAITING":
            return "The job waits by itself.", "Polling goes on meanwhile."
        case "RUNNING":
            return stage.last.progress or "The agents are at work.", LATER
        case unknown:
            return f"{unknown}: unknown, not final.", LATER


def _done(last: LastStatus, view: str, inner: int) -> list[Row]:
    body = list(outputs.raw(last.output, inner) if view == "raw" else outputs.rendered(last.output, inner))
    if last.follow_up:
        body += [BLANK, row(("followUpQuestions", "dim"))]
        for question in last.follow_up:
            parts = wrap(row(question), inner - 2)
            body.append(row(("› ", "accent"), parts[0]))
            body += [row("  ", part) for part in parts[1:]]
    return body


def _failed(stage: RunState, last: LastStatus, view: str, inner: int) -> list[Row]:
    body: list[Row] = []
    if last.status == "ERROR":
        body += [row(("error", "dim"))]
        body += [line for text in (last.error or "null").split("\n") for line in paragraph(text, "bad b", inner)]
    elif stage.outcome is not None and stage.outcome.why:
        body += [row(("the run stopped", "dim")), *paragraph(stage.outcome.why, "bad b", inner)]
    if last.output:
        body += [BLANK, row(("partial output", "wait")), *_done(last, view, inner)]
    return body


def _last_status(last: LastStatus, inner: int) -> list[Row]:
    size = "null" if last.output is None else f"string, {last.size} B"
    told = (
        ("status", row((last.status, status_role(last.status)))), ("output", row(size)),
        ("error", row("null" if last.error is None else "string" if last.status == "ERROR" else clip(last.error, 40))),
        ("waitingToolCode", row(last.waiting_code or "null")),
    )  # fmt: skip
    head = reply_row(last.code, last.took, inner, "last status" if inner >= 26 else "last")
    room = 15 if inner >= 28 else 6
    return [head, *[cut(row((f"  {clip(name, room):<{room}}  ", "dim"), value), inner) for name, value in told]]
