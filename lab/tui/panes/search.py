"""The search: what is typed after `/` is looked for in the output, or in the wire if that or the polls are in focus."""

from collections.abc import Callable

from lab.tui.panes.keys import FormField, Reaction, TextForm
from lab.tui.panes.pane import View
from lab.tui.rows.marks import find, mark, pattern
from lab.tui.rows.spans import Row, Rows, backed, ends, fill, row
from lab.tui.state.clean import line
from lab.tui.state.run import Exchange
from lab.tui.state.screen import ScreenState, SearchedPane, UiState

FIND = "find › "
MOST_TYPED = 40
"""Characters of a filter, and of what is looked for."""


def in_exchange(exchange: Exchange, query: str, instant: str) -> bool:
    """Whether an exchange has these words: in its instant as it shows, address, headers, bodies, code, or what struck it."""
    came = (str(exchange.code or ""), exchange.lost or "", exchange.struck, exchange.reply_body)
    texts = [instant, f"{exchange.method} {exchange.path}", exchange.request_body, *came]
    texts += [f"{name}: {value}" for name, value in (*exchange.request_headers, *exchange.reply_headers)]
    wanted = pattern(query)
    return any(map(wanted.search, texts))


def marked(body: list[Row], ui: UiState) -> list[Row]:
    """The rows of the output with what was found."""
    return mark(body, find(body, ui.query), ui.hit) if ui.query and ui.searched == "output" else body


def marked_row(drawn: Row, ui: UiState) -> Row:
    """A row of the wire with what was found, as far as it shows there."""
    return mark([drawn], find([drawn], ui.query), 0)[0] if ui.query and ui.searched == "wire" else drawn


def search_rows(view: View) -> Rows:
    ui = view.state.ui
    found: Row = row(("▌", "accent"), "  ", (FIND, "accent b"))
    name = "wire" if ui.searched == "wire" else "output"
    keys = row(("n N", "wait b"), (" on, back  ", "dim"), ("esc", "wait b"), (" ends it ", "dim"))
    found = ends(row(found, ui.query, (f"   {ui.hit} of {ui.hits} in the {name}", "dim")), keys, view.columns)
    return (backed(fill(found, view.columns), "panel"),)


def searching(state: ScreenState) -> bool:
    return bool(state.ui.query)


def words_form(before: str, send: Callable[[ScreenState, str], Reaction]) -> TextForm:
    """The words to look for, on a page or in a pane; none end the search."""
    field = FormField(FIND, "words", before)
    return TextForm("FIND", (field,), lambda now, texts: send(now, line(texts[0], MOST_TYPED)), optional=True)


def begin_search(state: ScreenState) -> Reaction:
    """Type what is looked for in the pane in focus."""
    return Reaction(form=words_form(state.ui.query, search_for))


def search_for(state: ScreenState, query: str) -> Reaction:
    """A search for these words, in the wire if that is in focus, or the polls of which it has both sides; without a word its end."""
    searched: SearchedPane = "wire" if state.ui.in_focus in ("wire", "polling") else "output"
    return Reaction(state.choose(query=query, searched=searched, hit=0, hits=0), command="hit 0")
