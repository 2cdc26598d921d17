"""The finale: at the end of a turn the output has the stage, under a title bar; the other panes are folded beside it."""

from lab.jobs.program import parts_for
from lab.tui.panes.layout import AIRY, NARROW, WIDE, Rect, Rects
from lab.tui.panes.output import content
from lab.tui.panes.pane import View
from lab.tui.panes.search import marked
from lab.tui.panes.strip import strip_rows
from lab.tui.rows import formats
from lab.tui.rows.blocks import paragraph
from lab.tui.rows.html import to_markdown
from lab.tui.rows.markdown import markdown
from lab.tui.rows.spans import BLANK, Row, Rows, backed, ends, fill, row
from lab.tui.state.run import LastStatus, RunState
from lab.tui.state.screen import ScreenState, messages_of
from lab.tui.state.status import phase, stopped

STRIP = "sum"
"""The part below the output: what it took, and what can be asked."""
BLOCKS = 32
"""Rows of the screen from which on the summary's figures are block digits."""
MOST_WIDE = 120
"""Columns of the output at most: longer lines aren't read."""
TALL_SHEET = 20
"""Rows of the output from which on its title bar has three."""
_FOLDED_ROWS = ("token", "job", "polling")


# Where the parts stand


def placed(found: Rects, bars_shown: frozenset[str], state: ScreenState, columns: int, rows: int) -> Rects:
    """The places of the finale in the room that the layout gave the panes."""
    if not state.finale or "small" in found:
        return found
    body = [place for name, place in found.items() if name not in bars_shown]
    top, end = min(place.y for place in body), max(place.y + place.height for place in body)
    kept = {name: place for name, place in found.items() if name in bars_shown}
    tight = columns < NARROW or state.ui.presenter
    airy = not tight and rows >= AIRY
    strip = min(len(strip_rows(state, columns, blocks=rows >= BLOCKS)), max(1, (end - top) // 3))
    kept[STRIP] = Rect(0, end - airy - strip, columns, strip)
    end -= strip + 2 * airy
    if not tight:
        left = 28 if columns < 120 else 32 if columns < WIDE else 42
        wide = min(MOST_WIDE, columns - left - 5)
        beside = Rect(left + 4, top, wide, end - top, "sheet")
        return {**kept, "polling": Rect(2, top, left, end - top, "folded"), "output": beside}
    if not state.ui.presenter:
        kept |= {name: Rect(0, top + at, columns, 1, "row") for at, name in enumerate(_FOLDED_ROWS)}
        top += 4 if end - top > 16 else 3
    return {**kept, "output": Rect(0, top, columns, end - top, "sheet")}


# The output


def sheet(view: View) -> Rows:
    """The output under its title bar; `view.top` rows of a long one are scrolled away."""
    run, columns, tone = view.run, view.columns, _tone(view.run)
    pad = _pad(view)
    inner = columns - 2 * pad
    title = _titled(view.state)[0]
    bar = row(" " * pad, ends(row((title, "fill b")), row((_kind(run), "fill")), inner, "fill"), (" " * pad, "fill"))
    tall = view.rows >= TALL_SHEET
    body, room, ground = _laid_out(view)
    body = marked(body, view.state.ui)
    filled = tuple(backed(line, f"@fill-{tone}") for line in (fill(bar, columns, "fill"),))
    if tall:
        filled = (row(("▄" * columns, tone)), *filled, row(("▀" * columns, f"{tone} {ground}")))
    over = max(0, len(body) - room)
    top = max(0, min(view.top, over))
    shown = body[top : top + room]
    if over > top and shown:
        shown[-1] = row((f"↓ {over - top + 1} more", "dim"))
    lines = [row(" " * pad, line) for line in shown]
    return (*filled, *[backed(fill(line, columns), ground) for line in [*lines, *[BLANK] * (room - len(lines))]])


def _pad(view: View) -> int:
    """Columns that are free at each side."""
    return 4 if view.columns >= 72 and view.rows >= 18 else 2


def _laid_out(view: View) -> tuple[list[Row], int, str]:
    """The rows of the output, how many have room, and their ground: shaded rows where rules take too many."""
    text, inner = _titled(view.state)[1], view.columns - 2 * _pad(view)
    room = view.rows - (3 if view.rows >= TALL_SHEET else 1)
    body = _body(view, text, inner, room, ruled=True)
    if len(body) > room and (shaded := _body(view, text, inner, room, ruled=False)) != body:
        return shaded, room, "@background"
    return body, room, "@surface"


def sheet_body(view: View) -> tuple[list[Row], int]:
    """The rows below the title bar, and how many have room."""
    return _laid_out(view)[:2]


def _tone(run: RunState) -> str:
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
    return content(View(view.state, inner + 4, room + 2, view.now))


def _rendered(last: LastStatus, text: str | None, inner: int, *, ruled: bool, signs: bool) -> list[Row]:
    if text is None and last.output is not None and formats.kind(last.output) in ("HTML", "Markdown", "text"):
        text = to_markdown(last.output) if formats.kind(last.output) == "HTML" else last.output
    if text is None:
        return formats.rendered(last.output, inner, signs=signs)
    return markdown(text, inner, ruled=ruled, signs=signs)
