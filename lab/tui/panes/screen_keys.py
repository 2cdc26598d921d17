"""The table of keys. What those lead to that belong to a pane or a bar stands in its file, of all others here."""

from collections.abc import Callable
from functools import partial

from lab.tui.panes.approval import answerable, answering, answering_by_name, asking_for_changes, why_no_answer
from lab.tui.panes.finale import ask_follow_up, follow_up, no_question
from lab.tui.panes.job import look_at_turn, several_turns
from lab.tui.panes.keys import React, Reaction, ScreenKey, asking, commanding
from lab.tui.panes.message import say_next
from lab.tui.panes.output import next_output_view
from lab.tui.panes.scrubber import LAST_INSTANT, going_to, has_marks, to_mark, why_no_marks
from lab.tui.panes.search import begin_search, searching
from lab.tui.panes.wire import turn_drawer, turn_full_wire
from lab.tui.rows.blocks import speed_text
from lab.tui.state.course import MOST_KEYS
from lab.tui.state.screen import ScreenState, UiChange
from lab.tui.state.status import finished

SPEEDS = ("0.25", "0.5", "1", "2", "5", "20", "60", "300")
"""The factors that + and - go through."""


# The run


def _pause(state: ScreenState) -> Reaction:
    if state.act.waits:
        return Reaction(command="end hold")
    if state.source.follows or state.run.running or state.ui.starting:
        return Reaction(ask=lambda source: source.pause())
    return Reaction(state.choose(starting=True), lambda source: source.begin())


def _can_pause(state: ScreenState) -> bool:
    if state.act.waits:
        return True
    can = "pause" in state.source.can
    if state.source.cursor is not None:
        return can
    if state.source.follows:
        return can and (state.ui.paused or not state.in_sight.finale or _others_run(state))
    return not finished(state.newest) and (can or not state.running)


def _others_run(state: ScreenState) -> bool:
    """Of a journal: whether a job other than the one in sight is under way."""
    runs = () if state.journal is None else state.journal.client_runs.values()
    return any(not finished(each.run) for each in runs)


def _pause_word(state: ScreenState) -> str:
    if state.act.waits:
        return "Go on"
    cursor = state.source.cursor
    if cursor is not None:
        return "Pause" if cursor.playing else "Play"
    if not state.source.follows and not state.running:
        return "Begin"
    return "Go on" if state.ui.paused else "Pause"


def _step(state: ScreenState) -> Reaction:
    if _acts_come(state):
        return Reaction(state.choose(starting=not _begun(state)), lambda source: source.next_act(), "next act")
    begins = not (state.source.follows or state.run.running)
    return Reaction(state.choose(starting=True) if begins else None, lambda source: source.step())


def _acts_come(state: ScreenState) -> bool:
    """Whether a step is one from act to act: the clock is ours, and the run in stage pace."""
    return state.ui.stage and (not state.source.follows or state.source.cursor is not None)


def _can_step(state: ScreenState) -> bool:
    act = state.act.act
    if _acts_come(state) and act is not None and act.kind == "waiting" and state.run.gate is not None:
        return False  # a person decides
    return not state.ui.query and (state.source.follows or state.newest.ended is None)


def _reset(state: ScreenState) -> Reaction:
    scrolled = state.unscrolled("output", "wire")
    ui = state.choose(starting=False, output="rendered", zoom="", query="", scrolled=scrolled)
    return Reaction(ui, lambda source: source.reset())


def _begun(state: ScreenState) -> bool:
    return state.source.cursor is not None or state.newest.start is not None or state.ui.starting


def _paced(by: int) -> React:
    """The next factor up, or down, from whichever there is; it shows at once, so that the next press goes on from it."""

    def react(state: ScreenState) -> Reaction:
        further = [each for each in SPEEDS[::by] if (float(each) - state.ui.pace) * by > 0]
        chosen = further[0] if further else SPEEDS[::by][-1]
        return Reaction(state.choose(factor=chosen), lambda source: source.scale(chosen))

    return react


def _own_pace(state: ScreenState) -> Reaction:
    return Reaction(ask=lambda source: source.scale(state.source.own_pace))


PATIENCE_KEPT = 60_000
"""Milliseconds of a person's patience that a skip leaves."""
SPENDS_PATIENCE = "> once more lets this gate's patience pass, but for its last minute."
LAST_MINUTE = "The last minute of patience isn't skipped."
UNKNOWN_PATIENCE = "How long this gate waits isn't known yet."


