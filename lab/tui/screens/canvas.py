"""Draws the state: each part has a widget, its place follows from the state, and parts that are equal stay as they are."""

from collections.abc import Callable

from textual.screen import Screen
from textual.timer import Timer

from lab.tui.panes.layout import Rect, Rects
from lab.tui.panes.registry import PARTS, TIMED, draw, places
from lab.tui.screens.host import Host
from lab.tui.screens.rows_widget import RowsWidget
from lab.tui.state.screen import ScreenState

REST = 0.05
"""Seconds of rest after a frame, before observations cause another; a key waits for none."""
ALONE = 0.1
"""Seconds after which a call shows whose reply hasn't come: two frames within so short a time say no more than one."""


class Canvas:
    """The widgets of a screen, and where they are."""

    def __init__(self, screen: Screen[None], host: Host, state: Callable[[], ScreenState]) -> None:
        self._screen = screen
        self._host = host
        self._state = state
        self.widgets = {name: RowsWidget(lambda: host.role_styles, id=name) for name in PARTS}
        self.places: Rects = {}
        self._rest: Timer | None = None
        """Runs for a while after each frame."""
        self._alone: Timer | None = None
        """Runs until a call shows without its reply."""
        self._due = False
        """Whether a drawing is due after the rest."""
        self.looks = 0
        """How many looks at the clock there were since what shows a time was drawn."""

    @property
    def waiting(self) -> bool:
        """Whether something is to be drawn that doesn't show yet."""
        return self._due or self._alone is not None

    def draw_soon(self, *, alone: bool = False) -> None:
        """Draw now, or after a rest if the last time was just before: at most 20 frames a second.

        `alone`: a call went out and nothing else happened, which shows with what comes next, if that doesn't take too long.
        """
        if alone:
            self._alone = self._alone or self._screen.set_timer(ALONE, self.draw_soon)
        elif self._rest is None:
            self.draw()
        else:
            self._due = True

    def _rested(self) -> None:
        self._rest = None
        if self._due:
            self.draw()

    def draw(self) -> None:
        """Place every part and show its rows; what waited for the rest to end shows too, and a new one begins."""
        size = self._screen.size
        if not size.width or not self._screen.is_mounted:
            return
        self._due, self.looks = False, 0
        for timer in (self._rest, self._alone):
            if timer is not None:
                timer.stop()
        self._alone = None
        self._rest = self._screen.set_timer(REST, self._rested)
        with self._host.surviving(), self._screen.app.batch_update():
            state, now = self._state().in_sight, self._host.source.clock.now()
            found = places(state, size.width, size.height)
            for name, widget in self.widgets.items():
                self._place(name, widget, found.get(name))
                if name in found:
                    self._show(name, found[name], state, now)

    def tick(self) -> None:
        """Time has passed, and nothing else: only what shows a time is drawn anew."""
        now, state = self._host.source.clock.now(), self._state().in_sight
        with self._screen.app.batch_update():
            for name in TIMED:
                if name in self.places:
                    self._show(name, self.places[name], state, now)

    def _show(self, name: str, place: Rect, state: ScreenState, now: int) -> None:
        with self._host.surviving():
            self.widgets[name].show(draw(name, state, place, now))

    def _place(self, name: str, widget: RowsWidget, place: Rect | None) -> None:
        if self.places.get(name) == place and (place is not None) == widget.display:
            return
        # what a mouse selected stands elsewhere now
        self._screen.clear_selection()
        widget.display = place is not None
        if place is None:
            self.places.pop(name, None)
            return
        widget.styles.offset = (place.x, place.y)
        widget.styles.width = place.width
        widget.styles.height = place.height
        self.places[name] = place
