"""What lies over the panes, in one frame as large as its content: a list of which one chooses, or a page that scrolls."""

from collections.abc import Callable
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.style import Style
from textual.timer import Timer
from textual.visual import RenderOptions, Visual
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lab.tui.panes.keys import FormField, ListEntry, ListPage, Page, Reaction, TextForm
from lab.tui.panes.layout import NARROW
from lab.tui.panes.search import MOST_TYPED, words_form
from lab.tui.rows.marks import find, mark
from lab.tui.rows.spans import Row, backed, row
from lab.tui.screens.host import Host
from lab.tui.screens.rows_widget import RowsWidget, SelectingScreen, strip_of
from lab.tui.state.ink import Ground
from lab.tui.state.screen import ScreenState

MOST_COLUMNS = 108
MOST_CHARACTERS = 2_000
"""How many characters each text of a form has at most."""
FULL = f"No more than {MOST_CHARACTERS:,} characters: the rest isn't taken."
GROUND: Ground = "surface"
WAIT = 0.1
"""Seconds after which a list that has no entries yet is looked at again."""
SEARCH_FOOT = "n N on, back · esc ends it"


class Overlay(SelectingScreen, ModalScreen[None]):
    """Left by esc. What its own keys lead to is handed to `react`."""

    AUTO_FOCUS = ""

    def __init__(self, state: Callable[[], ScreenState], host: Host, react: Callable[[Reaction], None]) -> None:
        super().__init__()
        self._state = state
        self._host = host
        self._react = react
        self._note = ""
        """What stands below it in the place of its keys, until the next key."""
        self.sheet: Widget = Vertical(id="sheet")
        self._drawn_for = Size()
        """The terminal's size when it was drawn last; it is drawn before it is mounted, so that it is laid out once."""

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

    def on_resize(self, event: events.Resize) -> None:
        """Another size: rows of another width. That it has a size at all needs no second layout, nor one of what is below."""
        if self.app.size == self._drawn_for:
            event.prevent_default()
        else:
            self.follow()

    def follow(self) -> None:
        """Show the state as it is now; a bug of ours leaves the last good rows."""
        self._drawn_for = self.app.size
        self.sheet.styles.width = self.sheet_columns
        with self._host.surviving():
            self.draw()

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
        self.sheet.border_subtitle = self._note or (f"↓ {below} more · " if below > 0 else "") + foot

    def on_key(self, event: events.Key) -> None:
        """Its own keys, those that move in it, and those that leave it."""
        before = self._note
        with self._host.surviving():
            if self.press(event.key, event.character):
                event.stop()
            elif not before:
                return
            self._note = "" if self._note == before else self._note
            self.follow()

    def press(self, key: str, character: str | None) -> bool:
        """Whether a key is one of its own."""
        raise NotImplementedError

    def do(self, done: Reaction) -> None:
        """What a key led to."""
        if done.close:
            self.dismiss()
        self._react(done)