def _skip(state: ScreenState) -> Reaction:
    """Never beyond a script's vote, nor a person's patience; of a recording all of that has happened."""
    run, opening = state.newest, state.newest.matched_opening
    if state.source.cursor is not None or state.source.skipping or run.gate is None:
        return Reaction(ask=lambda source: source.skip())
    if opening is None:
        return Reaction(state.choose(remark=UNKNOWN_PATIENCE))
    if opening.otherwise.by is not None:
        return Reaction(ask=lambda source: source.skip(opening.otherwise.at))
    if state.ui.remark != SPENDS_PATIENCE:  # nothing brings it back
        return Reaction(state.choose(remark=SPENDS_PATIENCE))
    return Reaction(ask=lambda source: source.skip(opening.until - PATIENCE_KEPT, LAST_MINUTE))


def _can_skip(state: ScreenState) -> bool:
    cursor = state.source.cursor
    if state.act.waits:
        return False
    return state.newest.running if cursor is None else cursor.line < cursor.lines


def _stage(state: ScreenState) -> Reaction:
    """Into stage pace nothing is taken along that would cover its acts, and have them stand unseen."""
    on = not state.ui.stage
    changed: UiChange = {"stage": on, "panes": False}
    if on:
        changed |= {"wire": False, "zoom": "", "focus": ""}
    return Reaction(
        state.choose(**changed),
        lambda source: source.stand_at_acts(on),
        "join act" if on else "",
    )


def _presenter(state: ScreenState) -> Reaction:
    return Reaction(state.choose(presenter=not state.ui.presenter, zoom="", focus=""))


def _no_time(state: ScreenState) -> str:
    if state.newest.ended is not None:
        return "The run has ended: 0 goes back to the start."
    return "The run hasn't begun: space begins it." if state.newest.start is None else "Not while this shows."


def _idle(state: ScreenState) -> bool:
    """Whether a run of ours waits for space."""
    return not state.source.follows and state.newest.start is None


def _over_panes(rank: int) -> Callable[[ScreenState], int]:
    """The rank of a key that has no place in the bar while an act shows."""
    return lambda state: 0 if state.shows_act else rank


def _under_way(rank: int) -> Callable[[ScreenState], int]:
    """The rank of a key that has no place in the bar once a run of ours has ended, either."""
    return lambda state: 0 if state.shows_act or (state.newest.ended is not None and not state.source.follows) else rank


# The screen


def focusing(pane: str, *, drawer: bool) -> React:
    """Look at a pane; once more: look away. Never away from the drawer: who presses 5 after w wants what w opened. At the end
    the panes come back for it."""

    def react(state: ScreenState) -> Reaction:
        ui = state.ui
        if drawer:
            return Reaction(state.choose(wire=True, focus=pane, zoom=pane if ui.zoom not in ("", pane) else ""))
        if state.in_sight.finale:
            return Reaction(state.choose(focus=pane, panes=True))
        focus = "" if ui.focus == pane else pane
        return Reaction(state.choose(focus=focus, zoom=pane if ui.zoom and focus else ""))

    return react


def _zoom(state: ScreenState) -> Reaction:
    return Reaction(state.choose(zoom="" if state.ui.zoom else state.ui.in_focus))


NOTHING_OPEN = "Nothing is open that esc could leave."


def _back(state: ScreenState) -> Reaction:
    """Leave the search, the maximised pane, the focus, the drawer: the innermost first."""
    ui = state.ui
    if ui.query:
        return Reaction(state.choose(query=""))
    if ui.zoom:
        return Reaction(state.choose(zoom="", focus=ui.focus if ui.wire or ui.zoom != "wire" else ""))
    if ui.focus and not (ui.focus == "wire" and ui.wire):
        return Reaction(state.choose(focus=""))
    if (finished(state.in_sight.run) or state.has_act) and not ui.wire:
        return Reaction(state.choose(panes=not ui.panes))
    if not (ui.wire or ui.focus or ui.remark):
        return Reaction(state.choose(remark=NOTHING_OPEN))
    return Reaction(state.choose(wire=False, focus=""))


def _back_word(state: ScreenState) -> str:
    if state.has_act and not state.ui.query:
        return "Four panes" if state.shows_act else "Act"
    if state.ui.query or not finished(state.in_sight.run):
        return "Back"
    return "Four panes" if state.in_sight.finale else "Finale"


END = "q or ctrl+c once more ends the lab; any other key goes on."


def _quit(state: ScreenState) -> Reaction:
    """As long as the question stands, the next press is the answer."""
    return Reaction(command="quit") if state.ui.remark == END else Reaction(state.choose(remark=END))


# The table: each with its name, its face, its label, what the help says, what it leads to, and when it is offered

NO_TURN, GATE, VIEW, TIME = "There is one turn only.", "gate", "view", "time"


def _verdict(face: str, name: str, label: str, help: str, react: React, verdict: str) -> ScreenKey:
    offered = partial(answerable, verdict)
    return ScreenKey(name, face, label, help, react, offered, GATE, needs="decide", why=why_no_answer)


