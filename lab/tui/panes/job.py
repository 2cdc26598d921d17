"""The Job pane: what was asked of the agent team, and the Job ID that came at once. Its keys go to other turns and jobs."""

from rich.cells import cell_len

from lab.tui.panes.keys import Reaction, ScreenKey
from lab.tui.panes.pane import Column, Framed, OneRow, Pane, View
from lab.tui.rows.blocks import (
    answer_rows,
    fields,
    kind_of_call,
    longest,
    next_call,
    paragraph,
    request_row,
    seconds,
    status_row,
)
from lab.tui.rows.spans import BLANK, Row, clip_left, digits, row, width, wrap
from lab.tui.state.clean import both_ends, end_of
from lab.tui.state.reading import short_path
from lab.tui.state.run import Exchange, JobState, RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import face, phase

MOST_ROWS = 12
"""Rows that a value takes in the longest form, in which nothing is shortened."""
FORMS = (
    (MOST_ROWS, 9, True, True, True), (6, 9, True, True, True), (3, 9, True, True, True), (2, 9, True, True, True),
    (2, 9, False, True, True), (1, 9, False, True, True), (1, 1, False, True, True), (3, 9, True, False, True),
    (1, 9, True, False, True), (1, 1, False, False, True), (2, 0, False, False, False), (1, 0, False, False, False),
    (0, 0, False, False, False), (-1, 0, False, False, False),
)  # fmt: skip
"""From the longest to the shortest: rows of the message (0: none, -1: not even the request), fields of the request, a
blank row, big digits, what tells the job apart beside its ID."""


def _framed(view: View) -> Framed:
    state, job, inner, room = view.state, view.run.job, view.inner, view.room
    body = paragraph(f"No job yet. {state.labels.start} returns a Job ID at once, not the output.", "dim", inner)
    if job is not None:
        body = longest((_form(job, inner, form) for form in FORMS), room)
    if state.newest.turn > 1 and len(body) < room - 1:
        body = [*body, BLANK, *turns(state, inner, room - 1 - len(body))]
    if view.run.next_call is not None and job is not None and job.job is None and len(body) < room - 1:
        body = [*body, BLANK, next_call(view.run.next_call, inner, view.now, "bad")]
    status = status_row(job.status) if job is not None and job.status is not None else ()
    return Framed(body, kind_of_call(job), _place(state) if job else "", status)


def _place(state: ScreenState) -> str:
    """`turn 2`; `turn 1 of 2` where an earlier one is looked at; `3 of 5` of a journal's jobs."""
    number, many = state.source.place
    if many > 1:
        return f"{number} of {many}"
    text = f"turn {state.run.turn}"
    return text if state.run.turn == state.newest.turn else f"{text} of {state.newest.turn}"


def turns(state: ScreenState, inner: int, most: int) -> list[Row]:
    """`turn 1 ✓ 27.6 s · turn 2 ◐`, the newest last."""
    parts: list[Row] = []
    for number, turn in enumerate((*state.newest.past, state.newest), 1):
        word = turn.job.status if turn.job else None
        here = "fg b" if number == state.run.turn else "dim"
        sign = (f" {face(word).glyph}", face(word).role) if word else (" ···", "dim")
        took = (f" {seconds(turn.elapsed(turn.latest))}", "dim") if turn.ended is not None else ""
        parts.append(row((f"turn {number}", here), sign, took))
    while len(parts) > 2 and sum(width(part) + 3 for part in parts) > inner * max(1, most):
        parts.pop(0)
    lines: list[Row] = []
    for part in parts:
        on = row(lines[-1], (" · ", "dim"), part) if lines else part
        lines = [*lines[:-1], on] if width(on) <= inner or not lines else [*lines, part]
    return lines[-max(1, most) :]


def _one_row(view: View) -> OneRow:
    state, job = view.state, view.run.job
    if job is None:
        return OneRow("coming", row((f"No job yet. {state.labels.start} gives a Job ID at once.", "dim")))
    if job.refusal is not None:
        return OneRow("bad", row((str(job.code or "···"), "bad b"), "  ", (job.refusal, "bad")))
    if job.job is None:
        return OneRow("work", row("···   ", (job.team, "dim")))
    gist = row((str(job.code or "···"), "done b"), "   ", job.job)
    if _several(state):
        gist = row(gist, (f"  turn {view.run.turn}/{state.newest.turn}", "dim"))
    return OneRow("done", gist, status_row(job.status) if job.status is not None else ())


