"""What is wrong with a document, as it comes in: each complaint with its place in the text."""

from collections.abc import Sequence

from msgspec import Struct

from lab.core.errors import Complaint, ScenarioError, Unusable
from lab.program.words import KeyPath

LARGEST_FILE = 1024 * 1024
"""The largest scenario file, in bytes."""


class BadFile(Unusable):
    """A file that an output names can't be used."""


class Position(Struct, frozen=True, order=True):
    """A place in the text; line and column count from 1."""

    line: int
    column: int


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
    cut: str = ""
    """Of a key without a colon, behind a text without quotes: that text's key. A comma ends such a text within { }."""


START = Position(1, 1)
_NOWHERE = Location(START, START)


class Locations:
    """Where a document's values stand, and its lines; of one that was no text, nowhere."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self.lines = lines
        self.found: dict[KeyPath, Location] = {}

    def nearest(self, path: KeyPath) -> Location:
        """Where the value at `path` stands, or the nearest one around it."""
        while path and path not in self.found:
            path = path[:-1]
        return self.found.get(path, _NOWHERE)

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

    def __init__(self, file: str, locations: Locations | None = None) -> None:
        self._file = file
        self.locations = locations or Locations()
        self.listed: list[Complaint] = []
        self.spoilt: set[KeyPath] = set()
        """Values that can't be read: a complaint was made, and what follows from it isn't one more."""

    def add(
        self, path: KeyPath, what: str, hint: str = "", *, at_key: bool = False, at: Position | None = None
    ) -> None:
        """Complain about the value at `path` (or its key, or another place), unless it is spoilt already."""
        if not self.sound(path):
            return
        place = self.locations.nearest(path)
        at = at or (place.key if at_key else place.value)
        head = path_text(path[:-1] if at_key else path)
        self.syntax(at, f"{head}: {what}" if head else what, one_line(hint, 500))

    def syntax(self, at: Position, what: str, hint: str = "") -> None:
        """Complain about the text itself."""
        self.listed.append(Complaint(self._file, at.line, at.column, one_line(what), hint))

    def sound(self, path: KeyPath) -> bool:
        """Whether the value at `path` could be read, and those around it."""
        return not self.spoilt or self.spoilt.isdisjoint(path[:length] for length in range(len(path) + 1))

    def spoil(self, path: KeyPath, at: Position, what: str, hint: str) -> None:
        """Complain at a place about a value that is none to YAML."""
        self.spoilt.add(path)
        self.syntax(at, what, hint)

    def alone(self, at: Position, what: str, hint: str = "") -> ScenarioError:
        """The error for a text that is no document at all: this one complaint, whatever else was found."""
        return ScenarioError((Complaint(self._file, at.line, at.column, one_line(what), hint),))

    def check(self) -> None:
        """Return if there are none; ScenarioError with all of them."""
        if self.listed:
            raise ScenarioError(tuple(sorted(set(self.listed))))
