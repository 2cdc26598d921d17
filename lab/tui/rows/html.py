"""HTML to Markdown: headings, paragraphs, lists, tables; all else is dropped."""

from html.parser import HTMLParser

_BLOCKS = {"p", "div", "section", "article", "ul", "ol", "blockquote", "body", "html"}
_DROPPED = {"script", "style", "head", "title", "template"}
_LEADS = {"li": "\n- ", **{f"h{depth}": f"\n\n{'#' * depth} " for depth in range(1, 7)}}
_INLINE = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`"}


class _Reader(HTMLParser):
    """Collects Markdown while the parser walks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.rows: list[list[str]] = []
        self.cell: list[str] | None = None
        self.dropped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, a row, a cell or an emphasis."""
        if tag in _DROPPED:
            self.dropped += 1
        elif tag in _LEADS:
            self.parts.append(_LEADS[tag])
        elif tag == "table":
            self.rows = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.cell = []
        elif tag == "br" or tag in _INLINE:
            self._text(_INLINE.get(tag, "\n"))
        elif tag in _BLOCKS:
            self._text("\n\n" if self.cell is None else " ")

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag in _DROPPED:
            self.dropped = max(0, self.dropped - 1)
        elif tag in ("td", "th"):
            self._end_cell()
        elif tag == "table":
            self._end_table()
        elif tag in _INLINE:
            self._text(_INLINE[tag])
        elif tag in _BLOCKS or tag.startswith("h"):
            self._text("\n\n" if self.cell is None else " ")

    def handle_data(self, data: str) -> None:
        """Text of the page."""
        if not self.dropped:
            text = " ".join(data.split())
            lead = " " if data[:1].isspace() else ""
            self._text(lead + text + (" " if text and data[-1:].isspace() else ""))

    def _text(self, text: str) -> None:
        (self.parts if self.cell is None else self.cell).append(text)

    def _end_cell(self) -> None:
        text = " ".join("".join(self.cell or []).split()).replace("|", "\\|")
        self.cell = None
        if not self.rows:
            self.rows.append([])
        self.rows[-1].append(text)

    def _end_table(self) -> None:
        rows = [cells for cells in self.rows if cells]
        self.rows = []
        if not rows:
            return
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
