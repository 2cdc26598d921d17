"""The drawing half of the stage: folds observations into the state, and has each part show its slice of it."""

from asyncio import Event, Lock
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from lab.app.observe import Observation
from lab.core.errors import LabError
from lab.tui.panes import approval as bar
from lab.tui.panes import draw, message
from lab.tui.panes.layout import PANES, Rect, places, projector
from lab.tui.panes.message import suggestions
from lab.tui.screens.part import RowsWidget
from lab.tui.sources.shown import show_of
from lab.tui.state.fold import ObservedState, fold
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.narrate import phase
from lab.tui.state.screen import RunState, ScreenState, SourceState, UiState

if TYPE_CHECKING:
    from lab.tui.app import LabApp

PARTS = ("header", "clock", "stepper", "narration", *PANES, "bar", "scrubber", "keys", "small")
BATCH = 50
"""The most observations that one message carries."""
REST = 0.05
"""Seconds of rest after a frame that observations caused."""
PROMPTS = {**bar.PROMPTS, "message": message.PROMPT}
"""What stands before the input row."""
TIMED = ("clock", "token", "polling", "output", "bar", "scrubber")
"""The parts that show a time."""
TICK = 0.25
"""Seconds between two looks at the clock."""


class ObservationBatch(Message):
    """Observations that came since the last message."""

    def __init__(self, batch: list[Observation | SourceUpdate]) -> None:
        super().__init__()
        self.batch = batch


