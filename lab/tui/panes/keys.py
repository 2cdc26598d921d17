"""The one table of keys: bindings, key bar and help are made of it. Imports no Textual."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab.tui.panes.openable import exchange_of
from lab.tui.state.screen import ScreenState

SPEEDS = ("0.25", "0.5", "1", "2", "5", "20")
"""The factors that + and - go through."""


@dataclass(frozen=True, slots=True)
class ScreenKey:
    """A key: what it does, and when it is offered."""

    keys: str
    """As Textual names them, alternatives by comma."""
    shown: str
    action: str
    label: str
    help: str
    offered: Callable[[ScreenState], bool]
    group: str = "run"


def always(scene: ScreenState) -> bool:
    """Offered in every state."""
    return True


def _can(what: str) -> Callable[[ScreenState], bool]:
    return lambda scene: what in scene.show.can


def _action(action: str) -> Callable[[ScreenState], bool]:
    def offered(scene: ScreenState) -> bool:
        gate = scene.newest.gate
        if gate is None or gate.sent is not None or "decide" not in scene.show.can:
            return False
        return any(name == action for name, _ in gate.actions) or (not gate.actions and action != "RFI_ACTION")

    return offered


def _running(scene: ScreenState) -> bool:
    return scene.newest.running or scene.look.started


def _pause(scene: ScreenState) -> bool:
    if scene.show.follows:
        return "pause" in scene.show.can
    return scene.newest.ended is None and ("pause" in scene.show.can or not _running(scene))


def _step(scene: ScreenState) -> bool:
    return "step" in scene.show.can and (scene.show.follows or scene.newest.ended is None)


def _started(scene: ScreenState) -> bool:
    begun = scene.show.cursor is not None or scene.newest.start is not None or scene.look.started
    return "reset" in scene.show.can and begun


def _replied(scene: ScreenState) -> bool:
    return scene.newest.last is not None


def _goes(scene: ScreenState) -> bool:
    return bool({"seek", "rewind"} & scene.show.can)


def _message(scene: ScreenState) -> bool:
    return "message" in scene.show.can and not _running(scene)


def _turns(scene: ScreenState) -> bool:
    return scene.turns > 1 or scene.show.place[1] > 1


def _openable(scene: ScreenState) -> bool:
    return exchange_of(scene) is not None


TABLE: tuple[ScreenKey, ...] = (
    ScreenKey("a", "a", "decide('APPROVE_ACTION')", "Approve", "approve at the open gate", _action("APPROVE_ACTION"), group="gate"),
    ScreenKey("r", "r", "decide('REJECT_ACTION')", "Reject", "reject at the open gate", _action("REJECT_ACTION"), group="gate"),
    ScreenKey("c", "c", "changes", "Changes", "ask for changes: type what they are", _action("RFI_ACTION"), group="gate"),
    ScreenKey("space", "space", "pause", "Pause", "begin, pause, go on", _pause),
    ScreenKey("n", "n", "step", "Step", "run to the next observation, then pause", _step),
    ScreenKey("o", "o", "output_view", "Output view", "output rendered, raw, whole status body", _replied),
    ScreenKey("m", "m", "message", "Message", "say the next turn, or edit the first one", _message),
    ScreenKey("left_square_bracket", "[", "turn(-1)", "Turn before", "look at another turn or job", _turns),
    ScreenKey("right_square_bracket", "]", "turn(1)", "Turn after", "the turn or job after, then follow", _turns),
    ScreenKey("0", "0", "reset", "Reset", "back to the start, same seed", _started),
    ScreenKey("w", "w", "wire", "Wire", "every exchange, one row each", always, group="view"),
    ScreenKey("W", "W", "full_wire", "Full wire", "every exchange, over all panes", always, group="view"),
    ScreenKey("s", "s", "scenario", "Scenario", "choose another scenario", _can("scenario")),
    ScreenKey("f", "f", "fault", "Fault", "let something go wrong on the wire", _can("fault")),
    ScreenKey("v", "v", "tape", "Record", "begin a recording, or end it", _can("tape")),
    ScreenKey("plus", "+", "faster", "Speed", "speed: ×¼ ×½ ×1 ×2 ×5 ×20", _can("speed"), group="time"),
    ScreenKey("minus", "-", "slower", "Slower", "slower: ×½, ×¼", _can("speed"), group="time"),
    ScreenKey("equals_sign", "=", "speed_one", "Speed ×1", "the lab's clock at its own pace", _can("speed"), group="time"),
    ScreenKey("left", "←", "move(-1)", "Back", "one observation back, or on", _can("seek"), group="time"),
    ScreenKey("right", "→", "move(1)", "On", "one observation on", _can("seek"), group="time"),
    ScreenKey("shift+left", "⇧←", "mark(-1)", "Mark back", "one mark back, or on", _can("seek"), group="time"),
    ScreenKey("shift+right", "⇧→", "mark(1)", "Mark on", "one mark on", _can("seek"), group="time"),
    ScreenKey("home", "home", "ends(-1)", "Start", "the start of the recording", _can("seek"), group="time"),
    ScreenKey("end", "end", "ends(1)", "End", "the end of the recording", _can("seek"), group="time"),
    ScreenKey("", "", "go_to('token')", "Go to Token", "where the token is there", _goes, group="palette"),
    ScreenKey("", "", "go_to('invoke')", "Go to Invoke", "where the Job ID is there", _goes, group="palette"),
    ScreenKey("", "", "go_to('poll')", "Go to Poll", "the first poll", _goes, group="palette"),
    ScreenKey("", "", "go_to('gate')", "Go to Gate", "where a person is needed", _goes, group="palette"),
    ScreenKey("", "", "go_to('output')", "Go to Output", "where the output is there", _goes, group="palette"),
    ScreenKey("1", "1", "focus_pane('token')", "Token", "look at the Token pane", always, group="view"),
    ScreenKey("2", "2", "focus_pane('job')", "Job", "look at the Job pane", always, group="view"),
    ScreenKey("3", "3", "focus_pane('polling')", "Polling", "look at the Polling pane", always, group="view"),
    ScreenKey("4", "4", "focus_pane('output')", "Output", "look at the Output pane", always, group="view"),
    ScreenKey("5", "5", "focus_pane('wire')", "Wire", "look at the wire drawer", always, group="view"),
    ScreenKey("enter", "enter", "open", "Open", "both sides of the pane's exchange", _openable, group="view"),
    ScreenKey("z", "z", "zoom", "Maximise", "all the room for the pane, and back", always, group="view"),
    ScreenKey("up,k", "↑", "scroll(-1)", "Scroll", "scroll the pane in focus", always, group="view"),
    ScreenKey("down,j", "↓", "scroll(1)", "Down", "scroll the pane in focus", always, group="view"),
    ScreenKey("pageup", "pgup", "scroll(-10)", "Page", "scroll it by ten rows", always, group="view"),
    ScreenKey("pagedown", "pgdn", "scroll(10)", "Page down", "scroll the pane in focus", always, group="view"),
    ScreenKey("escape", "esc", "back", "Back", "leave what is open", always, group="view"),
    ScreenKey("p", "p", "presenter", "Presenter", "presenter mode: one thing at a time", always, group="view"),
    ScreenKey("t", "t", "theme", "Theme", "dark stage, light stage", always, group="view"),
    ScreenKey("f9", "F9", "picture", "Screenshot", "save the screen as SVG", always, group="view"),
    ScreenKey("question_mark", "?", "help", "Help", "this page", always, group="view"),
    ScreenKey("ctrl+p", "ctrl+p", "palette", "Palette", "every command by its name", always, group="view"),
    ScreenKey("ctrl+q", "ctrl+q", "leave", "Quit", "end the lab; prints the outcome", always, group="view"),
    ScreenKey("ctrl+c", "ctrl+c", "tell_quit", "Quit?", "tells of ctrl+q", always, group="view"),
)  # fmt: skip

BLIND = frozenset(("?", "ctrl+q", "ctrl+c"))
"""The keys that are left where the terminal is too small for the stage: none that acts on what can't be seen."""
_NEEDS = {
    "a": "decide", "r": "decide", "c": "decide", "m": "message", "s": "scenario", "f": "fault", "v": "tape", "n": "step",
    "0": "reset", "+": "speed", "-": "speed", "=": "speed",
    **dict.fromkeys(("←", "→", "⇧←", "⇧→", "home", "end"), "seek"),
}  # fmt: skip
"""What a source must be able to do for a key to be one of its keys."""
_ORDER = ("space", "n", "[", "w", "s", "f", "+", "v", "0", "?")
_ENDED = ("m", "o", "0", "[", "w", "s", "f", "+", "v", "?")
_WATCHED = ("space", "n", "[", "w", "o", "f", "+", "?")
_PLAYED = ("space", "n", "←", "[", "0", "w", "o", "+", "?")
FACES = {"+": "+-", "[": "[]", "←": "← →"}
"""Two keys that stand in the key bar as one."""


