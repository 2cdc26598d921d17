"""Routes as data: a table, a row a method of a path; and finding the row that a request line means.

All that knows a path is made of such rows: the router and its `405 Allow`, the OpenAPI document, `lab fidelity`, the
names by which faults and recordings call a route. The identity domain has a table, each dialect has one.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TypeAlias
from urllib.parse import quote

from msgspec import Struct

CONTROL_ROOT = "/_lab/"
"""What the path of every route of the control plane begins with."""
TENANT_NAME = re.compile("[a-z0-9][a-z0-9-]{0,39}")


class Route(Struct, frozen=True):
    """One method of one path."""

    method: str
    path: str
    """A template: `{code}` stands for a segment, `{release}` for digits in one; percent-decoded when it is read, encoded
    when it is written."""
    name: str
    """As recordings, observations and faults call it; several rows may be one route."""
    operation: str = ""
    """The row's own name, that of its operation in the OpenAPI document; empty: `name`, with `_` for `-`."""
    kind: str = ""
    """What the row's room tells apart: for a dialect the command it reads into, for identity how it refuses."""
    only: str = ""
    """The profile or the switch without which it isn't there; empty: it always is."""
    service: str = ""
    """A service of the pod whose tokens open it beside the API's."""
    keys: str = ""
    """Whether an API key opens it as well as a token; empty: it doesn't."""
    marks: str = ""
    """What says that it is there: marks of contract.md §1, in words."""
    switch: str = ""
    """The switch that changes what it does."""
    says: str = ""
    """What it is for, in a few words."""
    source: str = ""
    """Where its marks come from, so that it can be looked up again; empty: they name no single place."""


class RouteMatch(Struct, frozen=True):
    """The row that a request line means, with what its path holds."""

    route: Route
    code: str = ""
    """The agent team's."""
    job: str = ""
    flags: tuple[str, ...] = ()
    """What is noted of the request line."""

    @property
    def name(self) -> str:
        """The route's name."""
        return self.route.name


_LIKE = 0.7
"""How alike a segment and the one that it may be meant for are at least: 1 is the same."""
_VERSION = re.compile(r"v[0-9]{1,2}")


def _likeness(words: list[str], segments: list[str]) -> float:
    """How nearly a path is one of a template, both in small letters: 1 if it is, 0 if a segment is another word."""
    if len(words) != len(segments):
        return 0
    from difflib import SequenceMatcher  # only a mistake needs it

    total = 0.0
    for word, segment in zip(words, segments, strict=True):
        if word == segment or (word.startswith("{") and segment):
            total += 1
        elif _VERSION.fullmatch(word) and _VERSION.fullmatch(segment):
            total += _LIKE
        else:
            match = SequenceMatcher(None, word, segment)
            # a long segment is never compared letter by letter
            ratio = match.ratio() if match.real_quick_ratio() >= _LIKE else 0
            if ratio < _LIKE:
                return 0
            total += ratio
    return total / len(words)


Methods: TypeAlias = Mapping[str, Route]
"""The rows of one path, by method."""
_PARAMETER = re.compile(r"\{(\w+)\}")
_SHAPES = {"release": "([0-9]+)"}
"""What a parameter may be where not every text is one."""
_SEGMENT = "([^/]+)"


def _pattern(path: str) -> str:
    """A template as a pattern, with a group for each of its parameters."""
    parts = _PARAMETER.split(path)
    return "".join(_SHAPES.get(part, _SEGMENT) if place % 2 else re.escape(part) for place, part in enumerate(parts))


class RouteTable:
    """Rows, indexed by path. Paths without parameters win; the others are tried as one pattern, in their order."""

    def __init__(self, rows: Iterable[Route]) -> None:
        by_path: dict[str, dict[str, Route]] = {}
        for row in rows:
            by_path.setdefault(row.path, {})[row.method] = row
        self._rows = by_path
        self._words = [(path.lower().split("/"), path) for path in by_path]
        self._plain = {path: methods for path, methods in by_path.items() if "{" not in path}
        self._has_templates = len(self._plain) < len(by_path)

    @cached_property
    def _templates(self) -> tuple[re.Pattern[str], Mapping[int, tuple[Methods, int, int]]]:
        """The pattern of all paths with parameters, and what each of them means; made when one is first asked for."""
        templates: dict[int, tuple[Methods, int, int]] = {}
        patterns: list[str] = []
        group = 1
        for path, methods in self._rows.items():
            names = _PARAMETER.findall(path)
            if names:
                # each template is a group of its own, so `lastindex` of a match says which of them it was; groups of
                # its parameters follow, 0 stands for one that it hasn't
                patterns.append(f"({_pattern(path)})")
                code, job = (group + 1 + names.index(name) if name in names else 0 for name in ("code", "job"))
                templates[group] = methods, code, job
                group += 1 + len(names)
        return re.compile("|".join(patterns)), templates

    def at(self, path: str) -> tuple[Methods, str, str] | None:
        """The rows of the path, with the team's code and the job that it holds; None: nothing is there."""
        plain = self._plain.get(path)
        if plain is not None:
            return plain, "", ""
        if not self._has_templates:
            return None
        pattern, templates = self._templates
        found = pattern.fullmatch(path)
        if found is None or found.lastindex is None:
            return None
        methods, code, job = templates[found.lastindex]
        return methods, found[code] if code else "", found[job] if job else ""

    def nearest(self, method: str, path: str) -> str:
        """`METHOD PATH` of the row that this path nearly is, with its method if that row has it; empty: of none."""
        segments = path.lower().split("/")
        likeness, template = max(
            ((_likeness(words, segments), each) for words, each in self._words), key=lambda pair: pair[0]
        )
        methods = self._rows[template]
        return f"{method if method in methods else next(iter(methods))} {template}" if likeness else ""


def fill_path(route: Route, **values: str) -> str:
    """The path with its parameters percent-encoded."""
    return _PARAMETER.sub(lambda found: quote(values[found[1]], safe="", errors="surrogatepass"), route.path)


def read_routes(text: str, columns: str) -> tuple[Route, ...]:
    """Rows of a table written as text: `|` between cells, `-` for an empty one, `columns` names them in order."""
    names = columns.split()
    rows = (line.split("|") for line in text.strip().splitlines())
    return tuple(
        Route(**dict(zip(names, ("" if cell.strip() == "-" else cell.strip() for cell in row), strict=True)))
        for row in rows
    )
