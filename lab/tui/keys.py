"""The one table of keys: bindings, key bar and help are made of it. Imports no Textual."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab.tui.view.sight import exchange_of
from lab.tui.view.state import Scene

SPEEDS = ("0.25", "0.5", "1", "2", "5", "20")
"""The factors that + and - go through."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key: what it does, and when it is offered."""

    keys: str
    """As Textual names them, alternatives by comma."""
    shown: str
    action: str
    label: str
    help: str
    offered: Callable[[Scene], bool]
    group: str = "run"


def always(scene: Scene) -> bool:
    """Offered in every state."""
    return True


def _can(what: str) -> Callable[[Scene], bool]:
    return lambda scene: what in scene.show.can


def _action(action: str) -> Callable[[Scene], bool]:
    def offered(scene: Scene) -> bool:
        gate = scene.newest.gate
        if gate is None or gate.sent is not None or "decide" not in scene.show.can:
            return False
        return any(name == action for name, _ in gate.actions) or (not gate.actions and action != "RFI_ACTION")

    return offered


def _running(scene: Scene) -> bool:
    return scene.newest.running or scene.look.started


def _pause(scene: Scene) -> bool:
    if scene.show.follows:
        return "pause" in scene.show.can
    return scene.newest.ended is None and ("pause" in scene.show.can or not _running(scene))


def _step(scene: Scene) -> bool:
    return "step" in scene.show.can and (scene.show.follows or scene.newest.ended is None)


def _started(scene: Scene) -> bool:
    begun = scene.show.cursor is not None or scene.newest.start is not None or scene.look.started
    return "reset" in scene.show.can and begun


def _replied(scene: Scene) -> bool:
    return scene.newest.last is not None


def _goes(scene: Scene) -> bool:
    return bool({"seek", "rewind"} & scene.show.can)


def _message(scene: Scene) -> bool:
    return "message" in scene.show.can and not _running(scene)


def _turns(scene: Scene) -> bool:
    return scene.turns > 1 or scene.show.place[1] > 1


def _openable(scene: Scene) -> bool:
    return exchange_of(scene) is not None


