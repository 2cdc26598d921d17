"""The screen: keeps the state, folds what is observed into it, and does what keys lead to. All sources show on it."""

from asyncio import Event, Lock
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.worker import Worker

from lab.app.effects import RunObservation
from lab.core.clock import Millis
from lab.core.errors import LabError
from lab.core.observe import Requested
from lab.tui.panes.help import HelpPage
from lab.tui.panes.hits import go_to_hit
from lab.tui.panes.keys import ListEntry, ListPage, Page, Reaction, ScreenKey, why_refused
from lab.tui.panes.layout import NARROW
from lab.tui.panes.menus import COPY_MENU, PICKER, fault_menu, palette, palette_entries
from lab.tui.panes.pane import OPENS
from lab.tui.panes.registry import (
    BOTTOM,
    KEYS_OF_SPOT,
    PANES,
    SCREEN_KEYS,
    SCROLLED,
    exchange_in_focus,
    key_named,
    places,
    scrolled,
)
from lab.tui.panes.scrubber import SEEK
from lab.tui.panes.side_panel import SIDE, side_page
from lab.tui.panes.wire import ExchangePage
from lab.tui.screens.act_holds import ActHolds
from lab.tui.screens.canvas import Canvas
from lab.tui.screens.host import Host
from lab.tui.screens.overlays import FormScreen, ListScreen, Overlay, PageScreen
from lab.tui.screens.rows_widget import RowsWidget, SelectingScreen
from lab.tui.state.acts import HOLD
from lab.tui.state.journal import JournalState, SourceUpdate, begins_anew, follow
from lab.tui.state.preferences import ScreenStart
from lab.tui.state.run import MARKED
from lab.tui.state.screen import ScreenState, UiState, settled
from lab.tui.state.source import Refused, SourceAsk

TICK = 0.25
"""Seconds between two looks at the clock."""
EACH_WHILE_POLLING, EACH_WHILE_AWAITED = 2, 4
"""While a job is polled a time is drawn at the second look after it was drawn last, be it for a poll; while a person is
awaited, which takes minutes, at the fourth."""
REMARK: Millis = 3_000
"""Real milliseconds for which a remark has the narration's place, if no key is pressed before."""
BATCH = 50
"""The most observations that are folded at once, so that a flood of them leaves room for keys."""
COLOURS_ADVICE = {
    "truecolor": "16 million",
    "256": "256; COLORTERM=truecolor gives all",
    "standard": "16; COLORTERM=truecolor gives all",
}
"""How many colours the terminal has, and how to get more."""