class DrawnScreen(Screen[None]):
    """The stage without its keys."""

    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self.scene = ScreenState()
        self.parts: dict[str, RowsWidget] = {}
        self._places: dict[str, Rect] = {}
        self._batch: list[Observation | SourceUpdate] = []
        self.folded = ObservedState()
        self._resting = self._dirty = False
        self._turn = Lock()
        """One intent after another, in the order of the keys."""

    @property
    def lab(self) -> "LabApp":
        """The app, with its source and styles."""
        from lab.tui.app import LabApp

        assert isinstance(self.app, LabApp)
        return self.app

    def compose(self) -> ComposeResult:
        """Every part, and the row for what should be different."""
        for name in PARTS:
            self.parts[name] = RowsWidget(name, lambda: self.lab.styles_now)
            yield self.parts[name]
        yield Input(id="line", compact=True, max_length=500)

    def on_mount(self) -> None:
        """Draw what there is, then listen to the source."""
        self._input().display = False
        if self.lab.source.journal is not None:
            self.folded = ObservedState(jobs=JournalState())
        self._timer = self.set_interval(TICK, self._tick, pause=True)
        self.scene = replace(self.scene, show=self._show(), look=self._look())
        self.call_after_refresh(self._listen)

    def _input(self) -> Input:
        return self.query_one("#line", Input)

    # Observations

    def _listen(self) -> None:
        self.run_worker(self._follow(), group="run", exclusive=True, exit_on_error=False)

    async def _follow(self) -> None:
        """The worker: hands batches to the screen; a bug in the source doesn't end the show."""
        try:
            async for observation in self.lab.source.observations():
                self._batch.append(observation)
                if len(self._batch) == 1:
                    self.call_later(self._flush)
                if len(self._batch) >= BATCH:
                    self._flush()
                    await self._settled()
        except LabError as error:
            self.lab.fail(error)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self.lab.survive(error)

    async def _settled(self) -> None:
        """Let the screen take the message before more are made."""
        done = Event()
        self.call_later(done.set)
        await done.wait()

    def _flush(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self.post_message(ObservationBatch(batch))

    @on(ObservationBatch)
    def fold(self, told: ObservationBatch) -> None:
        """One message a frame, however many observations."""
        for observation in told.batch:
            if isinstance(observation, SourceUpdate) and observation.anew:
                self.scene = replace(self.scene, look=replace(self.scene.look, job=None))
            try:
                self.folded = fold(self.folded, observation)
            except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
                self.lab.survive(error)
        self._take(replace(self.scene, stage=self._stage(), show=self._show(), look=self._look()))
        self._draw()

    def _stage(self) -> RunState:
        """What the panes draw: of a journal the job that was chosen, else the newest."""
        return self.folded.stage if self.folded.jobs is None else self.folded.jobs.stage(self.scene.look.job)

    def tell_broken(self, error: Exception) -> None:
        """One red line in the narration's place."""
        told = f"A bug of the lab: {type(error).__name__}. The last good screen stays; ctrl+q ends."
        if told != self.scene.look.broken:
            self.scene = replace(self.scene, look=replace(self.scene.look, broken=told))
            self.call_later(self.refresh_parts)

    # Drawing

    def _show(self) -> SourceState:
        show = show_of(self.lab.source, self.folded.jobs, self.scene.look.job)
        return replace(show, armed=self.folded.armed) if self.folded.armed else show

    def _look(self) -> UiState:
        source = self.lab.source
        said = self.folded.said or self.scene.look.said
        self.folded = replace(self.folded, said="")
        return replace(self.scene.look, paused=source.paused, factor=source.factor, said=said)

    def _draw(self) -> None:
        """Draw now, or after a rest if the last time was just before: at most 20 frames a second."""
        if self._resting:
            self._dirty = True
            return
        self.refresh_parts()
        self._resting = True
        self.set_timer(REST, self._rested)

    def _rested(self) -> None:
        self._resting = False
        if self._dirty:
            self._dirty = False
            self._draw()

    def _set(self, scene: ScreenState) -> None:
        """Another scene, drawn at once: a key has been pressed."""
        self._take(scene)
        self.refresh_parts()

    def _take(self, scene: ScreenState) -> None:
        before = self.scene
        stage, look = scene.stage, scene.look
        if look.typing and (stage.running if look.typing == "message" else stage.gate is None):
            look = replace(look, typing="")
        if stage.running and look.started:
            look = replace(look, started=False)
        if stage.turn != before.stage.turn or (stage.gate is not None and before.stage.gate is None):
            # a turn begins, or a person is needed: whoever looks back is brought there
            look = replace(look, turn=0)
        scene = replace(scene, look=look)
        if phase(before.stage) != phase(stage):
            self.lab.entered(phase(stage))
        if before.stage.outcome is not scene.stage.outcome:
            self.parts["output"].top = 0
        self.scene = scene
        self._tick_as_needed()

    def _tick_as_needed(self) -> None:
        cursor = self.scene.show.cursor
        moves = self.scene.stage.running if cursor is None else cursor.playing
        busy = moves and not self.scene.look.paused
        (self._timer.resume if busy else self._timer.pause)()

    def refresh_parts(self) -> None:
        """Place every part and show its rows; parts that are equal stay as they are."""
        if not self.size.width or not self.parts:
            return
        now = self.lab.source.clock.now()
        try:
            scene = self.scene.in_sight
            found = places(scene, self.size.width, self.size.height)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self.lab.survive(error)
            return
        with self.app.batch_update():
            for name, part in self.parts.items():
                self._place(name, part, found.get(name))
                if name in found:
                    self._show_part(name, part, found[name], scene, now)
            self._place_input(found)

    def _tick(self) -> None:
        """Time has passed, and nothing else: only what shows a time is drawn anew."""
        now, scene = self.lab.source.clock.now(), self.scene.in_sight
        with self.app.batch_update():
            for name in TIMED:
                place = self._places.get(name)
                if place is not None:
                    self._show_part(name, self.parts[name], place, scene, now)

    def _show_part(self, name: str, part: RowsWidget, place: Rect, scene: ScreenState, now: int) -> None:
        try:
            part.show(draw(name, scene, place, now, part.top))
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self.lab.survive(error)

    def _place(self, name: str, part: RowsWidget, place: Rect | None) -> None:
        if self._places.get(name) == place and (place is not None) == part.display:
            return
        part.display = place is not None
        if place is not None:
            part.styles.offset = (place.x, place.y)
            part.styles.width = place.width
            part.styles.height = place.height
            self._places[name] = place
        else:
            self._places.pop(name, None)

    def _place_input(self, found: dict[str, Rect]) -> None:
        field, bar = self._input(), found.get("bar")
        kind = self.scene.look.typing
        typing = bool(kind) and bar is not None
        if bar is not None and typing:
            tight = projector(self.scene, self.size.width)
            left = bar.x + (2 if tight else 3) + len(PROMPTS[kind])
            field.styles.offset = (left, bar.y + (3 if kind != "message" else 1 if tight else 2))
            field.styles.width = max(10, bar.width - (left - bar.x) - 2)
        if field.display != typing:
            field.display = typing
            if typing:
                self._begin_line(field, kind)
            else:
                self.set_focus(None)

    def _begin_line(self, field: Input, kind: str) -> None:
        gate = self.scene.stage.gate
        field.value = next(iter(suggestions(self.scene)), "") if kind == "message" else ""
        # a first message is there to be edited; what is proposed for a next one goes as soon as another is typed
        field.select_on_focus = self.scene.stage.start is not None
        field.cursor_position = len(field.value)
        field.placeholder = gate.prompt if kind == "changes" and gate is not None else ""
        self.set_focus(field)

    def on_resize(self, event: events.Resize) -> None:
        """Another size: another layout."""
        self.refresh_parts()
