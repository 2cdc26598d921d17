"""The finale: at the end of a turn the output has the stage, under a title; above it the facts and the conversation, below
it what that took, and the follow-ups, which are numbered keys."""

from typing import NamedTuple

from lab.jobs.program import parts_for
from lab.tui.panes.keys import Reaction
from lab.tui.panes.layout import HIGH, WIDE, Rect, Rects
from lab.tui.panes.output import content, without_blanks
from lab.tui.panes.pane import View
from lab.tui.panes.search import marked
from lab.tui.rows import formats
from lab.tui.rows.blocks import LEFT, figure_of, paragraph, polls_text, seconds, tinted
from lab.tui.rows.formats import markdown, to_markdown
from lab.tui.rows.letters import block, tall, wide
from lab.tui.rows.spans import BLANK, Row, Rows, backed, cut, ends, fill, flow, hot, ink, row, width, words, wrap
from lab.tui.state.course import FollowUp, follow_ups, turn_summary
from lab.tui.state.ink import FILLS, Ground, Ink
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState, messages_of
from lab.tui.state.status import FACES, cancelled, face, phase, stopped

STRIP, RAIL = "sum", "rail"
"""The parts below the output (what it took, and what can be asked), and above it: the turns of the conversation."""
BLOCKS = 32
"""Rows of the screen from which on the summary's figures are block letters."""
TALL_SHEET = 20
"""Rows of the output from which on its title has three, though not all of it fits below."""
AIRY_FROM = 48
"""Rows of the screen from which on there is a blank row between facts, turns and output."""
LEAST_SHEET = 7
"""Rows that are left for the output before the facts above it go."""
BESIDE_WIRE = 112
"""Columns of the output where the wire stands beside it."""
_MOST_RAIL = 4
"""Turns that the rail shows at most, the newest."""


