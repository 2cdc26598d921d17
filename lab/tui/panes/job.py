"""The Job pane: what invokeAsync was asked, and the Job ID that came at once."""

from lab.core.clock import Millis
from lab.tui.panes.polling import next_call
from lab.tui.rows.blocks import (
    API_HEAD,
    fields,
    frame,
    longest,
    one_row,
    paragraph,
    refusal,
    reply_row,
    request_row,
    seconds,
    title,
)
from lab.tui.rows.spans import BLANK, Row, Rows, clip_left, digits, middle, row, width, wrap
from lab.tui.state.narrate import glyph, status_role
from lab.tui.state.screen import ScreenState
from lab.tui.state.values import JobState

NONE_YET = "No job yet. invokeAsync returns a Job ID at once, not the output."


def kind(job: JobState | None) -> str:
    """Which border the pane has."""
    if job is None:
        return "coming"
    if job.refusal is not None:
        return "bad"
    return "done" if job.job else "work"


def status(job: JobState | None) -> Row:
    """The last status with its sign, for the border."""
    if job is None or job.status is None:
        return ()
    return row((f"{glyph(job.status)} {job.status}", f"{status_role(job.status)} b"))


def draw(scene: ScreenState, columns: int, rows: int, now: Millis) -> Rows:
    """The pane with its frame."""
    job = scene.stage.job
    name = title(scene, "job", "2 JOB", kind(job), turn_of(scene) if job else "")
    body = _body(job, columns - 4, rows - 2)
    if scene.turns > 1 and len(body) < rows - 3:
        body = [*body, BLANK, *turns(scene, columns - 4, rows - 3 - len(body))]
    if scene.stage.pending is not None and job is not None and job.job is None and len(body) < rows - 3:
        body = [*body, BLANK, next_call(scene.stage.pending, columns - 4, now, "bad")]
    return frame(body, name, status(job), kind(job), columns, rows, key="2")


def turn_of(scene: ScreenState) -> str:
    """`turn 2`; `turn 1 of 2` where an earlier one is looked at."""
    number, many = scene.show.place
    if many > 1:
        return f"{number} of {many}"
    told = f"turn {scene.stage.turn}"
    return told if scene.stage.turn == scene.turns else f"{told} of {scene.turns}"


def turns(scene: ScreenState, inner: int, most: int) -> list[Row]:
    """`turn 1 ✓ 27.6 s · turn 2 ◐`, the newest last."""
    parts: list[Row] = []
    for number, turn in enumerate((*scene.newest.past, scene.newest), 1):
        word = turn.job.status if turn.job else None
        here = "fg b" if number == scene.stage.turn else "dim"
        sign = (f" {glyph(word)}", status_role(word)) if word else (" ···", "dim")
        took = (f" {seconds(turn.elapsed(turn.seen))}", "dim") if turn.ended is not None else ""
        parts.append(row((f"turn {number}", here), sign, took))
    while len(parts) > 2 and sum(width(part) + 3 for part in parts) > inner * max(1, most):
        parts.pop(0)
    line = row(*[spans for part in parts for spans in (part, (" · ", "dim"))][:-1])
    return wrap(line, inner, most=max(1, most))


def short(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """The pane as one row."""
    job = scene.stage.job
    if job is None:
        return one_row(
            "coming", "2 JOB", row(("No job yet. invokeAsync gives a Job ID at once.", "dim")), (), columns, key="2"
        )
    if job.refusal is not None:
        gist = row((str(job.code or "···"), "bad b"), "  ", (job.refusal, "bad"))
        return one_row("bad", "2 JOB", gist, (), columns, key="2")
    if job.job is None:
        return one_row("work", "2 JOB", row("···   ", (job.team, "dim")), (), columns, key="2")
    gist = row((str(job.code or "···"), "done b"), "   ", job.job)
    if scene.turns > 1 or scene.show.place[1] > 1:
        gist = row(gist, (f"  turn {scene.stage.turn}/{scene.turns}", "dim"))
    return one_row("done", "2 JOB", gist, status(job), columns, key="2")


def _body(job: JobState | None, inner: int, rows: int) -> list[Row]:
    if job is None:
        return paragraph(NONE_YET, "dim", inner)
    return longest((_form(job, inner, *form) for form in FORMS), rows)


FORMS = (
    (6, True, True, True), (3, True, True, True), (2, True, True, True), (2, True, False, True),
    (1, True, False, True), (1, False, False, True), (3, True, False, False), (1, True, False, False),
    (1, False, False, False), (0, False, False, False),
)  # fmt: skip
"""From the longest to the shortest: rows of the message, every field, a blank row, big digits."""


def _form(job: JobState, inner: int, message: int, every: bool, airy: bool, big: bool) -> list[Row]:
    """One form of the pane; `message` counts its rows, 0 leaves the request out."""
    path = job.path.replace(API_HEAD, "…", 1)
    body = [request_row("POST", path if len(path) <= inner - 7 else clip_left(path, inner - 7), inner)]
    sent = dict(job.fields)
    if message and "message" in sent:
        body += fields((("message", sent["message"]),), 7, inner, most=message)
    if message:
        others = tuple(pair for pair in job.fields if pair[0] != "message")
        body += fields(others if every else others[:1], 15, inner)
    if airy:
        body.append(BLANK)
    if job.refusal is not None:
        if job.code is not None:
            body.append(reply_row(job.code, job.took, inner))
        return body + refusal(job.refusal, inner)
    body.append(reply_row(job.code, job.took, inner))
    return body + _identity(job, inner, big) if job.job else body


def _identity(job: JobState, inner: int, big: bool) -> list[Row]:
    assert job.job is not None
    body: list[Row] = []
    if big and inner >= 36:
        for index, line in enumerate(digits(job.job[:8], "run")):
            body.append(row(("  jobId   " if index == 1 else " " * 10, "dim"), line))
        body.append(row("  ", job.job))
    else:
        body += fields((("jobId", job.job),), 5, inner) if inner >= 44 else [row("  ", job.job)]
    body += fields((("conversationId", middle(job.conversation or "null")),), 15, inner)
    if job.trace:
        body += fields((("traceId", clip_left(job.trace, 17)),), 15, inner)
    return body
