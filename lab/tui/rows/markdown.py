"""Markdown to rows of spans: headings, paragraphs, lists, quotes, code, tables; links as their text."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from lab.tui.rows.spans import BLANK, Row, TextSpan, cut, ink, row, wrap
from lab.tui.rows.tables import table_rows
from lab.tui.state.clean import CAP

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

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
