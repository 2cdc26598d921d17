"""The band: the agents at work. Above the app with a tick a call, below the job as its steps, between them the API.

It grows while nobody is connected: that is the asynchronous idea in one picture. A step has room for its name and a share
of the planned time; in an open gate time runs as e / (e + 5 s), so that days fit. Without a plan the steps are those that
were told, on a scale of seconds that halves when it is full.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

from lab.core.clock import Millis, tenths
from lab.tui.panes.layout import band_rows
from lab.tui.panes.pane import View
from lab.tui.rows.blocks import LEFT
from lab.tui.rows.spans import Row, Rows, TextSpan, clip, fill, ink, row
from lab.tui.state.course import CourseStep, course_of
from lab.tui.state.gate import verdict_face
from lab.tui.state.ink import FILLS, TINTS, Ground, Ink
from lab.tui.state.run import Milestone, RunState, TimelineRow
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import FACES, face, phase, refused_call
from lab.tui.state.timeline import repeats

_NAMES = 9
"""Columns of the rows' names, where there are three rows."""
_WORDS = {known: str(status) for status, known in FACES.items() if status is not None}
"""By how a status shows its word, in a plan."""
_LEAD = 8
"""Columns from one call to the next before the job is there."""
_SCALE: Millis = 16_000
"""What fits where there is no plan, at first."""
_MOST_RISING = 20
"""Callbacks that are drawn, the latest."""
_HALF: Millis = 5_000
"""After so long an open gate's box is half full."""


class Box(NamedTuple):
    """A step on the axis."""

    step: CourseStep
    x: int
    wide: int


class Axis(Struct, frozen=True):
    """The columns of the steps, and where an instant is."""

    boxes: tuple[Box, ...]
    x: int
    """Where they begin."""

    def column(self, at: Millis) -> int:
        """Where an instant is; before the first step its beginning."""
        for step, x, wide in reversed(self.boxes):
            if step.began is not None and at >= step.began:
                gone, open_gate = at - step.began, step.ended is None and step.face.phase == "waiting"
                if step.face.final:  # it takes no time: the line is at its end
                    return x + wide - 1
                part = gone / (gone + _HALF) if open_gate else gone / max(1, step.takes)
                # an open gate is never full: its last cell is to come
                return x + min(max(0, wide - 2), int((wide - 1 - open_gate) * part))
        return self.x


