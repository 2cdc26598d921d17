"""The stepper: Token, Invoke, Poll, Gate, Output over the whole width, and how far the run has come."""

from typing import Literal, NamedTuple

from lab.core.clock import Millis
from lab.tui.panes.band import CellRow
from lab.tui.panes.pane import Bar, View
from lab.tui.rows.blocks import LEFT
from lab.tui.rows.spans import Rows, hot, ink
from lab.tui.state.ink import FILLS, Ink
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import decision_shown, face, nobody_decided, phase, role

POLL, END = 2, 4
_AT = {"idle": -1, "token": 0, "invoke": 1, "polling": POLL, "waiting": POLL, "complete": END + 1, "error": END}
"""How far each phase is, in cells."""
SWEEP: Millis = 400
"""How long the line into the gate runs from amber to green."""
CellState = Literal["done", "now", "bad", "missed", "coming", "none"]
_PLAIN: dict[CellState, tuple[str, Ink]] = {
    "done": ("✓", "done"),
    "bad": ("✗", "bad"),
    "missed": ("✗", "bad"),
    "coming": ("○", "dim"),
    "none": ("·", "dim"),
}
"""How a cell shows in which the run isn't: its sign and colour; `none`: a gate that only an earlier turn had."""


class Cell(NamedTuple):
    """A stage of the run: its name, how far it is, what a click on it presses."""

    name: str
    state: CellState
    key: str


def _cells(state: ScreenState) -> list[Cell]:
    run, here = state.run, phase(state.run)
    at = _stopped_at(run) if here == "error" else _AT[here]
    # once a person was needed, the story goes on from there: polling goes on, and is no step back
    gated = bool(run.gates) and here in ("polling", "waiting", "invoke") and (run.gate is not None or run.decisions > 0)
    # a run that stopped before a person's decision was taken has that gate not behind it
    stopped = here == "error" and at == POLL and bool(run.gates) and run.last is not None and run.last.asks_person
    cells = []
    for index, (name, key) in enumerate((("Token", "1"), ("Invoke", "2"), ("Poll", "3"))):
        if here == "complete" or index < at or (index == POLL and (gated or stopped)):
            cells.append(Cell(name, "done", key))
        else:
            cells.append(Cell(name, "coming" if index != at else "bad" if here == "error" else "now", key))
    if total := max(state.gates or 0, len(run.gates)):
        number = run.gate.number if run.gate else len(run.gates)
        name = f"Gate {max(1, number)}/{total}" if total > 1 else "Gate"
        # a gate that the run never reached stays to come; one at which nobody decided isn't done
        met: CellState = "coming" if not run.gates else "missed" if nobody_decided(run) else "done"
        cells.append(Cell(name, "now" if gated else "bad" if stopped else met, "3"))
    elif any(turn.gates for turn in run.past):
        cells.append(Cell("Gate", "none", "3"))
    ending: CellState = "now" if here == "complete" else "bad" if here == "error" and at == END else "coming"
    return [*cells, Cell("Output", ending, "4")]


def _stopped_at(run: RunState) -> int:
    if run.job is None:
        return 0
    return 1 if run.last is None else END if face(run.last.status).final else POLL


def _draw(view: View) -> Rows:
    state, run, cells = view.state, view.run, _cells(view.state)
    if state.ui.stage:  # a click goes to an act
        stages = ("token", "invoke", "poll", *(("gate",) if len(cells) == 5 else ()), "output")
        cells = [cell._replace(key=f"go-to-{stage}") for cell, stage in zip(cells, stages, strict=True)]
    tone: Ink = role(run)
    sign = "◆" if run.gate is not None else "◇" if run.decisions else "◆" if tone == "wait" else "◐"
    act = state.act.act if state.shows_act else None
    if phase(run) == "complete" or (act is not None and act.kind in ("token", "job")):
        tone, sign = "done", "✓"
    drawn, x, before = CellRow(view.columns), float(LEFT), 0
    gap = (view.inner - sum(len(cell.name) + 2 for cell in cells)) / (len(cells) - 1)
    last = max([index for index, cell in enumerate(cells) if cell.state not in ("coming", "none")], default=-1)
    for index, cell in enumerate(cells):
        mark, tone_of = _PLAIN.get(cell.state, (sign, tone))
        at, text, now = round(x), f"{mark} {cell.name}", cell.state == "now"
        if index:
            span = at - before - 4
            come = cell.state not in ("coming", "none") or index < last
            into: Ink = tone_of if now and tone_of != "done" else "line" if come else "faint"
            drawn.put(before + 2, ink(("━" if come else "─") * span, into))
            left = _sweep(view, span) if now else 0
            drawn.put(before + 2 + span - left, ink("━" * left, "wait"))
        pill = now or cell.state == "bad"
        shown = ink(f" {text} ", "fill", bold=True, on=FILLS.get(tone_of, "fill-run")) if pill else ink(text, tone_of)
        drawn.put(at - pill, hot((shown,), cell.key)[0])
        before = at + len(text)
        x += len(text) + gap
    return (drawn.row(),)


def _sweep(view: View, span: int) -> int:
    """After a decision the line runs from amber to green: how much of it is amber still."""
    decision = decision_shown(view.run)
    if decision is None or role(view.run) != "done":
        return 0
    return max(0, span - span * max(0, view.now - decision.noticed) // SWEEP)


STEPPER = Bar(
    "stepper", "top", lambda state, columns, rows: int(not (state.presents or state.poster)), _draw, timed=True
)