def _follow_up_key(number: str) -> ScreenKey:
    def label(state: ScreenState) -> str:
        return found.text if (found := follow_up(state, number)) is not None else f"Ask {number}"

    return ScreenKey(
        f"ask-{number}", number, "", "ask the follow-up of this number", partial(ask_follow_up, number),
        lambda state: follow_up(state, number) is not None, needs="message", why=no_question, series="ask a follow-up",
        word=label,
    )  # fmt: skip


RUN_KEYS = (
    _verdict("a", "approve", "Approve", "approve at the open gate", answering("approved"), "approved"),
    _verdict("r", "reject", "Reject", "reject at the open gate", answering("rejected"), "rejected"),
    _verdict("c", "changes", "Changes", "ask for changes: type what they are", asking_for_changes, "changes-requested"),
    _verdict("A", "approve-saying", "Approve by name", "approve with a name and a comment",
        answering_by_name("approved", "APPROVE"), "approved"),
    _verdict("R", "reject-saying", "Reject by name", "reject with a name and a comment",
        answering_by_name("rejected", "REJECT"), "rejected"),
    ScreenKey("side", "d", "Code", "show or hide the code by which others decide", commanding("side"),
        lambda state: state.side is not None and bool(state.side.asks), GATE, needs="side", why="No gate is open.",
        bar=4),
    ScreenKey("pause", "space", "Pause", "begin, pause, go on", _pause, _can_pause, word=_pause_word, why=_no_time,
        bar=1),
    ScreenKey("skip", ">", "Skip", "time runs fast until something happens; again, or space: no more", _skip, _can_skip,
        needs="skip", word=lambda state: "Go on" if state.source.skipping else "Skip", why=_no_time, bar=6),
    ScreenKey("step", "n", "Step", "to the next observation, of a recording to the next change; there it pauses", _step,
        _can_step, needs="step", word=lambda state: "Next act" if _acts_come(state) else "Step", why=_no_time,
        bar=lambda state: 0 if _idle(state) else 7),
    ScreenKey("stage", "P", "Act by act", "act after act: a fact stays some seconds, or until space, a status as long as it lasts", _stage, group=VIEW,
        word=lambda state: "Free pace" if state.ui.stage else "Act by act",
        bar=lambda state: 5 if state.shows_act or _idle(state) else 0),
    ScreenKey("presenter", "p", "Presenter", "presenter mode: one thing at a time", _presenter, group=VIEW,
        bar=lambda state: 12 if state.shows_act else 0),
    *(_follow_up_key(str(number)) for number in range(1, MOST_KEYS + 1)),
    ScreenKey("message", "m", "Message", "say the next turn, or edit the first one", say_next,
        lambda state: not state.running, needs="message",
        why="A job is running: m says the next turn when it has ended.",
        bar=lambda state: 4 if state.newest.ended is not None else 0),
    ScreenKey("earlier", "[", "Turn before", "look at another turn or job", partial(look_at_turn, -1), several_turns,
        word=lambda state: "Jobs" if state.source.follows else "Turns", why=NO_TURN, bar=2, pair="later"),
    ScreenKey("later", "]", "Turn after", "the turn or job after, then follow", partial(look_at_turn, 1), several_turns,
        why=NO_TURN),
    ScreenKey("output-view", "o", "Output view", "output rendered, raw, whole status body", next_output_view,
        lambda state: state.newest.last is not None, why="There is no output yet.",
        bar=lambda state: 8 if state.source.follows or state.newest.ended is not None else 0),
    ScreenKey("wire", "w", "Wire", "every exchange, one row each", turn_drawer, group=VIEW, bar=5),
    ScreenKey("full-wire", "W", "Full wire", "every exchange, over all panes", turn_full_wire, group=VIEW),
    ScreenKey("reset", "0", "Reset", "back to the start, same seed", _reset, _begun, needs="reset",
        word=lambda state: "Reset" if state.source.cursor is None else "Start", why="This is the start.", bar=3),
    ScreenKey("scenario", "s", "Scenario", "choose another scenario", commanding("scenario"), needs="scenario",
        bar=_over_panes(4)),
    ScreenKey("fault", "f", "Fault", "let something go wrong on the wire", commanding("fault"), needs="fault",
        bar=_under_way(7)),
    ScreenKey("record", "v", "Record", "begin a recording, or end it; lab play shows it", asking(lambda source: source.record()),
        needs="tape", word=lambda state: "Stop recording" if state.source.recording else "Record", bar=_over_panes(8)),
    ScreenKey("faster", "+", "Speed", "speed: ×¼ ×½ ×1 ×2 ×5 ×20 ×60 ×300", _paced(1), group=TIME, needs="speed",
        bar=_under_way(10), pair="slower"),
    ScreenKey("slower", "-", "Slower", "slower: ×½, ×¼", _paced(-1), group=TIME, needs="speed"),
    ScreenKey("own-pace", "=", "Own pace", "the pace of its own: ×1, in watch what the lab had", _own_pace, group=TIME,
        needs="speed", word=lambda state: f"Speed {speed_text(state.source.own_pace)}"),
    ScreenKey("back", "←", "Back", "go back (rewind) one observation, or on", asking(lambda source: source.move(-1)),
        group=TIME, needs="seek", word=lambda state: "Seek", bar=3, pair="on"),
    ScreenKey("on", "→", "On", "one observation on", asking(lambda source: source.move(1)), group=TIME, needs="seek"),
    ScreenKey("mark-back", "⇧←", "Mark back", "go back (rewind) one mark, or act, or on", partial(to_mark, -1),
        has_marks, TIME, word=lambda state: "Mark back" if state.source.cursor is not None else "Act back",
        pair="mark-on", why=why_no_marks),
    ScreenKey("mark-on", "⇧→", "Mark on", "go on one mark, or act", partial(to_mark, 1), has_marks, TIME,
        word=lambda state: "Mark on" if state.source.cursor is not None else "Act on", why=why_no_marks),
    ScreenKey("start", "home", "Start", "the start of the recording", asking(lambda source: source.seek(0)), group=TIME,
        needs="seek"),
    ScreenKey("end", "end", "End", "the end of the recording", asking(lambda source: source.seek(LAST_INSTANT)),
        group=TIME, needs="seek"),
    *(
        ScreenKey(f"go-to-{stage}", "", f"Go to {stage.capitalize()}", f"go back (rewind), or on, to {text}",
            going_to(stage), lambda state: bool({"seek", "rewind"} & state.source.can), "palette")
        for stage, text in (
            ("token", "where the token is there"), ("invoke", "where the Job ID is there"), ("poll", "the first poll"),
            ("gate", "where a person is needed"), ("output", "where the output is there"),
        )
    ),
)  # fmt: skip
VIEW_KEYS = (
    ScreenKey("search", "/", "Search", "find words in the output, or in the wire", begin_search, group=VIEW),
    ScreenKey("next-hit", "n", "Next hit", "from place to place found, and back", commanding("hit 1"), searching, VIEW,
        pair="hit-before"),
    ScreenKey("hit-before", "N", "Hit before", "the place before", commanding("hit -1"), searching, VIEW,
        why="Nothing is searched for: / begins a search."),
    ScreenKey("zoom", "z", "Maximise", "all the room for the pane, and back", _zoom, group=VIEW),
    *(
        ScreenKey(name, face, label, "scroll the pane in focus", commanding(f"scroll {by}"), group=VIEW, silent=True,
            pair=pair)
        for name, face, label, by, pair in (
            ("up", "↑", "Scroll", -1, "down"), ("down", "↓", "Down", 1, ""),
            ("page-up", "pgup", "Page", -10, "page-down"), ("page-down", "pgdn", "Page down", 10, ""),
        )
    ),
    ScreenKey("leave-open", "esc", "Back", "leave what is open; at the end four panes, and back", _back, group=VIEW,
        silent=True, word=_back_word, bar=lambda state: 5 if finished(state.run) and not state.ui.query else 0),
    ScreenKey("theme", "t", "Theme", "dark stage, light stage", commanding("theme"), group=VIEW),
    ScreenKey("copy", "y", "Copy", "copy what is looked at: a menu says which", commanding("copy"),
        lambda state: bool(state.run.exchanges or state.source.base), VIEW, why="There is nothing to copy yet.",
        bar=lambda state: 1 if state.uncalled else 0),
    ScreenKey("picture", "F9", "Screenshot", "save the screen as SVG", commanding("picture"), group=VIEW),
    ScreenKey("help", "?", "Help", "this page", commanding("help"), group=VIEW, works_unseen=True, bar=2),
    ScreenKey("palette", "ctrl+p", "Palette", "every command by its name", commanding("palette"), group=VIEW,
        silent=True),
    ScreenKey("quit", "ctrl+q", "Quit", "end the lab; prints the outcome", commanding("quit"), group=VIEW,
        works_unseen=True),
    ScreenKey("quit-asks", "q", "Quit?", "ask; a second press ends; ctrl+c too", _quit, group=VIEW, silent=True,
        works_unseen=True),
    ScreenKey("suspend", "ctrl+z", "Suspend", "to the shell, until fg: the clock stands", commanding("suspend"),
        group=VIEW, needs="suspend", works_unseen=True),
)  # fmt: skip
