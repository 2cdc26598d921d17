"""The message row: what the app says next, typed in the approval bar's place."""

import re

from lab.jobs.program import patterns_for_next
from lab.tui.panes.keys import InputRow, Reaction, ScreenKey, choosing
from lab.tui.panes.pane import View
from lab.tui.rows.spans import BLANK, Row, Rows, backed, clip, cut, fill, row
from lab.tui.state.screen import ScreenState, messages_of

PROMPT = "message › "
_GROUP = re.compile(r"\(\?P<(\w+)>[^)]*\)")
"""A group of a pattern that has a name."""


def suggestions(state: ScreenState) -> tuple[str, ...]:
    """What ↑ and ↓ go through: before the run its first message, then the scenario's next one and the follow-ups."""
    run = state.run
    if run.start is None:
        return (state.source.message,)
    planned = state.source.scenario.user_messages if state.source.scenario is not None else ()
    number = run.turn + (run.job is not None) - 1
    scripted = (planned[number].message,) if 0 < number < len(planned) else ()
    return tuple(dict.fromkeys((*scripted, *(run.last.follow_up if run.last is not None else ()))))


def message_bar(view: View) -> Rows:
    """The row in 5 rows, in the projector layout 3; the input itself lies over it."""
    run, tight = view.run, view.rows < 5
    edge = row(("▌", "run"), "  ")
    inner = view.columns - 6
    first = run.start is None
    name = "FIRST MESSAGE" if first else "NEXT MESSAGE"
    number = run.turn + (run.job is not None)
    what = (
        "sent when the run begins"
        if first
        else f"turn {number} · the same {view.state.labels.conversation}, a new Job ID"
    )
    if (known := answered_messages(view.state)) is not None:
        what = known if first else f"turn {number} · {known}"
    head = row(("› ", "accent"), (name, "run b"), (f"  {what}", "dim"))
    lines = [head, row((PROMPT, "run b")), _hint(view.state, inner)]
    shown = lines if tight else [BLANK, *lines, BLANK]
    return tuple(backed(fill(row(edge, cut(line, inner)), view.columns), "@tint-run") for line in shown[: view.rows])


def answered_messages(state: ScreenState) -> str | None:
    """What the scenario answers in the next turn; None if it answers whatever is said, or isn't at hand."""
    scenario, run = state.source.scenario, state.run
    if scenario is None:
        return None
    earlier = [] if run.start is None else messages_of(run)[: run.turn - (run.job is None)]
    patterns = patterns_for_next(scenario, earlier)
    if None in patterns:
        return None
    if not patterns:
        return "this scenario answers no more messages: another ends in ERROR"
    known = " · ".join(_GROUP.sub(r"<\1>", str(each)) for each in patterns)
    return f"this scenario answers: {known}"


def _hint(state: ScreenState, inner: int) -> Row:
    offered = [text for text in suggestions(state) if text]
    if state.run.start is None:
        return row(("enter keeps it · esc goes back", "dim"))
    if not offered:
        return row(("enter sends it · esc goes back", "dim"))
    return row(("↑ ↓  ", "wait b"), (clip(" · ".join(offered), inner - 5), "dim"))


MESSAGE_ROW = InputRow(
    lambda state: ((PROMPT, 0),),
    2,
    1,
    lambda state, texts: Reaction(ask=lambda source: source.say(texts[-1])),
    suggestions,
)
KEYS = (
    ScreenKey(
        "message", "m", "m", "Message", "say the next turn, or edit the first one",
        choosing(typing="message", field=0, turn=0), lambda state: not state.running, needs="message",
        why="A job is running: m says the next turn when it has ended.",
        bar=lambda state: 4 if state.newest.ended is not None else 0,
    ),
)  # fmt: skip
