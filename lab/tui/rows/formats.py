"""An output as rows: JSON, HTML, Markdown or prose, told apart by looking."""

import json
import re
from functools import lru_cache

from lab.core.jsontext import value_or_none
from lab.tui.rows.html import to_markdown
from lab.tui.rows.markdown import markdown
from lab.tui.rows.spans import Row, TextSpan, row, wrap
from lab.tui.state.clean import CAP

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
