"""HTML to Markdown: headings, paragraphs, lists, tables; all else is dropped."""

from html.parser import HTMLParser

_DROPPED = {"script", "style", "head", "title", "template"}
_CELLS = {"td", "th"}
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`"} | dict.fromkeys(
    ("p", "div", "section", "article", "ul", "ol", "blockquote", "body", "html"), "\n\n"
)
"""What stands on both sides of an element; within a cell it is one row, whatever begins there."""
_HEADINGS = {f"h{depth}": f"\n\n{'#' * depth} " for depth in range(1, 7)}
_BEFORE = {**_MARKS, **_HEADINGS, "li": "\n- ", "br": "\n"}
_AFTER = {**_MARKS, **dict.fromkeys(_HEADINGS, "\n\n"), "hr": "\n\n"}


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
