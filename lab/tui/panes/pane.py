"""What a part of the screen is: where it stands, how it draws itself at every size, what its keys do.

A `Bar` has its rows at an edge of the screen (header, narration, key bar …); a `Pane` is one of the framed boxes between
them. What each draws stands in its own file; `registry` lists them, and layout, drawing, focus, help and the ticking of
clocks follow from that list. What a pane has to tell is one `PaneFact`, of which its frame and its row are made; alone it
is as large as the act of the same fact (`large`).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.tui.rows.blocks import LEFT, Kind
from lab.tui.rows.letters import MOST_ROWS, block, zoom_of
from lab.tui.rows.spans import BLANK, Row, Rows, ink, row, wrap
from lab.tui.state.ink import Ink
from lab.tui.state.run import Exchange, JobState, RunState, TokenState
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
    zoom: int = 0
    """How large block letters may be; 0: nobody says."""

    @property
    def run(self) -> RunState:
        """The run that shows."""
        return self.state.run

    @property
    def inner(self) -> int:
        """Columns within a frame, and between the margins of every other part."""
        return self.columns - 2 * LEFT

    @property
    def room(self) -> int:
        """Rows within a frame."""
        return self.rows - 2

    def big(self, text: str, tone: Ink, *, less: int = 0, beside: int = 0) -> list[Row]:
        """The text in the largest block letters that fit beside so many columns, else bold."""
        zoom = zoom_of(text, self.columns - beside, MOST_ROWS, max(1, self.zoom - less))
        return block(text, zoom, tone) if zoom else wrap(row(ink(text, tone, bold=True)), self.columns)


class Bar(Struct, frozen=True):
    """A part at an edge of the screen."""

    name: str
    edge: Literal["top", "bottom"]
    """From which edge it is stacked inwards."""
    size: Callable[[ScreenState, int, int], int]
    """Its rows in a screen of so many columns and rows; 0 hides it."""
    draw: Callable[[View], Rows]
    timed: bool = False
    """Whether it shows a time, and so is drawn anew while the clock runs."""
    apart: bool = False
    """Whether a blank row stands below it on a screen of few rows, too."""


class PaneFact(Struct, frozen=True):
    """What a pane has to tell, made once for every form."""

    kind: Kind
    body: list[Row]
    """The rows within the frame."""
    state: Row = ()
    """At the right end of the title."""
    code: Row = ()
    gist: Row = ()
    right: Row = ()
    """As a row: what came, in a few words, and what stands at its right end."""
    beside: str = ""
    """What stands beside the title, where there is room for it and for the state."""
    short: Row = ()
    """The state in fewer cells, where that makes room for what stands beside the title."""


class ViewPart(NamedTuple):
    """Rows of a large view that stand together."""

    rows: list[Row]
    folds: int = 0
    """Where there is no room the highest goes first; 0: never."""


class Pane(Struct, frozen=True):
    """A framed part of the screen. `key` focuses it."""

    name: str
    key: str
    title: str
    drawn: Callable[[View], PaneFact]
    exchange: Callable[[ScreenState], Exchange | None]
    """The exchange that enter opens; of the state with the turn that is looked at."""
    large: Callable[[View], list[ViewPart]] | None = None
    """The same as parts, where it has all the room; None: it is only framed."""
    place: Literal["fact", "stage", "drawer"] = "fact"
    wide: int = 0
    narrow: int = 0
    """Of a fact beside others: its columns, and on a narrow screen; the last one has the rest."""
    copies: str = "c"
    """The key of the copy menu's piece that is looked at here; `c`: the exchange as curl."""
    timed: bool = False
    scrolls: int = 0
    """Whether it scrolls: 1 from its top, -1 from its newest row upwards."""
    help_keys: str = "enter z"
    """The faces of the keys that the help names for it."""


def coming(none: str, inner: int) -> PaneFact:
    """What a pane says before anything of it came."""
    return PaneFact("coming", wrap(row((none, "dim")), inner), gist=row((none, "dim")))


def outcome(call: TokenState | JobState, came: bool, request: str, brought: PaneFact) -> PaneFact:
    """The fact of a call: what it brought; before that, and where it was refused, why and what was asked alone."""
    code = str(call.code or "···")
    if call.refusal is not None:
        gist, right = row((call.refusal, "bad")), row()
        return replace(brought, kind="bad", code=row((code, "bad b")), gist=gist, right=right, short=right)
    if not came:
        gist, right = row((request, "dim")), row()
        return replace(brought, kind="work", code=row(("···", "dim")), gist=gist, right=right, short=right)
    return replace(brought, code=row((code, "done b")))


def two_sides(request: list[Row], reply: list[Row], rows: int) -> list[Row]:
    """Request and reply: the reply stands on the same row in every pane, whatever was asked."""
    return [*request[:3], *[BLANK] * (4 - len(request[:3])), *reply][: max(0, rows)]


def last_of(command: str, state: ScreenState) -> Exchange | None:
    """The last exchange of a command in the turn that shows."""
    run = state.run
    until = run.latest if run.ended is None else run.ended
    return next((each for each in reversed(run.exchanges) if each.command == command and each.at <= until), None)