class RowVisual(Visual):
    """A row of spans as an option's prompt."""

    def __init__(self, line: Row, host: Host) -> None:
        self._line = line
        self._host = host

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        """One row, on the list's ground."""
        return [strip_of(backed(self._line, GROUND), self._host.role_styles, width, f"fg @{GROUND}")]

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

    def __init__(
        self, page: ListPage, state: Callable[[], ScreenState], host: Host, react: Callable[[Reaction], None]
    ) -> None:
        super().__init__(state, host, react)
        self.page = page
        self.field = Input(compact=True, max_length=MOST_TYPED)
        self.options = OptionList(compact=True)
        self.options.can_focus = False
        self.more = RowsWidget(lambda: host.role_styles, ground=GROUND, id="more")
        self.entries: list[ListEntry] = []
        """Those that the filter leaves."""
        self._rows: list[Row] = []
        self._look: Timer | None = None
        """The next look at a list that has no entries yet."""

    def compose(self) -> ComposeResult:
        """The field, the list, and what is said of the chosen one."""
        self.follow()
        with self.sheet:
            if self.page.hint:
                yield self.field
            yield self.options
            yield self.more

    def on_mount(self) -> None:
        """What is typed goes into the field."""
        if self.page.hint:
            self.set_focus(self.field)

    @on(Input.Changed)
    def filter(self) -> None:
        """What is typed chooses anew."""
        self.options.highlighted = None
        self.follow()

    @on(OptionList.OptionHighlighted)
    def show_chosen(self) -> None:
        """Another one is chosen: it isn't the one that was asked about."""
        self.note("")

    @on(OptionList.OptionSelected)
    def take_clicked(self) -> None:
        """A click takes it."""
        self._take("enter")

    def draw(self) -> None:
        """The entries that are left, the chosen one filled."""
        page, inner, state, before = self.page, self.inner, self._state(), self.chosen
        found, words = page.entries(state, inner), self.field.value.removeprefix("/").casefold().split()
        self.field.placeholder = page.hint.format(len(found)) if found else page.reading or page.hint
        self.entries = [each for each in found if each.has(words)]
        names = [each.name for each in self.entries]
        if before is not None and before.name in names:  # others may have come before it, or gone
            at = names.index(before.name)
        elif self.options.highlighted is not None:
            at = min(self.options.highlighted, len(names) - 1)
        else:
            at = 0 if self.field.value or page.first(state) not in names else names.index(page.first(state))
        rows = [each.line(inner, chosen=number == at) for number, each in enumerate(self.entries)]
        if len(rows) != len(self._rows):
            self.options.set_options([Option(RowVisual(each, self._host)) for each in rows])
        if self.options.highlighted != (chosen_at := at if rows else None):
            self.options.highlighted = chosen_at
        for number, (line, old) in enumerate(zip(rows, self._rows, strict=False)):
            if line != old:
                self.options.replace_option_prompt_at_index(number, RowVisual(line, self._host))
        self._rows = rows
        room = self._most_rows - 2 * bool(page.hint)
        listed = max(1, min(len(found), room - page.least - 1))
        below = min(page.most, room - listed - 1)
        more = [] if self.chosen is None else self.chosen.more(inner, below)
        more = more if rows else [row((page.none_left, "dim"))]
        self.options.styles.height = listed
        self.more.styles.height = below if page.steady else min(below, len(more))
        self.more.display = bool(more) or page.steady
        self.more.show(tuple(more[:below]))
        if not found and self._look is None:  # what is listed is still being read
            self._look = self.set_timer(WAIT, self._look_again)
        self.frame(page.title, page.foot, len(rows) - listed - self.options.scroll_offset.y)

    def _look_again(self) -> None:
        self._look = None
        self._react(Reaction(self._state().ui))

    @property
    def chosen(self) -> ListEntry | None:
        """The chosen entry; None if the filter leaves none."""
        at = self.options.highlighted
        return self.entries[at] if at is not None and at < len(self.entries) else None

    def press(self, key: str, character: str | None) -> bool:
        """Moves go to the list; a key that edits what is typed does that first."""
        typed = self.field.value
        named = None if self.page.hint else next((each for each in self.entries if each.name == key), None)
        if key == "escape" and typed:
            self.field.value = ""
        elif key == "escape":
            self.dismiss()
        elif key in self.MOVES:
            getattr(self.options, f"action_{self.MOVES[key]}")()
        elif named is not None:
            self.do(named.take(key))
        elif key == "enter" or (key in self.page.keys and not (typed and key in ("backspace", "delete"))):
            self._take(key)
        else:
            return False
        return True

    def _take(self, key: str) -> None:
        entry = self.chosen
        if entry is not None and entry.confirm and key == "enter" and self._note != entry.confirm:
            self.note(entry.confirm)
        elif entry is not None:
            self.do(entry.take(key))


class PageScreen(Overlay):
    """A page: scrolls, and finds words."""

    MOVES: ClassVar[dict[str, str]] = {each: each for each in ("up", "down", "home", "end")} | {
        "k": "up",
        "j": "down",
        "pageup": "page_up",
        "pagedown": "page_down",
        "space": "page_down",
    }

    def __init__(
        self,
        page: Page,
        state: Callable[[], ScreenState],
        host: Host,
        react: Callable[[Reaction], None],
        query: str = "",
    ) -> None:
        """`query`: what is looked for on it from the beginning on."""
        super().__init__(state, host, react)
        self.page = page
        self.text = RowsWidget(lambda: host.role_styles, ground=GROUND)
        self.sheet = self.scroller = VerticalScroll(self.text, id="sheet", can_focus=False)
        self.wanted = query
        self._hit = 0
        """Which hit is shown, from 1 on."""
        self._hits: list[int] = []
        """The row of each."""
        self._body: list[Row] = []

    def compose(self) -> ComposeResult:
        """The page alone."""
        self.follow()
        yield self.sheet

    def on_mount(self) -> None:
        """What is looked for is shown at once; how much is below follows from where it has scrolled to."""
        self.watch(self.scroller, "scroll_y", self._frame, init=False)
        if self.wanted:
            self.call_after_refresh(self._go_to_hit, 0)

    def draw(self) -> None:
        """The page with what was found."""
        self._body = self.page.body(self._state(), self.inner)
        hits = find(self._body, self.wanted)
        self._hits, self._hit = [hit[0][0] for hit in hits], min(self._hit, len(hits))
        self.text.styles.height = len(self._body)
        self.scroller.styles.height = min(len(self._body), self._most_rows) + 2
        self.text.show(tuple(mark(self._body, hits, self._hit)))
        self._frame()

    def _frame(self) -> None:
        found = f" › {self.wanted} · {self._hit} of {len(self._hits)}" if self.wanted else ""
        foot, room = SEARCH_FOOT if self.wanted else self.page.foot, min(len(self._body), self._most_rows)
        self.frame(self.page.title + found, foot, len(self._body) - room - self.scroller.scroll_offset.y)

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

    def look_for(self, query: str) -> None:
        """Mark these words, and go to the first; without any no more."""
        self.wanted, self._hit = query, 0
        self.follow()
        self.call_after_refresh(self._go_to_hit, 0)

    def press(self, key: str, character: str | None) -> bool:
        """What is selected and what is looked for come first, then the page's own keys."""
        if key == "y" and self.copy_selection():
            return True
        if self.selections:
            self.clear_selection()
            if key == "escape":
                return True
        if character == "/":
            self._react(
                Reaction(form=words_form(self.wanted, lambda _, query: Reaction(run=lambda: self.look_for(query))))
            )
        elif self.wanted and character in ("n", "N"):
            self._go_to_hit(1 if character == "n" else -1)
        elif self.wanted and key == "escape":
            self.look_for("")
        elif key in self.page.keys:
            self.do(self.page.press(self._state(), key))
        elif key == "escape" or self.page.opener in (key, character):
            self.dismiss()
        elif key in self.MOVES:
            getattr(self.scroller, f"scroll_{self.MOVES[key]}")(animate=False)
        else:
            return False
        return True


