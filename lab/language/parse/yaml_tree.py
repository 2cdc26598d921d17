"""YAML text as values with their places, from the nodes that PyYAML's parser in C composes.

Its constructors are not used: they resolve YAML 1.1 scalars (`no` is False, `012` is 10), take the last of two equal
keys in silence and build objects from tags. Here a plain scalar means what YAML 1.2 says, and a number with a leading
zero stays text; aliases, anchors, merge keys and tags are complaints.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from math import inf, isfinite

import yaml
from msgspec import Struct

from lab.core.exchange import Json
from lab.core.jsontext import MOST_DIGITS
from lab.language.complaints import LARGEST_FILE, Block, Complaints, Location, Locations, Position
from lab.program.words import KeyPath

MOST_LEVELS = 32
MOST_VALUES = 50_000
QUOTE_BRACES = 'put the whole text in quotes: "{{ … }}"'

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DECORATION = re.compile(
    r"[&!*](?:(?<=[\n\r\x85\u2028\u2029\[{,:?-].)|(?<=[\s\[{,:?-][ \t].))"
    r"(?:(?<!\*)|[\w-]+[ \t]*(?:\Z|[\n\r\x85\u2028\u2029\]},:#]))"
)
"""Where an anchor, a tag or an alias may begin: behind what a value may stand behind, an alias with nothing more after
it. Within a text, as in Markdown, it may be anything; its first character alone is what is searched for, for speed."""
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


class _Nodes(Locations):
    """The nodes of a document's values, each behind that of its key (in a list: itself)."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.found: dict[KeyPath, tuple[yaml.Node, yaml.Node]] = {}

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self.found)

    def nearest(self, path: KeyPath) -> Location:
        """Where the value at `path` stands, or the nearest one around it."""
        while path and path not in self.found:
            path = path[:-1]
        if path not in self.found:
            return super().nearest(path)
        key, node = self.found[path]
        at, end, style = _at(node), node.end_mark, getattr(node, "style", None)
        block = Block(at.line + 1, end.line + 1, style == ">") if style in ("|", ">") else None
        commented = style == "" and node.value and self.lines[end.line].startswith(" #", end.column)
        return Location(_at(key), at, block, bool(commented))


def _at(part: yaml.Node | yaml.Event) -> Position:
    """Where it begins."""
    assert part.start_mark is not None
    return Position(part.start_mark.line + 1, part.start_mark.column + 1)


def read_yaml(text: str | bytes, file: str, kind: DocumentKind = SCENARIO) -> Tree:
    """The document in `text`; ScenarioError, with one complaint, if there is none."""
    clean = decoded(text, file)
    nodes = _Nodes([*clean.splitlines(), ""])
    complaints = Complaints(file, nodes)
    try:
        written = _undecorated(clean, complaints) if _DECORATION.search(f"\n{clean}") else clean
        root = _Composer(written, complaints).get_single_node()
    except yaml.YAMLError as error:
        at, what, hint = _syntax(error, complaints.locations.lines)
        if "another document" in what:
            raise complaints.alone(at, "a second document", f"{kind.alone} a file") from error
        complaints.check()  # of anchors: the parser took the text as it was, and stops where they are taken away
        raise complaints.alone(at, f"not YAML: {what}", hint) from error
    value = None if root is None else _value(root, root, (), nodes, complaints)
    if not complaints.unreadable:
        if value is None:
            raise complaints.alone(Position(1, 1), "the file is empty", kind.start)
        if not isinstance(value, kind.shape):
            raise complaints.alone(complaints.locations.value_at(()), kind.is_what, kind.begins)
    return Tree(value, complaints)


