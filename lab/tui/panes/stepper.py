"""The stepper: Token, Invoke, Poll, Gate, Output over the whole width, and how far the run has come."""

from typing import NamedTuple

from lab.tui.panes.layout import projector
from lab.tui.panes.pane import Bar, View
from lab.tui.rows.spans import Row, Rows, TextSpan, fill, hot, row, width
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import face, nobody_decided, phase, role

POLL, END = 2, 4
_AT = {"idle": -1, "token": 0, "invoke": 1, "polling": POLL, "waiting": POLL, "complete": END + 1, "error": END}
"""How far each phase is, in cells."""


_PLAIN = {"done": ("✓", "done"), "missed": ("✗", "bad"), "coming": ("○", "dim")}
"""How a cell shows in which the run isn't: its sign and colour."""


class Cell(NamedTuple):
    """A stage of the run: its name, `done now bad missed coming`, what a click on it presses."""

    name: str
    state: str
    key: str


def _cells(state: ScreenState) -> list[Cell]:
    run, here = state.run, phase(state.run)
    at = _stopped_at(run) if here == "error" else _AT[here]
    # once a person was needed, the story goes on from there: polling goes on, and is no step back
    gated = bool(run.gates) and here in ("polling", "waiting", "invoke") and (run.gate is not None or run.decisions > 0)
    # a run that stopped before a person's decision was taken has that gate not behind it
    unanswered = bool(run.gates) and run.last is not None and run.last.asks_person
    stopped = here == "error" and at == POLL and unanswered
    cells = []
    for index, (name, key) in enumerate((("Token", "1"), ("Invoke", "2"), ("Poll", "3"))):
        if here == "complete" or index < at or (index == POLL and (gated or stopped)):
            cells.append(Cell(name, "done", key))
        else:
            now = "coming" if index != at else "bad" if here == "error" else "now"
            cells.append(Cell(name, now, key))
    total = max(state.gates or 0, len(run.gates))
    if total:
        number = run.gate.number if run.gate else len(run.gates)
        name = f"Gate {max(1, number)}/{total}" if total > 1 else "Gate"
        # a gate that the run never reached stays to come; one at which nobody decided isn't done
        met = "coming" if not run.gates else "missed" if nobody_decided(run) else "done"
        cells.append(Cell(name, "now" if gated else "bad" if stopped else met, "3"))
    ending = "done" if here == "complete" else "bad" if here == "error" and at == END else "coming"
    return [*cells, Cell("Output", ending, "4")]


def _stopped_at(run: RunState) -> int:
    if run.job is None:
        return 0
    return 1 if run.last is None else END if face(run.last.status).final else POLL


def _draw(view: View) -> Rows:
    state, columns = view.state, view.columns
    cells, tone = _cells(state), role(view.run)
    if state.ui.stage:  # a click goes to an act
        stages = ("token", "invoke", "poll", *(("gate",) if len(cells) == 5 else ()), "output")
        cells = [cell._replace(key=f"go-to-{stage}") for cell, stage in zip(cells, stages, strict=True)]
    sign = "◆" if view.run.gate is not None else "◇" if view.run.decisions else "◆" if tone == "wait" else "◐"
    if state.shows_act and state.act.act is not None and state.act.act.kind in ("token", "job"):
        tone, sign = "done", "✓"
    faces = [_face(cell, tone, sign) for cell in cells]
    lead = 1 if projector(state, columns) else 2
    gaps = len(faces) - 1
    room = columns - 2 * lead - sum(map(width, faces)) - 2 * gaps
    last = max([index for index, cell in enumerate(cells) if cell.state != "coming"], default=-1)
    spans: list[TextSpan] = [TextSpan(" " * lead)]
    for index, each in enumerate(faces):
        spans += each
        if index < gaps:
            size = max(0, room * (index + 1) // gaps - room * index // gaps)
            heavy = index < last and cells[index].state != "coming"
            spans.append(TextSpan(f" {('━' if heavy else '─') * size} ", "line" if heavy else "faint"))
    return (fill(tuple(spans), columns),)


def _face(cell: Cell, tone: str, sign: str) -> Row:
    if cell.state in _PLAIN:
        sign, role_of = _PLAIN[cell.state]
        shown = (f"{sign} {cell.name}", role_of)
    else:
        sign = "✗" if cell.state == "bad" else sign
        shown = (f" {sign} {cell.name} ", f"fill b @fill-{'bad' if cell.state == 'bad' else tone}")
    return hot(row(shown), cell.key)


STEPPER = Bar("stepper", "top", lambda state, columns: int(not state.presents), _draw)
