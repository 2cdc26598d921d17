"""The screen: keeps the state, folds what is observed into it, and does what keys lead to. All sources show on it."""

from asyncio import Lock
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.worker import Worker

from lab.core.clock import Millis
from lab.core.errors import LabError
from lab.tui.panes.approval import INPUT_ROWS
from lab.tui.panes.hits import go_to_hit, search_for
from lab.tui.panes.keys import Reaction, ScreenKey
from lab.tui.panes.page import MOST_TYPED
from lab.tui.panes.pane import OPENS
from lab.tui.panes.registry import KEYS_OF_SPOT, SCREEN_KEYS, SCROLLED, key_named, scrolled
from lab.tui.panes.scrubber import SEEK
from lab.tui.screens.act_holds import ActHolds
from lab.tui.screens.apply_preferences import bindings, changes_of, rebind, ui_at_start
from lab.tui.screens.canvas import Canvas
from lab.tui.screens.commands import ScreenCommands
from lab.tui.screens.feed import Feed, ObservationBatch
from lab.tui.screens.host import Host
from lab.tui.screens.input_field import FULL, InputField, LineInput
from lab.tui.screens.rows_widget import Pressed, Scrolled
from lab.tui.screens.selectable import SelectingScreen
from lab.tui.state.clean import line
from lab.tui.state.journal import JournalState, ObservedState, SourceUpdate, fold
from lab.tui.state.run import MARKED
from lab.tui.state.screen import SEARCH, ScreenState, UiState, settled
from lab.tui.state.source import Refused, SourceAsk

TICK = 0.25
"""Seconds between two looks at the clock. While a person is awaited, every other one is left out: that takes minutes."""


REMARK: Millis = 3_000
"""Real milliseconds for which a remark has the narration's place, if no key is pressed before."""


