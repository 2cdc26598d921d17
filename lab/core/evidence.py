"""What passed between a client and a server, and what it says of a claim (recordings.md §18).

A room that claims something of a server (`fidelity`) has judges beside its claims, which look through calls for signs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from lab.core.exchange import Headers, Json, header_of, text_of
from lab.core.jsontext import value_or_none
from lab.core.routes import RouteMatch

Object: TypeAlias = Mapping[str, Json]
"""A JSON object; empty where there is none."""


def countable(value: Json) -> Json:
    """The value, which can be looked for in a set; of an array or object, which can't, its JSON text. Servers write anything."""
    return text_of(value) if isinstance(value, (list, dict)) else value


class PodCall(Struct, frozen=True, eq=False):
    """A request and its answer. Header names are in lower case; `line` is that of the answer, from 1."""

    x: int
    line: int
    method: str
    path: str
    route: RouteMatch | None
    """None: no route of the lab's."""
    query: Object
    headers: Headers
    sent: Object
    """What a JSON object or a form has; empty: neither was sent."""
    status: int
    answer: Headers
    body: Json
    """None: no JSON."""
    text: str
    """The answer, where it is no JSON."""

    @property
    def name(self) -> str:
        """The route's; empty: none."""
        return self.route.name if self.route is not None else ""

    @property
    def code(self) -> str:
        """The agent team's, in the path."""
        return self.route.code if self.route is not None else ""

    @property
    def good(self) -> bool:
        """Whether it was taken."""
        return 200 <= self.status < 300

    @property
    def object(self) -> Object:
        """The answer, if it is a JSON object."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def bearer(self) -> str:
        """The token that was sent; empty: none."""
        scheme, _, token = (header_of(self.headers, "authorization") or "").partition(" ")
        return token if scheme.lower() == "bearer" else ""

    def events(self) -> Iterator[Object]:
        """Of a stream: its events that are JSON objects."""
        for line in self.text.splitlines():
            value = value_or_none(line.removeprefix("data:")) if line.startswith("data:") else None
            if isinstance(value, dict):
                yield value


class PodTraffic:
    """Calls in the order in which they were asked. Equal to itself only, so that others may remember what they made of it."""

    def __init__(self, calls: Iterable[PodCall], *, shapes: bool = False) -> None:
        """`shapes`: of the texts in bodies nothing but their lengths was kept."""
        self.calls = tuple(calls)
        self.shapes = shapes

    def of(self, *names: str) -> Iterator[PodCall]:
        """The calls on routes of these names."""
        return (call for call in self.calls if call.name in names)


class Sign(Struct, frozen=True, eq=False):
    """One call that speaks for a claim or against it."""

    call: PodCall
    fits: bool
    what: str
    """What it shows, in a few words."""
    value: str = ""
    """Against: what its switch would have to be set to; empty: no setting makes the lab do so."""


class ClaimJudge(Struct, frozen=True):
    """Looks for signs in traffic."""

    look: Callable[[PodTraffic], Iterator[Sign]]
    needs: str
    """What has to pass to show it, or why nothing can."""
    texts: bool = False
    """Whether it reads texts in bodies, which not every capture keeps."""


Judges: TypeAlias = Mapping[tuple[str, str], ClaimJudge]
"""By place and name of their claims."""


def sign_of(call: PodCall, fits: bool, what: str, value: str = "") -> Sign:
    """A sign for or against; `value` counts against."""
    return Sign(call, True, what) if fits else Sign(call, False, what, value)
