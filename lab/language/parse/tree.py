"""YAML text as values with their places: one pass over the events of PyYAML's C parser.

The parser's own loaders are not used: they resolve YAML 1.1 scalars (`no` is False, `012` is 10), take the last of two
equal keys in silence, expand aliases and build objects from tags. Here a plain scalar means what YAML 1.2 says, and a
number with a leading zero stays text; aliases, anchors, merge keys and tags are complaints.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from lab.core.errors import Complaint
from lab.core.exchange import Json
from lab.language.parse.text import Unreadable, decoded, hint_for, one_line

DEPTH = 32
NODES = 50_000
DIGITS = 100

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the document: keys and indexes."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the text; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Block:
    """The source lines of a text after `|` or `>` (`folded`), `end` not included."""

    first: int
    end: int
    folded: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: its key (in a list: the value itself), and the value."""

    key: Mark
    value: Mark
    block: Block | None = None


@dataclass(slots=True)
class Places:
    """The places of a document's values, and its lines."""

    lines: list[str] = field(default_factory=list)
    known: dict[Path, Place] = field(default_factory=dict)

    def __contains__(self, path: Path) -> bool:
        return path in self.known

    def place(self, path: Path) -> Place:
        """The place of the value at `path`, or of the nearest one around it."""
        while path and path not in self.known:
            path = path[:-1]
        return self.known.get(path, Place(Mark(1, 1), Mark(1, 1)))

    def value(self, path: Path) -> Mark:
        """Where the value at `path` begins."""
        return self.place(path).value

    def key(self, path: Path) -> Mark:
        """Where the key of the value at `path` begins."""
        return self.place(path).key

    def source(self, block: Block) -> str:
        """The lines of a block text as they are written."""
        return "\n".join(self.lines[block.first - 1 : block.end - 1])


@dataclass(slots=True)
class Tree:
    """A document: its value, its places, and what is wrong with it as YAML."""

    value: Json
    places: Places
    complaints: list[Complaint]
    spoilt: set[Path]
    """Where a complaint was made already, so that what follows from it isn't one more."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a kind of document is, in the words of its complaints."""

    is_what: str
    begins: str
    alone: str
    start: str


SCENARIO = Document(
    "a scenario is a mapping of keys", "begin with lab: 1", "one scenario", "lab new writes a starting point"
)


def read(text: str | bytes, file: str, kind: Document = SCENARIO) -> Tree:
    """The document in `text`; Unreadable if there is none."""
    clean = decoded(text, file)
    return _Reader(clean, file, kind).document()


