"""What an answer repeats of its request becomes a template's field; all else stays the very text (scenarios.md §8)."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from msgspec import Struct

from lab.core.exchange import Json
from lab.language.patterns import BadPattern, pattern_of

_TOKEN = re.compile(r"(?:(?<![\w-])([A-Za-z]+) )?(?<![\w-])((?=[\w-]*\d)[A-Za-z0-9][\w-]*)", re.ASCII)
_RUN = re.compile(r"[A-Z]+|[a-z]+|[0-9]+|[\W_]")
_CLASSES = {"upper": "[A-Z]+", "lower": "[a-z]+", "digit": r"\d+"}
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ANY_NAME = re.compile(r"[\w .-]{1,80}")
_NO_NAMES = frozenset("a an and at by for from in is of on or the to with".split())
_WHOLE = 12
"""Characters of a message, at least, that is looked for as a whole."""
_SHORTEST = 3


class Repeated(Struct, frozen=True):
    """A part of a request that texts may repeat, and how a template of the same turn names it."""

    value: str
    name: str
    group: str = ""
    """What finds it in a message; empty: it is a parameter, or the whole message."""

    @property
    def later(self) -> str:
        """How templates of later turns name it, the turn left out."""
        return self.name if self.name.startswith("parameters") else f"conversation.turns[{{}}].{self.name}"


def parts_of(message: str, parameters: Mapping[str, Json]) -> list[Repeated]:
    """What of a request may be repeated: the message, its parameters, and what in it looks like a number or an id."""
    found = [Repeated(message, "message")] if len(message) >= _WHOLE else []
    for name, value in parameters.items():
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if len(text) >= _SHORTEST and _ANY_NAME.fullmatch(name):
            found.append(Repeated(text, f"parameters.{name}" if _NAME.fullmatch(name) else f"parameters[{name!r}]"))
    taken: set[str] = set()
    for before, token in _TOKEN.findall(message):
        if token.isdigit() and len(token) < _SHORTEST:
            continue
        name = (
            before.lower() if before and before.lower() not in _NO_NAMES and not message.startswith(before) else "value"
        )
        while name in taken:
            head = name.rstrip("0123456789")
            name = f"{head}{int(name[len(head) :] or 1) + 1}"
        taken.add(name)
        group = f"{before} " if before else ""
        found.append(Repeated(token, f"match.{name}", f"{group}(?P<{name}>{_shape(token)})"))
    return found


def _shape(token: str) -> str:
    kinds = ((run, next((kind for kind in _CLASSES if getattr(run, f"is{kind}")()), "")) for run in _RUN.findall(token))
    return "".join(_CLASSES[kind] if kind else run for run, kind in kinds)


def pattern_for(message: str, parts: Iterable[Repeated]) -> str | None:
    """A pattern that finds these parts in the message, in their order; None: there are none, or no pattern of ours does."""
    wanted = [part for part in parts if part.group]
    pattern = ".*".join(part.group for part in wanted)
    names = {part.name.removeprefix("match."): part.value for part in wanted}
    with suppress(BadPattern):
        # in linear time, as a mock does: there may be any number of parts that look alike
        return pattern if wanted and pattern_of(pattern).groups(message) == names else None
    return None


class Templates:
    """Texts as templates of one turn: what repeats a request named, what looks like a template quoted."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """`fields`: by value, the expression that gives it."""
        self._fields = fields
        values = sorted(fields, key=len, reverse=True)
        bounded = (rf"(?<![\w{{-]){re.escape(value)}(?![\w}}-])" for value in values)
        self._marks = re.compile("|".join((r"\{[{%#]", *bounded)))
        self.used: set[str] = set()
        """The values that were found."""

    def text(self, text: str) -> str:
        """The template that renders to the text."""
        return self._marks.sub(self._field, text)

    def _field(self, found: re.Match[str]) -> str:
        if found[0] not in self._fields:
            return f"{{{{ '{found[0]}' }}}}"
        self.used.add(found[0])
        return f"{{{{ {self._fields[found[0]]} }}}}"

    def value(self, value: Json) -> Json:
        """The same of all texts within a value; names of members are no templates."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(part) for part in value]
            case dict():
                return {name: self.value(part) for name, part in value.items()}
            case _:
                return value
