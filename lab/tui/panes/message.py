"""The message row: what the app says next, typed in the approval bar's place."""

from lab.core.clock import Millis
from lab.tui.rows.spans import BLANK, Row, Rows, backed, clip, cut, fill, row
from lab.tui.state.screen import ScreenState

GROUND = "@tint-run"
PROMPT = "message › "


def suggestions(scene: ScreenState) -> tuple[str, ...]:
    """What ↑ and ↓ go through: before the run its first message, then the scenario's next one and the follow-ups."""
    stage = scene.stage
    if stage.start is None:
        return (scene.show.message,)
    planned = scene.show.scenario.user_messages if scene.show.scenario is not None else ()
    number = stage.turn + (stage.job is not None) - 1
    asked = (planned[number].message,) if 0 < number < len(planned) else ()
    return tuple(dict.fromkeys((*asked, *(stage.last.follow_up if stage.last is not None else ()))))


def bar(scene: ScreenState, columns: int, rows: int, now: Millis) -> Rows:
    """The row in 5 rows, in the projector layout 3; the input itself lies over it."""
    stage = scene.stage
    tight = rows < 5
    edge = row(("▌", "run"), " " if tight else "  ")
    inner = columns - (2 if tight else 3) - 1
    first = stage.start is None
    name = "FIRST MESSAGE" if first else "NEXT MESSAGE"
    number = stage.turn + (stage.job is not None)
    told = "sent when the run begins" if first else f"turn {number} · the same conversationId, a new Job ID"
    lines = [row(("› ", "accent"), (name, "run b"), (f"  {told}", "dim")), row((PROMPT, "run b")), _hint(scene, inner)]
    shown = lines if tight else [BLANK, *lines, BLANK]
    return tuple(backed(fill(row(edge, cut(line, inner)), columns), GROUND) for line in shown[:rows])


def _hint(scene: ScreenState, inner: int) -> Row:
    offered = [text for text in suggestions(scene) if text]
    if scene.stage.start is None:
        return row(("enter keeps it · esc goes back", "dim"))
    if not offered:
        return row(("enter sends it · esc goes back", "dim"))
    return row(("↑ ↓  ", "wait b"), (clip(" · ".join(offered), inner - 5), "dim"))
