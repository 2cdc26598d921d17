"""Exceptions from what counts as equal, written beside a recording in `NAME.match.yaml` (recordings.md §7.1).

A matcher says at which place of which replies or facts the two sides may differ, and how far. It can only loosen: what is
equal stays equal, and a line that is missing or extra is a divergence whatever is written.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Annotated, Literal, TypeAlias, assert_never, cast

from msgspec import UNSET, Struct, UnsetType

from lab.core.errors import Complaint, advised
from lab.core.exchange import Json
from lab.language.complaints import Complaints
from lab.language.parse.yaml_tree import DocumentKind, read_yaml
from lab.language.patterns import BadPattern, engine
from lab.language.shape import part_shape
from lab.program.routes import RouteName
from lab.program.words import Part, Spelt, nearest
from lab.recording.format.facts import FACTS

MATCHERS = DocumentKind(
    "matchers are a list", "as in - {where: res, path: $.output, rule: ignore}", "one list", "remove it", list
)
BESIDE_BODY = ("status", "held", "cut", "headers")
"""What of a reply a path may name that isn't in its body."""
_BESIDE = {
    "req": "$.items[*]['id']",
    "res": "$.items[*]['id'], or status, held, cut or headers.NAME",
    "fact": "$.items[*]['id'], or at",
}
Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in what is compared, member by member."""

ANY = "*"
"""A part of a path that means every member, and every entry."""
_LONGEST_PATTERN = 2000
"""Characters."""
_PATH = re.compile(r"""\$(?:\.[\w-]+|\.\*|\[(?:\d{1,6}|\*|'[^']*'|"[^"]*")\])*""", re.ASCII)
_PART = re.compile(r"""\.([\w-]+|\*)|\[(?:(\d+)|(\*)|'([^']*)'|"([^"]*)")\]""", re.ASCII)
_NUMBER = re.compile(r"(-?\d{1,15}(?:\.\d{1,15})?)|\+(-?\d{1,15}) ms", re.ASCII)
"""A number as a header has it, and an instant in a body as it is compared: milliseconds since the epoch."""


def _fact_type(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("takes text")
    if value not in FACTS:
        near = nearest(value, FACTS) or "lab docs recordings lists them, §2.3"
        raise ValueError(f"no fact is called {value}; {near}")
    return value


def _regex(value: object) -> object:
    if not isinstance(value, str) or len(value) > _LONGEST_PATTERN:
        raise ValueError(f"takes text of at most {_LONGEST_PATTERN} characters")
    try:
        engine(value)
    except BadPattern as bad:
        raise ValueError(advised(str(bad), bad.hint)) from None
    return value


class Matcher(Part, frozen=True):
    """One exception."""

    where: Literal["req", "res", "fact"]
    path: str
    rule: Literal["exact", "type", "regex", "ignore", "unordered", "range"]
    route: RouteName | None = None
    """of a request or reply: of which call; any, if absent"""
    type: Annotated[str, Spelt(_fact_type, str, {"type": "string"})] | None = None
    """of a fact: its type; any, if absent"""
    pattern: Annotated[str, Spelt(_regex, str, {"type": "string", "maxLength": _LONGEST_PATTERN})] | None = None
    min: int | float | None = None
    max: int | float | None = None

    def flaws(self) -> Iterator[str]:
        for name, wanted in (
            ("pattern", self.rule == "regex"),
            ("route", self.where != "fact"),
            ("type", self.where == "fact"),
        ):
            if getattr(self, name) is not None and not wanted:
                yield f"{name} says nothing beside where: {self.where}, rule: {self.rule}"
        if self.rule == "regex" and self.pattern is None:
            yield "rule: regex needs a pattern"
        if (self.rule == "range") is (self.min is None and self.max is None):
            yield "rule: range needs min, max or both, and no other rule takes them"
        if self.min is not None and self.max is not None and self.min > self.max:
            yield f"rule: range from {self.min} to {self.max} holds no number"
        try:
            _ = self.parts
        except ValueError as error:
            yield str(error)

    @property
    def parts(self) -> Path:
        """The path, taken apart; ValueError if it is none."""
        if _PATH.fullmatch(self.path):
            inside = tuple(_part(found) for found in _PART.finditer(self.path))
            return inside if self.where == "fact" else ("body", *inside)
        parts = tuple(self.path.lower().split(".", 1))
        if self.where == "fact" and parts == ("at",):
            return parts
        if self.where == "res" and parts[0] in BESIDE_BODY and (len(parts) == 2) is (parts[0] == "headers"):
            return parts
        raise ValueError(f"path is written $.output, $.items[0].id, {_BESIDE[self.where]}; this is {self.path!r}")

    def concerns(self, where: str, name: str | None) -> bool:
        """Whether it is about a reply to that route, or a fact of that type."""
        of = self.type if self.where == "fact" else self.route
        return self.where == where and (of is None or of == name)

    def allows(self, recorded: Json | UnsetType, got: Json | UnsetType) -> bool:
        """Whether the one may stand for the other; UNSET: there is no such value on that side."""
        if recorded is UNSET or got is UNSET:
            return self.rule == "ignore"
        match self.rule:
            case "exact":
                return False
            case "ignore":
                return True
            case "type":
                return _alike_in_type(recorded, got)
            case "regex":
                return isinstance(got, str) and engine(self.pattern or "").fullmatch(_encodable(got)) is not None
            case "unordered":
                return isinstance(recorded, list) and isinstance(got, list) and _sorted(recorded) == _sorted(got)
            case "range":
                number = _number(got)
                return (
                    number is not None
                    and (self.min is None or self.min <= number)
                    and (self.max is None or number <= self.max)
                )
            case _:
                assert_never(self.rule)


class MatcherFile(Struct, frozen=True, eq=False):
    """The matchers of a recording, in their order: of two for one place the later counts."""

    matchers: tuple[Matcher, ...]
    _complaints: Complaints

    def idle(self, applied: Collection[int]) -> tuple[Complaint, ...]:
        """A complaint for each that isn't among the `applied`, by their numbers from 0. Those for requests are a playback's."""
        for number, matcher in enumerate(self.matchers):
            if number not in applied and matcher.where != "req":
                self._complaints.add((number,), "applied to nothing", "remove it, or mend its route, type or path")
        return tuple(self._complaints.listed)


def parse_matchers(text: str | bytes, file: str) -> MatcherFile:
    """The matchers in `text`; ScenarioError with every complaint, each with file, line and key."""
    tree = read_yaml(text, file, MATCHERS)
    entries = tree.value if isinstance(tree.value, list) else []
    matcher = part_shape(Matcher)
    found = [cast("Matcher", matcher.read(each, (place,), tree.complaints)) for place, each in enumerate(entries)]
    tree.complaints.check()
    return MatcherFile(tuple(found), tree.complaints)


def _part(found: re.Match[str]) -> str | int:
    name, index, every, *quoted = found.groups()
    return int(index) if index is not None else name or every or next(each for each in quoted if each is not None)


def _alike_in_type(recorded: Json, got: Json) -> bool:
    """Whether the values have one type, and their parts too; an array's entries are like some recorded one."""
    match recorded, got:
        case dict(), dict():
            return recorded.keys() == got.keys() and all(
                _alike_in_type(part, got[name]) for name, part in recorded.items()
            )
        case list(), list():
            return all(any(_alike_in_type(one, other) for one in recorded) for other in got)
        case _:
            return _type(recorded) is _type(got)


def _type(value: Json) -> type:
    return float if type(value) is int else type(value)


def _sorted(values: list[Json]) -> list[str]:
    return sorted(json.dumps(each, sort_keys=True) for each in values)


def _number(value: Json) -> float | None:
    if isinstance(value, str) and (found := _NUMBER.fullmatch(value)):
        return float(found[1] or found[2])
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
