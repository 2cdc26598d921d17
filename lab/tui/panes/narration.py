"""The narration: what just happened and why it matters, on its tint."""

from collections.abc import Mapping

from lab.tui.panes.decision import decision_head
from lab.tui.panes.layout import NARROW
from lab.tui.panes.pane import Bar, View
from lab.tui.rows.blocks import tinted
from lab.tui.rows.spans import Row, Rows, cut, ink, plain, row, width
from lab.tui.state.ink import Ink
from lab.tui.state.narrate import sentence
from lab.tui.state.status import decision_shown, refused_call, role, word

KEYS = {
    "pause": ("Press space", "Press {}"),
    "help": ("Press ?", "Press {}"),
    "wire": ("; w shows", "; {} shows"),
    "leave-open": (", esc to", ", {} to"),
}
"""By action the usual key as sentences name it, and how they name another."""


def _draw(view: View) -> Rows:
    ui, trouble = view.state.ui, view.state.source.trouble
    wrong = ui.broken or trouble
    tone: Ink = "bad" if wrong else role(view.run)
    text = ui.broken or ui.remark or trouble or _in_keys(sentence(view.state), ui.faces)
    inner, said = view.columns - 6, row(text)
    if not (wrong or ui.remark) and (decision := decision_shown(view.run)) is not None:
        head = row(ink(decision_head(view.state, decision), tone, bold=True), "  ")
        forms = [row(head, said), row(head, _first_part(said)), said]
    else:
        lost = None if wrong else refused_call(view.run)
        tone = tone if lost is None or ui.remark else "bad"
        label = (
            ""
            if ui.remark
            else f"REFUSED {lost.code}"
            if lost is not None and lost.code
            else "OURS"
            if ui.broken
            else "LOST"
            if wrong
            else word(view.run)
        )
        head = row(ink(f"{label}  " if label and view.columns >= NARROW else "", tone, bold=True))
        forms = [row(head, said)]
    if ui.passed and not (wrong or ui.remark):
        passed = row(ink(ui.passed, "accent", bold=True))
        forms = [*(row(passed, "  ", each) for each in (*forms, said, _first_part(said))), passed]
    # as much of it as fits whole, if need be its first part alone
    line = cut(next((each for each in forms if width(each) <= inner), forms[-1]), inner)
    return tinted([line], tone, view.columns)


def _in_keys(text: str, faces: Mapping[str, str]) -> str:
    """The sentence with the keys that the person chose."""
    for action, (usual, own) in KEYS.items():
        if action in faces:
            text = text.replace(usual, own.format(faces[action]))
    return text


def _first_part(said: Row) -> Row:
    return row((plain(said).partition(". ")[0].removesuffix(".") + ".", "fg"))


NARRATION = Bar(
    "narration", "top", lambda state, columns, rows: int(not (state.presents or state.poster)), _draw, apart=True
)