def placed(state: ScreenState, columns: int, rows: int, top: int, end: int) -> Rects:
    """The places of the finale in the room that the layout gave the panes: facts, turns, the output, what it took."""
    found: Rects = {}
    strip_height = min(len(_strip(state, columns, blocks=rows >= BLOCKS)), max(1, (end - top) // 3))
    turns, air = min(state.run.turn, _MOST_RAIL), int(rows >= AIRY_FROM and not state.ui.presenter)
    end -= strip_height
    found[STRIP] = Rect(0, end, columns, strip_height)
    wide = BESIDE_WIRE if columns >= WIDE and not state.ui.presenter else columns
    room = end - top - 3 - turns - 2 * air
    cut_by_facts = rows < HIGH and _is_cut(state, wide, room) and not _is_cut(state, wide, room + 3)
    if not state.ui.presenter and end - top - 3 - turns >= LEAST_SHEET and not cut_by_facts:
        found |= {name: Rect(0, top + at, columns, 1, "row") for at, name in enumerate(("token", "job", "polling"))}
        top += 3 + air
    found[RAIL] = Rect(0, top, columns, turns)
    top += turns + air
    if wide < columns:
        found["wire"] = Rect(wide + 1, top, columns - wide - 1, end - top)
    return {**found, "output": Rect(0, top, wide, end - top, "sheet")}


def _is_cut(state: ScreenState, columns: int, rows: int) -> bool:
    """Whether an output that has so many rows has to be scrolled."""
    laid = sheet_of(View(state, columns, rows, 0))
    return len(laid.body) > laid.room


def rail(view: View) -> Rows:
    """The conversation, a row a turn: its Job ID, what was asked, what it took; the answer to the last one stands below."""
    run, rows = view.run, list[Row]()
    turns = list(zip((*run.past, run), messages_of(run), strict=True))
    for number, (turn, message) in list(enumerate(turns, 1))[-view.rows :]:
        here, sign = turn is run, face(turn.last.status) if turn.last is not None else FACES[None]
        job = (turn.job.job or "no job")[:8] if turn.job is not None else "no job"
        left = row(
            ink("▌" if here else " ", sign.role),
            (f"  {number} ", "fg b" if here else "dim"),
            ink(f"{sign.glyph} ", sign.role, bold=True),
            (f"{job}   ", "run b" if here else "run"),
            (message, "fg b" if here else "dim"),
        )
        took = row((f"{seconds(turn.elapsed(turn.latest)):>9}", "fg b" if here else "dim"), " " * LEFT)
        forms = (row((polls_text(turn.polls), "dim"), took), took, row(" " * LEFT))
        # what was asked is read whole where that has room; what it took stands below as well
        right = next((each for each in forms if width(left) + width(each) < view.columns), forms[0])
        line = ends(left, right, view.columns)
        rows.append(backed(line, "panel") if here else line)
    return tuple(rows)


# The output


class Sheet(NamedTuple):
    """The output as it is laid out: its title, the rows below that, how many have room, and their ground."""

    title: str
    body: list[Row]
    room: int
    ground: Ground = "surface"


def sheet(view: View) -> Rows:
    """The output under its title; `view.top` rows of a long one are scrolled away."""
    columns, tone, (title, body, room, ground) = view.columns, _tone(view.run), sheet_of(view)
    body = marked(body, view.state.ui)
    over = max(0, len(body) - room)
    top = max(0, min(view.top, over))
    shown = body[top : top + room]
    if over > top and shown:
        shown[-1] = row((f"↓ {over - top + 1} more", "dim"))
    lines = [row(" " * LEFT, line) for line in [*shown, *[BLANK] * (room - len(shown))]]
    return (
        *_head(view, title, view.rows - room, tone, ground),
        *[backed(fill(line, columns), ground) for line in lines],
    )


def _head(view: View, title: str, rows: int, tone: Ink, ground: Ground) -> Rows:
    """The title on its ground: in block letters, in three rows, or in one."""
    last = view.run.last
    shown = last is not None and (phase(view.run) == "complete" or last.output)
    kind = f"OUTPUT · {formats.kind(last.output)} · {last.size} B" if last is not None and shown else ""
    lines = block(title, 1, "fill") if rows > 3 else [row((title, "fill b"))]
    if width(lines[-1]) + len(kind) + 3 <= view.inner:
        lines[-1] = ends(lines[-1], row((kind, "fill")), view.inner, "fill")
    bars = [backed(fill(row(" " * LEFT, line), view.columns, "fill"), FILLS[tone]) for line in lines]
    if rows == 1:
        return tuple(bars)
    under = [row(ink("▀" * view.columns, tone, on=ground))] if rows == 3 else []
    return (row(ink("▄" * view.columns, tone)), *bars, *under)


def sheet_of(view: View) -> Sheet:
    """Shaded rows where rules take too many.

    The title has block letters, or three rows, where the output still fits below it.
    """
    title, text = _titled(view.state)
    ruled = _body(view, text, ruled=True)
    for head in (5, 3, 1) if 0 < wide(title, 1) <= view.inner else (3, 1):
        if len(ruled) + 2 <= view.rows - head:
            return Sheet(title, [BLANK, *ruled], view.rows - head)
    shaded = _body(view, text, ruled=False)
    head = 3 if len(shaded) + 2 <= view.rows - 3 or view.rows >= TALL_SHEET else 1
    room = view.rows - head
    ground: Ground = "background" if shaded != ruled else "surface"
    if len(dense := without_blanks(shaded, room - 1)) < room:  # no row on an edge: below there is one for this
        shaded = [*[BLANK] * (len(dense) + 1 < room), *dense]
    return Sheet(title, shaded, room, ground)


def _tone(run: RunState) -> Ink:
    return "done" if phase(run) == "complete" else "bad"


def _titled(state: ScreenState) -> tuple[str, str | None]:
    """The title, and what is read as Markdown below it, without the heading that became it; None: it is shown otherwise."""
    run = state.run
    if phase(run) != "complete":
        return ("⊘ CANCELLED" if cancelled(run) else "✗ STOPPED" if stopped(run) else "✗ ERROR"), None
    output = run.last.output if run.last is not None else None
    kind, text = formats.kind(output), None
    if output is not None and state.ui.output == "rendered" and kind in ("HTML", "Markdown", "text"):
        text = to_markdown(output) if kind == "HTML" else output
        head, _, rest = text.lstrip().partition("\n")
        name = head.lstrip("#")
        if kind != "text" and name != head and name.startswith(" ") and name.strip().strip("*_`"):
            return name.strip().strip("*_`"), rest
    scenario = state.source.scenario
    part = None if scenario is None else parts_for(scenario, messages_of(run))[-1]
    of_turn = scenario.turns[part - 2].title if scenario is not None and part is not None and part > 1 else ""
    return of_turn or state.source.title or "Output", text


def _body(view: View, text: str | None, *, ruled: bool) -> list[Row]:
    run, last, signs = view.run, view.run.last, not view.state.colours
    if text is not None:
        return list(markdown(text, view.inner, ruled=ruled, signs=signs))
    if last is not None and phase(run) == "complete" and view.state.ui.output == "rendered":
        return list(formats.rendered(last.output, view.inner, signs=signs))
    if last is not None:  # as the pane draws it within its frame
        return content(View(view.state, view.columns, view.rows + 2, view.now))
    refusals = [call.refusal for call in (run.job, run.token) if call is not None and call.refusal is not None]
    why = [*([run.outcome.why] if run.outcome is not None and run.outcome.why else refusals), ""][0]
    return [*paragraph(why, "bad b", view.inner), BLANK, row(("No job, so no output.", "dim"))]


# What it took, and what can be asked


def strip(view: View) -> Rows:
    """The summary, then the follow-ups."""
    lines = _strip(view.state, view.columns, blocks=view.rows >= 5)
    lines = lines if len(lines) <= view.rows else _strip(view.state, view.columns, blocks=False)[: view.rows]
    return tinted(lines, _tone(view.run), view.columns)


def _strip(state: ScreenState, columns: int, *, blocks: bool) -> list[Row]:
    inner, figures = columns - 2 * LEFT, _figures(state.run)
    asks = _questions(follow_ups(state) if phase(state.run) == "complete" else (), inner)
    big = _big(figures, inner) if blocks else None
    return [cut(_words(figures), inner), *asks] if big is None else [BLANK, *big, BLANK, *asks, *[BLANK] * bool(asks)]


class Figure(NamedTuple):
    """A figure (empty: it is none), its unit, what it counts, its colour."""

    text: str
    unit: str
    label: str
    tone: Ink


def _figures(run: RunState) -> list[Figure]:
    """What the conversation took, in four figures."""
    turns = [turn_summary(turn) for turn in (*run.past, run)]
    jobs, polls = sum(each.job for each in turns), sum(each.polls for each in turns)
    if not jobs:
        return [Figure("", "", "no Job ID", "bad")]
    person = [each.person for each in turns if each.person is not None]
    kinds = [each.kind for turn in (*run.past, run) for each in turn.milestones if each.kind in ("refused", "lost")]
    third = Figure("0", "", "decisions", "dim")
    if person:
        decided = any(each.decided for each in turns if each.person is not None)
        third = Figure(*figure_of(sum(person)), "of a person" if decided else "waited, nobody decided", "wait")
    elif kinds:
        what = "failure" if "lost" in kinds else "refusal"
        third = Figure(str(len(kinds)), "", f"{what}{'' if len(kinds) == 1 else 's'} survived", "bad")
    return [
        Figure(str(jobs), "", "Job ID" if jobs == 1 else "Job IDs", "fg"),
        Figure(str(polls), "", polls_text(polls).partition(" ")[2], "fg"),
        third,
        Figure(*figure_of(sum(each.agents for each in turns)), "of agents", "run"),
    ]


def _words(figures: list[Figure]) -> Row:
    parts: list[Row] = []
    for figure, unit, label, tone in figures:
        strong = "".join(f"{each} " for each in (figure, unit) if each)
        said = ink(label, "fg" if figure else tone)
        parts.append(row((" · " if parts else "", "dim"), ink(strong, tone, bold=True), said))
    return row(*parts)


def _big(figures: list[Figure], inner: int) -> list[Row] | None:
    """The figures in block letters at the quarters of the width, each before what it counts; None: there is no room."""
    quarter, lines = (inner + 2) // len(figures), [row()] * tall(1)
    for number, (figure, unit, counts, tone) in enumerate(figures):
        size, label = wide(figure, 1), f"{unit} {counts}".strip()
        labels = wrap(row(label), max(1, quarter - size - 2)) if size else []
        if not size or len(labels) > 2 or max(words(row(label))) > quarter - size - 2:
            return None
        labels = [*[BLANK] * (tall(1) - len(labels)), *labels]
        for at, line in enumerate(block(figure, 1, tone)):
            lines[at] = row(fill(lines[at], number * quarter), line, " ", labels[at])
    return lines


def _questions(offered: tuple[FollowUp, ...], inner: int) -> list[Row]:
    """The follow-ups side by side, on as many rows as they need; none is cut."""
    keyed = (
        hot(row((f" {each.key} ", "fill b @fill-accent"), f" {each.text}"), f"ask-{each.key}")
        if each.key
        else row((f"› {each.text}" + ("" if each.answered else " · not in this scenario"), "dim"))
        for each in offered
    )
    return flow((part for each in keyed for part in wrap(each, inner)), inner, row("   "))


# Its keys


def follow_up(state: ScreenState, key: str) -> FollowUp | None:
    state = state.in_sight
    if not state.finale or phase(state.run) != "complete":
        return None
    return next((each for each in follow_ups(state) if each.key == key), None)


def focuses(digit: str, state: ScreenState) -> bool:
    """Whether a pane's digit is for the pane: where a follow-up bears it, it asks that one."""
    return follow_up(state, digit) is None


def pane_digits(state: ScreenState) -> str:
    """The digits that are for panes now, in words; nothing where follow-ups bear them all."""
    free = [digit for digit in "12345" if follow_up(state, digit) is None]
    in_a_row = len(free) > 1 and int(free[-1]) - int(free[0]) == len(free) - 1
    return f"{free[0]} to {free[-1]}" if in_a_row else " ".join(free)


def no_question(state: ScreenState) -> str:
    """Why a digit does nothing."""
    digits = pane_digits(state)
    if any(each.key for each in follow_ups(state)) and state.in_sight.finale:
        return "There is no follow-up of this number." + (f" {digits} for a pane." if digits else "")
    return f"{digits} for a pane; at the end each follow-up shows the digit that asks it."


def ask_follow_up(key: str, state: ScreenState) -> Reaction:
    found = follow_up(state, key)
    if found is None:
        return Reaction()
    return Reaction(state.choose(output="rendered"), lambda source: source.say(found.text))
