"""The narration: what just happened and why it matters, on its tint; in presenter mode on three rows."""

from lab.tui.panes.layout import projector
from lab.tui.panes.pane import Bar, View
from lab.tui.rows.spans import BLANK, Row, Rows, backed, ends, fill, hot, row, width, wrap
from lab.tui.state.narrate import sentence
from lab.tui.state.status import role, word

LEAVES = "p: back to the stage"
"""The way out of presenter mode, which has no key bar."""
TINTS = {"run": "@tint-run", "wait": "@tint-wait", "done": "@tint-done", "bad": "@tint-bad"}


def _draw(view: View) -> Rows:
    """With a blank row above and below where there are three rows, or on all of them."""
    ui, trouble, rows = view.state.ui, view.state.source.trouble, view.rows
    wrong = ui.broken or trouble
    tone = "bad" if wrong else role(view.run)
    text = ui.broken or ui.remark or trouble or sentence(view.state)
    edge = row(("▌", tone if tone != "dim" else "faint"), " ")
    head: Row = ()
    if not projector(view.state, view.columns):
        label = "" if ui.remark else "OURS" if ui.broken else "LOST" if wrong else word(view.run)
        head = row((f"{label}  " if label else "", f"{tone} b"))
    inner = view.columns - width(edge) - width(head) - 1
    lines = wrap(row((text, "fg b" if rows > 1 else "fg")), inner, most=rows)
    above = (rows - len(lines)) // 2
    placed = [BLANK] * above + [row(head, line) for line in lines] + [BLANK] * (rows - above - len(lines))
    drawn = [fill(row(edge, line), view.columns) for line in placed]
    if ui.presenter and not placed[-1]:
        drawn[-1] = ends(edge, hot(row((LEAVES, "dim"), " "), "p"), view.columns)
    return tuple(backed(line, TINTS.get(tone, "@surface")) for line in drawn)


NARRATION = Bar("narration", "top", lambda state, columns: 3 if state.ui.presenter else 1, _draw)
