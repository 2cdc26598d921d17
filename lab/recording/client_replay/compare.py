"""What counts as equal where another server answers: both answers are gone through together (recordings.md §6.3).

What the recorded answer has, the other must have; what it has beside is ignored. Ids and secrets are other ones, and are
bound to the recorded ones where both stand for the first time.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Headers, Json, Response
from lab.dialects import wires
from lab.recording.client_replay.values import Bindings, is_id
from lab.recording.format.lines import Body, Enc
from lab.recording.redaction.bodies import value_of
from lab.recording.redaction.secret_names import is_secret
from lab.recording.redaction.stand_ins import STAND_IN, stand_ins, with_hosts
from lab.recording.replay.match import Canon
from lab.recording.tape.instants import MILLIS

_GENERATED = frozenset(name for wire in wires() for name in wire.marks.generated)
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_TIME = re.compile(rf"{_DATE.pattern}|(?:[0-9]+:)?[0-9]{{2}}:[0-9]{{2}}\.[0-9]")
"""An instant within a text: a date, or how long after something, as the lab's refusals say it."""
_SECONDS = frozenset(("exp", "iat", "nbf", "auth_time"))
"""AnswerMembers of the OAuth server's answers that hold an instant in seconds since 1970 (RFC 7662 §2.2)."""
_UNRECORDED = "(a secret that wasn't recorded)"
_BEARER = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_PRESENT = frozenset(("retry-after",))
"""Headers of which only matters that they are there."""

AnswerMembers: TypeAlias = dict[str, Json]
Sides: TypeAlias = tuple[Json, Json]
"""What the recording has, and what the server answered: equal where nothing differs that counts."""


class RecordedAnswer(Struct, frozen=True):
    """An answer as a recording has it."""

    route: str
    status: int
    headers: Headers
    body: Body
    streams: bool = False
    """Whether it came as events: `body` lists what they came to where they first showed a question or the end."""
    about: bool = False
    """Whether it shows a job."""


