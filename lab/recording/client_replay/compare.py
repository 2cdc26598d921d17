"""The policies where another server answers (recordings.md §6.3).

What the recorded answer has, the other must have; what it has beside is ignored. Ids and secrets are other ones, and are
bound to the recorded ones where both stand for the first time.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from lab.core.clock import Millis
from lab.core.exchange import Json, Response
from lab.dialects import wires
from lab.recording.bindings import Bindings, is_id
from lab.recording.comparison import Comparator, ComparedMembers, Policy, Sides, compared_answer, kinds
from lab.recording.format.lines import Enc
from lab.recording.matchers import Matcher
from lab.recording.redaction.bodies import plain_body
from lab.recording.redaction.secret_names import is_secret
from lab.recording.redaction.stand_ins import STAND_IN, stand_ins, with_hosts
from lab.recording.tape.instants import MILLIS, SECONDS

_GENERATED = frozenset(name for wire in wires() for name in wire.marks.generated)
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_TIME = re.compile(rf"{_DATE.pattern}|(?:[0-9]+:)?[0-9]{{2}}:[0-9]{{2}}\.[0-9]")
"""An instant within a text: a date, or how long after something, as the lab's refusals say it."""
_SECONDS = SECONDS | {"exp", "iat", "nbf", "auth_time"}
"""ComparedMembers that hold an instant in seconds since 1970, those of the OAuth server's answers too (RFC 7662 §2.2)."""
_UNRECORDED = "(a secret that wasn't recorded)"
_BEARER = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_PRESENT = frozenset(("retry-after",))
"""Headers of which only matters that they are there."""


class AnswerComparator(Comparator):
    """Compares answers about one job, or about none."""

    extras = False

    def __init__(self, bound: Bindings, tolerance: Millis | None, matchers: Sequence[Matcher] = ()) -> None:
        """`tolerance`: by how much instants may differ, counted from the job's first; None: they aren't compared."""
        super().__init__(matchers)
        self._bound, self._tolerance = bound, tolerance
        self._generated = False
        self._first: tuple[Millis, Millis] | None = None
        """The first instant that answers about the job have, on either side: each has its own clock."""

    def answers(
        self, route: str, recorded: Response, here: Response, *, generated: bool
    ) -> tuple[ComparedMembers, ComparedMembers]:
        """Both as they compare; `generated`: its texts may be made of generated data, so only their type counts.

        The body of one that goes with another status is given whole.
        """
        self._generated = generated
        expected, got = (
            compared_answer(each.status, each.headers, plain_body(each.headers, each.body)) for each in (recorded, here)
        )
        if recorded.status == here.status or expected["enc"] != Enc.JSON:
            self.compared("res", route, expected, got)  # a text may hold an id that stands behind it as one
            return self.compared("res", route, expected, got)
        bodies = {"body": self.recorded(expected.pop("body"))}, {"body": self.got(got.pop("body"), "")}
        expected, got = self.compared("res", route, expected, got)
        return expected | bodies[0], got | bodies[1]

    def policy(self, name: str, recorded: Json, got: Json) -> Policy | None:
        if name in _PRESENT or (name in _GENERATED and self._generated):
            return self._kinds
        match recorded, got:
            case list(), list() if name == "content-type" and len(got) > len(recorded):
                count = len(recorded)
                return lambda one, other: self.pair(one, other[:count] if isinstance(other, list) else other, name)
            case (dict(), dict()) | (list(), list()):
                return None
            case _ if name in MILLIS or name in _SECONDS or (_is_date(recorded) and _is_date(got)):
                return lambda one, other: self._instants(one, other, 1000 if name in _SECONDS else 1)
            case str(), str():
                return lambda one, other: self._texts(str(one), str(other), name)
            case _:
                return None

    def recorded(self, value: Json) -> Json:
        return _each_text(super().recorded(value), self._bound.recorded_text)

    def got(self, value: Json, name: str) -> Json:
        """What came; no secret in it is shown."""
        match value:
            case str() if is_secret(name):
                return self._bound.recorded_of(value) or _UNRECORDED
            case str():
                return _BEARER.sub(_UNRECORDED, self._bound.hidden(self._bound.text_here(value)))
            case list():
                return [self.got(part, name) for part in value]
            case dict():
                return {self._bound.text_here(inner): self.got(part, inner) for inner, part in value.items()}
            case _:
                return super().got(value, name)

    def _texts(self, recorded: str, here: str, name: str) -> Sides:
        if is_id(name, recorded) or STAND_IN.fullmatch(recorded):
            return self._identities(recorded, here, name)
        recorded = with_hosts(recorded, self._bound.hosts)
        if stand_ins(recorded):
            same = self._bound.same_within(recorded, here)
            return recorded, self.got(
                here, ""
            ) if same is None else recorded if same else f"{recorded} (with another secret)"
        expected, got = self._bound.recorded_text(recorded), self._bound.text_here(here)
        if expected != got:
            expected, got = (_TIME.sub("(a time)", text) for text in (expected, got))
        if is_secret(name) and expected != got:
            got = _UNRECORDED
        return expected, got

    def _identities(self, recorded: str, here: str, name: str) -> Sides:
        shown = self._bound.name(recorded, name)
        if self._bound.same(recorded, here):
            return shown, shown
        other = self._bound.recorded_of(here)
        return shown, self._bound.name(other) if other is not None else "(another)"

    def _instants(self, recorded: Json, here: Json, unit: Millis) -> Sides:
        """Two instants, as offsets from the first of their job; what stands for none is compared as it is."""
        one, other = _millis(recorded, unit), _millis(here, unit)
        if one is None or other is None:
            return recorded if one is None else "an instant", here if other is None else "an instant"
        first = self._first = self._first or (one, other)
        offsets = one - first[0], other - first[1]
        tolerance = self._tolerance
        if tolerance is None or abs(offsets[0] - offsets[1]) <= tolerance:
            return "an instant", "an instant"
        return f"+{offsets[0]} ms", f"+{offsets[1]} ms"

    def _kinds(self, recorded: Json, here: Json) -> Sides:
        expected, got = kinds(recorded, here)
        return expected, got if expected == got else self.got(here, "")


def _is_date(value: Json) -> bool:
    return isinstance(value, str) and _DATE.fullmatch(value) is not None


def _millis(value: Json, unit: Millis) -> Millis | None:
    """The instant that a value is, in milliseconds since 1970; None for one that stands for none, as 0 does."""
    if isinstance(value, str) and _is_date(value):
        with suppress(ValueError):  # the 30th of February
            return round(datetime.fromisoformat(value).timestamp() * 1000) or None
    return value * unit or None if isinstance(value, int) else None


def _each_text(value: Json, change: Callable[[str], str]) -> Json:
    match value:
        case str():
            return change(value)
        case list():
            return [_each_text(part, change) for part in value]
        case dict():
            return {change(name): _each_text(part, change) for name, part in value.items()}
        case _:
            return value
