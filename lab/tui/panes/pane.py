"""What a part of the screen is: where it stands, how it draws itself at every size, what its keys do.

A `Bar` has its rows at an edge of the screen (header, narration, key bar …); a `Pane` is one of the framed boxes between
them. Each is one value, made in its own file; `registry` lists them, and layout, drawing, focus, help and the ticking of
clocks follow from that list.
"""

from collections.abc import Callable

from msgspec import Struct

from lab.core.clock import Millis
from lab.tui.panes.keys import ScreenKey
from lab.tui.rows.spans import Row, Rows
from lab.tui.state.run import Exchange, RunState
from lab.tui.state.screen import ScreenState

OPENS = "exchange:"
"""A spot that opens the exchange of the ordinal that follows."""


class View(Struct, frozen=True):
    """What a part draws from: the state, its room in cells, the instant, and how many rows are scrolled away."""

    state: ScreenState
    columns: int
    rows: int
    now: Millis
    top: int = 0

    @property
    def run(self) -> RunState:
        """The run that shows."""
        return self.state.run

    @property
    def inner(self) -> int:
        """Columns within a frame."""
        return self.columns - 4

    @property
    def room(self) -> int:
        """Rows within a frame."""
        return self.rows - 2


class Bar(Struct, frozen=True):
    """A part at an edge of the screen."""

    name: str
    edge: str
    """`top` and `bottom` are stacked from the edge inwards; `corner` is the right end of the first row."""
    size: Callable[[ScreenState, int], int]
    """Its rows (a corner's columns) in a screen of so many columns; 0 hides it."""
    draw: Callable[[View], Rows]
    timed: bool = False
    """Whether it shows a time, and so is drawn anew while the clock runs."""
    inset: bool = False
    """Whether it leaves a column free at each side where there is room."""
    keys: tuple[ScreenKey, ...] = ()


class Framed(Struct, frozen=True):
    """A pane's content: its rows, its kind (of `blocks.FRAMES`), what stands beside its title, and below it."""

    body: list[Row]
    kind: str
    beside: str = ""
    status: Row = ()


class OneRow(Struct, frozen=True):
    """A pane as one row: its kind, the gist, and its state at the right end."""

    kind: str
    gist: Row
    status: Row = ()


class Column(Struct, frozen=True):
    """Where a pane stands: in which column of the usual layout (in the wide one each has a column of its own)."""

    number: int
    width: int = 0
    """Columns; 0: whatever the others leave."""
    rows: Callable[[int], int] | None = None
    """Of several panes in a column: how many of so many rows this one takes; None: whatever is left."""
    rows_of_two: Callable[[int], int] | None = None
    """The same in the layout of two columns, where it differs."""
    longest: Callable[[ScreenState], int] | None = None
    """How many columns its longest row takes, with its frame; it gets up to `most` where there is room."""
    most: int = 60


class Pane(Struct, frozen=True):
    """A framed part of the screen. `key` focuses it; `column` None: it is the drawer below the others."""

    name: str
    key: str
    title: str
    framed: Callable[[View], Framed]
    one_row: Callable[[View], OneRow]
    exchange: Callable[[ScreenState], Exchange | None]
    """The exchange that enter opens; of the state with the turn that is looked at."""
    column: Column | None = None
    leads: Callable[[RunState], bool] = lambda run: False
    """Whether it has the room in the projector layout."""
    timed: bool = False
    scrolls: int = 0
    """Whether it scrolls: 1 from its top, -1 from its newest row upwards."""
    help_keys: str = "enter z"
    """The faces of the keys that the help names for it."""
    keys: tuple[ScreenKey, ...] = ()


def last_of(state: ScreenState, command: str) -> Exchange | None:
    """The last exchange of a command in the turn that shows."""
    run = state.run
    until = run.latest if run.ended is None else run.ended
    return next((each for each in reversed(run.exchanges) if each.command == command and each.at <= until), None)
