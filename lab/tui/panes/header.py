"""The header: brand, source, scenario and team, every setting off its default, the clock; and the narration below it."""

from lab.tui.panes.decision import decision_head
from lab.tui.panes.layout import NARROW, projector
from lab.tui.panes.pane import Bar, View
from lab.tui.rows.blocks import at_text, speed_text, tinted
from lab.tui.rows.spans import Row, Rows, backed, cut, ends, fill, ink, plain, row, width
from lab.tui.state.ink import Ground, Ink
from lab.tui.state.narrate import sentence
from lab.tui.state.status import decision_shown, refused_call, role, word


def _header(view: View) -> Rows:
    state, source, ui, columns = view.state, view.state.source, view.state.ui, view.columns
    armed = state.armed[0].name if len(state.armed) == 1 else f"{len(state.armed)} faults"
    settings: tuple[tuple[object, str, Ground], ...] = (
        (True, source.pill, "fill-bad" if source.pill.startswith("POD") else "fill-run"),
        (ui.paused and source.cursor is None, "PAUSED", "fill-wait"),
        (ui.stage, "STAGE", "fill-accent"),
        (source.skipping, "SKIPPING »", "fill-wait"),
        (state.side is not None, state.side.pill if state.side is not None else "", "fill-accent"),
        (state.armed, f"✗ {armed}", "fill-bad"),
    )
    left = row("   ", ("◆ ", "accent"), ("Invoke Async Lab", "fg b"), " ")
    for holds, text, ground in settings:
        left = row(left, " ", ink(f" {text} ", "fill", bold=True, on=ground)) if holds else left
        if text == "PAUSED" and holds and source.follows and columns >= NARROW:
            left = row(left, (" the client's waits go on", "wait"))
    few = projector(state, columns)
    tail = row() if source.seed is None or few else row((f"seed {source.seed}  ", "dim"))
    speed = ink(speed_text(ui.factor), "dim") if ui.factor == "1" else ink(speed_text(ui.factor), "wait", bold=True)
    rec = row(("  ● ", "bad"), ("REC", "bad")) if source.recording else row()
    rec = row("  ", (" ● REC DEAD ", "fill b @fill-bad")) if source.recording and source.dead else rec
    right = row(tail, speed, "  ", (at_text(view.run.reading(view.now)), "fg b"), rec, "   ")
    room = columns - width(left) - width(right) - 2
    name = cut(row((source.title, "fg b")), room)
    if source.team and not few and width(name) + len(source.team) + 3 <= room:
        name = row(name, (f" · {source.team}", "dim"))
    before = max(width(left) + 1, min((columns - width(name)) // 2, columns - width(right) - width(name) - 1))
    return (backed(ends(row(fill(left, before), name), right, columns), "panel"),)


HEADER = Bar("header", "top", lambda state, columns, rows: 1, _header, timed=True)


def _narration(view: View) -> Rows:
    """What just happened and why it matters, as much of it as fits whole: if need be its first part alone."""
    state, ui, run, trouble = view.state, view.state.ui, view.run, view.state.source.trouble
    wrong, tone = ui.broken or trouble, role(view.run)
    said = row(ui.broken or ui.remark or trouble or sentence(state))
    first = row(plain(said).partition(". ")[0].removesuffix(".") + ".")
    if wrong or ui.remark:
        tone = "bad" if wrong else tone
        label = "OURS" if ui.broken else "" if ui.remark else "LOST"
        forms = [row(_label(label, tone, view.columns), said)]
    elif (decision := decision_shown(run)) is not None:
        head = row(ink(f"{decision_head(state, decision)}  ", tone, bold=True))
        forms = [row(head, said), row(head, first), said]
    else:
        lost = refused_call(run)
        tone = tone if lost is None else "bad"
        forms = [row(_label(f"REFUSED {lost.code}" if lost and lost.code else word(run), tone, view.columns), said)]
    if ui.passed and not (wrong or ui.remark):
        passed = row((ui.passed, "accent b"))
        forms = [*(row(passed, "  ", each) for each in (*forms, said, first)), passed]
    line = cut(next((each for each in forms if width(each) <= view.inner), forms[-1]), view.inner)
    return tinted([line], tone, view.columns)


def _label(text: str, tone: Ink, columns: int) -> Row:
    return row(ink(f"{text}  " if text and columns >= NARROW else "", tone, bold=True))


NARRATION = Bar(
    "narration", "top", lambda state, columns, rows: int(not (state.presents or state.poster)), _narration, apart=True
)