class MainScreen(SelectingScreen):
    """Every part of the screen. A key is a pure function of the state (`ScreenKey.react`); here it takes effect."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = list(bindings())

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host
        rebind(self._bindings, host.start.preferences.keys)
        self.state = ScreenState()
        self.acts = ActHolds(host.real_millis)
        self.observed = ObservedState()
        self.feed = Feed(self, host)
        self.field = InputField(self)
        self.canvas = Canvas(self, host, lambda: self.state, lambda places: self.field.place(self.state, places))
        self._turn = Lock()
        """One thing is asked of the source after another, in the order of the keys."""
        self._remarked: Millis = 0
        """When the remark that shows came, in real time."""
        self._idles = False
        """Whether the last look at the clock was left out."""
        self._due = 0
        """How much of what was asked the source hasn't done yet."""
        self._own = ScreenCommands(self, host, lambda: self.state, self.react, self._soon)
        self._commands: dict[str, Callable[[], object]] = {
            **self._own.by_name,
            **{f"hit {by}": partial(self._go_to_hit, by) for by in (-1, 1)},
            **{name: partial(self._change_act, change) for name, change in self.acts.commands.items()},
            **{f"scroll {by}": partial(self._scroll_in_focus, by) for by in (-10, -1, 1, 10)},
        }

    def compose(self) -> ComposeResult:
        """Every part, and the row in which the person types."""
        yield from self.canvas.widgets.values()
        yield self.field.widget

    def on_mount(self) -> None:
        """Draw what there is, then listen to the source."""
        if self._host.source.follows:
            self.observed = ObservedState(journal=JournalState())
        self.timer = self.set_interval(TICK, self.tick, pause=True)
        self.state = self._with(self._synced(ui_at_start(self._host.start, self.app.size.width)))
        if self.state.ui.stage:
            self._soon(lambda source: source.stand_at_acts(True))  # as no key: what is remarked at the start stays
        self.call_after_refresh(self.feed.start)

    def tick(self) -> None:
        """Time has passed: a hold may be over, and whatever shows a time is drawn anew."""
        ui = self.state.ui
        self._idles = self.state.run.gate is not None and not (self._idles or ui.stage or ui.remark)
        if self._idles:
            return
        self.acts.count(ui, covered=self.app.screen is not self)
        state = self._with(self._without_old_remark(ui))
        if state.ui != self.state.ui or state.act.act != self.state.act.act or state.act.waits != self.state.act.waits:
            self._take(state)
            self.canvas.draw()
        else:
            self.state = state
            self.canvas.tick()

    def _without_old_remark(self, ui: UiState) -> UiState:
        """What is wrong at the start of the screen stands until a key is pressed."""
        stays = not ui.remark or ui.remark == self._host.start.notice
        return ui if stays or self._host.real_millis() - self._remarked < REMARK else replace(ui, remark="")

    def on_resize(self, event: events.Resize) -> None:
        """Another size: another layout."""
        self.canvas.draw()

    # The state

    @on(ObservationBatch)
    def observe(self, message: ObservationBatch) -> None:
        """Fold what was observed, and draw it."""
        ui = self.state.ui
        for event in message.batch:
            if isinstance(event, SourceUpdate):
                self.acts.note(event)
                job = None if event.another_journal else ui.job
                ui = replace(ui, job=job, remark=event.remark or ui.remark, passed=event.passed or ui.passed)
            try:
                self.observed = fold(self.observed, event)
            except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
                self._host.survive(error)
        self._take(self._with(self._synced(ui)))
        self.canvas.draw_soon()

    def _synced(self, ui: UiState) -> UiState:
        """The person's choice with the pace that the source made of it."""
        if self._due:  # the next key goes on from what the last one chose
            return ui
        return replace(ui, paused=self._host.source.paused, factor=self._host.source.factor)

    def _with(self, ui: UiState) -> ScreenState:
        """All that is known, with this choice of the person's."""
        observed = self.observed
        source, run = self._host.source.describe(observed.journal, ui.job), observed.run_of(ui.job)
        if can := self._host.can:
            source = replace(source, can=source.can | can)
        act, colours = self.acts.show(run, ui, source), not self._host.role_styles.bare
        if (freed := self.acts.freed()) is not None:
            self._host.source.end_hold(freed)
        state = ScreenState(act.run or run, ui, source, observed.armed, observed.journal, colours=colours, act=act)
        phone = self._host.phone
        return state if phone is None else replace(state, phone=phone.follow(state, drawable=self._host.draws_blocks))

    def _take(self, state: ScreenState) -> None:
        before, self.state = self.state, settled(self.state, state)
        if before.ui.remark != state.ui.remark:
            self._remarked = self._host.real_millis()
        for milestone in self.state.run.since(before.run, *MARKED):
            self._host.mark(milestone.kind)
        (self.timer.resume if self.state.moves else self.timer.pause)()

    def choose(self, ui: UiState) -> None:
        """Another choice of the person's, drawn at once: a key has been pressed."""
        self._take(self._with(ui))
        self.canvas.draw()

    def note(self, text: str) -> None:
        """One sentence in the narration's place, for three seconds or until the next key."""
        self.choose(replace(self.state.ui, remark=text))

    def report_bug(self, error: Exception) -> None:
        """One red line in the narration's place."""
        broken = f"A bug of the lab: {type(error).__name__}. The last good screen stays; ctrl+q ends."
        if broken != self.state.ui.broken:
            self.state = replace(self.state, ui=replace(self.state.ui, broken=broken))
            self.call_later(self.canvas.draw)

    # Keys

    @property
    def blind(self) -> bool:
        """Whether the terminal is too small for the panes."""
        return "small" in self.canvas.places

    def _offers(self, key: ScreenKey) -> bool:
        return key.is_offered(self.state) and (not self.blind or key.works_unseen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that aren't offered do nothing."""
        return self._offers(key_named(str(parameters[0]))) if action == "press" else True

    def on_key(self, event: events.Key) -> None:
        """A key that isn't offered says why."""
        if not (self.blind or self.state.ui.typing):
            # Textual binds tab and others to every screen, without a name
            self._own.explain(each.id for each in self._bindings.key_to_bindings.get(event.key, ()) if each.id)

    def action_press(self, name: str) -> None:
        """The key of this name was pressed; what is selected comes first."""
        if name == "copy" and self.copy_selection():
            return
        if name == "leave-open" and self.selections:
            self.clear_selection()
            self.note("")
            return
        self.react(key_named(name).react(self.state))

    def react(self, reaction: Reaction) -> None:
        """Do what a key leads to."""
        kept = tuple(changes_of(self.state, reaction, self.size.width))
        if reaction.ui is not None:
            self.choose(reaction.ui)
        elif reaction.ask is not None and (self.state.ui.remark or self.state.ui.passed):
            self.choose(self.state.choose())
        if reaction.ask is not None:
            self._soon(reaction.ask)
        if reaction.command:
            self._commands[reaction.command]()
        for name, value in kept:
            self._host.keep(name, value)

    def _soon(self, ask: SourceAsk) -> Worker[None]:
        """SourceAsk this of the source in its turn."""
        self._due += 1
        return self.run_worker(self._ask(ask), group="asked", exit_on_error=False)

    async def _ask(self, ask: SourceAsk) -> None:
        async with self._turn:
            refused = await self._refusal(ask)
            self._due -= 1
        ui = self._synced(self.state.ui)
        ui = replace(ui, remark=refused or ui.remark)
        self.choose(replace(ui, starting=False) if refused else ui)

    async def _refusal(self, ask: SourceAsk) -> Refused:
        try:
            return await ask(self._host.source)
        except LabError as error:
            return error.what
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self._host.survive(error)
            return None

    @on(LineInput.Turned)
    def turn_line(self, event: LineInput.Turned) -> None:
        """Another text of the row is typed."""
        self.choose(replace(self.state.ui, typed=event.texts, field=event.field))

    @on(LineInput.Full)
    def refuse_more(self) -> None:
        """The row's text has no room for more."""
        self.note(FULL)

    @on(LineInput.Typed)
    def send_line(self, event: LineInput.Typed) -> None:
        """What was typed is asked of the source; an empty line isn't, where it can't be. A name is kept for the next row."""
        texts, row = event.texts, INPUT_ROWS.get(self.state.ui.typing)
        if self.state.ui.typing == SEARCH:
            self.choose(search_for(self.state, line(texts[0], MOST_TYPED)))
            self._go_to_hit(0)
        elif row is not None and (row.optional or texts[-1]):
            name = texts[0] if len(texts) > 1 else self.state.ui.name
            ui = self.state.choose(typing="", field=0, output="rendered", name=name)
            self.react(replace(row.send(self.state, texts), ui=ui))

    @on(Pressed)
    async def press_spot(self, event: Pressed) -> None:
        """A click on a hot spot is its key; on the scrubber it goes to an instant, on a call it opens it."""
        if event.key.startswith(SEEK):
            at = int(event.key.removeprefix(SEEK))
            self.react(Reaction(ask=lambda source: source.seek(at)))
            return
        if event.key.startswith(OPENS):
            self._own.open_exchange(int(event.key.removeprefix(OPENS)))
            return
        key = next((each for each in KEYS_OF_SPOT.get(event.key, ()) if self._offers(each)), None)
        if key is not None:
            await self.run_action(f"press({key.name!r})")

    def commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """What the palette offers now: name, explanation, what to call."""
        for key in SCREEN_KEYS:
            if self._offers(key) and not key.silent:
                face = f" ({key.face_in(self.state)})" if key.face else ""
                press = partial(self.run_action, f"press({key.name!r})")
                yield f"{key.label_in(self.state)}{face}", key.help, press

    # What only the screen can do

    def _change_act(self, change: Callable[[], None]) -> None:
        change()
        self.choose(self.state.ui)

    @on(Scrolled)
    def scroll_part(self, event: Scrolled) -> None:
        """The wheel scrolls the pane under it."""
        if event.part in SCROLLED:
            self._scroll(event.part, event.by)

    def _scroll_in_focus(self, by: int) -> None:
        """Scroll the pane in focus; in the row where the person types, the next suggestion."""
        if self.state.ui.typing:
            self.field.suggest(self.state, by)
        else:
            self._scroll(self.state.ui.in_focus, by)

    def _go_to_hit(self, by: int) -> None:
        """The hit that is `by` further, as long as something is looked for."""
        if self.state.ui.query:
            size, now = (self.size.width, self.size.height), self._host.source.clock.now()
            self.choose(go_to_hit(self.state.in_sight, size, now, by))

    def _scroll(self, pane: str, by: int) -> None:
        self.state = scrolled(self.state, pane, by)
        self.canvas.draw()
