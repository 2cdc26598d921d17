"""The finale: at the end of a turn the output has the stage, under a title; above it the facts and the conversation."""

from lab.jobs.program import parts_for
from lab.tui.panes.layout import LEFT, WIDE, Rect, Rects
from lab.tui.panes.output import content, without_blanks
from lab.tui.panes.pane import View
from lab.tui.panes.search import marked
from lab.tui.panes.strip import strip_rows
from lab.tui.rows import formats
from lab.tui.rows.blocks import paragraph, seconds
from lab.tui.rows.html import to_markdown
from lab.tui.rows.letters import block, wide
from lab.tui.rows.markdown import markdown
from lab.tui.rows.spans import BLANK, Row, Rows, backed, ends, fill, ink, row, width
from lab.tui.state.ink import Ink
from lab.tui.state.run import LastStatus, RunState
from lab.tui.state.screen import ScreenState, messages_of
from lab.tui.state.status import FACES, face, phase, stopped

STRIP, RAIL = "sum", "rail"
"""The parts below the output (what it took, and what can be asked), and above it: the turns of the conversation."""
BLOCKS = 32
"""Rows of the screen from which on the summary's figures are block letters."""
TALL_SHEET = 20
"""Rows of the output from which on its title has three, though not all of it fits below."""
_MOST_RAIL = 4
"""Turns that the rail shows at most, the newest."""
AIRY_FROM = 48
"""Rows of the screen from which on there is a blank row between facts, turns and output."""
LEAST_SHEET = 9
"""Rows that are left for the output before the facts above it go."""
BESIDE_WIRE = 112
"""Columns of the output where the wire stands beside it."""
_FACTS = ("token", "job", "polling")


# Where the parts stand