def by_shown(shown: str) -> ScreenKey:
    """The key with this face."""
    return next(key for key in TABLE if key.shown == shown)


def served(scene: ScreenState, key: ScreenKey) -> bool:
    """Whether the source can ever do what the key asks, be it offered now or not."""
    needed = _NEEDS.get(key.shown)
    return needed is None or needed in scene.show.can


def _order(scene: ScreenState) -> tuple[str, ...]:
    if scene.show.follows:
        return _WATCHED if scene.show.cursor is None else _PLAYED
    return _ENDED if scene.newest.ended is not None else _ORDER


def bar(scene: ScreenState) -> Iterator[tuple[str, str]]:
    """What the key bar names, in order: face and label."""
    for shown in _order(scene):
        key = by_shown(shown)
        if key.offered(scene):
            yield FACES.get(shown, shown), label(scene, key)


def label(scene: ScreenState, key: ScreenKey) -> str:
    """The key's word in this state."""
    cursor = scene.show.cursor
    match key.shown:
        case "[":
            return "Jobs" if scene.show.follows else "Turns"
        case "←":
            return "Seek"
        case "v" if scene.show.recording:
            return "Stop recording"
        case "0" if cursor is not None:
            return "Start"
    if key.shown != "space":
        return key.label
    if cursor is not None:
        return "Pause" if cursor.playing else "Play"
    if not scene.show.follows and not _running(scene):
        return "Begin"
    return "Go on" if scene.look.paused else "Pause"


def rank(shown: str) -> int:
    """How early the key bar gives it up: higher goes first."""
    return {
        "space": 0,
        "?": 1,
        "0": 2,
        "s": 3,
        "m": 4,
        "w": 5,
        "n": 6,
        "f": 7,
        "o": 8,
        "+-": 9,
        "v": 10,
        "[]": 2,
        "← →": 3,
    }.get(shown, 11)