class _Reader:
    """One passage over the events of a text."""

    def __init__(self, text: str, file: str, kind: Document) -> None:
        self.text = text
        self.kind = kind
        self.file = file
        self.places = Places(_BREAK.split(text))
        self.complaints: list[Complaint] = []
        self.spoilt: set[Path] = set()
        self.nodes = 0
        self.events: Iterator[yaml.Event] = yaml.parse(text, yaml.CSafeLoader)

    def document(self) -> Tree:
        value: Json = None
        documents = 0
        try:
            for event in self.events:
                match event:
                    case yaml.DocumentStartEvent() if documents:
                        raise Unreadable(
                            self._complaint(_mark(event), "a second document", f"{self.kind.alone} a file")
                        )
                    case yaml.DocumentStartEvent():
                        documents += 1
                    case yaml.NodeEvent():
                        value = self._node(event, (), _mark(event), 1)
        except yaml.YAMLError as error:
            raise Unreadable(self._syntax(error)) from error
        if not documents or (value is None and not self.spoilt):
            raise Unreadable(Complaint(self.file, 1, 1, "the file is empty", self.kind.start))
        if not isinstance(value, dict) and not self.spoilt:
            mark = self.places.value(())
            raise Unreadable(self._complaint(mark, self.kind.is_what, self.kind.begins))
        return Tree(value, self.places, self.complaints, self.spoilt)

    def _node(self, event: yaml.NodeEvent, path: Path, key: Mark, depth: int) -> Json:
        mark = _mark(event)
        self.nodes += 1
        if depth > DEPTH:
            raise Unreadable(self._complaint(mark, f"too deep: at most {DEPTH} levels"))
        if self.nodes > NODES:
            raise Unreadable(self._complaint(mark, f"too many values: at most {NODES}"))
        self.places.known[path] = Place(key, mark)
        if isinstance(event, yaml.AliasEvent):
            self._spoil(path, mark, f"alias *{event.anchor}", "write the value out")
            return None
        self._decorations(event, path, mark)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event, path, key, mark)
            case yaml.SequenceStartEvent():
                return self._sequence(path, depth)
            case _:
                return self._mapping(path, depth)

    def _decorations(self, event: yaml.NodeEvent, path: Path, mark: Mark) -> None:
        if event.anchor is not None:
            # not spoilt: the value itself stands there and can be read
            self.complaints.append(
                self._complaint(mark, f"anchor &{event.anchor}", "write the value out where it is used")
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._spoil(path, mark, f"unknown tag {tag}", "values have no tags here; put text in quotes")

    def _sequence(self, path: Path, depth: int) -> Json:
        values: list[Json] = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            assert isinstance(event, yaml.NodeEvent)
            values.append(self._node(event, (*path, len(values)), _mark(event), depth + 1))
        return values

    def _mapping(self, path: Path, depth: int) -> Json:
        values: dict[str, Json] = {}
        first: dict[str, Mark] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            assert isinstance(event, yaml.NodeEvent)
            mark = _mark(event)
            name = self._key(event, path, mark, depth)
            value = next(self.events)
            assert isinstance(value, yaml.NodeEvent)
            if name is None or name in first:
                # read all the same, for complaints within; under a path of its own, so the first keeps its place
                self._node(value, (*path, "", len(self.complaints)), mark, depth + 1)
                if name is not None:
                    hint = f"the first is on line {first[name].line}"
                    self.complaints.append(self._complaint(mark, f"duplicate key {name}", hint))
                continue
            first[name] = mark
            values[name] = self._node(value, (*path, name), mark, depth + 1)
        return values

    def _key(self, event: yaml.NodeEvent, path: Path, mark: Mark, depth: int) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, (*path, "", len(self.complaints)), mark, depth + 1)
            self.complaints.append(self._complaint(mark, "a key is plain text"))
            return None
        self.nodes += 1
        self._decorations(event, (*path, event.value), mark)
        if not event.style and event.value == "<<":
            self._spoil(path, mark, "merge key <<", "write the keys out")  # what it would bring isn't known
            return None
        if not event.style and event.value == "":
            self.complaints.append(self._complaint(mark, "a key is missing before the colon"))
            return None
        return event.value

    def _scalar(self, event: yaml.ScalarEvent, path: Path, key: Mark, mark: Mark) -> Json:
        text: str = event.value
        if event.style in ("|", ">") and event.end_mark is not None:
            self.places.known[path] = Place(
                key, mark, Block(mark.line + 1, event.end_mark.line + 1, event.style == ">")
            )
        if event.style:  # empty for a plain scalar, whatever the annotation says
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if len(text) > DIGITS and (_INT.fullmatch(text) or _FLOAT.fullmatch(text)):
            self._spoil(path, mark, f"a number of more than {DIGITS} digits", "put it in quotes if it is text")
            return None
        if _INT.fullmatch(text):
            return int(text, 0)
        if _NO_NUMBER.fullmatch(text) or (_FLOAT.fullmatch(text) and abs(float(text)) == float("inf")):
            self._spoil(path, mark, f"{text} is not a number here", "put it in quotes if it is text")
            return None
        return float(text) if _FLOAT.fullmatch(text) else text

    def _spoil(self, path: Path, mark: Mark, what: str, hint: str) -> None:
        self.spoilt.add(path)
        self.complaints.append(self._complaint(mark, what, hint))

    def _complaint(self, mark: Mark, what: str, hint: str = "") -> Complaint:
        return Complaint(self.file, mark.line, mark.column, one_line(what), hint)

    def _syntax(self, error: yaml.YAMLError) -> Complaint:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or error)
        if "nesting depth" in problem:  # the parser reads ahead of its events
            problem = f"too deep: at most {DEPTH} levels"
        if mark is None:
            return Complaint(self.file, 1, 1, f"not YAML: {problem}")
        line = self.places.lines[mark.line] if mark.line < len(self.places.lines) else ""
        hint = hint_for(problem, line[mark.column : mark.column + 1])
        return Complaint(self.file, mark.line + 1, mark.column + 1, f"not YAML: {problem}", hint)


def _mark(event: yaml.Event) -> Mark:
    assert event.start_mark is not None
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