class MainScreen(SelectingScreen):
    """Every part of the screen. A key is a pure function of the state (`ScreenKey.react`); here it takes effect."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, f"press({key.name!r})", key.label, show=False, id=key.name) for key in SCREEN_KEYS if key.keys
    ]

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host
        self.state = ScreenState()
        self.acts = ActHolds(host.real_millis)
        self.observed = JournalState(own=not host.source.follows)
        self.canvas = Canvas(self, host, lambda: self.state)
        self._batch: list[RunObservation | SourceUpdate] = []
        """What was observed that the screen hasn't been handed."""
        self._turn = Lock()
        """One thing is asked of the source after another, in the order of the keys."""
        self._due = 0
        """How many things are asked of the source, and not done."""
        self._remarked: Millis = 0
        """When the remark that shows came, in real time."""
        self._commands: dict[str, Callable[[], object]] = {
            "scenario": lambda: self._open(PICKER),
            "fault": lambda: self._open(fault_menu()),
            "copy": lambda: self._open(COPY_MENU),
            "help": self._open_help,
            "palette": self.open_palette,
            "open": self._open_exchange,
            "side": self._turn_side,
            "theme": host.turn_theme,
            "picture": self._save_picture,
            "quit": host.leave,
            "suspend": lambda: self.run_worker(self._suspend(), group="suspend", exit_on_error=False),
            **{f"hit {by}": partial(self._go_to_hit, by) for by in (-1, 0, 1)},
            **{name: partial(self._change_act, change) for name, change in self.acts.commands.items()},
            **{f"scroll {by}": partial(self._scroll_in_focus, by) for by in (-10, -1, 1, 10)},
        }

    def _now(self) -> ScreenState:
        return self.state

    def compose(self) -> ComposeResult:
        """Every part."""
        yield from self.canvas.widgets.values()

    def on_mount(self) -> None:
        """Draw what there is, then listen to the source."""
        self.timer = self.set_interval(TICK, self.tick, pause=True)
        self.state = self._with(self._synced(ui_at_start(self._host.start, self.app.size.width)))
        if self.state.ui.stage:
            self._soon(lambda source: source.stand_at_acts(True))  # as no key: what is remarked at the start stays
        self.call_after_refresh(lambda: self.run_worker(self._listen(), group="run", exit_on_error=False))

    # What is observed

    async def _listen(self) -> None:
        """Have what the source observes be folded, in one go however much it is; a bug there doesn't end the show."""
        try:
            with self._host.surviving(LabError):
                async for observation in self._host.source.observations():
                    self._batch.append(observation)
                    if len(self._batch) == 1:
                        self.call_later(self._take_batch)
                    if len(self._batch) >= BATCH:
                        taken = Event()  # before more are made
                        self.call_later(taken.set)
                        await taken.wait()
        except LabError as error:
            self._host.fail(error)

    @property
    def ready(self) -> bool:
        """Whether it has its size, the source what was asked of it at the start, and all that was observed shows."""
        return bool(self.canvas.places) and not (self._due or self._batch or self.canvas.waiting)

    def _take_batch(self) -> None:
        batch, self._batch = self._batch, []
        self.observe(batch)

    def observe(self, batch: Sequence[RunObservation | SourceUpdate]) -> None:
        """Fold what was observed, and draw it."""
        ui = self.state.ui
        for event in batch:
            if isinstance(event, SourceUpdate):
                self.acts.note(event)
                ui = replace(ui, remark=event.remark or ui.remark, passed=event.passed or ui.passed)
            if begins_anew(event):
                ui = replace(ui, job=None)
            with self._host.surviving():
                self.observed = follow(self.observed, event)
        with self._host.surviving():
            self._take(self._with(self._synced(ui)))
        self.canvas.draw_soon(alone=all(isinstance(event, Requested) for event in batch))

    def tick(self) -> None:
        """Time has passed: a hold may be over, and whatever shows a time is drawn anew."""
        ui, run = self.state.ui, self.state.run
        self.canvas.looks += 1
        slow = run.polls > 0 and ui.pace <= 1
        each = EACH_WHILE_AWAITED if run.gate is not None else EACH_WHILE_POLLING if slow else 1
        if self.canvas.looks < each and not (ui.stage or ui.remark):
            return
        self.canvas.looks = 0
        with self._host.surviving():
            self.acts.count(ui, covered=self.app.screen is not self)
            state, shown = self._with(self._without_old_remark(ui)), self.state
            if state.ui != shown.ui or state.act.act != shown.act.act or state.act.waits != shown.act.waits:
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

    def _synced(self, ui: UiState) -> UiState:
        """The person's choice with the pace that the source made of it."""
        if self._due:  # the next key goes on from what the last one chose
            return ui
        return replace(ui, paused=self._host.source.paused, factor=self._host.source.factor)

    def _with(self, ui: UiState) -> ScreenState:
        """All that is known, with this choice of the person's."""
        observed = self.observed
        journal = None if observed.own else observed
        source, run = self._host.source.describe(journal, ui.job), observed.run(ui.job)
        if can := self._host.can:
            source = replace(source, can=source.can | can)
        act, colours = self.acts.show(run, ui, source), not self._host.role_styles.bare
        if (freed := self.acts.freed()) is not None:
            self._host.source.end_hold(freed)
        known = ui, source, observed.armed, observed.holds, journal
        state = ScreenState(act.run or run, *known, colours=colours, act=act)
        panel = self._host.panel
        return state if panel is None else replace(state, side=panel.follow(state, drawable=colours))

    def _take(self, state: ScreenState) -> None:
        before, self.state = self.state, settled(self.state, state)
        if before.ui.remark != state.ui.remark:
            self._remarked = self._host.real_millis()
        for milestone in self.state.run.since(before.run, *MARKED):
            self._host.mark(milestone.kind)
        (self.timer.resume if self.state.moves and self._host.source.runs else self.timer.pause)()
        for screen in self.app.screen_stack[1:]:
            if isinstance(screen, Overlay):
                screen.follow()

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
        if not self.blind:
            # Textual binds tab and others to every screen, without a name
            names = [each.id for each in self._bindings.key_to_bindings.get(event.key, ()) if each.id]
            if why := why_refused(map(key_named, names), self.state):
                self.note(why)

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
        kept = tuple(changes_of(self.state.ui, reaction.ui, self.size.width))
        if reaction.ui is not None:
            self.choose(reaction.ui)
        elif reaction.ask is not None and (self.state.ui.remark or self.state.ui.passed):
            self.choose(self.state.choose())
        if reaction.ask is not None:
            self._soon(reaction.ask)
        if reaction.command:
            self._commands[reaction.command]()
        if reaction.copy:  # as far as the terminal has a clipboard (OSC 52)
            self.app.copy_to_clipboard(reaction.copy)
        if reaction.run is not None:
            self.app.call_later(reaction.run)
        if reaction.page is not None:
            self._open(reaction.page)
        if reaction.form is not None:
            self.app.push_screen(FormScreen(reaction.form, self._now, self._bottom, self._host, self.react))
        for name, value in kept:
            self._host.keep(name, value)

    def _soon(self, ask: SourceAsk) -> Worker[None]:
        """Ask this of the source in its turn."""
        self._due += 1
        return self.run_worker(self._ask(ask), group="asked", exit_on_error=False)

    async def _ask(self, ask: SourceAsk) -> None:
        refused: Refused = None
        async with self._turn:
            try:
                with self._host.surviving(LabError):
                    refused = await ask(self._host.source)
            except LabError as error:
                refused = error.what
            self._due -= 1
        ui = self._synced(self.state.ui)
        ui = replace(ui, remark=refused or ui.remark)
        self.choose(replace(ui, starting=False) if refused else ui)

    # What is clicked and scrolled

    async def on_click(self, event: events.Click) -> None:
        """A click on a hot spot is its key; on the scrubber it goes to an instant, on a call it opens it."""
        part, _ = self.get_widget_at(event.screen_x, event.screen_y)
        spot = part.spot_at(event.offset) if isinstance(part, RowsWidget) else None
        if spot is not None and spot.startswith(SEEK):
            at = int(spot.removeprefix(SEEK))
            self.react(Reaction(ask=lambda source: source.seek(at)))
        elif spot is not None and spot.startswith(OPENS):
            self._open_exchange(int(spot.removeprefix(OPENS)))
        elif key := next((each for each in KEYS_OF_SPOT.get(spot or "", ()) if self._offers(each)), None):
            await self.run_action(f"press({key.name!r})")

    @on(events.MouseScrollDown)
    @on(events.MouseScrollUp)
    def scroll_part(self, event: events.MouseEvent) -> None:
        """The wheel scrolls the pane under it."""
        part = self.get_widget_at(event.screen_x, event.screen_y)[0].id
        if part in SCROLLED:
            self._scroll(part, 3 if isinstance(event, events.MouseScrollDown) else -3)

    def _scroll_in_focus(self, by: int) -> None:
        self._scroll(self.state.ui.in_focus, by)

    def _scroll(self, pane: str, by: int) -> None:
        self.state = scrolled(self.state, pane, by)
        self.canvas.draw()

    def _go_to_hit(self, by: int) -> None:
        """The hit that is `by` further, as long as something is looked for."""
        if self.state.ui.query:
            size, now = (self.size.width, self.size.height), self._host.source.clock.now()
            self.choose(go_to_hit(self.state.in_sight, size, now, by))

    def _change_act(self, change: Callable[[], None]) -> None:
        change()
        self.choose(self.state.ui)

    # What lies over the panes

    def _bottom(self) -> int:
        """The rows of the bars at the bottom."""
        return sum(place.height for name, place in self.canvas.places.items() if name in BOTTOM)

    def _open(self, page: Page | ListPage, query: str = "") -> None:
        before = self.state.source
        self._take(self._with(self.state.ui))  # what the source knows may have come without a word
        if self.state.source != before:
            self.canvas.draw()
        if isinstance(page, ListPage):
            self.app.push_screen(ListScreen(page, self._now, self._host, self.react))
        else:
            self.app.push_screen(PageScreen(page, self._now, self._host, self.react, query))

    def _open_help(self) -> None:
        size = (self.size.width, self.size.height)
        system = "" if self.app.no_color else self.app.console.color_system or ""
        self._open(HelpPage(SCREEN_KEYS, PANES, size, COLOURS_ADVICE.get(system, "none: NO_COLOR")))

    def _open_exchange(self, x: int | None = None) -> None:
        """That of an ordinal, or of the pane in focus."""
        exchange = exchange_in_focus(self.state) if x is None else self.state.run.exchange(x)
        if exchange is not None:
            ui = self.state.ui
            self._open(ExchangePage(exchange), ui.query if ui.searched == "wire" else "")

    def open_palette(self) -> None:
        """Every command by its name, where the panes can be seen."""
        if not self.blind:
            self._open(palette(self.commands()))

    def commands(self) -> list[ListEntry]:
        """What the palette offers now: every key that is offered, and what has no key."""
        offered = [key for key in SCREEN_KEYS if self._offers(key)]
        return palette_entries(self.state, offered, lambda key: self.run_action(f"press({key.name!r})"))

    def _turn_side(self) -> None:
        """Show or hide what stands beside the question; where it has no room there, on a page of its own."""
        shown = replace(self.state, ui=replace(self.state.ui, side=True)).in_sight
        if SIDE in places(shown, self.size.width, self.size.height):
            self.choose(self.state.choose(side=not self.state.ui.side))
        else:
            self._open(side_page())

    async def _suspend(self) -> None:
        """To the shell, until it calls back; a clock that is ours stands meanwhile."""
        state = self.state
        ours = state.source.cursor is not None or (not state.source.follows and state.running)
        stands = ours and "pause" in state.source.can and not state.ui.paused
        if stands:
            await self._soon(lambda source: source.pause()).wait()
        self.app.action_suspend_process()
        if stands:
            self._soon(lambda source: source.pause())

    def _save_picture(self) -> None:
        try:
            self.note(self._host.save_picture())
        except LabError as error:
            self.note(error.what)


# What the person prefers


def changes_of(before: UiState, after: UiState | None, columns: int) -> Iterator[tuple[str, str]]:
    """The preferences that a key's effect changes, and into what."""
    # an act and presenter mode belong to one show: the next begins as its poster says
    if after is not None and (after.stage, after.presenter) == (before.stage, before.presenter):
        if after.wire != before.wire and columns >= NARROW:
            yield "layout", "wire" if after.wire else "panes"


def ui_at_start(start: ScreenStart, columns: int) -> UiState:
    """What is chosen at first. Where the drawer would hide all else, in one column and over acts, it isn't open."""
    preferred = start.preferences
    stage = preferred.stage not in ("", "off")
    return UiState(
        presenter=preferred.layout == "presenter",
        wire=preferred.layout == "wire" and columns >= NARROW and not stage,
        first=start.first,
        stage=stage,
        hold=int(preferred.stage) * 1000 if preferred.stage.isdigit() else HOLD,
        remark=start.notice,
    )