def decoded(text: str | bytes, file: str) -> str:
    """The text, without a byte order mark; ScenarioError if it is too large, not UTF-8, or holds control characters."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if len(raw) > LARGEST_FILE:
        raise Complaints(file).alone(Position(1, 1), f"the file is larger than {LARGEST_FILE >> 20} MiB")
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


def _undecorated(text: str, complaints: Complaints) -> str:
    """The text without aliases and with no anchor twice, in as many characters: the composer would stop there.

    So all of them are complained of, and none is followed.
    """
    letters, anchors = list(text), set()
    # at most two a value, all before the first complaint: a text that is no YAML is told of alone
    events = list(islice(yaml.parse(text, yaml.CSafeLoader), 2 * MOST_VALUES + 4))
    for event in events:
        if not isinstance(event, yaml.NodeEvent):
            continue
        assert event.start_mark is not None
        at, index = _at(event), event.start_mark.index
        if isinstance(event, yaml.AliasEvent):
            complaints.spoil(at, f"alias *{event.anchor}", "write the value out")
            letters[index] = "_"  # text
            continue
        if event.anchor is not None:  # the value itself stands there and can be read
            complaints.syntax(at, f"anchor &{event.anchor}", "write the value out where it is used")
            if event.anchor in anchors:
                letters[text.index("&", index)] = "!"  # a tag, which nobody looks at
            anchors.add(event.anchor)
        if (tag := getattr(event, "tag", None)) is not None:
            complaints.spoil(at, f"unknown tag {tag}", "values have no tags here; put text in quotes")
    return "".join(letters)


class _Composer(yaml.CBaseLoader):
    """Nodes, with no table that gives their texts a meaning, and no more of them than a document may have."""

    def __init__(self, text: str, complaints: Complaints) -> None:
        super().__init__(text)
        self.complaints = complaints
        self.left = MOST_VALUES

    def descend_resolver(self, parent: yaml.Node, index: object) -> None:
        """A node begins; `parent` is None for the first."""
        self.left -= 1
        if self.left < 0:
            raise self.complaints.alone(_at(parent), f"too many values: at most {MOST_VALUES}")

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: object) -> str:
        return ""


def _value(key: yaml.Node, node: yaml.Node, path: KeyPath, nodes: "_Nodes", complaints: Complaints) -> Json:
    if len(path) >= MOST_LEVELS:
        raise complaints.alone(_at(node), f"too deep: at most {MOST_LEVELS} levels")
    nodes.found[path] = key, node
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else _plain(node, complaints)  # "" is no style, whatever the annotation says
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, each, (*path, index), nodes, complaints) for index, each in enumerate(node.value)]
    values: dict[str, Json] = {}
    for name, member in node.value:
        text = name.value
        if (
            isinstance(name, yaml.ScalarNode)
            and text not in values
            and (name.style or text not in ("", "<<"))
            and not (complaints.unreadable and _at(name) in complaints.unreadable)
        ):
            values[text] = _value(name, member, (*path, text), nodes, complaints)
        else:
            _complain_of_key(name, node, path, nodes, complaints)
            # read all the same, for complaints within; under a path of its own, so the first keeps its place
            _value(name, member, (*path, -len(nodes.found)), nodes, complaints)
    return values


def _complain_of_key(
    key: yaml.Node, mapping: yaml.Node, path: KeyPath, nodes: "_Nodes", complaints: Complaints
) -> None:
    at, whole = _at(key), _at(mapping)
    if not isinstance(key, yaml.ScalarNode):
        _value(key, key, (*path, -len(nodes.found)), nodes, complaints)
        if isinstance(key, yaml.MappingNode) and complaints.locations.lines[at.line - 1][: at.column].endswith("{{"):
            what = "{{ without quotes is a mapping within a mapping"
            complaints.spoil(whole, what, QUOTE_BRACES, Position(at.line, at.column - 1))
        else:
            complaints.syntax(at, "a key is plain text")
    elif at in complaints.unreadable:  # an alias, complained of already
        complaints.unreadable.add(whole)
    elif not key.style and key.value == "<<":
        complaints.spoil(whole, "merge key <<", "write the keys out", at)  # what it would bring isn't known
    elif not key.style and key.value == "":
        complaints.syntax(at, "a key is missing before the colon")
    else:
        first = complaints.locations.nearest((*path, key.value)).key
        complaints.syntax(at, f"duplicate key {key.value}", f"the first is on line {first.line}")


def _plain(node: yaml.ScalarNode, complaints: Complaints) -> Json:
    text: str = node.value
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
    complaints.spoil(_at(node), what, "put it in quotes if it is text")
    return None


_NEAR = 1000
"""How much of a long line is looked at, before the place where the parser stopped and behind it."""
_ALL = LARGEST_FILE  # no file has more lines than bytes
_COLUMNS = "the keys of one mapping begin in the same column"
_MORE = "the text ends at the second %s, and more follows"
_SLIPS = (
    ("nesting depth", 0, "", f"too deep: at most {MOST_LEVELS} levels", ""),
    ("", 0, r"\0\t", "", "indent with blanks, not tabs"),
    ("", 0, r"(?:^\s*|:\s+|-\s+|[\[,{]\s*)\{\{[^}]*\}\}.*\0", "", QUOTE_BRACES),
    ("", _ALL, "^[^'\"#]*?(?:^|[ :-])\0?(?P<at>[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff])",
     "U+%(code)04X looks like a blank, and is a letter to YAML", "write a plain blank in its place"),
    ("", 0, "(?:[:-] +|[\\[{,] *)\0?(?P<at>[\u2018-\u201f\u00ab\u00bb])",
     "%(at)s is no quote to YAML", "write \"…\" or '…'"),
    ("", 0, r'(?:^|[:,\[{-])\s*"(?:\\.|[^"\\\0])*"\s*\0[^#]',
     _MORE % '"', "write \\\" for a quote in it, or put the text in '…'"),
    ("", 0, r"(?:^|[:,\[{-])\s*'(?:''|[^'\0])*'\s*\0[^#]",
     _MORE % "'", "write '' for a quote in it, or put the text in \"…\""),
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
    ("undefined alias", 0, "", "", "text that begins with * stands in quotes"),
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
        return Position(1, 1), problem, ""
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
