"""A recording filmed: the screen of its playback as an asciicast v2, with no terminal and no waiting.

Every frame is drawn at an instant of the recording, and what changed of its rows is written down. Nothing of it
depends on when, where or how fast it is drawn, so the same recording gives the same bytes.
"""

import json
from asyncio import Event
from collections.abc import AsyncIterator, Callable, Iterator

from rich.color import ColorSystem
from rich.style import Style
from textual.pilot import Pilot
from textual.strip import Strip

from lab.clocks import settle
from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.tui.app import LabApp
from lab.tui.screens.main import MainScreen
from lab.tui.sources.playback import Playback
from lab.tui.state.acts import HOLD
from lab.tui.state.journal import SourceUpdate
from lab.tui.state.preferences import Preferences, ScreenStart
from lab.tui.state.recording import RecordingTimeline

BEAT: Millis = 1_000
"""What passes between two frames at most, so that clocks on the screen run."""
ACT_BEAT: Millis = 250
"""What passes between two frames of an act that is held."""
MOST_BEATS = 60
"""Frames in one silence: in a longer one they come more rarely."""
IDLE = 5
"""Seconds beyond which a player may cut a silence short."""
_PLAIN = Style()

Put = Callable[[bytes], object]
"""Takes a line."""


class Cast:
    """An asciicast v2 (docs.asciinema.org/manual/asciicast/v2): a header, then `[seconds, code, data]` a line."""

    def __init__(self, put: Put, now: Callable[[], Millis], title: str, size: tuple[int, int]) -> None:
        self._put = put
        self._now = now
        width, height = size
        head: Json = {
            "version": 2, "width": width, "height": height, "idle_time_limit": IDLE, "title": title,
            "env": {"TERM": "xterm-256color"},
        }  # fmt: skip
        self._line(head)

    def output(self, data: str) -> None:
        """What a terminal is sent."""
        self._line([self._now() / 1000, "o", data])

    def mark(self, label: str) -> None:
        """A place to jump to."""
        self._line([self._now() / 1000, "m", label])

    def _line(self, value: Json) -> None:
        self._put(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n")


class FilmedPlayback(Playback):
    """A playback that is seen as playing, though it stands wherever it is put."""

    runs = False
    stood: Millis = 0
    """How long the film has stood at acts."""

    @property
    def paused(self) -> bool:  # type: ignore[override]
        """Never: it is the film that stands."""
        return False

    async def observations(self) -> AsyncIterator[SourceUpdate]:
        """Nothing by itself: every frame is called for."""
        await Event().wait()
        yield SourceUpdate()

    def stand(self, at: Millis) -> SourceUpdate:
        """What has happened by an instant, the cursor put there."""
        self.place = self.timeline.place(at)
        self._paced.set(at)
        return SourceUpdate(self.timeline.journal(self.place))


def instants(timeline: RecordingTimeline) -> Iterator[Millis]:
    """When a frame is drawn: whenever something happens, and with the beat in between."""
    now = timeline.start
    yield now
    place = timeline.place(now)
    while (due := timeline.due(place)) is not None:
        beat = max(BEAT, -(-(due - now) // MOST_BEATS))
        yield from range(now + beat, due, beat)
        now = due
        yield now
        place = timeline.place(now)


async def film(
    source: FilmedPlayback,
    put: Put,
    size: tuple[int, int],
    *,
    light: bool = False,
    stage: int | None = None,
    ended: Callable[[], bool] = lambda: False,
) -> None:
    """Write the cast of a whole recording, line by line, or until `ended` says so: asked before each frame.

    `stage`: for how many seconds the film stands at each act; None: there are no acts.
    """
    while source.timeline.fold_on():
        pass  # a film has all marks from its first frame on
    start = source.timeline.start
    preferences = Preferences("light" if light else "", stage="" if stage is None else str(stage))
    app = LabApp(source, ScreenStart(preferences))
    app.no_color = False  # a film is the same, whatever terminal it is made on
    app.real_millis = lambda: source.stood
    source.player.pause(stage is None)

    async def shoot(pilot: Pilot[object]) -> None:
        screen = app.screen
        assert isinstance(screen, MainScreen)
        while not screen.ready:  # Textual's own pause gives up after a second, which is little on a busy machine
            await pilot.pause()
        tape = Cast(put, lambda: source.clock.now() - start + source.stood, source.title, size)
        app.mark = tape.mark
        tape.output("\x1b[?25l\x1b[2J")
        frames = _Frames(screen, tape)
        for at in instants(source.timeline):
            if ended():
                break
            with app.batch_update():
                screen.observe([source.stand(at)])
                screen.canvas.draw()
            await frames.take()
            await _stand_at_act(source, screen, frames)
        tape.output("\x1b[?25h")
        app.exit()

    await app.run_async(headless=True, size=size, auto_pilot=shoot)


class _Frames:
    """Writes down what has changed of a screen's rows since the frame before."""

    def __init__(self, screen: MainScreen, tape: Cast) -> None:
        self._screen = screen
        self._tape = tape
        self._before: list[str] = []

    @property
    def _laid_out(self) -> bool:
        """Whether Textual has every part that shows where it is to be."""
        canvas = self._screen.canvas
        wanted = ((canvas.widgets[name].region, place) for name, place in canvas.places.items())
        return all(region == (place.x, place.y, place.width, place.height) for region, place in wanted)

    async def take(self) -> None:
        # each widget asks for a layout in a turn of its own, so one refresh of the screen may come too early
        while not self._laid_out:
            refreshed = Event()
            self._screen.call_after_refresh(refreshed.set)
            await refreshed.wait()
        await settle()
        rows = list(rows_of(self._screen))
        if changed := "".join(moved(self._before, rows)):
            self._tape.output(changed)
        self._before = rows


async def _stand_at_act(source: FilmedPlayback, screen: MainScreen, frames: _Frames) -> None:
    """Film the hold of an act, as its gauge fills; one that would stay until space stays as long as the others."""
    least = screen.state.ui.hold or HOLD
    since, act = source.stood, screen.state.act.act
    while screen.state.act.waits:
        source.stood += ACT_BEAT
        if screen.state.act.left is None and source.stood - since > least:
            screen.acts.end_hold()
        screen.tick()
        await frames.take()
        if screen.state.act.act != act:
            since, act = source.stood, screen.state.act.act


def rows_of(screen: MainScreen) -> Iterator[str]:
    """The screen's rows as a terminal of all colours is sent them: its widgets, one over the other."""
    size = screen.size
    rows = screen.render_lines(size.region)
    shown = [(screen.find_widget(widget), widget) for widget in screen.query("*") if widget.is_on_screen]
    for place, widget in sorted(shown, key=lambda each: each[0].order):
        seen = place.visible_region
        lines = widget.render_lines(seen.translate(-place.region.offset))
        for y, line in enumerate(lines, seen.y):
            rows[y] = Strip.join([rows[y].crop(0, seen.x), line, rows[y].crop(seen.right)])
    for strip in rows:
        parts = [segment for segment in strip.simplify() if segment.text]
        yield "".join((each.style or _PLAIN).render(each.text, color_system=ColorSystem.TRUECOLOR) for each in parts)


def moved(before: list[str], after: list[str]) -> Iterator[str]:
    """The rows that differ, each with the place at which it begins."""
    for index, row in enumerate(after):
        if index >= len(before) or before[index] != row:
            yield f"\x1b[{index + 1};1H{row}"
