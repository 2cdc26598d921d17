"""The `$filter` of the list of workflows: what Oracle's CLI sends is read, the rest is refused where it begins (contract.md §2.3).

    filter     = all *( "or" all )
    all        = term *( "and" term )
    term       = "(" filter ")" / comparison
    comparison = FIELD ( "eq" / "=" ) value
    value      = 'text', each quote in it doubled / "text", likewise / digits

so `and` binds before `or`. The words are taken in any case, fields only as they are. A filter that was misread would be
answered by an empty list, which a client takes for "there is no such workflow": so nothing is guessed.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias, assert_never

from msgspec import Struct

from lab.core.exchange import Json
from lab.core.refusal import Refusal
from lab.dialects.fusion.fidelity import WORKFLOW
from lab.dialects.reading import Wrong, near_member, shown_name

FILTER_FIELDS = tuple(row.name for row in WORKFLOW if row.json != "object")
"""What a filter may compare: the members of a workflow that are no objects."""
LONGEST_FILTER = 2_000
"""Characters."""
DEEPEST_FILTER = 20
"""Brackets within brackets."""
_ADVICE = (
    "Write FIELD='VALUE' or FIELD eq 'VALUE', with each quote in a value twice, joined by and, or and brackets; "
    f"a FIELD is {', '.join(FILTER_FIELDS)}."
)
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*+'|"(?:[^"]|"")*+")|(?P<open>['"].*)|(?P<digits>[0-9]+\b)|(?P<word>\$?\w+)|(?P<sign>\S)""",
    re.DOTALL,
)


class FieldEquals(Struct, frozen=True):
    """A member is a value, compared as texts."""

    field: str
    value: str


class AllOf(Struct, frozen=True):
    """Each of the parts holds."""

    parts: "tuple[Filter, ...]"


class AnyOf(Struct, frozen=True):
    """At least one of the parts holds."""

    parts: "tuple[Filter, ...]"


Filter: TypeAlias = FieldEquals | AllOf | AnyOf


def fits(filter_: Filter, item: Mapping[str, Json]) -> bool:
    """Whether a filter names a workflow."""
    match filter_:
        case FieldEquals(field, value):
            return str(item[field]) == value
        case AllOf(parts):
            return all(fits(part, item) for part in parts)
        case AnyOf(parts):
            return any(fits(part, item) for part in parts)
        case _:
            assert_never(filter_)


def parse_filter(text: str) -> Filter:
    """The filter; Wrong, with a place in the text counted from 1, if it can't be read or goes beyond a bound."""
    if len(text) > LONGEST_FILTER:
        raise _wrong(LONGEST_FILTER + 1, f"it is longer than {LONGEST_FILTER} characters")
    return _Parser(text).whole()


def _wrong(place: int, why: str, near: str = "") -> Wrong:
    return Wrong(Refusal(400, f"$filter, character {place}: {why}.", _ADVICE, near=(near,) if near else ()))


class _Parser:
    """Reads a filter from left to right, a token ahead; at the end the kind of the next one is empty."""

    def __init__(self, text: str) -> None:
        tokens = ((str(found.lastgroup), found[0], found.start() + 1) for found in _TOKEN.finditer(text))
        self._tokens, self._end, self._depth = tokens, ("", "", len(text) + 1), 0
        self._take()

    def _take(self) -> None:
        self._kind, self._token, self._place = next(self._tokens, self._end)

    def _taken(self, *tokens: str) -> bool:
        """Whether the next token is one of these, which is taken then; a text never is."""
        there = self._kind != "text" and self._token.lower() in tokens
        if there:
            self._take()
        return there

    def whole(self) -> Filter:
        found = self._any()
        if self._kind:
            raise self._unexpected("and, or, or the end is expected")
        return found

    def _any(self) -> Filter:
        parts = [self._all()]
        while self._taken("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Filter:
        parts = [self._term()]
        while self._taken("and"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _term(self) -> Filter:
        place = self._place
        if not self._taken("("):
            return self._comparison()
        self._depth += 1
        if self._depth > DEEPEST_FILTER:
            raise _wrong(place, f"brackets are nested more than {DEEPEST_FILTER} deep")
        found = self._any()
        if not self._taken(")"):
            raise self._unexpected("and, or, or ) is expected")
        self._depth -= 1
        return found

    def _comparison(self) -> FieldEquals:
        field = self._token
        if self._kind != "word" or field not in FILTER_FIELDS:
            raise self._unexpected("a field or ( is expected", near_member(field, FILTER_FIELDS))
        self._take()
        if not self._taken("=", "eq"):
            raise self._unexpected("= or eq is expected")
        kind, token = self._kind, self._token
        if kind == "open":
            raise _wrong(self._place, "the text that begins here has no end")
        if kind not in ("text", "digits"):
            raise self._unexpected("a text in quotes or a number is expected")
        self._take()
        return FieldEquals(field, token if kind == "digits" else token[1:-1].replace(token[0] * 2, token[0]))

    def _unexpected(self, what: str, near: str = "") -> Wrong:
        return _wrong(self._place, f"{what}, not {shown_name(self._token) if self._kind else 'the end'}", near)
