"""What counts as equal: both sides are canonicalised, then compared (recordings.md §7, server replay).

Ids are aliased by first appearance, for the comparison only: that catches wrong threading and ignores values.
"""

import json
import re
from collections.abc import Callable
from difflib import unified_diff

from msgspec import Struct, field

from lab.core.clock import Epoch
from lab.core.exchange import Headers, Json
from lab.core.journal.fact import Fact
from lab.core.logtext import harmless_text
from lab.dialects import wires
from lab.recording.format.codec import fact_members
from lab.recording.format.lines import Enc, Entry, Line, Req, Res
from lab.recording.format.text import dumps
from lab.recording.tape.instants import DATES, MILLIS, instant_in

COMPARED = (
    "content-type", "location", "retry-after", "www-authenticate", "cache-control", "allow", "idempotency-key", "accept"
)  # fmt: skip
"""The headers that count; all others vary with the machine or follow from the rest."""

IDS = {
    # of facts and of the OAuth server; each wire adds its own
    "job": "J", "alias": "J", "conversation": "K", "challenge": "H",
    "ecid": "E", "jti": "I", "kid": "I", "state": "I", "nonce": "I",
    **{name: letter for wire in wires() for name, letter in wire.marks.ids.items()},
}  # fmt: skip
_CHALLENGE = re.compile(r'([\w-]+)="([^"]*)"')


class Canon(Struct):
    """Makes one side comparable; ids get their alias when they first appear.

    Ids are the same in every run, so their values count, but for challenges: their verifiers are made anew.
    """

    epoch: Epoch
    _names: dict[str, str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def learn(self, line: Line) -> None:
        """Give the ids of a line their aliases."""
        if isinstance(line, Entry):
            for name, value in line.members.items():
                self._learn(name, value)
        elif isinstance(line, Res) and line.body.enc is Enc.JSON:
            self._learn("", line.body.value)

    def _learn(self, name: str, value: Json) -> None:
        match value:
            case str() if name in IDS and value and value not in self._names:
                letter = IDS[name]
                number = self._numbers[letter] = self._numbers.get(letter, 0) + 1
                self._names[value] = f"{letter}{number}"
            case dict():
                for inner, part in value.items():
                    self._learn(inner, part)
            case list():
                for part in value:
                    self._learn(name, part)
            case _:
                return

    def id(self, text: str) -> str:
        """The alias of an id, or the text itself."""
        return self._names.get(text, text)

    def path(self, path: str) -> str:
        """The path with ids aliased, segment by segment."""
        return "/".join(map(self.id, path.split("/")))

    def value(self, value: Json, name: str = "") -> Json:
        """The JSON value: ids aliased, instants as offsets from the epoch, 1.0 as 1."""
        match value:
            case bool() | None:
                return value
            case str():
                return self._date(value) if name in DATES else self.id(value) if name == "challenge" else value
            case int():
                return f"+{value - self.epoch * 1000} ms" if name in MILLIS and value else value
            case float():
                return int(value) if value.is_integer() else value
            case list():
                return [self.value(part, name) for part in value]
            case dict():
                return {inner: self.value(part, inner) for inner, part in value.items()}

    def _date(self, text: str) -> str:
        millis = instant_in(text)
        return f"+{millis - self.epoch * 1000} ms" if millis else text

    def headers(self, headers: Headers) -> dict[str, Json]:
        """The headers that count; one that stands there twice with all its values."""
        found: dict[str, list[Json]] = {}
        for name, value in headers:
            if name in COMPARED:
                found.setdefault(name, []).append(self._header(name, value))
        return {name: values if len(values) > 1 else values[0] for name, values in found.items()}

    def _header(self, name: str, value: str) -> Json:
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

    def fact(self, entry: Entry) -> dict[str, Json]:
        """A fact: type, instant, members."""
        members = {name: self.value(value, name) for name, value in entry.members.items()}
        return {"type": entry.type, "at": entry.instant, **members}

    def fact_of(self, fact: Fact) -> dict[str, Json]:
        """The same of one that isn't written."""
        members = {name: self.value(value, name) for name, value in fact_members(fact).items()}
        return {"type": fact.type, "at": fact.at, **members}

    def reply(self, res: Res) -> dict[str, Json]:
        """A reply: status, planned latency, how it was cut, the headers that count, the body."""
        body = res.body.value
        if res.body.enc is Enc.TEXT:
            body = str(body).replace("\r\n", "\n")
        return {
            "status": res.status, "by": res.by, "held": res.latency, "cut": res.cut, "times": list(res.times),
            "headers": self.headers(res.headers), "enc": res.body.enc.value, "body": self.value(body),
        }  # fmt: skip

    def title(self, req: Req) -> str:
        """The request in a few words: `GET …/status/J1 (x=3)`."""
        return request_title(req, self.path)


def request_title(req: Req, named: Callable[[str], str]) -> str:
    """A request in a few words; `named` gives a path with ids by their names."""
    parts = named(req.path).split("/")
    shown = "/".join(parts[-2:]) if len(parts) > 3 else "/".join(parts).lstrip("/")
    return harmless_text(f"{req.method} …/{shown} (x={req.x})")


def same(expected: Json, actual: Json) -> bool:
    """Deep equality: order of members ignored, of arrays kept; true is not 1."""
    return _flat(expected) == _flat(actual)


def _flat(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def pretty(value: Json) -> list[str]:
    """The value as lines, members sorted, controls escaped."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False)
    return [_shown(line) for line in text.splitlines()]


def _shown(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else dumps(c)[1:-1] for c in text)


def diff(expected: Json, actual: Json, place: str) -> list[str]:
    """A unified diff with three lines of context; `place` heads it."""
    lines = unified_diff(pretty(expected), pretty(actual), f"{place} (recorded)", f"{place} (replayed)", lineterm="")
    return list(lines)


def first_difference(expected: "dict[str, Json]", actual: "dict[str, Json]") -> str:
    """The first member that differs, in words."""
    for name in (*expected, *(extra for extra in actual if extra not in expected)):
        recorded, replayed = expected.get(name), actual.get(name)
        if not same(recorded, replayed):
            if isinstance(recorded, dict | list) or isinstance(replayed, dict | list):
                return f"{name} differs{_inside(recorded, replayed)}"
            return f"expected {name} {_brief(recorded)}, got {_brief(replayed)}"
    return "they differ"


def _inside(recorded: Json, replayed: Json) -> str:
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        for name in sorted(recorded.keys() | replayed.keys()):
            if not same(recorded.get(name), replayed.get(name)):
                return f": {name} expected {_brief(recorded.get(name))}, got {_brief(replayed.get(name))}"
    return ""


def _brief(value: Json) -> str:
    text = _shown((value if isinstance(value, str) else dumps(value))[:61])
    return text if len(text) <= 60 else text[:59] + "…"