def _form(job: JobState, inner: int, form: tuple[int, int, bool, bool, bool]) -> list[Row]:
    """One of `FORMS` of the pane."""
    message, many, airy, big, lines = form
    path = short_path(job.path)
    body = [request_row("POST", path if len(path) <= inner - 7 else clip_left(path, inner - 7), inner)]
    body = body if message >= 0 else []
    if message > 0:
        body += fields(job.message, 7, inner, most=message)
        body += fields(job.fields[:many], 15, inner, most=message)
    if airy:
        body.append(BLANK)
    body += answer_rows(job.code, job.took, job.refusal, inner)
    if job.refusal is not None or not job.job:
        return body
    body += _identity(job, job.job, inner, big)
    return body + _beside_it(job, inner, whole=message >= MOST_ROWS) if lines else body


def _identity(job: JobState, number: str, inner: int, big: bool) -> list[Row]:
    if inner >= 44 and not big:
        return fields(((job.labels.job, number),), 5, inner)
    body: list[Row] = []
    if big and inner >= 36:
        for index, line in enumerate(digits(number[:8], "run")):
            body.append(row((f"  {job.labels.job:<8}" if index == 1 else " " * 10, "dim"), line))
    return [*body, *[row("  ", part) for part in wrap(row(number), inner - 2, most=2)]]


def _beside_it(job: JobState, inner: int, *, whole: bool) -> list[Row]:
    """Conversation and trace: both ends, or the end where that tells more, of what doesn't fit on a row."""
    if whole:
        return fields(job.lines, 15, inner, most=3)
    room = inner - 19
    return fields(
        tuple(
            (label, text if cell_len(text) <= room else both_ends(text) if at == 0 else end_of(text, 17))
            for at, (label, text) in enumerate(job.lines)
        ),
        15,
        inner,
    )


def _longest(state: ScreenState) -> int:
    """Path, message and fields each on a row."""
    job = state.run.job
    if job is None:
        return 0
    fields_of = max([0, *(cell_len(value) for _, value in (*job.fields, *job.lines))])
    message = max([0, *(cell_len(value) for _, value in job.message)])
    return 4 + max(7 + len(short_path(job.path)), 11 + message, 19 + fields_of)


def _exchange(state: ScreenState) -> Exchange | None:
    """The exchange that started the job."""
    job = state.run.job
    at = None if job is None else job.sent_at
    return next((each for each in reversed(state.run.exchanges) if each.command == "invoke" and each.at == at), None)


def _leads(run: RunState) -> bool:
    return phase(run) == "invoke" or (phase(run) == "error" and run.job is not None and run.last is None)


# Other turns, and of a journal other jobs


def _several(state: ScreenState) -> bool:
    return state.newest.turn > 1 or state.source.place[1] > 1


def _look_at(state: ScreenState, by: int) -> Reaction:
    """The turn before, or after; of a journal the job, and after the newest: follow whatever comes."""
    ui = state.ui
    scrolled = state.unscrolled("output")
    if not state.source.follows:
        turn = max(1, min(state.newest.turn, (ui.turn or state.newest.turn) + by))
        return Reaction(state.choose(turn=0 if turn == state.newest.turn else turn, scrolled=scrolled))
    if state.journal is None:
        return Reaction()
    job = state.journal.beside(ui.job, by)
    remark = "Follows the newest job again." if job is None and ui.job is not None else ""
    return Reaction(state.choose(job=job, remark=remark, output="rendered", scrolled=scrolled))


def _word(state: ScreenState) -> str:
    return "Jobs" if state.source.follows else "Turns"


KEYS = (
    ScreenKey(
        "earlier", "left_square_bracket", "[", "Turn before", "look at another turn or job",
        lambda state: _look_at(state, -1), _several, word=_word,
    ),
    ScreenKey(
        "later", "right_square_bracket", "]", "Turn after", "the turn or job after, then follow",
        lambda state: _look_at(state, 1), _several,
    ),
)  # fmt: skip

JOB_PANE = Pane(
    name="job",
    key="2",
    title="Job",
    framed=_framed,
    one_row=_one_row,
    exchange=_exchange,
    column=Column(1, 42, rows_of_two=lambda rows: max(3, min(20, rows * 7 // 23)), longest=_longest),
    leads=_leads,
    help_keys="enter [ z",
    keys=KEYS,
)
