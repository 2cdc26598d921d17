"""What can be copied to the terminal's clipboard: of what shows, each piece by a key of its own."""

from collections.abc import Sequence

from msgspec import Struct

from lab.tui.panes.keys import Reaction
from lab.tui.panes.page import ListContent
from lab.tui.panes.registry import PANES, exchange_in_focus
from lab.tui.rows.curl import curl, first_curl
from lab.tui.rows.spans import Row, cut, ink, row, wrap
from lab.tui.state.screen import ScreenState

HINT = "The terminal's clipboard gets it (OSC 52): not every terminal has one, and tmux only with set-clipboard on."


class CopiedText(Struct, frozen=True):
    """One piece: the key that copies it, what it is, and the text."""

    key: str
    name: str
    text: str


def copied_texts(state: ScreenState) -> list[CopiedText]:
    """All that there is to copy, masked as it shows: of a token its beginning and its end."""
    state = state.in_sight
    run, last, source = state.run, state.run.last, state.source
    exchange = exchange_in_focus(state) or next(reversed(run.exchanges), None)
    output = (last.output or "") if last is not None else ""
    whole = last is None or len(output.encode()) >= last.size
    found = [
        CopiedText("j", state.labels.job, (run.job.job or "") if run.job is not None else ""),
        CopiedText("t", "token, masked", (run.token.token or "") if run.token is not None else ""),
        CopiedText("o", "output" if whole else "output, its beginning", output),
        CopiedText("e", "error", (last.error or "") if last is not None else ""),
        CopiedText("b", "status body", last.body if last is not None else ""),
        CopiedText("c", "a first call as curl", first_curl(source.token_url) if source.token_url else "")
        if exchange is None
        else CopiedText("c", f"{exchange.route} as curl", curl(exchange, source.base, source.token_url)),
        CopiedText("u", "base URL", source.base),
        CopiedText("k", "token URL", source.token_url),
    ]
    return [each for each in found if each.text]


class CopyPage(ListContent[CopiedText]):
    """The menu; what is looked at is chosen."""

    opener = "y"
    title = "COPY"
    foot = "its key, or ↑ ↓ and enter or y · esc"
    hint = ""
    keys = tuple("yjtoebcuk")

    def entries(self) -> Sequence[CopiedText]:
        """The pieces."""
        return copied_texts(self.state)

    def first(self) -> int:
        """What is looked at."""
        here = self.state
        pane = here.ui.focus or ("output" if here.in_sight.finale else "job")
        whole = pane == "output" and here.ui.output == "body"
        wanted = "c" if here.uncalled else "b" if whole else next(each.copies for each in PANES if each.name == pane)
        return next((at for at, each in enumerate(self.entries()) if each.key == wanted), 0)

    def name_of(self, entry: CopiedText) -> str:
        """Its key: the text may grow."""
        return entry.key

    def line(self, entry: CopiedText, inner: int, *, chosen: bool) -> Row:
        """Its key, its name, its beginning."""
        beginning = " ".join(entry.text[:inner].split())
        head = row((f" {entry.key}  ", "fill b @fill-run" if chosen else "wait b"))
        name = row((f"{entry.name:<22} ", "fill b @fill-run" if chosen else "fg"))
        return cut(row(head, name, ink(f" {beginning}", "fg" if chosen else "dim")), inner)

    def more(self, entry: CopiedText, inner: int, rows: int) -> list[Row]:
        """What a clipboard needs."""
        return [*wrap(row(ink(HINT, "dim")), inner)]

    def take(self, key: str, entry: CopiedText) -> Reaction:
        """Copy it, or the piece whose key it is, and say so below."""
        found = [entry] if key in ("enter", "y") else [each for each in self.entries() if each.key == key]
        if not found:
            return Reaction()
        said = f"Copied: {found[0].name}, {len(found[0].text)} characters."
        return Reaction(copy=found[0].text, close=True, ui=self.state.choose(remark=said))
