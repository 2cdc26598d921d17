"""The narration: what just happened and why it matters, on its tint; in presenter mode on three rows."""

from collections.abc import Mapping

from lab.tui.panes.decision import decision_head
from lab.tui.panes.layout import projector
from lab.tui.panes.pane import Bar, View
from lab.tui.rows.spans import BLANK, Row, Rows, backed, cut, ends, fill, hot, plain, row, width, wrap
from lab.tui.state.narrate import sentence
from lab.tui.state.status import decision_shown, role, word

LEAVES = ": back to the stage"
"""Behind its key, the way out of presenter mode, which has no key bar."""
KEYS = {
    "pause": ("Press space", "Press {}"),
    "help": ("Press ?", "Press {}"),
    "wire": ("; w shows", "; {} shows"),
    "leave-open": (", esc to", ", {} to"),
}
"""By action the usual key as sentences name it, and how they name another."""
TINTS = {"run": "@tint-run", "wait": "@tint-wait", "done": "@tint-done", "bad": "@tint-bad"}


def _draw(view: View) -> Rows:
    """With a blank row above and below where there are three rows, or on all of them."""
    ui, trouble, rows = view.state.ui, view.state.source.trouble, view.rows
    wrong = ui.broken or trouble
    tone = "bad" if wrong else role(view.run)
    text = ui.broken or ui.remark or trouble or _in_keys(sentence(view.state), ui.faces)
    edge = row(("▌", tone if tone != "dim" else "faint"), " ")
    inner, said = view.columns - width(edge) - 1, row((text, "fg b" if rows > 1 else "fg"))
    if not (wrong or ui.remark) and (decision := decision_shown(view.run)) is not None:
        lines = _decided(decision_head(view.state, decision), tone, said, inner, rows)
    else:
        label = "" if ui.remark else "OURS" if ui.broken else "LOST" if wrong else word(view.run)
        head = row((f"{label}  " if label and not projector(view.state, view.columns) else "", f"{tone} b"))
        lines = [row(head, line) for line in wrap(said, inner - width(head), most=rows)]
    if ui.passed and not (wrong or ui.remark):
        lines = _after_skip(row((ui.passed, "accent b")), lines, said, inner, rows)
    above = (rows - len(lines)) // 2
    placed = [BLANK] * above + lines + [BLANK] * (rows - above - len(lines))
    drawn = [fill(row(edge, line), view.columns) for line in placed]
    if ui.presenter and not placed[-1]:
        drawn[-1] = ends(edge, hot(row((ui.faces.get("presenter", "p") + LEAVES, "dim"), " "), "p"), view.columns)
    return tuple(backed(line, TINTS.get(tone, "@surface")) for line in drawn)


def _in_keys(text: str, faces: Mapping[str, str]) -> str:
    """The sentence with the keys that the person chose."""
    for action, (usual, own) in KEYS.items():
        if action in faces:
            text = text.replace(usual, own.format(faces[action]))
    return text


def _decided(head: str, tone: str, said: Row, inner: int, rows: int) -> list[Row]:
    """A decision by name, then its sentence: on one row as much of it as fits whole, if need be its first part alone."""
    name = row((head, f"{tone} b"))
    if rows > 1:
        return [cut(name, inner), *wrap(said, inner, most=rows - 1)]
    name = row(name, "  ")
    whole = (row(name, said), row(name, _first_part(said)))
    return [cut(next((each for each in whole if width(each) <= inner), said), inner)]


def _after_skip(passed: Row, lines: list[Row], said: Row, inner: int, rows: int) -> list[Row]:
    """What passed in a skip, before the narration: on one row as much of it as fits whole, if need be none."""
    if rows > 1:
        return [cut(passed, inner), *lines[: rows - 1]]
    both = (row(passed, "  ", each) for each in (*lines, said, _first_part(said)))
    return [next((each for each in both if width(each) <= inner), passed)]


def _first_part(said: Row) -> Row:
    return row((plain(said).partition(". ")[0].removesuffix(".") + ".", "fg"))


NARRATION = Bar(
    "narration", "top", lambda state, columns: 0 if state.presents else 3 if state.ui.presenter else 1, _draw
)
