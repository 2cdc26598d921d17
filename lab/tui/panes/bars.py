"""The bars that every screen has: header, stepper and narration at the top, the keys at the bottom."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from lab.core.clock import Millis
from lab.tui.panes.acts import act_number
from lab.tui.panes.approval import decision_head
from lab.tui.panes.band import CellRow
from lab.tui.panes.keys import ScreenKey
from lab.tui.panes.layout import NARROW, projector
from lab.tui.panes.pane import View
from lab.tui.rows.blocks import LEFT, at_text, speed_text, tinted
from lab.tui.rows.spans import Row, Rows, backed, cut, ends, fill, hot, ink, plain, row, width
from lab.tui.state.course import follow_ups
from lab.tui.state.ink import FILLS, Ground, Ink
from lab.tui.state.narrate import sentence
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import decision_shown, face, nobody_decided, phase, refused_call, role, word

# The header: brand, source, scenario and team, every setting off its default, the clock


def header(view: View) -> Rows:
    state, source, ui, columns = view.state, view.state.source, view.state.ui, view.columns
    armed = state.armed[0].name if len(state.armed) == 1 else f"{len(state.armed)} faults"
    settings: tuple[tuple[object, str, Ground], ...] = (
        (True, source.pill, "fill-bad" if source.pill.startswith("POD") else "fill-run"),
        (ui.paused and source.cursor is None, "PAUSED", "fill-wait"),
        (ui.stage, _stage_pill(state), "fill-accent"),
        (source.skipping, "SKIPPING »", "fill-wait"),
        (source.cursor is not None and source.cursor.dull and not source.skipping, "WAITS SHORTENED »", "fill-wait"),
        (state.side is not None, state.side.pill if state.side is not None else "", "fill-accent"),
        (state.armed, f"✗ {armed}", "fill-bad"),
        (state.holds, f"HELD {len(state.holds)}", "fill-wait"),
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
    # a pause and a recording come and go, and move the title only where it has no room beside both
    pauses, tapes = source.cursor is None and not ui.paused, "tape" in source.can and not source.recording
    starts, ends_in = width(left) + 9 * pauses, width(right) + 7 * tapes
    if starts + ends_in + len(source.title) + 2 > columns:
        starts, ends_in = width(left), width(right)
    room = columns - starts - ends_in - 2
    name = cut(row((source.title, "fg b")), room)
    if source.team and not few and width(name) + len(source.team) + 3 <= room:
        name = row(name, (f" · {source.team}", "dim"))
    before = max(starts + 1, min((columns - width(name)) // 2, columns - ends_in - width(name) - 1))
    return (backed(ends(row(fill(left, before), name), right, columns), "panel"),)


def _stage_pill(state: ScreenState) -> str:
    """Which act the end is; every other says it by itself, in its last row."""
    act = state.act.act
    return act_number(state, act).upper().replace(" OF ", "/") if act is not None and state.finale else "STAGE"


# The stepper: Token, Invoke, Poll, Gate, Output over the whole width, and how far the run has come

POLL, END = 2, 4
_AT = {"idle": -1, "token": 0, "invoke": 1, "polling": POLL, "waiting": POLL, "complete": END + 1, "error": END}
"""How far each phase is, in cells."""
SWEEP: Millis = 400
"""How long the line into the gate runs from amber to green once a person decided."""
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


def stepper(view: View) -> Rows:
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
            left = _still_amber(view, span) if now else 0
            drawn.put(before + 2 + span - left, ink("━" * left, "wait"))
        pill = now or cell.state == "bad"
        shown = ink(f" {text} ", "fill", bold=True, on=FILLS.get(tone_of, "fill-run")) if pill else ink(text, tone_of)
        drawn.put(at - pill, hot((shown,), cell.key)[0])
        before = at + len(text)
        x += len(text) + gap
    return (drawn.row(),)


def _still_amber(view: View, span: int) -> int:
    """Of the line into the gate, which runs from amber to green after a decision, how many cells are amber still."""
    decision = decision_shown(view.run)
    if decision is None or role(view.run) != "done":
        return 0
    return max(0, span - span * max(0, view.now - decision.noticed) // SWEEP)


# The narration below it


def narration(view: View) -> Rows:
    """What just happened and why it matters, as much of it as fits whole: if need be its first part alone."""
    state, ui, run, trouble = view.state, view.state.ui, view.run, view.state.source.trouble
    wrong, tone = ui.broken or trouble, role(view.run)
    said = row(ui.broken or ui.remark or trouble or sentence(state))
    first = row(plain(said).partition(". ")[0].removesuffix(".") + ".")
    if wrong or ui.remark:
        tone = "bad" if wrong else tone
        label = "OURS" if ui.broken else "" if ui.remark else "LOST"
        forms = [row(_label(label, tone), said), said]
    elif (decision := decision_shown(run)) is not None:
        head = row(ink(f"{decision_head(state, decision)}  ", tone, bold=True))
        forms = [row(head, said), row(head, first), said]
    else:
        lost = refused_call(run)
        tone = tone if lost is None else "bad"
        head = _label(word(run) if lost is None else f"REFUSED {lost.code}" if lost.refused else "FAILED", tone)
        forms = [row(head, said), row(head, first), said]
    if ui.passed and not (wrong or ui.remark):
        passed = row((ui.passed, "accent b"))
        forms = [*(row(passed, "  ", each) for each in (*forms, said, first)), passed]
    line = cut(next((each for each in forms if width(each) <= view.inner), forms[-1]), view.inner)
    return tinted([line], tone, view.columns)


def _label(text: str, tone: Ink) -> Row:
    return row(ink(f"{text}  " if text else "", tone, bold=True))


# The key bar: the keys of this state, as many as fit, `? Help` last

_ASK = 2
"""How early the digits of follow-ups are given up."""


def key_rows(keys: Sequence[ScreenKey], view: View) -> Rows:
    """The bar of these keys, in their order."""
    found = list(_keys_shown(keys, view.state))
    while len(found) > 1 and sum(width(each) for _, each in found) >= view.columns - 3:
        found.remove(max(found, key=lambda each: each[0]))
    return (backed(fill(row("   ", *[each for _, each in found]), view.columns), "panel"),)


def _keys_shown(keys: Sequence[ScreenKey], state: ScreenState) -> Iterator[tuple[int, Row]]:
    """Each with how early it is given up: the highest first, of equals the leftmost."""
    asks = [each.key for each in follow_ups(state) if each.key] if state.finale and not state.source.follows else []
    if asks:  # which question is asked, its own number in the finale says; here there is none to click
        digits = " ".join(asks) if len(asks) < 4 else f"{asks[0]}-{asks[-1]}"
        yield _ASK, row((digits, "wait b"), " Ask  ")
    for key in keys:
        if rank := key.rank_in(state):
            pair = "".join(f" {each.face}" for each in keys if each.name == key.pair)
            yield rank, hot(row((key.face + pair, "wait b"), f" {key.label_in(state)}  "), key.face)
