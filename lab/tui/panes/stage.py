"""What has the screen to itself: the poster before a run, an act, and in presenter mode the act that the run is in.

It is made of parts, one below the other, in the largest letters in which all of them have room; where there is too little
for all, parts fold. The last row says which act it is, and what comes then. The poster needs no more of a scenario than
its title, its story and its plan.
"""

from collections.abc import Callable

from lab.tui.panes.band import planned_lane
from lab.tui.panes.layout import BROAD, HERO
from lab.tui.panes.pane import View, ViewPart
from lab.tui.rows.blocks import LEFT, button, raised_buttons, span_text
from lab.tui.rows.curl import first_curl
from lab.tui.rows.letters import MOST_ROWS, MOST_ZOOM, lettered, zoom_of
from lab.tui.rows.spans import BLANK, Row, Rows, ends, hot, ink, row, width, wrap
from lab.tui.state.course import course_of
from lab.tui.state.narrate import first_keys, sentence
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import role, word

ACT = "act"
"""The part that it fills."""
LEAVES = ": leave presenter"
"""Behind its key, the way out of presenter mode, which has no key bar."""


def staged(
    view: View, rows: int, parts: Callable[[View], list[ViewPart]], foot: Row = BLANK, least: int = 2
) -> list[Row]:
    """The parts in the largest letters in which all have room; in those of zoom `least` and smaller what folds may go."""
    inner, height = view.inner, rows - 2 * bool(foot) - (rows >= 20)
    shown: list[ViewPart] = []
    for zoom in range(max(1, zoom_of(HERO, inner, MOST_ROWS, MOST_ZOOM)), 0, -1):
        shown = [part for part in parts(View(view.state, inner, height, view.now, zoom=zoom)) if part.rows]
        while zoom <= least and _height(shown) > height and any(part.folds for part in shown):
            shown.remove(max(shown, key=lambda part: part.folds))
        if _height(shown) <= height:
            break
    spare, between = max(0, height - sum(len(part.rows) for part in shown)), max(0, len(shown) - 1)
    gap = min(2, spare // (between + 2)) or int(spare >= between)
    lines: list[Row] = [BLANK] * ((spare - gap * between + 2) // 3)
    for number, part in enumerate(shown):
        lines += [*[BLANK] * (gap if number else 0), *part.rows]
    return [*lines[:height], *[BLANK] * (height - len(lines)), *([BLANK, foot] if foot else [])]


def _height(parts: list[ViewPart]) -> int:
    return sum(len(part.rows) for part in parts) + len(parts) - 1


def way_out(state: ScreenState, columns: int) -> Row:
    """The way out of presenter mode, which has no key bar."""
    leaves = row(("p" + LEAVES, "dim"))
    return ends(row(ink(word(state.run), role(state.run), bold=True)), hot(leaves, "p"), columns)


# The poster: the story's title in block letters, what is asked, the lane as planned, and how to begin; of others' clients
# where they may call, of a recording how long it plays

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
    """What must be told first, else the two keys to know."""
    ui, trouble = state.ui, state.source.trouble
    keys = "" if state.source.cursor is not None else first_keys(state)  # a recording tells of space by itself
    text = ui.broken or ui.remark or trouble or keys or sentence(state)
    return wrap(row(ink(text, "bad" if ui.broken or trouble else "dim")), columns, most=2) if text else []


def _title(text: str, room: View) -> list[Row]:
    most = room.zoom if room.columns >= BROAD - 6 else 1
    return lettered(text, room.columns, most) or wrap(row(ink(text, bold=True)), room.columns)


def _story(room: View) -> list[ViewPart]:
    """The title, the story's first sentence, the message, the lane, and two buttons."""
    state, source, columns = room.state, room.state.source, room.columns
    scenario, steps = source.scenario, course_of(room.state).steps
    story = " ".join((scenario.story or scenario.shows).replace("*", "").split()) if scenario is not None else ""
    first = wrap(row(ink(story.partition(". ")[0].removesuffix(".") + ".", bold=True)), columns) if story else []
    message = source.message or (scenario.message if scenario is not None else "")
    asks = wrap(row(ink("asks  ", "dim"), message), columns, most=2) if message else []
    if source.cursor is not None:
        begin, takes = "Play", source.cursor.until - source.cursor.start
        plays = span_text(source.cursor.spread.plays)
    else:
        begin, takes = "Live", sum(each.takes for each in steps)
        plays = span_text(takes)
    if takes:
        begin += f", about {plays}" if plays == span_text(takes) else f" {span_text(takes)} in about {plays}"
    barred = scenario.expect.refused if scenario is not None else None
    lane = planned_lane(steps, columns)
    if barred is not None:
        begin, lane = "Live", [row(ink(f"✗ {barred}", "bad", bold=True), "  no job comes of it")]
    wide = min(_BUTTON, columns // 3 + 2)
    if state.ui.stage:  # space begins what is chosen, P chooses the other
        live = button("P", f" {begin}", "fg", "panel", wide)
        acts = button("space", " Begin, act by act", "fill", "fill-run", wide)
    else:
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


def _where_to_call(room: View) -> list[ViewPart]:
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
