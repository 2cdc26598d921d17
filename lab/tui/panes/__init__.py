"""State, size and instant to rows of spans: every part of the screen by its name."""

from lab.core.clock import Millis
from lab.tui.panes import approval as bar
from lab.tui.panes import head, job, output, polling, scrubber, token, wire
from lab.tui.panes import picker as pages
from lab.tui.panes.layout import Rect
from lab.tui.rows.spans import BLANK, Rows, fill
from lab.tui.state.screen import ScreenState


def draw(part: str, scene: ScreenState, place: Rect, now: Millis, top: int = 0) -> Rows:
    """The rows of a part, exactly as many and as wide as its place; `top` is how far it is scrolled."""
    columns, rows = place.width, place.height
    drawn = _short(part, scene, columns, now) if place.form == "row" else _long(part, scene, place, now, top)
    lines = [fill(line, columns) for line in drawn[:rows]]
    return (*lines, *[fill(BLANK, columns)] * (rows - len(lines)))


def _long(part: str, scene: ScreenState, place: Rect, now: Millis, top: int) -> Rows:
    columns, rows = place.width, place.height
    match part:
        case "header":
            return head.header(scene, columns, now)
        case "clock":
            return head.clock(scene, columns, now)
        case "stepper":
            return head.stepper(scene, columns, now)
        case "narration":
            return head.narration(scene, columns, rows, now)
        case "scrubber":
            return scrubber.scrubber(scene, columns, now)
        case "keys":
            return head.key_bar(scene, columns, now)
        case "bar":
            return bar.bar(scene, columns, rows, now)
        case "token":
            return token.draw(scene, columns, rows, now)
        case "job":
            return job.draw(scene, columns, rows, now)
        case "polling":
            return polling.draw(scene, columns, rows, now)
        case "output":
            return output.draw(scene, columns, rows, now, top)
        case "wire":
            return wire.draw(scene, columns, rows, now, top)
        case "small":
            return pages.small(columns, rows, scene.look.said)
        case _:
            return ()


def _short(part: str, scene: ScreenState, columns: int, now: Millis) -> Rows:
    match part:
        case "token":
            return token.short(scene, columns, now)
        case "job":
            return job.short(scene, columns, now)
        case "polling":
            return polling.short(scene, columns, now)
        case "output":
            return output.short(scene, columns, now)
        case _:
            return wire.short(scene, columns, now)