def _axis(steps: Sequence[CourseStep], now: Millis, x: int, end: int, *, planned: bool) -> Axis:
    """The boxes side by side. Where names have no room, all narrow down; what is still too much, the oldest go."""
    steps = steps[-max(1, (end - x) // 3) :]
    least = [cell_len(each.name) + (3 if each.face.phase == "polling" else 5) for each in steps]
    work = sum(each.takes for each in steps if each.face.phase == "polling") or 1_000
    # a person's time has no plan: all gates together have half as much as the agents
    shares = [max(1, work * 45 // 100 if each.face.phase == "waiting" else each.takes) for each in steps]
    room = end - x
    if not planned:
        begin, scale = steps[0].began or now, _SCALE
        while begin + scale < now:
            scale *= 2
        room = max(2 * len(steps), room * (now - begin) // scale + 1)
        least, shares = [2] * len(steps), [max(1, (each.ended or now) - (each.began or now)) for each in steps]
    if sum(least) > room:  # of a step that comes again the last is named: that is at work, or to come
        names = [each.name for each in steps]
        least = [
            4 if name in names[at + 1 :] else each for at, (name, each) in enumerate(zip(names, least, strict=True))
        ]
    if sum(least) > room:
        least = [max(2, each * room // sum(least) - 1) for each in least]
    spare, shared, boxes, at = max(0, room - sum(least)) / sum(shares), 0.0, list[Box](), x
    for step, needs, share in zip(steps, least, shares, strict=True):
        shared += needs + share * spare
        stop = min(end, x + round(shared))
        boxes.append(Box(step, at, stop - at))
        at = stop
    return Axis(tuple(boxes), x)


class CellRow:
    """A row that is written cell by cell: what is put later lies over what was there."""

    def __init__(self, columns: int) -> None:
        self._texts = [" "] * columns
        self._roles = ["fg"] * columns

    def put(self, x: int, span: TextSpan) -> None:
        """Write from a column on, as far as there is room."""
        for character in span.text:
            size = cell_len(character)
            if size and 0 <= x <= len(self._texts) - size:
                self._texts[x : x + size] = [character, *[""] * (size - 1)]
                self._roles[x : x + size] = [span.role] * size
            elif not size and 0 < x <= len(self._texts):  # an accent belongs to the character before it
                self._texts[x - 1] += character
            x += size

    def row(self) -> Row:
        """What is written, neighbours of one role as one span."""
        grouped = groupby(zip(self._roles, self._texts, strict=True), itemgetter(0))
        return tuple([TextSpan("".join([text for _, text in cells]), role) for role, cells in grouped])


def band(view: View) -> Rows:
    steps, named = course_of(view.state)
    if not steps:
        return tuple([fill(row(), view.columns)] * view.rows)
    run, columns, rows = view.run, view.columns, view.rows
    now = min(view.now, run.ended) if run.ended is not None else view.now
    planned = phase(run) == "idle"
    begun = bool(run.job and run.job.job)
    came = begun or run.ended is None
    """Whether steps have come, or may: of a run that ended without a job only its calls are drawn."""
    left, end = LEFT + (_NAMES if rows == 3 else 0), columns - 3
    leads = [] if rows == 1 or planned else _leads(run)
    # before they went out there is room for a token and a question, so that no step moves when they do
    many = len(leads) if begun else max(len(leads), 1 if run.token is not None and run.token.reused else 2)
    x = left if rows == 1 or planned else left + 2 + _LEAD * (many - 1)
    axis = _axis(steps, now, x, end, planned=named) if came else Axis((), x)
    here = axis.column(now) if begun else left + 2 + _LEAD * max(0, len(leads) - 1)
    boxes = CellRow(columns)
    for box in axis.boxes:
        _box(boxes, box, now, here, planned=planned, over=run.ended is not None)
    drawn = [CellRow(columns), CellRow(columns), boxes][-rows:]
    if rows == 3:
        for name, cells in zip(("", "", "AGENTS") if planned else ("APP", "API", "AGENTS"), drawn, strict=True):
            cells.put(LEFT, ink(name, "dim"))
    if rows > 1 and not planned:
        drawn[-2].put(left, ink("─" * (here - left + 1), "dim"))
        drawn[-2].put(here + 1, ink("┄" * max(0, end - here - 1) * came, "faint"))
        _mark(_ticks(view, axis, leads, left), end, drawn[-2], drawn[0] if rows == 3 else None)
    return tuple(cells.row() for cells in drawn)


def planned_row(steps: Sequence[CourseStep], columns: int) -> Row:
    """The steps as they are planned, in so many columns: for a scenario that isn't played yet."""
    cells = CellRow(columns)
    for box in _axis(steps, 0, 0, columns, planned=True).boxes if steps else ():
        _box(cells, box, -1, -1, planned=True, over=False)
    return cells.row()


def planned_lane(steps: Sequence[CourseStep], columns: int) -> list[Row]:
    """The statuses as they are planned, below each a line over the steps that it has: for the poster."""
    if not steps:
        return []
    inner = columns - _NAMES
    words, lines = CellRow(inner), CellRow(inner)
    for known, grouped in groupby(_axis(steps, 0, 0, inner, planned=True).boxes, key=lambda box: box.step.face):
        group = list(grouped)
        first, last = group[0], group[-1]
        size = last.x + last.wide - first.x
        text = f"{known.glyph} {_WORDS.get(known, '')}"
        words.put(first.x, ink(text if len(text) < size else known.glyph, known.role, bold=True))
        lines.put(first.x, ink("━" * max(1, size - (not known.final)), known.role))
    names = [row((f"{name:<{_NAMES}}", "dim")) for name in ("STATUS", "", "AGENTS")]
    return [
        row(name, cells)
        for name, cells in zip(names, (words.row(), lines.row(), planned_row(steps, inner)), strict=True)
    ]


def _box(cells: CellRow, box: Box, now: Millis, here: int, *, planned: bool, over: bool) -> None:
    """A step: past ones tinted, of the current one what has passed is solid, those to come grey; as planned all tinted."""
    step, x, wide = box
    gate, final = step.face.phase == "waiting", step.face.final
    done = step.ended is not None and step.ended <= now
    current = not done and step.began is not None and step.began <= now
    tone: Ink = "done" if done and gate else step.face.role
    room = max(1, wide if final else wide - 1)
    sign = f"{'◇' if done else '◆'} " if gate else f"{step.face.glyph if current else '○'} " if final else ""
    text = f" {sign}{step.name}"
    text = text if cell_len(text) <= room else clip(f" {sign}", room)  # a name has room, or isn't there
    lasted = step.takes if step.began is None or step.ended is None else step.ended - step.began
    took = "you decide" if planned and gate else f"{tenths(lasted)} s"
    if not final and (planned or (done and not gate)) and cell_len(text) + len(took) + 2 <= room:
        text += took.rjust(room - cell_len(text) - 1)
    text += " " * (room - cell_len(text))
    solid = 0 if not current else room if final or over else max(1, min(room, here - x + 1))
    ground: Ground = TINTS.get(tone, "panel") if done or planned else "panel"
    written: Ink = tone if done or planned else "fg" if current else "dim"
    cells.put(x, ink(text, written, bold=current or planned, on=ground))
    cells.put(x, ink(set_cell_size(text, solid), "fill", bold=True, on=FILLS.get(tone, "fill-run")))
    if not current:
        cells.put(x, ink("▌", tone if done or planned else "dim", on=ground))


class Tick(NamedTuple):
    """A call on the line: how early its label gives way (the lowest last), where it is, what it shows."""

    rank: int
    x: int
    sign: str
    label: str
    tone: Ink
    bold: bool = True
    short: str = ""
    """What stands where the label has no room."""


def _leads(run: RunState) -> list[Tick]:
    """The calls before the job: the token and the question, those that were refused too."""
    found: list[Tick] = []
    for each in run.milestones:
        if each.kind == "invoke":
            code = str(run.job.code or "") if run.job is not None else ""
            return [*found, Tick(0, 0, "┼", code, "done")]
        if each.kind in ("token", "refused"):
            found.append(_of_token(each, 0))
    return found


def _of_token(each: Milestone, x: int) -> Tick:
    """A token that was granted, or a call that was refused instead; in mid-run its label gives way as the next call's does."""
    return Tick(2, x, "┴", "token", "done") if each.kind == "token" else Tick(0, x, "✗", each.word, "bad")


def _ticks(view: View, axis: Axis, leads: list[Tick], left: int) -> list[Tick]:
    """A tick a call: what came before the job, polls, decisions and the end that one brought, and the call to come."""
    run, call = view.run, view.run.next_call
    ticks = [each._replace(rank=0, x=left + 2 + _LEAD * at) for at, each in enumerate(leads)]
    repeated = dict[int, TimelineRow]()
    for each in run.timeline:
        if each.kind in ("poll", "lost", "decided", "answer"):
            # a decision stands at its gate: what comes of it may begin at the instant at which it was sent
            x = axis.column(each.shown_at if each.decision is None else each.decision.since - 1)
            if repeats(each):  # thousands of them have no more columns than one
                repeated.setdefault(x, each)
            else:
                ticks.append(_tick(each, x))
    ticks += [_tick(each, x) for x, each in repeated.items()]
    for each_try in run.callbacks[-_MOST_RISING:]:  # what the lab tells by itself rises from the API
        tone: Ink = "done" if each_try.taken else "bad" if each_try.came else "dim"
        rank = 2 if tone == "bad" else 3
        ticks.append(Tick(rank, axis.column(each_try.at), "▲", each_try.came, tone, bold=not each_try.taken))
    accepted = next((at for at, each in enumerate(run.milestones) if each.kind == "invoke"), len(run.milestones))
    for mark in run.milestones[accepted:]:
        if mark.kind == "token" or (mark.kind == "refused" and mark.value == "token"):
            x = axis.column(mark.at)
            # beside the refusal that had it asked for
            ticks.append(_of_token(mark, x + any(tick.x == x and tick.sign == "✗" for tick in ticks)))
    if call is not None and run.job is not None and run.job.job:
        wait = max(0, call.until - view.now)
        text, x = f"next {tenths(wait)} s", max(axis.column(call.until), axis.column(view.now) + 1)
        ticks.append(Tick(2, x, "┴", text, "dim" if refused_call(run) is None else "bad", bold=False))
    return ticks


def _mark(ticks: list[Tick], end: int, line: CellRow, above: CellRow | None) -> None:
    """The ticks, and above as many labels as have room: the end first, refusals and decisions, then news, the next, repeats.

    What has the end come stands before it.
    """
    taken: set[int] = set()
    marks, before = {0, *(tick.x for tick in ticks)}, end
    # where several are, that which tells most lies over the others; of an answer that brought the end, the answer
    order = sorted(ticks, key=lambda tick: (max(0, tick.rank), tick.x))
    for each in reversed(order):
        line.put(each.x, ink(each.sign, each.tone, bold=True))
    for each in sorted(ticks, key=lambda tick: (tick.rank, tick.x)):
        for text in (each.label, each.short) if above is not None else ():
            start, apart = min(each.x, (before if each.rank == 0 else end) - len(text)), 2 if each.rank == 3 else 1
            while each.rank == 2 and not taken.isdisjoint(range(start - 2, start)) and start + len(text) < end:
                start += 1
            while (
                each.rank == 1 and not taken.isdisjoint(range(start, start + len(text) + 1)) and start - 1 not in marks
            ):
                start -= 1  # news may stand before its tick, over no other
            if text and above is not None and taken.isdisjoint(range(start - apart, start + len(text) + apart)):
                above.put(start, ink(text, "dim" if each.rank == 3 else each.tone, bold=each.bold))
                taken.update(range(start, start + len(text)))
                before = start - 1 if each.rank < 0 else before
                break


def _tick(each: TimelineRow, x: int) -> Tick:
    """A poll, one that brought nothing, or a decision."""
    if each.kind == "decided":
        tone = verdict_face(each.decision.verdict).role if each.decision is not None else "bad"
        return Tick(0, x, "┼" if each.decision is not None else "✗", each.word, tone)
    if each.bad:
        return Tick(0, x, "✗", str(each.code or each.word), "bad")
    known = face(each.word)
    if each.first or known.final:
        return Tick(-1 if known.final else 1, x, "┴", each.word, known.role, short=known.glyph)
    return Tick(3, x, "┴", str(each.code or ""), known.role, bold=False)


def band_height(state: ScreenState, columns: int, rows: int) -> int:
    return 0 if state.presents or state.poster or not course_of(state).steps else band_rows(rows)
