"""Where each part stands: a pure function of the size, the state and what the person chose."""

from dataclasses import dataclass

from lab.tui.state.narrate import phase
from lab.tui.state.screen import ScreenState

LEAST = (72, 20)
NARROW = 100
WIDE = 160
PANES = ("token", "job", "polling", "output", "wire")


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in cells; `form` says whether a pane is one row or has a frame."""

    x: int
    y: int
    width: int
    height: int
    form: str = "framed"


Rects = dict[str, Rect]


def clock_width(scene: ScreenState) -> int:
    """How wide the clock at the end of the header is; it alone changes four times a second."""
    return (24 if scene.show.dead else 17) if scene.show.recording else 10


def narrow(columns: int) -> bool:
    """Whether the projector layout is used."""
    return columns < NARROW


def projector(scene: ScreenState, columns: int) -> bool:
    """Whether the layout is the projector's: too few columns for another, or asked for."""
    return narrow(columns) or scene.look.presenter


def places(scene: ScreenState, columns: int, rows: int) -> Rects:
    """The rectangle of every part that shows; what is missing is hidden."""
    if columns < LEAST[0] or rows < LEAST[1]:
        return {"small": Rect(0, 0, columns, rows)}
    lay = _narrow if projector(scene, columns) else _normal
    if scene.show.cursor is None:
        return lay(scene, columns, rows)
    found = lay(scene, columns, rows - 1)
    keys = {"keys": Rect(0, rows - 1, columns, 1)} if "keys" in found else {}
    return {**found, "scrubber": Rect(0, rows - 1 - len(keys), columns, 1), **keys}


def bar_rows(scene: ScreenState, columns: int) -> int:
    """How high the approval bar, or the message row in its place, is; 0: neither is there."""
    if scene.look.typing == "message":
        return 3 if projector(scene, columns) else 5
    if scene.stage.gate is None or scene.stage.ended is not None:
        return 0
    return 4 if projector(scene, columns) else 5


def current(scene: ScreenState) -> str:
    """The pane that has the room in the projector layout."""
    if scene.look.zoom:
        return scene.look.zoom
    match phase(scene.stage):
        case "idle":
            return "output"
        case "token":
            return "token"
        case "invoke":
            return "job"
        case "complete":
            return "output"
        case "error":
            return _broken(scene)
        case _:
            return "polling"


def _broken(scene: ScreenState) -> str:
    stage = scene.stage
    if stage.job is None:
        return "token"
    return "job" if stage.last is None else "output"


def _normal(scene: ScreenState, columns: int, rows: int) -> Rects:
    bar = bar_rows(scene, columns)
    airy = rows >= 30
    top = 6 if airy else 4
    found: Rects = {
        "header": Rect(0, 0, columns - clock_width(scene), 1),
        "clock": Rect(columns - clock_width(scene), 0, clock_width(scene), 1),
        "stepper": Rect(0, 2 if airy else 1, columns, 1),
        "narration": Rect(0, 4 if airy else 2, columns, 1),
        "keys": Rect(0, rows - 1, columns, 1),
    }
    if bar:
        found["bar"] = Rect(1, rows - 1 - bar, columns - 2, bar)
    bottom = rows - 1 - bar
    if not airy:
        top = 3
    return {**found, **_body(scene, columns, top, bottom - top)}


def _body(scene: ScreenState, columns: int, top: int, height: int) -> Rects:
    inner = columns - 2
    if scene.look.zoom:
        return {scene.look.zoom: Rect(1, top, inner, height)}
    drawer = _drawer(scene, height, wide=columns >= WIDE and top + height >= 33)
    found = _columns(scene, columns, top, height - drawer)
    if drawer:
        found["wire"] = Rect(1, top + height - drawer, inner, drawer)
    return found


def _drawer(scene: ScreenState, height: int, *, wide: bool) -> int:
    opened = scene.look.wire or wide
    return min(10, max(5, height // 3)) if opened and height >= 14 else 0


def _columns(scene: ScreenState, columns: int, top: int, height: int) -> Rects:
    if columns >= WIDE:
        rest = columns - 2 - 42 - 42 - 34 - 3
        return {
            "token": Rect(1, top, 42, height), "job": Rect(44, top, 42, height),
            "polling": Rect(87, top, 34, height), "output": Rect(122, top, rest, height),
        }  # fmt: skip
    first = max(3, min(11, height * 11 // 24))
    rest = columns - 2 - 42 - 34 - 2
    return {
        "token": Rect(1, top, 42, first), "job": Rect(1, top + first, 42, height - first),
        "polling": Rect(44, top, 34, height), "output": Rect(79, top, rest, height),
    }  # fmt: skip


def _narrow(scene: ScreenState, columns: int, rows: int) -> Rects:
    bar = bar_rows(scene, columns)
    shown = scene.look.presenter
    told, low = (3, rows) if shown else (1, rows - 1)
    found: Rects = {
        "header": Rect(0, 0, columns - clock_width(scene), 1),
        "clock": Rect(columns - clock_width(scene), 0, clock_width(scene), 1), "stepper": Rect(0, 1, columns, 1),
        "narration": Rect(0, 2, columns, told),
    }  # fmt: skip
    if not shown:
        found["keys"] = Rect(0, low, columns, 1)
    if bar:
        found["bar"] = Rect(0, low - bar, columns, bar)
    top, bottom = 2 + told, low - bar
    if (scene.look.wire and not shown) or scene.look.zoom == "wire":
        return {**found, "wire": Rect(0, top, columns, bottom - top)}
    if scene.look.zoom:
        return {**found, scene.look.zoom: Rect(0, top, columns, bottom - top)}
    big = current(scene)
    y = top
    for pane in PANES[:4]:
        height = bottom - top - 3 if pane == big else 1
        found[pane] = Rect(0, y, columns, height, "framed" if pane == big else "row")
        y += height
    return found