TABLE: tuple[Key, ...] = (
    Key("a", "a", "decide('APPROVE_ACTION')", "Approve", "approve at the open gate", _action("APPROVE_ACTION"), group="gate"),
    Key("r", "r", "decide('REJECT_ACTION')", "Reject", "reject at the open gate", _action("REJECT_ACTION"), group="gate"),
    Key("c", "c", "changes", "Changes", "ask for changes: type what they are", _action("RFI_ACTION"), group="gate"),
    Key("space", "space", "pause", "Pause", "begin, pause, go on", _pause),
    Key("n", "n", "step", "Step", "run to the next observation, then pause", _step),
    Key("o", "o", "output_view", "Output view", "output rendered, raw, whole status body", _replied),
    Key("m", "m", "message", "Message", "say the next turn, or edit the first one", _message),
    Key("left_square_bracket", "[", "turn(-1)", "Turn before", "look at another turn or job", _turns),
    Key("right_square_bracket", "]", "turn(1)", "Turn after", "the turn or job after, then follow", _turns),
    Key("0", "0", "reset", "Reset", "back to the start, same seed", _started),
    Key("w", "w", "wire", "Wire", "every exchange, one row each", always, group="view"),
    Key("W", "W", "full_wire", "Full wire", "every exchange, over all panes", always, group="view"),
    Key("s", "s", "scenario", "Scenario", "choose another scenario", _can("scenario")),
    Key("f", "f", "fault", "Fault", "let something go wrong on the wire", _can("fault")),
    Key("v", "v", "tape", "Record", "begin a recording, or end it", _can("tape")),
    Key("plus", "+", "faster", "Speed", "speed: ×¼ ×½ ×1 ×2 ×5 ×20", _can("speed"), group="time"),
    Key("minus", "-", "slower", "Slower", "slower: ×½, ×¼", _can("speed"), group="time"),
    Key("equals_sign", "=", "speed_one", "Speed ×1", "the lab's clock at its own pace", _can("speed"), group="time"),
    Key("left", "←", "move(-1)", "Back", "one observation back, or on", _can("seek"), group="time"),
    Key("right", "→", "move(1)", "On", "one observation on", _can("seek"), group="time"),
    Key("shift+left", "⇧←", "mark(-1)", "Mark back", "one mark back, or on", _can("seek"), group="time"),
    Key("shift+right", "⇧→", "mark(1)", "Mark on", "one mark on", _can("seek"), group="time"),
    Key("home", "home", "ends(-1)", "Start", "the start of the recording", _can("seek"), group="time"),
    Key("end", "end", "ends(1)", "End", "the end of the recording", _can("seek"), group="time"),
    Key("", "", "go_to('token')", "Go to Token", "where the token is there", _goes, group="palette"),
    Key("", "", "go_to('invoke')", "Go to Invoke", "where the Job ID is there", _goes, group="palette"),
    Key("", "", "go_to('poll')", "Go to Poll", "the first poll", _goes, group="palette"),
    Key("", "", "go_to('gate')", "Go to Gate", "where a person is needed", _goes, group="palette"),
    Key("", "", "go_to('output')", "Go to Output", "where the output is there", _goes, group="palette"),
    Key("1", "1", "focus_pane('token')", "Token", "look at the Token pane", always, group="view"),
    Key("2", "2", "focus_pane('job')", "Job", "look at the Job pane", always, group="view"),
    Key("3", "3", "focus_pane('polling')", "Polling", "look at the Polling pane", always, group="view"),
    Key("4", "4", "focus_pane('output')", "Output", "look at the Output pane", always, group="view"),
    Key("5", "5", "focus_pane('wire')", "Wire", "look at the wire drawer", always, group="view"),
    Key("enter", "enter", "open", "Open", "both sides of the pane's exchange", _openable, group="view"),
    Key("z", "z", "zoom", "Maximise", "all the room for the pane, and back", always, group="view"),
    Key("up,k", "↑", "scroll(-1)", "Scroll", "scroll the pane in focus", always, group="view"),
    Key("down,j", "↓", "scroll(1)", "Down", "scroll the pane in focus", always, group="view"),
    Key("pageup", "pgup", "scroll(-10)", "Page", "scroll it by ten rows", always, group="view"),
    Key("pagedown", "pgdn", "scroll(10)", "Page down", "scroll the pane in focus", always, group="view"),
    Key("escape", "esc", "back", "Back", "leave what is open", always, group="view"),
    Key("p", "p", "presenter", "Presenter", "presenter mode: one thing at a time", always, group="view"),
    Key("t", "t", "theme", "Theme", "dark stage, light stage", always, group="view"),
    Key("f9", "F9", "picture", "Screenshot", "save the screen as SVG", always, group="view"),
    Key("question_mark", "?", "help", "Help", "this page", always, group="view"),
    Key("ctrl+p", "ctrl+p", "palette", "Palette", "every command by its name", always, group="view"),
    Key("ctrl+q", "ctrl+q", "leave", "Quit", "end the lab; prints the outcome", always, group="view"),
    Key("ctrl+c", "ctrl+c", "tell_quit", "Quit?", "tells of ctrl+q", always, group="view"),
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


def by_shown(shown: str) -> Key:
    """The key with this face."""
    return next(key for key in TABLE if key.shown == shown)


def served(scene: Scene, key: Key) -> bool:
    """Whether the source can ever do what the key asks, be it offered now or not."""
    needed = _NEEDS.get(key.shown)
    return needed is None or needed in scene.show.can


def _order(scene: Scene) -> tuple[str, ...]:
    if scene.show.follows:
        return _WATCHED if scene.show.cursor is None else _PLAYED
    return _ENDED if scene.newest.ended is not None else _ORDER


def bar(scene: Scene) -> Iterator[tuple[str, str]]:
    """What the key bar names, in order: face and label."""
    for shown in _order(scene):
        key = by_shown(shown)
        if key.offered(scene):
            yield FACES.get(shown, shown), label(scene, key)


def label(scene: Scene, key: Key) -> str:
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
