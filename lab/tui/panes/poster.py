"""The poster: before a run the story's title in block letters, what is asked, the lane as planned, and how to begin.

Of others' clients it shows where they may call, of a recording how long it plays. It needs no more of a scenario than its
title, its story and its plan.
"""

from lab.tui.panes.band import planned_lane
from lab.tui.panes.layout import BROAD
from lab.tui.panes.pane import Room, View, ViewPart
from lab.tui.panes.stage import staged, way_out
from lab.tui.rows.blocks import LEFT, button, raised_buttons, span_text
from lab.tui.rows.curl import first_curl
from lab.tui.rows.letters import lettered
from lab.tui.rows.spans import BLANK, Row, Rows, ink, row, width, wrap
from lab.tui.state.course import course_of
from lab.tui.state.narrate import sentence
from lab.tui.state.screen import ScreenState

_BUTTON = 30
"""Columns of a button, at most a third of the width."""
_AUDIENCE = "for an audience: one fact at a time"
_UNCALLED = "Nobody has called yet"


def poster_rows(view: View) -> Rows:
    """The poster, in the largest letters in which all of it fits."""
    state = view.state
    parts = _where_to_call if state.source.follows and state.source.cursor is None else _story
    foot = way_out(state, view.inner) if state.presents else BLANK
    lines = staged(view, view.rows, lambda room: [ViewPart(_said(state, room.columns)), *parts(room)], foot, least=1)
    return tuple(row(" " * LEFT, line) if line else BLANK for line in lines)


def _said(state: ScreenState, columns: int) -> list[Row]:
    """What must be told first; to somebody who may see the screen for the first time, the two keys to know."""
    ui, trouble = state.ui, state.source.trouble
    text = (
        ui.broken
        or ui.remark
        or trouble
        or (sentence(state) if ui.first or ui.starting or state.source.follows else "")
    )
    return wrap(row(ink(text, "bad" if ui.broken or trouble else "dim")), columns, most=2) if text else []


def _title(text: str, room: Room) -> list[Row]:
    most = room.zoom if room.columns >= BROAD - 6 else 1
    return lettered(text, room.columns, most) or wrap(row(ink(text, bold=True)), room.columns)


def _story(room: Room) -> list[ViewPart]:
    """The title, the story's first sentence, the message, the lane, and two buttons."""
    state, source, columns = room.state, room.state.source, room.columns
    scenario, steps = source.scenario, course_of(room.state).steps
    story = " ".join((scenario.story or scenario.shows).replace("*", "").split()) if scenario is not None else ""
    first = wrap(row(ink(story.partition(". ")[0].removesuffix(".") + ".", bold=True)), columns) if story else []
    message = source.message or (scenario.message if scenario is not None else "")
    asks = wrap(row(ink("asks  ", "dim"), message), columns, most=2) if message else []
    if source.cursor is not None:
        begin, takes = "Play", source.cursor.until - source.cursor.start
    else:
        begin, takes = "Live", sum(each.takes for each in steps)
    begin += f", about {span_text(takes)}" if takes else ""
    barred = scenario.expect.refused if scenario is not None else None
    lane = planned_lane(steps, columns)
    if barred is not None:
        begin, lane = "Live", [row(ink(f"✗ {barred}", "bad", bold=True), "  no job comes of it")]
    wide = min(_BUTTON, columns // 3 + 2)
    live = button("space", f" {begin}", "fill", "fill-run", wide)
    acts = button("P", " Act by act", "fg", "panel", wide)
    note = next((each for each in (_AUDIENCE, "for an audience", "") if 2 * wide + 5 + len(each) <= columns), "")
    said = row("   ", ink(note, "accent" if state.ui.first else "dim"))
    gap = [BLANK] if room.rows >= 28 else []
    return [
        ViewPart(_title(source.title, room)),
        ViewPart([*first, *(gap if first and asks else []), *asks]),
        ViewPart(lane, 1),
        ViewPart(raised_buttons([live, acts], said)),
    ]


def _where_to_call(room: Room) -> list[ViewPart]:
    """What a client needs, and a first call to copy; each option of it has a row, for a line that breaks is no command."""
    state, source, columns = room.state, room.state.source, room.columns
    if not source.token_url:
        return [ViewPart(_title(_UNCALLED, room)), ViewPart(wrap(row(sentence(state)), columns))]
    texts = first_curl(source.token_url).split("\n")
    curl = [row(ink(text, "dim" if text.startswith("#") else "fg")) for text in texts]
    named = [
        row(ink("base URL   ", "dim"), ink(source.base, "run")),
        row(ink("token URL  ", "dim"), ink(source.token_url, "run")),
    ]
    shown = [part for line in curl for part in ([line] if width(line) <= columns else wrap(line, columns))]
    return [
        ViewPart(_title(_UNCALLED, room)),
        ViewPart(named),
        ViewPart(shown),
        ViewPart(raised_buttons([button("y", " Copy what a client needs", "fill", "fill-run", 34)], row())),
    ]
