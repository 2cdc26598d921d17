"""What a GitHub runner takes: annotations on stdout, and a summary in Markdown (recordings.md §12).

What it is told comes out of files and from peers, and the runner obeys what it reads: so all of it is escaped.
"""

from collections.abc import Iterator, Sequence
from string import punctuation
from typing import Literal, TypeAlias

from msgspec import Struct

from lab.core.logtext import harmless_text

MOST_NOTES = 9
"""Annotations: a runner shows ten of a step, and the last place is for how many there are."""
LONGEST_SUMMARY = 1024 * 1024
"""Bytes that a runner takes of a step."""
LONGEST_CELL = 1000
"""Characters."""
_IN_MARKDOWN = str.maketrans(
    {sign: f"\\{sign}" for sign in punctuation if sign not in "/-,;()"} | {"<": "&lt;", "&": "&amp;"}
)


Level: TypeAlias = Literal["error", "warning", "notice"]


class Note(Struct, frozen=True):
    """Something to be shown beside a run, at a line of a file if it has one; line and column count from 1."""

    what: str
    level: Level = "error"
    file: str = ""
    line: int = 1
    column: int = 1


def annotations(title: str, notes: Sequence[Note]) -> Iterator[str]:
    """The runner's commands: the first notes, then how many more there are."""
    for each in notes[:MOST_NOTES]:
        place = f"file={_property(each.file)},line={each.line},col={each.column}," if each.file else ""
        yield f"::{each.level} {place}title={_property(title)}::{_escaped(each.what)}"
    if (more := len(notes) - MOST_NOTES) > 0:
        yield f"::error title={_property(title)}::and {more} more"


def _escaped(text: str) -> str:
    return harmless_text(text, lines=True).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    # a colon first: at the beginning it would be taken for that of a command
    bare = text.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return harmless_text(bare, lines=True).replace("\n", "%0A")


def in_markdown(text: str) -> str:
    """The text as one line that Markdown shows as it is, and makes nothing of: no link, no image, no cell of a table."""
    short = text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
    return harmless_text(short).translate(_IN_MARKDOWN)


def table(heads: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    """The lines of a table in Markdown; cells are Markdown already."""
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
