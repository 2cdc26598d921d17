"""One comparison: what was recorded and what came this time are gone through together (recordings.md §7).

Each member has a *policy*, which gives what both sides come to: equal where nothing differs that counts, else what people
are shown of them. Policies come from a wire's marks and from the mode, which are a `Comparator`'s, and from the matchers
beside the recording: of two for one place the later counts, also where one of them reaches farther.
"""

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import NamedTuple, TypeAlias, TypeGuard, cast

from msgspec import UNSET
from msgspec.structs import replace

from lab.core.clock import Epoch
from lab.core.exchange import Headers, Json, Request
from lab.recording.bindings import Bindings
from lab.recording.divergences import Side
from lab.recording.format.lines import Body, Enc
from lab.recording.format.text import dumps, loads
from lab.recording.matchers import ANY, Matcher, Path
from lab.recording.redaction.stand_ins import MADE_UP, kind_of, stand_ins
from lab.recording.tape.instants import INSTANTS, SECONDS, instant_in

_COMPARED = (
    "content-type", "location", "retry-after", "www-authenticate", "cache-control", "allow", "idempotency-key", "accept"
)  # fmt: skip
"""The headers that count; all others vary with the machine or follow from the rest."""
_PLACE = re.compile(r"at line [0-9]+, column [0-9]+")
"""Where in a body something is wrong."""
_CHALLENGE = re.compile(r'([\w-]+)="([^"]*)"')

Sides: TypeAlias = tuple[Side, Side]
"""What was recorded, and what came: equal where nothing differs that counts."""
Policy: TypeAlias = Callable[[Json, Json], Sides]
ComparedMembers: TypeAlias = dict[str, Json]
_NAMES = {str: "text", bool: "true or false", int: "number", float: "number", list: "list", dict: "object"}


class _Rule(NamedTuple):
    """A matcher on its way to the places that it means."""

    number: int
    way: Path
    matcher: Matcher

    def leads_to(self, part: str | int) -> bool:
        return bool(self.way) and self.way[0] in (part, ANY)


class Comparator:
    """Goes through two values. Of itself every member counts, exactly; a mode has policies for some."""

    extras = True
    """Whether members count that weren't recorded."""

    def __init__(self, matchers: Sequence[Matcher] = ()) -> None:
        """`matchers` say what may differ."""
        self.matchers = matchers
        self.applied: set[int] = set()
        """The numbers of the matchers whose place was there."""

    def policy(self, name: str, recorded: Json, got: Json) -> Policy | None:
        """The mode's for a member of this name, or for an entry of a list of this name; None: what is in it counts."""
        return None

    def recorded(self, value: Json) -> Json:
        """A recorded value as it is shown."""
        return _number(value)

    def got(self, value: Json, name: str) -> Json:
        """What came under that name as it is shown."""
        return _number(value)

    def concerned(self, where: str, name: str | None) -> bool:
        """Whether a matcher is about replies to that route, or facts of that type."""
        return any(matcher.concerns(where, name) for matcher in self.matchers)

    def compared(
        self, where: str, name: str | None, recorded: ComparedMembers, got: ComparedMembers
    ) -> tuple[ComparedMembers, ComparedMembers]:
        """Two lines, `where` req, res or fact; one that is missing, extra or another fact isn't excused."""
        alike = recorded and got and recorded.get("type") == got.get("type")
        matchers = enumerate(self.matchers) if alike else ()
        rules = [_Rule(number, each.parts, each) for number, each in matchers if each.concerns(where, name)]
        one, other = self.pair(recorded, got, "", rules)
        return cast("ComparedMembers", one), cast("ComparedMembers", other)

    def pair(self, recorded: Side, got: Side, name: str, rules: Sequence[_Rule] = (), last: int = -1, *, allowed: bool = False) -> Sides:  # fmt: skip
        """Two values of a member. `last` is the number of the matcher that decided above whether they may differ."""
        here = [rule for rule in rules if not rule.way]
        self.applied.update(rule.number for rule in here)
        if here and here[-1].number > last:
            last = here[-1].number
            allowed = here[-1].matcher.allows(*self.pair(recorded, got, name))
        if recorded is UNSET or got is UNSET:
            one = UNSET if recorded is UNSET else self.recorded(recorded)
            other = UNSET if got is UNSET else self.got(got, name)
        elif policy := self.policy(name, recorded, got):
            one, other = policy(recorded, got)
        elif isinstance(recorded, dict) and isinstance(got, dict):
            return self._members(recorded, got, rules, last, allowed=allowed)
        elif isinstance(recorded, list) and isinstance(got, list):
            pairs = enumerate(zip_longest(recorded, got, fillvalue=UNSET))
            sides = [
                self.pair(mine, yours, name, _beyond(rules, place), last, allowed=allowed)
                for place, (mine, yours) in pairs
            ]
            return [one for one, _ in sides if _is(one)], [other for _, other in sides if _is(other)]
        else:
            one, other = self.recorded(recorded), self.got(got, name)
        return one, one if allowed else other

    def _members(
        self, recorded: ComparedMembers, got: ComparedMembers, rules: Sequence[_Rule], last: int, *, allowed: bool
    ) -> tuple[ComparedMembers, ComparedMembers]:
        names = {**recorded, **got} if self.extras else recorded
        sides = {
            name: self.pair(
                recorded.get(name, UNSET), got.get(name, UNSET), name, _beyond(rules, name), last, allowed=allowed
            )
            for name in names
        }
        return (
            {name: one for name, (one, _) in sides.items() if _is(one)},
            {name: other for name, (_, other) in sides.items() if _is(other)},
        )


