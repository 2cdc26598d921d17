"""What lies over the panes, in one frame as large as its content: a list of which one chooses, or a page that scrolls."""

from collections.abc import Callable
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from lab.tui.panes.keys import Reaction
from lab.tui.panes.layout import NARROW
from lab.tui.panes.page import ListContent, PageContent, PageReaction
from lab.tui.rows.search import find, mark
from lab.tui.rows.spans import Row, backed, row
from lab.tui.screens.host import Host
from lab.tui.screens.rows_widget import RowsWidget, SelectingScreen, strip_of

MOST_COLUMNS = 108
MOST_TYPED = 40
"""Characters of a filter, and of what is looked for."""
GROUND = "@surface"
SEARCH_FOOT = "n N on, back · esc ends it"


class Overlay(SelectingScreen, ModalScreen[None]):
    """Left by esc, and by the key that opened it. What its own keys lead to is handed to `react`."""

    AUTO_FOCUS = ""

    def __init__(self, page: PageContent, host: Host, react: Callable[[Reaction], None]) -> None:
        super().__init__()
        self.page = page
        self._host = host
        self._react = react
        self._note = ""
        """What stands below it in the place of its keys, until the next key."""
        self.sheet = Vertical(id="sheet")
        self.field = Input(compact=True, max_length=MOST_TYPED)

    @property
    def inner(self) -> int:
        """Columns within the frame."""
        return self.sheet_columns - 6

    @property
    def sheet_columns(self) -> int:
        """Columns of the frame: all that a narrow terminal has."""
        columns = self.app.size.width
        return columns if columns < NARROW else min(MOST_COLUMNS, columns * 92 // 100)

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Leave it, unless it has been left: what lies beneath it stays."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    def note(self, text: str) -> None:
        """Below it."""
        self._note = text
        self.follow()

    def on_mount(self) -> None:
        """Draw what there is."""
        self.follow()

    def on_resize(self) -> None:
        """Another size: rows of another width."""
        self.follow()

    def follow(self) -> None:
        """Show the state as it is now; a bug of ours leaves the last good rows."""
        if not self.sheet.is_attached:
            return
        self.sheet.styles.width = self.sheet_columns
        try:
            self.draw()
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self._host.survive(error)

    def draw(self) -> None:
        """Put the page's rows into the widgets."""
        raise NotImplementedError

    @property
    def _most_rows(self) -> int:
        """Rows that the frame may have within."""
        return self.app.size.height - (2 if self.app.size.width < NARROW else 4)

    def frame(self, title: str, foot: str, below: int) -> None:
        """Title and keys in the frame; `below` rows don't show."""
        self.sheet.border_title = title.replace("[", r"\[")
        self.sheet.border_subtitle = self._note or (f"↓ {below} more · " if below else "") + foot

    def on_key(self, event: events.Key) -> None:
        """Its own keys, those that move in it, and those that leave it."""
        before, self._note = self._note, ""
        try:
            known = self.press(event.key, event.character)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self._host.survive(error)
            return
        if known:
            event.stop()
        if known or before:
            self.follow()

    def press(self, key: str, character: str | None) -> bool:
        """Whether a key is one of its own."""
        raise NotImplementedError

    def do(self, done: PageReaction) -> None:
        """What a key led to."""
        if done.copy:
            # as far as the terminal has a clipboard (OSC 52)
            self.app.copy_to_clipboard(done.copy)
        if done.close:
            self.dismiss()
        if done.ask is not None or done.ui is not None:
            self._react(Reaction(done.ui, done.ask))
        if done.run is not None:
            self.app.call_later(done.run)


class RowVisual(Visual):
    """A row of spans as an option's prompt."""

    def __init__(self, line: Row, host: Host) -> None:
        self._line = line
        self._host = host

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        """One row, on the list's ground."""
        return [strip_of(backed(self._line, GROUND), self._host.role_styles, width, f"fg {GROUND}")]

    def get_optimal_width(self, rules: Any, container_width: int) -> int:
        """All that there is."""
        return container_width

    def get_height(self, rules: Any, width: int) -> int:
        """One row."""
        return 1


class ListScreen(Overlay):
    """A list: what is typed filters it, enter takes what is chosen."""

    MOVES: ClassVar[dict[str, str]] = {
        "up": "cursor_up",
        "down": "cursor_down",
        "pageup": "page_up",
        "pagedown": "page_down",
    }

    def __init__(self, page: ListContent[Any], host: Host, react: Callable[[Reaction], None]) -> None:
        super().__init__(page, host, react)
        self.list_page = page
        self.options = OptionList(compact=True)
        self.options.can_focus = False
        self.more = RowsWidget(lambda: host.role_styles, ground=GROUND, id="more")
        self.entries: list[Any] = []
        """Those that the filter leaves."""
        self._rows: list[Row] = []
        self.field.placeholder = page.hint

    def compose(self) -> ComposeResult:
        """The field, the list, and what is said of the chosen one."""
        with self.sheet:
            if self.list_page.hint:
                yield self.field
            yield self.options
            yield self.more

    def on_mount(self) -> None:
        """What is typed goes into the field."""
        if self.list_page.hint:
            self.set_focus(self.field)
        self._choose(self.list_page.first())

    @on(Input.Changed)
    def filter(self) -> None:
        """What is typed chooses anew."""
        self._choose(0)

    def _choose(self, at: int) -> None:
        self.options.highlighted = at if self.options.option_count else None
        self.follow()
        self.options.highlighted = at if self.entries else None
        self.follow()

    @on(OptionList.OptionHighlighted)
    def show_chosen(self) -> None:
        """Another one is chosen."""
        self.list_page.moved()
        self.follow()

    @on(OptionList.OptionSelected)
    def take_clicked(self) -> None:
        """A click takes it."""
        self._take("enter")

    def draw(self) -> None:
        """The entries that are left, the chosen one filled."""
        page, inner = self.list_page, self.inner
        self.entries = page.found(self.field.value.removeprefix("/"))
        at = min(self.options.highlighted or 0, len(self.entries) - 1)
        rows = [page.line(each, inner, chosen=number == at) for number, each in enumerate(self.entries)]
        if len(rows) != len(self._rows):
            self.options.set_options([Option(RowVisual(each, self._host)) for each in rows])
            self.options.highlighted = at if rows else None
        for number, (line, before) in enumerate(zip(rows, self._rows, strict=False)):
            if line != before:
                self.options.replace_option_prompt_at_index(number, RowVisual(line, self._host))
        self._rows = rows
        room = self._most_rows - 2 * bool(page.hint)
        listed = max(1, min(len(page.entries()), room - page.least - 1))
        below = min(page.most, room - listed - 1)
        chosen = self.chosen
        more = [] if chosen is None else page.more(chosen, inner, below)
        more = more if rows else [row((page.none_left, "dim"))]
        self.options.styles.height = listed
        self.more.styles.height = below if page.steady else min(below, len(more))
        self.more.display = bool(more) or page.steady
        self.more.show(tuple(more[:below]))
        self.frame(page.title, page.foot, len(rows) - listed - self.options.scroll_offset.y)

    @property
    def chosen(self) -> Any:
        """The chosen entry; None if the filter leaves none."""
        at = self.options.highlighted
        return self.entries[at] if at is not None and at < len(self.entries) else None

    def press(self, key: str, character: str | None) -> bool:
        """Moves go to the list; a key that edits what is typed does that first."""
        typed = self.field.value
        if key == "escape" and typed:
            self.field.value = ""
        elif key == "escape":
            self.dismiss()
        elif key in self.MOVES:
            getattr(self.options, f"action_{self.MOVES[key]}")()
        elif key == "enter" or (key in self.page.keys and not (typed and key in ("backspace", "delete"))):
            self._take(key)
        else:
            return False
        return True

    def _take(self, key: str) -> None:
        if (entry := self.chosen) is not None:
            self.do(self.list_page.take(key, entry))


class PageScreen(Overlay):
    """A page: scrolls, and finds words."""

    MOVES: ClassVar[dict[str, str]] = {
        "up": "up", "k": "up", "down": "down", "j": "down", "pageup": "page_up", "pagedown": "page_down",
        "space": "page_down", "home": "home", "end": "end",
    }  # fmt: skip

    def __init__(self, page: PageContent, host: Host, react: Callable[[Reaction], None], query: str = "") -> None:
        """`query`: what is looked for on it from the beginning on."""
        super().__init__(page, host, react)
        self.text = RowsWidget(lambda: host.role_styles, ground=GROUND)
        self.scroller = VerticalScroll(self.text, can_focus=False)
        self.field.display = False
        self.wanted = query
        self._hit = 0
        """Which hit is shown, from 1 on."""
        self._hits: list[int] = []
        """The row of each."""
        self._body: list[Row] = []

    def compose(self) -> ComposeResult:
        """The page, and the field for what is looked for."""
        with self.sheet:
            yield self.scroller
            yield self.field

    def on_mount(self) -> None:
        """What is looked for is shown at once."""
        self.call_after_refresh(self._go_to_hit, 0)

    def draw(self) -> None:
        """The page with what was found."""
        self._body = self.page.body(self.inner)
        hits = find(self._body, self.wanted)
        self._hits, self._hit = [hit[0][0] for hit in hits], min(self._hit, len(hits))
        self.text.styles.height = len(self._body)
        self.scroller.styles.height = min(len(self._body), self._most_rows - self.field.display)
        self.text.show(tuple(mark(self._body, hits, self._hit)))
        found = f" › {self.wanted} · {self._hit} of {len(hits)}" if self.wanted else ""
        foot = SEARCH_FOOT if self.wanted else self.page.foot
        self.frame(self.page.title + found, foot, self.scroller.max_scroll_y - self.scroller.scroll_offset.y)

    def _go_to_hit(self, by: int) -> None:
        """The hit `by` further, round the end; 0: the first one from where one is."""
        top, room = self.scroller.scroll_offset.y, self.scroller.size.height
        if self._hits:
            first = next((number for number, at in enumerate(self._hits) if at >= top), 0)
            self._hit = (self._hit - 1 + by) % len(self._hits) + 1 if by else first + 1
            at = self._hits[self._hit - 1]
            if not top <= at < top + room:
                self.scroller.scroll_to(y=at - room // 3, animate=False)
        self.follow()

    @on(Input.Submitted)
    def search(self, event: Input.Submitted) -> None:
        """Look for it."""
        self._end_typing(event.value.strip())
        self.call_after_refresh(self._go_to_hit, 0)

    def _end_typing(self, query: str) -> None:
        self.wanted, self._hit, self.field.display = query, 0, False
        self.set_focus(None)
        self.follow()

    def press(self, key: str, character: str | None) -> bool:
        """What is selected and what is looked for come first, then the page's own keys."""
        if self.field.display:
            if key == "escape":
                self._end_typing("")
            return key == "escape"
        if key == "y" and self.copy_selection():
            return True
        if self.selections:
            self.clear_selection()
            if key == "escape":
                return True
        if character == "/":
            self.field.value, self.field.display = "", True
            self.set_focus(self.field)
        elif self.wanted and character in ("n", "N"):
            self._go_to_hit(1 if character == "n" else -1)
        elif self.wanted and key == "escape":
            self._end_typing("")
        elif key in self.page.keys:
            self.do(self.page.press(key))
        elif key == "escape" or self.page.opener in (key, character):
            self.dismiss()
        elif key in self.MOVES:
            getattr(self.scroller, f"scroll_{self.MOVES[key]}")(animate=False)
        else:
            return False
        return True
