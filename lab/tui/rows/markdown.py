"""Markdown to rows of spans: headings, paragraphs, lists, quotes, code, tables; links as their text."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from lab.tui.rows.spans import BLANK, Row, TextSpan, cut, row, wrap
from lab.tui.rows.tables import table_rows
from lab.tui.state.clean import CAP

if TYPE_CHECKING:
    from markdown_it.token import Token


Cells = list[Row]
"""A row of a table."""


@lru_cache(maxsize=8)
def markdown(text: str, inner: int, *, ruled: bool = False, signs: bool = False) -> list[Row]:
    """The text as rows of at most `inner` cells; a blank row between blocks.

    `ruled`: tables have a rule a row. `signs`: their best cells have a sign, not a colour alone.
    """
    lines = _Blocks(inner, partial(table_rows, ruled=ruled, signs=signs)).read(_tokens(text[:CAP]))
    if len(text) > CAP:
        lines += [BLANK, row((f"cut after 64 KiB of {len(text)} characters", "dim"))]
    return lines


@lru_cache(maxsize=4)
def _tokens(text: str) -> "Sequence[Token]":
    """The text read: of 58 kB that takes as long as its rows, and another width or layout only wants other rows."""
    # loaded when first wanted: the first paint must not wait for it
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").parse(text)


class _Blocks:
    """Walks the tokens once, keeping the prefix of lists and quotes."""

    def __init__(self, inner: int, table: Callable[[Cells, list[Cells], list[str], int], list[Row]]) -> None:
        self.inner = inner
        self.table = table
        self.lines: list[Row] = []
        self.lists: list[int | None] = []
        self.mark = ""
        self.quotes = 0
        self.heading = False
        self.tight = False

    def read(self, tokens: "Sequence[Token]") -> list[Row]:
        index = 0
        while index < len(tokens):
            token = tokens[index]
            if token.type == "table_open":
                stop = next(at for at in range(index, len(tokens)) if tokens[at].type == "table_close")
                self._gap()
                self._table(tokens[index:stop])
                index = stop
            else:
                self._token(token)
            index += 1
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        return self.lines or [BLANK]

    def _token(self, token: "Token") -> None:
        match token.type:
            case "heading_open" | "heading_close":
                self.heading = token.nesting > 0
            case "bullet_list_open":
                self.lists.append(None)
            case "ordered_list_open":
                self.lists.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
            case "list_item_open":
                number = self.lists[-1]
                self.mark = "• " if number is None else f"{number}. "
                self.lists[-1] = None if number is None else number + 1
            case "blockquote_open" | "blockquote_close":
                self.quotes += token.nesting
            case "inline":
                self._paragraph(_inline(token.children or [], "fg b" if self.heading else "fg"))
            case "fence" | "code_block":
                self._code(token.content)
            case "hr":
                self._gap()
                self.lines.append(row(("─" * self.inner, "faint")))
            case "html_block":
                self._paragraph([row(token.content)])
            case _:
                pass

    def _depth(self) -> int:
        return min(self.inner // 2, 2 * len(self.lists) + 2 * self.quotes)

    def _gap(self) -> None:
        if self.lines and self.lines[-1] and not (self.lists and self.mark == "" and self.tight):
            self.lines.append(BLANK)

    def _paragraph(self, parts: list[Row]) -> None:
        listed = bool(self.lists) and bool(self.mark)
        if not (listed and self.tight):
            self._gap()
        self.tight = listed
        depth = self._depth()
        lead = "▏ " * self.quotes
        room = max(8, self.inner - depth)
        first = True
        for part in parts:
            for line in wrap(part, room):
                mark = self.mark if first and listed else ""
                pad = " " * max(0, depth - len(lead) - len(mark))
                self.lines.append(cut(row((lead, "faint"), pad, (mark, "accent"), line), self.inner))
                first = False
        self.mark = ""

    def _table(self, tokens: "Sequence[Token]") -> None:
        grid: list[Cells] = []
        sides: list[str] = []
        for token in tokens:
            if token.type == "tr_open":
                grid.append([])
            elif token.type == "th_open":
                sides.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))
            elif token.type == "inline":
                grid[-1].append(tuple(span for part in _inline(token.children or [], "fg") for span in part))
        # Markdown can't do without a head; a reader can do without an empty one
        if grid:
            self.lines += self.table(grid[0], grid[1:], sides, max(8, self.inner - self._depth()))

    def _code(self, text: str) -> None:
        self._gap()
        for line in text.rstrip("\n").split("\n"):
            for part in wrap(row((line or " ", "fg")), max(8, self.inner - 2)):
                self.lines.append(row(("▏ ", "faint"), part))


def _inline(tokens: "Sequence[Token]", role: str) -> list[Row]:
    """The rows of a paragraph before wrapping: one for each hard break."""
    rows: list[list[TextSpan]] = [[]]
    bold = italic = 0
    for token in tokens:
        match token.type:
            case "strong_open" | "strong_close":
                bold += token.nesting
            case "em_open" | "em_close":
                italic += token.nesting
            case "hardbreak":
                rows.append([])
            case "softbreak":
                rows[-1].append(TextSpan(" ", role))
            case "code_inline":
                rows[-1].append(TextSpan(token.content, "run"))
            case "image":
                rows[-1].append(TextSpan(f"[{token.content}]", "dim"))
            case _ if token.content:
                tone = role + (" b" if bold and " b" not in role else "") + (" i" if italic else "")
                rows[-1].append(TextSpan(token.content.replace("\n", " "), tone))
    return [tuple(line) for line in rows]