class TextField(Input):
    """One text of a form: what is pasted becomes one line."""

    class Full(Message):
        """More was typed, or pasted, than a text may have."""

    def __init__(self, begun: FormField) -> None:
        super().__init__(
            begun.text, begun.hint, compact=True, max_length=MOST_CHARACTERS, select_on_focus=not begun.edited
        )
        self.cursor_position = len(begun.text)

    def on_blur(self) -> None:
        """What was typed stays, whoever comes back to it."""
        self.select_on_focus = False

    def on_paste(self, event: events.Paste) -> None:
        """Take all lines as one, as many characters as there is room for."""
        event.prevent_default()
        event.stop()
        text, room = " ".join(event.text.split()), MOST_CHARACTERS - len(self.value) + len(self.selected_text)
        self.replace(text[:room], *self.selection)
        if len(text) > room:
            self.restricted()

    def restricted(self) -> None:
        """Say that there is no room for more."""
        self.post_message(self.Full())


class FormScreen(Overlay):
    """Texts over the bars at the bottom: enter and tab go on to the next, enter on the last one sends them."""

    def __init__(
        self,
        form: TextForm,
        state: Callable[[], ScreenState],
        bottom: Callable[[], int],
        host: Host,
        react: Callable[[Reaction], None],
    ) -> None:
        """`bottom`: how many rows of bars are left below it."""
        super().__init__(state, host, react)
        self.form = form
        self._bottom = bottom
        self.fields = [TextField(each) for each in form.fields]

    def compose(self) -> ComposeResult:
        """A row a text, its prompt before it."""
        self.follow()
        with self.sheet:
            for field, each in zip(self.fields, self.form.fields, strict=True):
                with Horizontal():
                    yield Static(each.prompt, markup=False)
                    yield field

    def on_mount(self) -> None:
        """Type the first one."""
        self.set_focus(self.fields[0])

    @property
    def sheet_columns(self) -> int:
        """The whole width."""
        return self.app.size.width

    def draw(self) -> None:
        """It is left once it can't be sent any more."""
        if not self.form.stands(self._state()):
            self.dismiss()
        self.sheet.styles.margin = (0, 0, self._bottom(), 0)
        on = "enter sends"
        if len(self.fields) > 1:
            on = "enter sends · tab to the name" if self.focused is self.fields[-1] else "enter, tab to the comment"
        if len(self.fields) > 2:
            on = "enter sends" if self.focused is self.fields[-1] else "enter, tab to the next"
        self.frame(self.form.title, f"{'↑ ↓ others · ' if len(self.form.suggestions) > 1 else ''}{on} · esc", 0)

    def on_descendant_focus(self) -> None:
        """Another text is typed."""
        self.follow()

    @on(TextField.Full)
    def refuse_more(self) -> None:
        """No text has room for more."""
        self.note(FULL)

    @on(Input.Submitted)
    def send(self) -> None:
        """Go on to the next text; from the last one send them, an empty one only where it may be."""
        if self.focused is not self.fields[-1]:
            self.focus_next()
            return
        texts = tuple(field.value.strip() for field in self.fields)
        if texts[-1] or self.form.optional:
            self.dismiss()
            self._react(self.form.send(self._state(), texts))

    def press(self, key: str, character: str | None) -> bool:
        """The suggestions are gone through in the last field."""
        offered, field = self.form.suggestions, self.fields[-1]
        if key == "escape":
            self.dismiss()
        elif key in ("up", "down") and offered:
            at = offered.index(field.value) + (1 if key == "down" else -1) if field.value in offered else 0
            field.value = offered[at % len(offered)]
            field.cursor_position = len(field.value)
        else:
            return False
        return True
