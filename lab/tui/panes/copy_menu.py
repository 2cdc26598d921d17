"""What can be copied to the terminal's clipboard: of what shows, each piece by a key of its own."""

from collections.abc import Callable

from msgspec import Struct

from lab.tui.panes.page import PageContent, PageReaction
from lab.tui.panes.registry import exchange_in_focus
from lab.tui.rows.curl import curl, first_curl
from lab.tui.rows.spans import BLANK, Row, cut, row, wrap
from lab.tui.state.screen import ScreenState

HINT = "The terminal's clipboard gets it (OSC 52): not every terminal has one, and tmux only with set-clipboard on."
_LOOKED_AT = {"token": "t", "job": "j", "polling": "b", "output": "o", "wire": "c"}
"""By pane the key of what is looked at there."""


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


class CopyPage(PageContent):
    """The menu; what is looked at is chosen."""

    opener = "y"
    title = "COPY"
    foot = "its key, or ↑ ↓ and enter or y · esc"
    keys = ("enter", *"yjtoebcuk")

    def __init__(self, state: Callable[[], ScreenState]) -> None:
        super().__init__(state)
        here = self.state
        pane = here.ui.focus or ("output" if here.in_sight.finale else "job")
        wanted = "c" if here.uncalled else "b" if pane == "output" and here.ui.output == "body" else _LOOKED_AT[pane]
        self.at = next((at for at, each in enumerate(copied_texts(here)) if each.key == wanted), 0)

    def body(self, inner: int, rows: int) -> list[Row]:
        """A row for each, with its beginning."""
        lines: list[Row] = []
        for at, each in enumerate(copied_texts(self.state)):
            chosen = at == self.at
            beginning = " ".join(each.text.split())
            head = row(("▌ " if chosen else "  ", "accent"), (f"{each.key}  ", "wait b"))
            lines.append(cut(row(head, (f"{each.name:<22} ", "fg b" if chosen else "fg"), (beginning, "dim")), inner))
        return [*lines, BLANK, *wrap(row((HINT, "dim")), inner)]

    def move(self, by: int) -> bool:
        """Choose another one."""
        self.at = max(0, min(len(copied_texts(self.state)) - 1, self.at + by))
        return True

    def press(self, key: str) -> PageReaction:
        """Copy it, and say so below."""
        found = copied_texts(self.state)
        chosen = found[self.at : self.at + 1] if key in ("enter", "y") else [each for each in found if each.key == key]
        if not chosen:
            return PageReaction()
        (each,) = chosen
        return PageReaction(
            copy=each.text,
            close=True,
            ui=self.state.choose(remark=f"Copied: {each.name}, {len(each.text)} characters."),
        )