class AnswerComparison:
    """Compares answers about one job, or about none."""

    def __init__(self, bound: Bindings, tolerance: Millis | None) -> None:
        """`tolerance`: by how much instants may differ, counted from the job's first; None: they aren't compared."""
        self._bound, self._tolerance = bound, tolerance
        self._generated = False
        self._first: tuple[Millis, Millis] | None = None
        """The first instant that answers about the job have, on either side: each has its own clock."""

    def answers(
        self, recorded: RecordedAnswer, here: Response, *, generated: bool
    ) -> tuple[AnswerMembers, AnswerMembers]:
        """Both as they compare; `generated`: its texts may be made of generated data, so only their type counts."""
        self._generated, canon = generated, Canon(0)
        heads = self.pair(canon.headers(recorded.headers), canon.headers(here.headers), "")
        expected: AnswerMembers = {"status": recorded.status, "headers": heads[0]}
        got: AnswerMembers = {"status": here.status, "headers": heads[1]}
        alike = recorded.status == here.status
        self._bodies(recorded.body, here, alike=alike)  # a text may hold an id that stands behind it as one
        encs, bodies = self._bodies(recorded.body, here, alike=alike)
        expected |= {"enc": encs[0], "body": bodies[0]}
        got |= {"enc": encs[1], "body": bodies[1]}
        return expected, got

    def _bodies(self, body: Body, here: Response, *, alike: bool) -> tuple[Sides, Sides]:
        """How each is written, and each; one that isn't `alike`, for it goes with another status, is given whole."""
        text = here.body.decode("utf-8", "replace")
        if body.enc is Enc.JSON:
            value = value_of(text, here.body)
            if alike and (value is not None or text.strip() == "null"):
                return ("json", "json"), self.pair(body.value, value, "")
            if value is not None:
                return ("json", "json"), (self._recorded(body.value), self._shown(value))
            return ("json", "text" if text else "none"), (self._recorded(body.value), self._shown(text))
        if body.enc is Enc.NONE:
            return ("none", "text" if text else "none"), (None, self._shown(text) or None)
        recorded = str(body.value).replace("\r\n", "\n")
        return ("text", "text" if text else "none"), self._texts(recorded, text.replace("\r\n", "\n"), "")

    def pair(self, recorded: Json, here: Json, name: str) -> Sides:
        """Two values of the member `name`."""
        if name in _PRESENT or (name in _GENERATED and self._generated):
            return self._kinds(recorded, here)
        match recorded, here:
            case dict(), dict():
                return self._members(recorded, here)
            case list(), list():
                if name == "content-type":
                    here = here[: len(recorded)]
                pairs = [self.pair(one, other, name) for one, other in zip(recorded, here, strict=False)]
                missing = [self._recorded(one) for one in recorded[len(pairs) :]]
                extra = [self._shown(other) for other in here[len(pairs) :]]
                return [one for one, _ in pairs] + missing, [other for _, other in pairs] + extra
            case _ if name in MILLIS or name in _SECONDS or (_is_date(recorded) and _is_date(here)):
                return self._instants(recorded, here, 1000 if name in _SECONDS else 1)
            case str(), str():
                return self._texts(recorded, here, name)
            case _:
                return self._recorded(recorded), self._shown(here)

    def _members(self, recorded: AnswerMembers, here: AnswerMembers) -> Sides:
        expected: AnswerMembers = {}
        got: AnswerMembers = {}
        for name, part in recorded.items():
            if name in here:
                expected[name], got[name] = self.pair(part, here[name], name)
            else:
                expected[name] = self._recorded(part)
        return expected, got

    def _texts(self, recorded: str, here: str, name: str) -> Sides:
        if is_id(name, recorded) or STAND_IN.fullmatch(recorded):
            return self._identities(recorded, here, name)
        recorded = with_hosts(recorded, self._bound.hosts)
        if stand_ins(recorded):
            return self._aliased(recorded, here)
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

    def _aliased(self, recorded: str, here: str) -> Sides:
        """A text in which secrets stand: what they are is taken from their places."""
        pattern = re.escape(STAND_IN.sub("\0", recorded)).replace(re.escape("\0"), "(.+?)").replace("\0", "(.+?)")
        found = re.fullmatch(pattern, here, re.DOTALL)
        if found is None:
            return recorded, self._shown(here)
        same = [self._bound.same(word, value) for word, value in zip(stand_ins(recorded), found.groups(), strict=True)]
        return recorded, recorded if all(same) else f"{recorded} (with another secret)"

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
        kinds = _kind(recorded), _kind(here)
        return kinds if kinds[0] == kinds[1] else (kinds[0], self._shown(here))

    def _recorded(self, value: Json) -> Json:
        """A recorded value that nothing is held against."""
        return _each_text(value, self._bound.recorded_text)

    def _shown(self, value: Json, name: str = "") -> Json:
        """A value of this server that nothing recorded stands beside; no secret in it is shown."""
        match value:
            case str() if is_secret(name):
                return self._bound.recorded_of(value) or _UNRECORDED
            case str():
                return _BEARER.sub(_UNRECORDED, self._bound.hidden(self._bound.text_here(value)))
            case list():
                return [self._shown(part, name) for part in value]
            case dict():
                return {self._bound.text_here(inner): self._shown(part, inner) for inner, part in value.items()}
            case _:
                return value


def _is_date(value: Json) -> bool:
    return isinstance(value, str) and _DATE.fullmatch(value) is not None


def _millis(value: Json, unit: Millis) -> Millis | None:
    """The instant that a value is, in milliseconds since 1970; None for one that stands for none, as 0 does."""
    if isinstance(value, str) and _is_date(value):
        with suppress(ValueError):  # the 30th of February
            return round(datetime.fromisoformat(value).timestamp() * 1000) or None
    return value * unit or None if isinstance(value, int) else None


def _kind(value: Json) -> str:
    names = {str: "text", bool: "true or false", int: "number", float: "number", list: "list", dict: "object"}
    return "null" if value is None else f"(a {names[type(value)]})"


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
