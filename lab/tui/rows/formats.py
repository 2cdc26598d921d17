"""An output as rows: JSON, HTML, Markdown or prose, told apart by looking. HTML is read as Markdown."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from lab.core.jsontext import value_or_none
from lab.tui.rows.spans import BLANK, Row, TextSpan, cut, ink, row, wrap
from lab.tui.rows.tables import table_rows
from lab.tui.state.clean import CAP

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_TAG = re.compile(r"<(?:!doctype|html|body|div|p|table|ul|ol|h[1-6]|span|br|b|strong|section)\b[^>]*>", re.IGNORECASE)
_MARKS = re.compile(r"^(?:#{1,6} |[-*+] |\d+\. |>|\|.*\||```)|\*\*[^*]+\*\*|`[^`]+`", re.MULTILINE)
# A string that was cut ends with the text: tried again from each of its quotes it would take the square of its length.
_STRING = r'"(?:[^"\\]|\\.)*+'
_JSON = re.compile(
    rf'(?P<run>{_STRING}"(?=\s*:))|(?P<fg>{_STRING}(?:"|\Z))'
    r"|(?P<accent>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b)"
)
"""Names, other strings and values, by the colour that each has."""

NOTHING = "null  the job ended without an output"
EMPTY = '""  the output is an empty string'
"""How outputs without text are shown."""


@lru_cache(maxsize=4)
def kind(output: str | None) -> str:
    """`null`, `empty`, `JSON`, `HTML`, `Markdown`, or `text`."""
    if output is None:
        return "null"
    if not output.strip():
        return "empty"
    if output.lstrip()[0] in "{[" and value_or_none(output) is not None:
        return "JSON"
    if _TAG.search(output[:2_000]):
        return "HTML"
    return "Markdown" if _MARKS.search(output) else "text"


@lru_cache(maxsize=4)
def rendered(output: str | None, inner: int, *, signs: bool = False) -> list[Row]:
    """The output as a person reads it; `signs`: what a colour alone would say has a sign."""
    form = kind(output)
    if output is None or form == "empty":
        return wrap(row((NOTHING if output is None else EMPTY, "dim")), inner)
    if form == "JSON":
        return document(output, inner)
    return markdown(to_markdown(output) if form == "HTML" else output, inner, signs=signs)


@lru_cache(maxsize=4)
def raw(output: str | None, inner: int) -> list[Row]:
    """The string itself, line by line."""
    if output is None:
        return [row(("null", "dim"))]
    return [line for text in output[:CAP].split("\n") for line in wrap(row(text), inner)]


@lru_cache(maxsize=4)
def document(text: str, inner: int) -> list[Row]:
    """A body that holds JSON, pretty-printed; as it is if it was cut or is none."""
    value = value_or_none(text)
    return coloured(text if value is None else json.dumps(value, ensure_ascii=False, indent=2), inner)


def coloured(text: str, inner: int) -> list[Row]:
    """JSON text, its parts in their colours; long lines are wrapped."""
    return [line for part in text.split("\n") for line in _wrapped(_json_row(part), inner)]


def _wrapped(line: Row, inner: int) -> list[Row]:
    text = line[0].text if line else ""
    depth = min(len(text) - len(text.lstrip(" ")), inner // 2)
    if depth == 0:
        return wrap(line, inner)
    rest = row(TextSpan(text[depth:], line[0].role), *line[1:])
    return [row(" " * depth, part) for part in wrap(rest, inner - depth)]


def _json_row(text: str) -> Row:
    spans, end = list[TextSpan](), 0
    for found in _JSON.finditer(text):
        spans += [TextSpan(text[end : found.start()], "dim"), TextSpan(found[0], found.lastgroup or "fg")]
        end = found.end()
    return row(*spans, (text[end:], "dim"))


# Markdown: headings, paragraphs, lists, quotes, code, tables; links as their text

Table = Callable[[list[Row], list[list[Row]], list[str], int], list[Row]]
"""Draws a table: its head, its body, how each column stands, in so many cells."""
LEAST_TEXT = 8
"""Cells that are left for a text, however deep it stands."""
DEEP = 40
"""Cells that lists and quotes take at most, as deep as Markdown goes, with those."""


@lru_cache(maxsize=8)
def markdown(text: str, inner: int, *, ruled: bool = False, signs: bool = False) -> list[Row]:
    """The text as rows of at most `inner` cells; a blank row between blocks.

    `ruled`: tables have a rule a row. `signs`: their best cells have a sign, not a colour alone.
    """
    nodes, tables = _read(text[:CAP])
    if (ruled or signs) and not tables:  # then all of them are one
        return markdown(text, inner)
    blocks = _joined(nodes, inner, partial(table_rows, ruled=ruled, signs=signs))
    # what stands deep within lists and quotes has its least room, whatever is left
    lines = ([cut(line, inner) for line in blocks] if inner < DEEP else blocks) or [BLANK]
    if len(text) > CAP:
        lines += [BLANK, row((f"cut after 64 KiB of {len(text)} characters", "dim"))]
    return lines


@lru_cache(maxsize=4)
def _read(text: str) -> "tuple[Sequence[SyntaxTreeNode], bool]":
    """The text read, and whether it has tables: that takes longer than to make rows of it, which another width wants anew."""
    # loaded when first wanted: the first paint must not wait for it
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(text)
    return SyntaxTreeNode(tokens).children, any(token.type == "table_open" for token in tokens)


def _joined(nodes: "Iterable[SyntaxTreeNode]", inner: int, table: Table, *, apart: bool = True) -> list[Row]:
    """Blocks one below the other; `apart`: a blank row between two."""
    lines: list[Row] = []
    for node in nodes:
        drawn = _block(node, max(LEAST_TEXT, inner), table)
        lines += [*([BLANK] if apart and lines and drawn else []), *drawn]
    return lines


def _block(node: "SyntaxTreeNode", inner: int, table: Table) -> list[Row]:
    match node.type:
        case "paragraph" | "heading":
            parts = _inline(node.children[0].children, bold=node.type == "heading")
            return [line for part in parts for line in wrap(part, inner)]
        case "bullet_list" | "ordered_list":
            lines: list[Row] = []
            for number, item in enumerate(node.children, int(node.attrs.get("start", 1))):
                mark = "• " if node.type == "bullet_list" else f"{number}. "
                body = _joined(item.children, inner - len(mark), table, apart=False) or [BLANK]
                lines.append(row((mark, "accent"), body[0]))
                lines += [row(" " * len(mark), line) for line in body[1:]]
            return lines
        case "blockquote":
            return [row(("▏ ", "faint"), line) for line in _joined(node.children, inner - 2, table)]
        case "fence" | "code_block":
            texts = node.content.rstrip("\n").split("\n")
            return [row(("▏ ", "faint"), part) for text in texts for part in wrap(row(text or " "), inner - 2)]
        case "hr":
            return [row(("─" * inner, "faint"))]
        case "html_block":
            return wrap(row(node.content), inner)
        case "table":
            grid = [list(map(_cell, line.children)) for part in node.children for line in part.children]
            heads = node.children[0].children[0].children
            sides = [str(cell.attrs.get("style", "")).removeprefix("text-align:") for cell in heads]
            # Markdown can't do without a head; a reader can do without an empty one
            return table(grid[0], grid[1:], sides, inner)
        case _:
            return []


def _cell(node: "SyntaxTreeNode") -> Row:
    return tuple(span for part in _inline(node.children[0].children if node.children else []) for span in part)


def _inline(nodes: "Iterable[SyntaxTreeNode]", *, bold: bool = False, italic: bool = False) -> list[Row]:
    """The rows of a paragraph before wrapping: one for each hard break."""
    rows: list[list[TextSpan]] = [[]]
    for node in nodes:
        match node.type:
            case "strong" | "em" | "link":
                strong, slanted = bold or node.type == "strong", italic or node.type == "em"
                first, *more = _inline(node.children, bold=strong, italic=slanted)
                rows[-1] += first
                rows += [list(part) for part in more]
            case "hardbreak":
                rows.append([])
            case "code_inline":
                rows[-1].append(ink(node.content, "run"))
            case "image":
                rows[-1].append(ink(f"[{node.content}]", "dim"))
            case kind:
                text = " " if kind == "softbreak" else node.content.replace("\n", " ")
                span = ink(text, bold=bold)
                rows[-1].append(TextSpan(text, f"{span.role} i") if italic else span)
    return [tuple(span for span in line if span.text) for line in rows]


# HTML: headings, paragraphs, lists, tables; all else is dropped

_DROPPED = {"script", "style", "head", "title", "template"}
_CELLS = {"td", "th"}
_EMPHASIS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`"} | dict.fromkeys(
    ("p", "div", "section", "article", "ul", "ol", "blockquote", "body", "html"), "\n\n"
)
"""What stands on both sides of an element; within a cell it is one row, whatever begins there."""
_HEADINGS = {f"h{depth}": f"\n\n{'#' * depth} " for depth in range(1, 7)}
_BEFORE = {**_EMPHASIS, **_HEADINGS, "li": "\n- ", "br": "\n"}
_AFTER = {**_EMPHASIS, **dict.fromkeys(_HEADINGS, "\n\n"), "hr": "\n\n"}


class _Reader(HTMLParser):
    """Collects Markdown while the parser walks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.rows: list[list[str]] = []
        self.cell: int | None = None
        """Where the text of the cell begins, within one."""
        self.dropped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, a row, a cell or an emphasis."""
        self.dropped += tag in _DROPPED
        if tag in ("table", "tr"):
            self.rows = [] if tag == "table" else [*self.rows, []]
        before = _BEFORE.get(tag, "")
        self.parts.append(" " if self.cell is not None and before.startswith("\n") else before)
        if tag in _CELLS:
            self.cell = len(self.parts)

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        self.dropped = max(0, self.dropped - (tag in _DROPPED))
        if tag in _CELLS and self.cell is not None:
            text = " ".join("".join(self.parts[self.cell :]).split()).replace("|", "\\|")
            self.parts[self.cell :], self.cell = [], None
            self.rows = self.rows or [[]]
            self.rows[-1].append(text)
        elif tag == "table":
            self._end_table()
        self.parts.append(_AFTER.get(tag, ""))

    def handle_data(self, data: str) -> None:
        """Text of the page."""
        if not self.dropped:
            text = " ".join(data.split())
            lead = " " if data[:1].isspace() else ""
            self.parts.append(lead + text + (" " if text and data[-1:].isspace() else ""))

    def _end_table(self) -> None:
        rows, self.rows = [cells for cells in self.rows if cells], []
        if rows:
            columns = max(map(len, rows))
            lines = ["| " + " | ".join([*cells, *[""] * (columns - len(cells))]) + " |" for cells in rows]
            lines.insert(1, "|" + "---|" * columns)
            self.parts.append("\n\n" + "\n".join(lines) + "\n\n")


def to_markdown(text: str) -> str:
    """The page as Markdown."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return "".join(reader.parts).strip()
