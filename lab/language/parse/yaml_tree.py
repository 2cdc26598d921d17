"""YAML text as values with their places, from the events of PyYAML's parser in C.

Its constructors are not used: they resolve YAML 1.1 scalars (`no` is False, `012` is 10), take the last of two equal
keys in silence and build objects from tags. Here a plain scalar means what YAML 1.2 says, and a number with a leading
zero stays text; aliases, anchors, merge keys and tags are complaints.
"""

import re
from collections.abc import Sequence
from math import inf, isfinite

import yaml
from msgspec import Struct

from lab.core.exchange import Json
from lab.core.jsontext import MOST_DIGITS
from lab.language.complaints import LARGEST_FILE, START, Block, Complaints, Location, Locations, Position
from lab.program.words import KeyPath

MOST_LEVELS = 32
MOST_VALUES = 50_000
QUOTE_BRACES = 'put the whole text in quotes: "{{ … }}"'

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONSTANTS: dict[str, Json] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_CONSTANTS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_NUMBER = re.compile(
    r"(?P<whole>[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<real>[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


class Tree(Struct, frozen=True):
    """A document: its value, and where that stands, with what is wrong with it as YAML."""

    value: Json
    complaints: Complaints


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
    clean = decoded(text, file)
    lines = [*clean.splitlines(), ""]
    complaints = Complaints(file, Locations(lines))
    try:
        value = _Reader(clean, complaints).document(kind)
    except yaml.YAMLError as error:
        at, what, hint = _syntax(error, lines)
        raise complaints.alone(at, f"not YAML: {what}", hint) from error
    if complaints.sound(()):
        if value is None:
            raise complaints.alone(START, "the file is empty", kind.start)
        if not isinstance(value, kind.shape):
            raise complaints.alone(complaints.locations.value_at(()), kind.is_what, kind.begins)
    return Tree(value, complaints)


def decoded(text: str | bytes, file: str) -> str:
    """The text, without a byte order mark; ScenarioError if it is too large, not UTF-8, or holds control characters."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if len(raw) > LARGEST_FILE:
        raise Complaints(file).alone(START, f"the file is larger than {LARGEST_FILE >> 20} MiB")
    # bytes that are no UTF-8 become halves of surrogate pairs, too
    clean = raw.decode("utf-8", "surrogateescape" if raw is text else "surrogatepass").removeprefix("\ufeff")
    if bad := _FORBIDDEN.search(clean):
        what, hint = f"control character U+{ord(bad[0]):04X}", 'write it in double quotes as "\\u…", if it is meant'
        if "\ud800" <= bad[0] <= "\udfff":
            what, hint = "half a surrogate pair", "use the character itself"
            if raw is text:
                what, hint = "the file is not UTF-8", "save it as UTF-8"
        lines = clean[: bad.start()].split("\n")
        raise Complaints(file).alone(Position(len(lines), len(lines[-1]) + 1), what, hint)
    return clean


class _Reader:
    """What the events of a text say: values, each with its place, and complaints of what may not stand in a document."""

    def __init__(self, text: str, complaints: Complaints) -> None:
        self._events = yaml.parse(text, yaml.CSafeLoader)
        self._complaints = complaints
        self._places = complaints.locations
        self._left = MOST_VALUES

    def document(self, kind: DocumentKind) -> Json:
        """The value of the only document; None if there is none."""
        next(self._events)  # the stream begins
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), ())
        next(self._events)  # the document ends
        if not isinstance(after := next(self._events), yaml.StreamEndEvent):
            raise self._complaints.alone(_at(after), "a second document", f"{kind.alone} a file")
        return value

    def _value(self, event: yaml.Event, path: KeyPath, key: Position | None = None) -> Json:
        complaints, at = self._complaints, _at(event)
        self._left -= 1
        if self._left < 0:
            raise complaints.alone(at, f"too many values: at most {MOST_VALUES}")
        if len(path) >= MOST_LEVELS:
            raise complaints.alone(at, f"too deep: at most {MOST_LEVELS} levels")
        self._places.found[path] = Location(key or at, at)
        if isinstance(event, yaml.AliasEvent):
            complaints.spoil(path, at, f"alias *{event.anchor}", "write the value out")
            return None
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.anchor is not None:  # the value itself stands there
            complaints.syntax(at, f"anchor &{event.anchor}", "write the value out where it is used")
        if event.tag is not None:
            complaints.spoil(path, at, f"unknown tag {event.tag}", "values have no tags here; put text in quotes")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path, key or at, at)
        if isinstance(event, yaml.SequenceStartEvent):
            elements: list[Json] = []
            while not isinstance(element := next(self._events), yaml.SequenceEndEvent):
                elements.append(self._value(element, (*path, len(elements))))
            return elements
        values: dict[str, Json] = {}
        text_of = ""
        """Within { }, the key of a text without quotes, behind which comes what may be the rest of it."""
        while not isinstance(begin := next(self._events), yaml.MappingEndEvent):
            name = self._usual_key(begin, values)
            if name is None:
                # it is read as a value is, under a path of its own; so is the value of one that is none, for complaints
                hidden = (*path, -len(self._places.found))
                self._value(begin, hidden)
                del self._places.found[hidden]
                name = self._key(begin, hidden, values)
            place = (*path, -len(self._places.found)) if name is None else (*path, name)
            given = next(self._events)
            value = self._value(given, place, _at(begin))
            if name is not None:
                values[name] = value
                if text_of and self._bare(begin):
                    self._places.found[place] = Location(_at(begin), _at(begin), cut=text_of)
                elif event.flow_style:
                    plain = isinstance(given, yaml.ScalarEvent) and not given.style and isinstance(value, str)
                    text_of = name if plain else ""
        return values

    def _bare(self, key: yaml.Event) -> bool:
        """Whether no colon follows a key."""
        end = key.end_mark
        assert end is not None
        return not self._places.lines[end.line][end.column :].lstrip().startswith(":")

    def _usual_key(self, event: yaml.Event, values: dict[str, Json]) -> str | None:
        """The key, if there is nothing odd about it."""
        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
            return None
        name: str = event.value
        self._left -= 1
        return name if name not in values and (event.style or name not in ("", "<<")) else None

    def _key(self, event: yaml.Event, hidden: KeyPath, values: dict[str, Json]) -> str | None:
        """The key that was read, of the mapping around it; None if it is none, which is complained of."""
        complaints, at, path = self._complaints, _at(event), hidden[:-1]
        plain = isinstance(event, yaml.ScalarEvent) and not event.style
        if not complaints.sound(hidden):
            complaints.spoilt.add(path)
        elif (
            isinstance(event, yaml.MappingStartEvent)
            and "{{" in self._places.lines[at.line - 1][at.column - 2 : at.column]
        ):
            what = "{{ without quotes is a mapping within a mapping"
            complaints.spoil(path, Position(at.line, at.column - 1), what, QUOTE_BRACES)
        elif not isinstance(event, yaml.ScalarEvent):
            complaints.syntax(at, "a key is plain text")
        elif plain and event.value == "<<":
            complaints.spoil(path, at, "merge key <<", "write the keys out")  # what it would bring isn't known
        elif plain and event.value == "":
            complaints.syntax(at, "a key is missing before the colon")
        elif event.value in values:
            first = self._places.nearest((*path, event.value)).key
            complaints.syntax(at, f"duplicate key {event.value}", f"the first is on line {first.line}")
        else:
            name: str = event.value
            return name
        return None

    def _scalar(self, event: yaml.ScalarEvent, path: KeyPath, key: Position, at: Position) -> Json:
        text: str = event.value
        end = event.end_mark
        assert end is not None
        if event.style:
            if event.style in "|>":
                block = Block(at.line + 1, end.line + 1, event.style == ">")
                self._places.found[path] = Location(key, at, block)
            return text
        if text and self._places.lines[end.line].startswith(" #", end.column):
            self._places.found[path] = Location(key, at, commented=True)
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        number = _NUMBER.fullmatch(text) if text[0] in "+-.0123456789" else None
        if number is None:
            return text
        what = f"{text} is not a number here"
        if len(text) > MOST_DIGITS:
            what = f"a number of more than {MOST_DIGITS} digits"
        elif number["whole"]:
            return int(text, 0)
        elif isfinite(real := float(text) if number["real"] else inf):
            return real
        self._complaints.spoil(path, at, what, "put it in quotes if it is text")
        return None


def _at(event: yaml.Event) -> Position:
    assert event.start_mark is not None
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


_NEAR = 1000
"""How much of a long line is looked at, before the place where the parser stopped and behind it."""
_COLUMNS = "the keys of one mapping begin in the same column"
_SLIPS = (
    ("nesting depth", 0, "", f"too deep: at most {MOST_LEVELS} levels", ""),
    ("", 0, r"\0\t", "", "indent with blanks, not tabs"),
    ("", 0, r"(?:^\s*|:\s+|-\s+|[\[,{]\s*)\{\{[^}]*\}\}.*\0", "", QUOTE_BRACES),
    ("", LARGEST_FILE, "^[^'\"#]*?(?:^|[ :-])\0?(?P<at>[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff])",
     "U+%(code)04X looks like a blank, and is a letter to YAML", "write a plain blank in its place"),
    ("", 0, "(?:[:-] +|[\\[{,] *)\0?(?P<at>[\u2018-\u201f\u00ab\u00bb])",
     "%(at)s is no quote to YAML", "write \"…\" or '…'"),
    ("", 0, r"""(?:^|[:,\[{-])\s*(?P<quote>["'])(?:\\.|''|(?!(?P=quote))[^\\\0])*(?P=quote)\s*\0[^#]""",
     "the text ends at the second %(quote)s, and more follows",
     "put it in the other quotes, '…' or \"…\"; of both, write '' for a ' within '…'"),
    ("", 0, "(?P<at>\\*[\\w-]+),? *\0", "an alias, and more follows", "text that begins with * stands in quotes"),
    ("could not find expected ':'", 5, r"^\s*(?:- +)?(?P<at>[\w-]+):(?!//)(?P<text>[^\s:\0][^\0]*?)\s*$",
     "%(at)s: has no blank after the colon", "write %(at)s: %(text)s"),
    ("expected key", 0, r"^[\s\0]*- ", "", "each value of a list begins with -: put one in front of those above too"),
    ("quoted scalar: found unexpected end of stream", 0, "",
     "the text that begins here is never closed", "end it with the same quote"),
    ("parsing a flow node", 0, "", "", "a value is missing here, or a bracket before it isn't closed"),
    ("parsing a flow", 0, "", "", "the %(begun)s on line %(line)s isn't closed, or a comma is missing"),
    ("mapping values", 0, "^\\s*(?:- +)?[^\\s:'\"{\\[\0][^:'\"{\\[\0]*\0", "",
     f"{_COLUMNS}, and each ends with a colon: look at the line above too"),
    ("unknown escape", 0, "", "", "in \"…\" a \\ begins an escape: put the text in '…', or write \\\\"),
    ("cannot start any token", 0, "", "", "text that begins with %(stopped)s stands in quotes"),
    ("mapping values", 0, "", "", "text that holds a colon and a blank stands in quotes"),
    ("alphabetic or numeric character", 0, "", "", "text that begins with * or & stands in quotes"),
    ("could not find expected ':'", 0, "", "", "a key ends with a colon; text of several lines begins with |"),
    ("block sequence entries", 0, "", "", _COLUMNS),
    ("block mapping: did not find expected key", 0, r"^\s*\0", "", _COLUMNS),
)  # fmt: skip
"""What people do that is no YAML; the first that fits tells of it: words of the parser's, how many lines more are looked
at, upwards, a pattern in such a line, what is wrong if the parser doesn't say it, and what to do. `\\0` is where the
parser stopped, the group `at` the place to complain of, if it isn't there."""


def _syntax(error: yaml.YAMLError, lines: Sequence[str]) -> tuple[Position, str, str]:
    """Where a syntax error is, what it is, and what to do about it: what people did stands there or before."""
    problem, context = getattr(error, "problem", None) or str(error), getattr(error, "context", None) or ""
    begun = getattr(error, "context_mark", None)
    mark = begun if "quoted scalar" in context and "end of stream" in problem else getattr(error, "problem_mark", None)
    if mark is None:
        return START, problem, ""
    at, start, line = Position(mark.line + 1, mark.column + 1), max(0, mark.column - _NEAR), lines[mark.line]
    marked = f"{line[start : mark.column]}\0{line[mark.column : mark.column + _NEAR]}"
    words = {"stopped": line[mark.column : mark.column + 1], "begun": "", "line": 0}
    if begun is not None:
        words |= {"begun": lines[begun.line][begun.column : begun.column + 1], "line": begun.line + 1}
    for said, above, pattern, what, hint in _SLIPS:
        if said not in f"{context}: {problem}":
            continue
        for number in range(mark.line, max(mark.line - above, 0) - 1, -1):
            if found := re.search(pattern, marked if number == mark.line else lines[number]):
                words |= found.groupdict()
                if odd := words.get("at"):
                    column = len(found.string[: found.start("at")].replace("\0", ""))
                    at = Position(number + 1, column + 1 + (start if number == mark.line else 0))
                    words["code"] = ord(odd[0])
                return at, what % words or problem, hint % words
    return at, problem, ""