def placed(found: Rects, bars_shown: frozenset[str], state: ScreenState, columns: int, rows: int) -> Rects:
    """The places of the finale in the room that the layout gave the panes: facts, turns, the output, what it took."""
    if not state.finale or "small" in found:
        return found
    body = [place for name, place in found.items() if name not in bars_shown]
    top, end = min(place.y for place in body), max(place.y + place.height for place in body)
    kept = {name: place for name, place in found.items() if name in bars_shown}
    strip = min(len(strip_rows(state, columns, blocks=rows >= BLOCKS)), max(1, (end - top) // 3))
    turns = min(state.run.turn, _MOST_RAIL)
    air = int(rows >= AIRY_FROM and not state.ui.presenter)
    end -= strip
    kept[STRIP] = Rect(0, end, columns, strip)
    if not state.ui.presenter and end - top - 3 - turns >= LEAST_SHEET:
        kept |= {name: Rect(0, top + at, columns, 1, "row") for at, name in enumerate(_FACTS)}
        top += 3 + air
    kept[RAIL] = Rect(0, top, columns, turns)
    top += turns + air
    wide = BESIDE_WIRE if columns >= WIDE and not state.ui.presenter else columns
    if wide < columns:
        kept["wire"] = Rect(wide + 1, top, columns - wide - 1, end - top)
    return {**kept, "output": Rect(0, top, wide, end - top, "sheet")}


def rail(view: View) -> Rows:
    """The conversation, a row a turn: its Job ID, what was asked, what it took; the answer to the last one stands below."""
    run, rows = view.run, list[Row]()
    turns = list(enumerate((*run.past, run), 1))
    for number, turn in turns[-view.rows :]:
        here, job = turn is run, turn.job
        sign = face(turn.last.status) if turn.last is not None else FACES[None]
        message = messages_of(turn)[-1]
        left = row(
            ink("▌" if here else " ", sign.role),
            "  ",
            ink(f"{number} ", "fg" if here else "dim", bold=here),
            ink(f"{sign.glyph} ", sign.role, bold=True),
            ink((job.job or "no job")[:8] if job else "no job", "run", bold=here),
            "   ",
            ink(message, "fg" if here else "dim", bold=here),
        )
        polls = ink(f"{turn.polls} poll{'' if turn.polls == 1 else 's'}", "dim")
        took = ink(f"{seconds(turn.elapsed(turn.latest)):>9}", "fg" if here else "dim", bold=here)
        line = ends(left, row(polls, took, " " * LEFT), view.columns)
        rows.append(backed(line, "@panel") if here else line)
    return tuple(rows)


# The output


def sheet(view: View) -> Rows:
    """The output under its title; `view.top` rows of a long one are scrolled away."""
    columns, tone = view.columns, _tone(view.run)
    body, room, ground = _laid_out(view)
    body = marked(body, view.state.ui)
    head = _head(view, view.rows - room, tone, ground)
    over = max(0, len(body) - room)
    top = max(0, min(view.top, over))
    shown = body[top : top + room]
    if over > top and shown:
        shown[-1] = row((f"↓ {over - top + 1} more", "dim"))
    lines = [row(" " * LEFT, line) for line in [*shown, *[BLANK] * (room - len(shown))]]
    return (*head, *[backed(fill(line, columns), ground) for line in lines])


def _head(view: View, rows: int, tone: Ink, ground: str) -> Rows:
    """The title on its ground: in block letters, in three rows, or in one."""
    inner, filled = view.columns - 2 * LEFT, f"@fill-{tone}"
    title, kind = _titled(view.state)[0], row((_kind(view.run), "fill"))
    lines = block(title, 1, "fill") if rows > 3 else [row((title, "fill b"))]
    last = (
        ends(lines[-1], kind, inner, "fill") if width(lines[-1]) + width(kind) + 3 <= inner else fill(lines[-1], inner)
    )
    bars = [backed(fill(row(" " * LEFT, line), view.columns, "fill"), filled) for line in (*lines[:-1], last)]
    if rows == 1:
        return tuple(bars)
    under = [row(("▀" * view.columns, f"{tone} {ground}"))] if rows == 3 else []
    return (row(("▄" * view.columns, tone)), *bars, *under)


def _laid_out(view: View) -> tuple[list[Row], int, str]:
    """The rows of the output, how many have room, and their ground: shaded rows where rules take too many.

    The title has block letters, or three rows, where the output still fits below it.
    """
    title, text = _titled(view.state)
    inner = view.columns - 2 * LEFT
    ruled = _body(view, text, inner, view.rows, ruled=True)
    for head in (5, 3, 1) if 0 < wide(title, 1) <= inner else (3, 1):
        if len(ruled) + 2 <= view.rows - head:
            return [BLANK, *ruled], view.rows - head, "@surface"
    shaded = _body(view, text, inner, view.rows, ruled=False)
    head = 3 if len(shaded) + 2 <= view.rows - 3 or view.rows >= TALL_SHEET else 1
    room = view.rows - head
    if len(dense := without_blanks(shaded, room - 1)) < room:  # no row on an edge: below there is one for this
        shaded = [*[BLANK] * (len(dense) + 1 < room), *dense]
    return shaded, room, "@background" if shaded != ruled else "@surface"


def sheet_body(view: View) -> tuple[list[Row], int]:
    """The rows below the title, and how many have room."""
    return _laid_out(view)[:2]


def _tone(run: RunState) -> Ink:
    return "done" if phase(run) == "complete" else "bad"


def _kind(run: RunState) -> str:
    if run.last is None or (phase(run) != "complete" and not run.last.output):
        return ""
    return f"OUTPUT · {formats.kind(run.last.output)} · {run.last.size} B"


def _titled(state: ScreenState) -> tuple[str, str | None]:
    """The title, and the text without the heading that became it; None: the text as it is."""
    run = state.run
    if phase(run) != "complete":
        return ("✗ STOPPED" if stopped(run) else "✗ ERROR"), None
    output = run.last.output if run.last is not None else None
    kind = formats.kind(output)
    if output is not None and state.ui.output == "rendered" and kind in ("HTML", "Markdown"):
        text = (to_markdown(output) if kind == "HTML" else output).lstrip()
        head, _, rest = text.partition("\n")
        name = head.lstrip("#")
        if name != head and name.startswith(" ") and name.strip().strip("*_`"):
            return name.strip().strip("*_`"), rest
    return _job_title(state), None


def _job_title(state: ScreenState) -> str:
    scenario = state.source.scenario
    part = None if scenario is None else parts_for(scenario, messages_of(state.run))[-1]
    if scenario is not None and part is not None and part > 1 and scenario.turns[part - 2].title:
        return scenario.turns[part - 2].title
    return state.source.title or "Output"


def _body(view: View, text: str | None, inner: int, room: int, *, ruled: bool) -> list[Row]:
    run, last = view.run, view.run.last
    if last is not None and phase(run) == "complete" and view.state.ui.output == "rendered":
        return list(_rendered(last, text, inner, ruled=ruled, signs=not view.state.colours))
    if last is None:
        refusals = [call.refusal for call in (run.job, run.token) if call is not None and call.refusal is not None]
        why = [*([run.outcome.why] if run.outcome is not None and run.outcome.why else refusals), ""][0]
        return [*paragraph(why, "bad b", inner), BLANK, row(("No job, so no output.", "dim"))]
    # as the pane draws it within its frame
    return content(View(view.state, inner + 6, room + 2, view.now))


def _rendered(last: LastStatus, text: str | None, inner: int, *, ruled: bool, signs: bool) -> list[Row]:
    if text is None and last.output is not None and formats.kind(last.output) in ("HTML", "Markdown", "text"):
        text = to_markdown(last.output) if formats.kind(last.output) == "HTML" else last.output
    if text is None:
        return formats.rendered(last.output, inner, signs=signs)
    return markdown(text, inner, ruled=ruled, signs=signs)