class ReplayComparator(Comparator):
    """The policies of a mock's replay: to the letter, for it says the same again."""

    def __init__(self, matchers: Sequence[Matcher], epoch: Epoch) -> None:
        """Instants are shown, and matched, as counted from `epoch`."""
        super().__init__(matchers)
        self._epoch = epoch
        self._words = Bindings()
        """What stands for a word of a peer's that the recording has in the open, too."""
        self.moved = False
        """Whether what was asked has stand-ins, which may be longer than their secrets: then so are the ways to places in it."""

    def policy(self, name: str, recorded: Json, got: Json) -> Policy | None:
        if name in INSTANTS:
            unit = 1000 if name in SECONDS else 1
            if isinstance(recorded, dict | list):
                return None
            return lambda one, other: (self._since(one, unit), self._since(other, unit))
        return self._texts if isinstance(recorded, str) and recorded != got else None

    def _since(self, value: Json, unit: int) -> Json:
        millis = instant_in(value) if isinstance(value, str) else value
        if isinstance(millis, bool) or not isinstance(millis, int) or not millis:
            return value
        return f"+{millis * unit - self._epoch * 1000} ms"

    def _texts(self, recorded: Json, got: Json) -> Sides:
        """Two texts that differ, which they may in a word for which the recording has a stand-in.

        Somebody writes a word into a message, and sends it as a password later: from then on every answer that repeats
        the message has a stand-in there, and a replay, which has the word in the message, the word.
        """
        if not isinstance(recorded, str) or not isinstance(got, str):
            return recorded, got
        if self.moved and (then := _PLACE.search(recorded)) is not None:
            got = _PLACE.sub(then[0], got)
        if words := stand_ins(recorded):
            if all(kind_of(word) in MADE_UP for word in words) and self._words.same_within(recorded, got):
                return recorded, recorded
        return recorded, got


def kinds(recorded: Json, got: Json) -> tuple[str, str]:
    """The policy of what has to be there, and of its kind."""
    return _kind(recorded), _kind(got)


def counted_headers(headers: Headers) -> ComparedMembers:
    """The headers that count; one that stands there twice with all its values."""
    found: dict[str, list[Json]] = {}
    for name, value in headers:
        if name in _COMPARED:
            found.setdefault(name, []).append(_header(name, value))
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def compared_answer(status: int, headers: Headers, body: Body, **beside: Json) -> ComparedMembers:
    """An answer as it compares; `beside` stands what one side alone can have to tell of it."""
    value = str(body.value).replace("\r\n", "\n") if body.enc is Enc.TEXT else body.value
    heads: ComparedMembers = {"headers": counted_headers(headers), "enc": body.enc.value}
    return {"status": status, **beside, **heads, "body": value}


def excused_request(matchers: Sequence[Matcher], route: str, recorded: Request, got: Request) -> Request:
    """The request that came, with the recorded value in its body wherever a matcher lets the two differ."""
    try:
        one, other = loads(recorded.body.decode()), loads(got.body.decode())
    except ValueError:
        return got
    _, now = Comparator(matchers).compared("req", route, {"body": one}, {"body": other})
    return got if now.get("body") == other else replace(got, body=dumps(now.get("body")).encode())


def _is(side: Side) -> TypeGuard[Json]:
    return side is not UNSET


def _beyond(rules: Sequence[_Rule], part: str | int) -> Sequence[_Rule]:
    return [rule._replace(way=rule.way[1:]) for rule in rules if rule.leads_to(part)] if rules else ()


def _number(value: Json) -> Json:
    """1.0 is 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _kind(value: Json) -> str:
    return "null" if value is None else f"(a {_NAMES[type(value)]})"


def _header(name: str, value: str) -> Json:
    match name:
        case "content-type":
            return [part.strip().lower() for part in value.split(";")]
        case "www-authenticate":
            scheme, _, rest = value.partition(" ")
            parsed: Json = [[key, part] for key, part in _CHALLENGE.findall(rest)]
            return {"scheme": scheme, "parameters": parsed, "else": _CHALLENGE.sub("", rest).strip(", ")}
        case "idempotency-key":
            return "present"
        case _:
            return value
