"""The Job pane: what was asked of the agent team, and the Job ID that came at once. Its keys go to other turns and jobs."""

from rich.cells import cell_len

from lab.tui.panes.keys import Reaction
from lab.tui.panes.layout import NARROW
from lab.tui.panes.pane import PaneFact, View, ViewPart, coming, outcome, two_sides
from lab.tui.rows.blocks import (
    answer_rows,
    fields,
    latency,
    next_call,
    pill,
    request_head,
    request_row,
    seconds,
    status_row,
    tail_of,
)
from lab.tui.rows.spans import BLANK, Row, clip, cut, ends, flow, ink, plain, row, width, wrap
from lab.tui.state.clean import both_ends, end_of
from lab.tui.state.reading import short_path
from lab.tui.state.run import Exchange, JobState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import face


def job_fact(view: View) -> PaneFact:
    """What was asked for, and the Job ID that came at once."""
    state, run, job, inner = view.state, view.run, view.run.job, view.inner
    if job is None:
        none = f"No job yet. {state.labels.start} gives a Job ID at once, not the output."
        return coming(none, inner)
    path = short_path(job.path)
    path = path if len(path) <= inner - 7 else f"…/{path.rpartition('/')[2]}"  # no word of it is cut
    # where one path takes all calls, the method says which
    path = next((clip(value, inner - 7) for name, value in job.fields if name == "method"), path)
    request = [request_row("POST", path, inner)]
    request += [row("  ", line) for _, text in job.message for line in wrap(row(text), inner - 2, most=2)]
    tried = [each for each in run.milestones if (each.kind, each.value) == ("refused", "invoke")]
    if tried and job.job is not None:
        request = [*request[:2], row(("✗ ", "bad"), (tried[-1].word, "bad b"), " then asked again")]
    reply = answer_rows(job.code, job.took, job.refusal, inner)
    if job.refusal is None and job.job:
        first, *more = map(plain, wrap(row(job.job), inner - 2, most=2))
        reply += [row("  ", (first[:8], "run b"), first[8:]), *(row("  ", line) for line in more)]
        reply += _beside_it(job, inner)
    elif run.next_call is not None:
        reply += [BLANK, next_call(run.next_call, inner, view.now, "bad")]
    if state.newest.turn > 1:
        reply += turns(state, inner, 3)
    body, beside = two_sides(request, reply, view.room), _place(state)
    status = status_row(job.status) if job.status is not None else ()
    gist, several = row(((job.job or "")[:8], "run b"), (job.job or "")[8:]), several_turns(state)
    if several:
        short = beside if view.columns >= NARROW else beside.removeprefix("turn ").replace(" of ", "/")
        gist = row(gist, (f"  {short}", "dim"))
    beside = beside if several or job.job is None else ""
    brought = PaneFact("done", body, status, gist=gist, right=status, beside=beside)
    return outcome(job, job.job is not None, job.team, brought)


def job_parts(room: View) -> list[ViewPart]:
    """What was asked, the beginning of the Job ID, that nothing is held open for it, and what else was said and came."""
    job, columns = room.run.job, room.columns
    if job is None or job.job is None:
        return []
    whole, label = row((job.job[:8], "run b"), job.job[8:]), row((room.state.labels.job, "dim"))
    ident = ends(whole, label, columns) if width(whole) + width(label) < columns else whole
    said = "you may hang up: nothing is held open" if job.code == 202 else "the job goes on by itself"
    status = row(status_row(job.status or "RUNNING"), " on its own")
    lane = row(("job            ", "dim"), ("▄" * max(4, columns - 17 - width(status)), "run"), "  ", status)
    label_room = max([0, *(len(name) for name, _ in job.message)])
    alone = room.state.ui.zoom == "job"
    return [
        ViewPart(
            [
                cut(request_head("POST", tail_of(job.path, 2)), columns),
                *fields(job.message, label_room, columns, most=12 if alone else 2),
            ],
            2,
        ),
        ViewPart([*room.big(job.job[:8].upper(), "run"), BLANK, ident]),
        ViewPart([cut(row(pill(job.code or 0, "done"), "  ", (said, "fg b")), columns)], 1),
        ViewPart([row((f"connection    ▄▄▄▄ closed after {latency(job.took)}", "dim")), BLANK, lane], 3),
        ViewPart(fields((*job.fields, *job.lines), 15, columns, most=12) if alone else [], 4),
    ]


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
        sign = ink(f" {face(word).glyph}", face(word).role) if word else ink(" ···", "dim")
        took = f" {seconds(turn.elapsed(turn.latest))}" if turn.ended is not None else ""
        parts.append(row((f"turn {number}", "fg b" if number == state.run.turn else "dim"), sign, (took, "dim")))
    return flow(parts, inner, row((" · ", "dim")))[-most:]


def _beside_it(job: JobState, inner: int) -> list[Row]:
    """Conversation and trace: both ends, or the end where that tells more, of what doesn't fit on a row."""
    shown = []
    for at, (label, text) in enumerate(job.lines):
        short = both_ends(text) if at == 0 else end_of(text, 17)
        shown.append((label, text if cell_len(text) <= inner - 18 else short))
    return fields(tuple(shown), 14, inner)


def exchange_of_job(state: ScreenState) -> Exchange | None:
    """The exchange that started the job."""
    job = state.run.job
    at = None if job is None else job.sent_at
    return next((each for each in reversed(state.run.exchanges) if each.command == "invoke" and each.at == at), None)


# Other turns, and of a journal other jobs


def several_turns(state: ScreenState) -> bool:
    return state.newest.turn > 1 or state.source.place[1] > 1


def look_at_turn(by: int, state: ScreenState) -> Reaction:
    """The turn before, or after; of a journal the job, and after the newest: follow whatever comes."""
    ui, scrolled = state.ui, state.unscrolled("output")
    if not state.source.follows:
        turn = max(1, min(state.newest.turn, (ui.turn or state.newest.turn) + by))
        return Reaction(state.choose(turn=0 if turn == state.newest.turn else turn, scrolled=scrolled))
    if state.journal is None:
        return Reaction()
    job = state.journal.beside(ui.job, by)
    remark = "Follows the newest job again." if job is None and ui.job is not None else ""
    return Reaction(state.choose(job=job, remark=remark, output="rendered", scrolled=scrolled))
