"""Header, stepper, narration and key bar: one row each."""

from lab.core.clock import Millis
from lab.dialects import fusion as wire
from lab.tui.panes import keys
from lab.tui.panes.fault_menu import header_pill
from lab.tui.panes.layout import NARROW, clock_width, projector
from lab.tui.rows.blocks import at_text
from lab.tui.rows.spans import BLANK, Row, Rows, TextSpan, backed, cut, ends, fill, hot, row, width, wrap
from lab.tui.state.narrate import phase, role, sentence, word
from lab.tui.state.screen import ScreenState

LEAVES = "p: back to the stage"
"""The way out of presenter mode, which has no key bar."""
TINTS = {"run": "@tint-run", "wait": "@tint-wait", "done": "@tint-done", "bad": "@tint-bad"}


def header(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """Brand, source, scenario and team, seed, speed, and every setting that is off its default."""
    show, look = scene.show, scene.look
    whole = columns + clock_width(scene)
    pill = "@fill-bad" if show.pill.startswith("POD") else "@fill-run"
    left = row(" ", ("◆ ", "accent"), ("Invoke Async Lab", "fg b"), "  ", (f" {show.pill} ", f"fill b {pill}"))
    if look.paused and show.cursor is None:
        left = row(left, " ", (" PAUSED ", "fill b @fill-wait"))
        if show.follows and whole >= NARROW:
            left = row(left, (" the client's waits go on", "wait"))
    left = row(left, header_pill(scene))
    tail = () if show.seed is None or projector(scene, whole) else row((f"seed {show.seed}  ", "dim"))
    right = row(tail, (_factor(look.factor), "dim" if look.factor == "1" else "wait b"))
    room = columns - width(left) - width(right) - 2
    name = cut(row((show.title, "fg b")), room)
    if show.team and not projector(scene, whole) and width(name) + len(show.team) + 3 <= room:
        name = row(name, (f" · {show.team}", "dim"))
    before = max(width(left) + 1, min((whole - width(name)) // 2, columns - width(right) - width(name) - 1))
    return (backed(ends(row(fill(left, before), name), right, columns), "@panel"),)


def clock(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """How long the run has taken; `● REC` beside it, and whether that tape is dead."""
    rec: Row = ()
    if scene.show.recording:
        dead = scene.show.dead
        rec = row("  ", (" ● REC DEAD ", "fill b @fill-bad")) if dead else row(("  ● ", "bad"), ("REC", "bad"))
    told = row((at_text(scene.stage.reading(now)), "fg b"), rec, " ")
    return (backed(ends((), told, columns), "@panel"),)


def _factor(text: str) -> str:
    return text if text == "manual" else "×" + {"0.25": "¼", "0.5": "½"}.get(text, text)


# The stepper


def _cells(scene: ScreenState) -> list[tuple[str, str, str]]:
    """Each stage of the run: its name, `done now bad coming`, the key of its pane."""
    stage = scene.stage
    here = phase(stage)
    at = {"idle": -1, "token": 0, "invoke": 1, "polling": 2, "waiting": 2, "complete": 5, "error": 4}[here]
    if here == "error":
        at = 0 if stage.job is None else 1 if stage.last is None else 4 if wire.final(stage.last.status) else 2
    # a run that stopped before a person's decision was taken has that gate not behind it
    stopped = (
        here == "error" and at == 2 and bool(stage.gates) and stage.last is not None and stage.last.node_type == "HUMAN"
    )
    gated = here == "waiting" and stage.gate is not None
    names = [("Token", "1"), ("Invoke", "2"), ("Poll", "3")]
    total = scene.gates
    if stage.gates or (total or 0) > 0:
        number = stage.gate.number if stage.gate else len(stage.gates)
        many = max(total or 0, len(stage.gates))
        names.append((f"Gate {max(1, number)}/{many}" if many > 1 else "Gate", "3"))
    names.append(("Output", "4"))
    cells = []
    for index, (name, key) in enumerate(names):
        gate = name.startswith("Gate")
        if here == "complete":
            # a gate that the run never reached stays to come
            state = "coming" if gate and not stage.gates else "done"
        elif gate:
            state = "now" if gated else "bad" if stopped else "done" if stage.gates else "coming"
        elif name == "Output":
            state = "bad" if here == "error" and at == 4 else "coming"
        else:
            state = "done" if index < at or (index == 2 and (gated or stopped)) else "coming"
            if index == at and not gated and not stopped:
                state = "bad" if here == "error" else "now"
        cells.append((name, state, key))
    return cells


def stepper(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """Token, Invoke, Poll, Gate, Output over the whole width."""
    tone = role(scene.stage)
    faces = [_face(name, state, tone, key) for name, state, key in _cells(scene)]
    lead = 1 if projector(scene, columns) else 2
    room = columns - 2 * lead - sum(map(width, faces)) - 2 * (len(faces) - 1)
    spans: list[TextSpan] = [TextSpan(" " * lead)]
    cells = _cells(scene)
    last = max([index for index, (_, state, _) in enumerate(cells) if state != "coming"], default=-1)
    for index, face in enumerate(faces):
        spans += face
        if index < len(faces) - 1:
            size = max(0, room * (index + 1) // (len(faces) - 1) - room * index // (len(faces) - 1))
            heavy = index < last and cells[index][1] != "coming"
            spans.append(TextSpan(f" {('━' if heavy else '─') * size} ", "line" if heavy else "faint"))
    return (fill(tuple(spans), columns),)


def _face(name: str, state: str, tone: str, key: str) -> Row:
    match state:
        case "done":
            return hot(row((f"✓ {name}", "done")), key)
        case "now":
            sign = "◆" if tone == "wait" else "◐"
            return hot(row((f" {sign} {name} ", f"fill b @fill-{tone}")), key)
        case "bad":
            return hot(row((f" ✗ {name} ", "fill b @fill-bad")), key)
        case _:
            return hot(row((f"○ {name}", "dim")), key)


def narration(scene: ScreenState, columns: int, rows: int, now: Millis) -> Rows:
    """What just happened, on its tint; in presenter mode with a blank row above and below, or on all three."""
    look = scene.look
    wrong = look.broken or scene.show.trouble
    tone = "bad" if wrong else role(scene.stage)
    ground = TINTS.get(tone, "@surface")
    text = look.broken or look.said or scene.show.trouble or sentence(scene)
    tight = projector(scene, columns)
    edge = row(("▌", tone if tone != "dim" else "faint"), " ")
    head: Row = ()
    if not tight:
        told = "" if look.said else "OURS" if look.broken else "LOST" if wrong else word(scene.stage)
        head = row((f"{told}  " if told else "", f"{tone} b"))
    inner = columns - width(edge) - width(head) - 1
    lines = wrap(row((text, "fg b" if rows > 1 else "fg")), inner, most=rows)
    above = (rows - len(lines)) // 2
    shown = [BLANK] * above + [row(head, line) for line in lines] + [BLANK] * (rows - above - len(lines))
    drawn = [fill(row(edge, line), columns) for line in shown]
    if look.presenter and not shown[-1]:
        drawn[-1] = ends(edge, hot(row((LEAVES, "dim"), " "), "p"), columns)
    return tuple(backed(line, ground) for line in drawn)


def key_bar(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """The keys of this state, as many as fit, `? Help` last."""
    names = [("enter", "Send"), ("esc", "Back")] if scene.look.typing else list(keys.bar(scene))
    while len(names) > 1 and sum(len(face) + len(label) + 3 for face, label in names) > columns - 1:
        names.remove(max(names, key=lambda pair: keys.rank(pair[0])))
    parts: list[Row] = []
    for face, label in names:
        target = next((shown for shown, pair in keys.FACES.items() if pair == face), face)
        parts.append(hot(row((face, "wait b"), f" {label}"), target))
        parts.append(row("  "))
    return (backed(fill(row(" ", *parts), columns), "@panel"),)
