"""YAML text as values with their places: one pass over the events of PyYAML's C parser.

The parser's own loaders are not used: they resolve YAML 1.1 scalars (`no` is False, `012` is 10), take the last of two
equal keys in silence, expand aliases and build objects from tags. Here a plain scalar means what YAML 1.2 says, and a
number with a leading zero stays text; aliases, anchors, merge keys and tags are complaints.
"""

import re
from collections.abc import Iterator

import yaml
from msgspec import Struct

from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.core.jsontext import MOST_DIGITS
from lab.language.complaints import Block, Complaints, Location, Position
from lab.language.parse.decoding import decoded
from lab.language.parse.yaml_syntax import QUOTE_BRACES, yaml_fault
from lab.program.words import KeyPath

MOST_LEVELS = 32
MOST_VALUES = 50_000

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class Tree(Struct, frozen=True):
    """A document: its value, and where that stands, with what is wrong with it as YAML."""

    value: Json
    complaints: Complaints


def mapping_of(value: Json) -> dict[str, Json]:
    """The value if it is a mapping, else an empty one: what has the wrong shape is complained of elsewhere."""
    return value if isinstance(value, dict) else {}


class DocumentKind(Struct, frozen=True):
    """What a kind of document is, in the words of its complaints."""

    is_what: str
    begins: str
    alone: str
    start: str
    shape: type[dict[str, Json]] | type[list[Json]] = dict


SCENARIO = DocumentKind(
    "a scenario is a mapping of keys", "begin with lab: 1", "one scenario", "lab new writes a starting point"
)


def read_yaml(text: str | bytes, file: str, kind: DocumentKind = SCENARIO) -> Tree:
    """The document in `text`; ScenarioError, with one complaint, if there is none."""
    return _Reader(decoded(text, file), file, kind).document()


