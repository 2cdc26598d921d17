"""What is wrong with a document, as it comes in: each complaint with its place in the text."""

from collections.abc import Sequence
from typing import TypeAlias

import yaml
from msgspec import Struct

from lab.core.errors import Complaint, ScenarioError

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the document: keys and indexes."""


class Position(Struct, frozen=True, order=True):
    """A place in the text; line and column count from 1."""

    line: int
    column: int

    @classmethod
    def of(cls, part: yaml.Node | yaml.Event) -> "Position":
        """Where it begins."""
        assert part.start_mark is not None
        return cls(part.start_mark.line + 1, part.start_mark.column + 1)


class Block(Struct, frozen=True):
    """The source lines of a text after `|` or `>` (`folded`), `end` not included."""

    first: int
    end: int
    folded: bool


class Location(Struct, frozen=True):
    """Where a value stands: its key (in a list: the value itself), and the value."""

    key: Position
    value: Position
    block: Block | None = None
    commented: bool = False
    """Whether one blank and `#` follow a text without quotes: YAML takes the rest of the line for a comment."""


class Locations(dict[KeyPath, tuple[yaml.Node, yaml.Node]]):
    """The nodes of a document's values, each behind that of its key (in a list: itself); and the document's lines."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def nearest(self, path: KeyPath) -> Location:
        """Where the value at `path` stands, or the nearest one around it."""
        while path and path not in self:
            path = path[:-1]
        if path not in self:
            return Location(Position(1, 1), Position(1, 1))
        key, node = self[path]
        at, end, style = Position.of(node), node.end_mark, getattr(node, "style", None)
        block = Block(at.line + 1, end.line + 1, style == ">") if style in ("|", ">") else None
        commented = style == "" and node.value and self.lines[end.line].startswith(" #", end.column)
        return Location(Position.of(key), at, block, bool(commented))

    def value_at(self, path: KeyPath) -> Position:
        """Where the value at `path` begins."""
        return self.nearest(path).value

    def source(self, block: Block) -> str:
        """The lines of a block text as they are written."""
        return "\n".join(self.lines[block.first - 1 : block.end - 1])


def path_text(path: Sequence[str | int]) -> str:
    """A path as authors read it: `steps[2].takes`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def one_line(text: str, longest: int = 300) -> str:
    """The text as a complaint may show it: printable, `longest` characters at most."""
    printable = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text[:longest])
    return printable + "…" if len(text) > longest else printable


class Complaints:
    """The complaints about one document, and where its values stand."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self._file = file
        self.locations = Locations(lines)
        self.listed: list[Complaint] = []
        self.spoilt: set[Position] = set()
        """Where values begin that can't be read: a complaint was made, and what follows from it isn't one more."""

    def add(
        self, path: KeyPath, what: str, hint: str = "", *, at_key: bool = False, at: Position | None = None
    ) -> None:
        """Complain about the value at `path` (or its key, or another place), unless it is spoilt already."""
        if any(self.locations.value_at(path[:length]) in self.spoilt for length in range(len(path) + 1)):
            return
        place = self.locations.nearest(path)
        at = at or (place.key if at_key else place.value)
        head = path_text(path[:-1] if at_key else path)
        self.syntax(at, f"{head}: {what}" if head else what, one_line(hint, 500))

    def syntax(self, at: Position, what: str, hint: str = "") -> None:
        """Complain about the text itself."""
        self.listed.append(Complaint(self._file, at.line, at.column, one_line(what), hint))

    def spoil(self, value: Position, what: str, hint: str, at: Position | None = None) -> None:
        """Complain about a value that can't be read, where it begins or at another place."""
        self.spoilt.add(value)
        self.syntax(at or value, what, hint)

    def alone(self, at: Position, what: str, hint: str = "") -> ScenarioError:
        """The error for a text that is no document at all: this one complaint, whatever else was found."""
        return ScenarioError((Complaint(self._file, at.line, at.column, one_line(what), hint),))

    def check(self) -> None:
        """Return if there are none; ScenarioError with all of them."""
        if self.listed:
            raise ScenarioError(tuple(sorted(set(self.listed))))