class _Reader:
    """One passage over the events of a text."""

    def __init__(self, text: str, file: str, kind: DocumentKind) -> None:
        self.kind = kind
        self.complaints = Complaints(file, _BREAK.split(text))
        self.nodes = 0
        self.events: Iterator[yaml.Event] = yaml.parse(text, yaml.CSafeLoader)

    def document(self) -> Tree:
        value: Json = None
        documents = 0
        try:
            for event in self.events:
                match event:
                    case yaml.DocumentStartEvent() if documents:
                        raise self.complaints.alone(_start(event), "a second document", f"{self.kind.alone} a file")
                    case yaml.DocumentStartEvent():
                        documents += 1
                    case yaml.NodeEvent():
                        value = self._node(event, (), _start(event), 1)
        except yaml.YAMLError as error:
            raise self._syntax(error) from error
        spoilt = bool(self.complaints.spoilt)
        if not documents or (value is None and not spoilt):
            raise self.complaints.alone(Position(1, 1), "the file is empty", self.kind.start)
        if not isinstance(value, self.kind.shape) and not spoilt:
            raise self.complaints.alone(self.complaints.locations.value_at(()), self.kind.is_what, self.kind.begins)
        return Tree(value, self.complaints)

    def _node(self, event: yaml.NodeEvent, path: KeyPath, key: Position, depth: int) -> Json:
        at = _start(event)
        self.nodes += 1
        if depth > MOST_LEVELS:
            raise self.complaints.alone(at, f"too deep: at most {MOST_LEVELS} levels")
        if self.nodes > MOST_VALUES:
            raise self.complaints.alone(at, f"too many values: at most {MOST_VALUES}")
        self.complaints.locations[path] = Location(key, at)
        if isinstance(event, yaml.AliasEvent):
            self.complaints.spoil(path, at, f"alias *{event.anchor}", "write the value out")
            return None
        self._decorations(event, path, at)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event, path, key, at)
            case yaml.SequenceStartEvent():
                return self._sequence(path, depth)
            case yaml.MappingStartEvent():
                return self._mapping(path, depth)
            case _:
                raise AssertionError(f"an event that begins no value: {event}")

    def _decorations(self, event: yaml.NodeEvent, path: KeyPath, at: Position) -> None:
        if event.anchor is not None:
            # not spoilt: the value itself stands there and can be read
            self.complaints.syntax(at, f"anchor &{event.anchor}", "write the value out where it is used")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.complaints.spoil(path, at, f"unknown tag {tag}", "values have no tags here; put text in quotes")

    def _sequence(self, path: KeyPath, depth: int) -> Json:
        values: list[Json] = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            assert isinstance(event, yaml.NodeEvent)
            values.append(self._node(event, (*path, len(values)), _start(event), depth + 1))
        return values

    def _mapping(self, path: KeyPath, depth: int) -> Json:
        values: dict[str, Json] = {}
        first: dict[str, Position] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            assert isinstance(event, yaml.NodeEvent)
            at = _start(event)
            name = self._key(event, path, at, depth)
            value = next(self.events)
            assert isinstance(value, yaml.NodeEvent)
            if name is None or name in first:
                # read all the same, for complaints within; under a path of its own, so the first keeps its place
                self._node(value, (*path, "", len(self.complaints.listed)), at, depth + 1)
                if name is not None:
                    hint = f"the first is on line {first[name].line}"
                    self.complaints.syntax(at, f"duplicate key {name}", hint)
                continue
            first[name] = at
            values[name] = self._node(value, (*path, name), at, depth + 1)
        return values

    def _key(self, event: yaml.NodeEvent, path: KeyPath, at: Position, depth: int) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            braces = isinstance(event, yaml.MappingStartEvent) and self._opens_braces(at)
            self._node(event, (*path, "", len(self.complaints.listed)), at, depth + 1)
            if braces:
                begin = Position(at.line, at.column - 1)
                self.complaints.spoil(path, begin, "{{ without quotes is a mapping within a mapping", QUOTE_BRACES)
            else:
                self.complaints.syntax(at, "a key is plain text")
            return None
        self.nodes += 1
        self._decorations(event, (*path, event.value), at)
        if not event.style and event.value == "<<":
            self.complaints.spoil(path, at, "merge key <<", "write the keys out")  # what it would bring isn't known
            return None
        if not event.style and event.value == "":
            self.complaints.syntax(at, "a key is missing before the colon")
            return None
        return event.value

    def _opens_braces(self, at: Position) -> bool:
        """Whether a mapping that begins there is the inner one of `{{`."""
        return self.complaints.locations.lines[at.line - 1][at.column - 2 : at.column] == "{{"

    def _scalar(self, event: yaml.ScalarEvent, path: KeyPath, key: Position, at: Position) -> Json:
        text: str = event.value
        if event.style in ("|", ">") and event.end_mark is not None:
            self.complaints.locations[path] = Location(
                key, at, Block(at.line + 1, event.end_mark.line + 1, event.style == ">")
            )
        if not event.style and (end := event.end_mark) is not None:
            rest = self.complaints.locations.lines[end.line][end.column :] if text else ""
            if rest.startswith(" #"):
                self.complaints.locations[path] = Location(key, at, commented=True)
        if event.style:  # empty for a plain scalar, whatever the annotation says
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if len(text) > MOST_DIGITS and (_INT.fullmatch(text) or _FLOAT.fullmatch(text)):
            self.complaints.spoil(
                path, at, f"a number of more than {MOST_DIGITS} digits", "put it in quotes if it is text"
            )
            return None
        if _INT.fullmatch(text):
            return int(text, 0)
        if _NO_NUMBER.fullmatch(text) or (_FLOAT.fullmatch(text) and abs(float(text)) == float("inf")):
            self.complaints.spoil(path, at, f"{text} is not a number here", "put it in quotes if it is text")
            return None
        return float(text) if _FLOAT.fullmatch(text) else text

    def _syntax(self, error: yaml.YAMLError) -> ScenarioError:
        problem = str(getattr(error, "problem", None) or error)
        if "nesting depth" in problem:  # the parser reads ahead of its events
            problem = f"too deep: at most {MOST_LEVELS} levels"
        if not isinstance(error, yaml.MarkedYAMLError):
            return self.complaints.alone(Position(1, 1), f"not YAML: {problem}")
        at, what, hint = yaml_fault(problem, error, self.complaints.locations.lines)
        return self.complaints.alone(at, f"not YAML: {what}", hint)


def _start(event: yaml.Event) -> Position:
    assert event.start_mark is not None
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)
