"""The words that all rooms share, how durations and chances are written, and the base of every part of a program."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.errors import closest
from lab.core.exchange import Json

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: keys and indexes."""


class Status(StrEnum):
    """What a job is: the four words of Fusion's wire (contract.md §4), and a fifth, where a wire lets a client cancel a job."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    CANCELLED = "CANCELLED"

    final: bool
    """True for COMPLETE, ERROR and CANCELLED: the body never changes again."""

    def __init__(self, word: str) -> None:
        self.final = word in (
            "COMPLETE",
            "ERROR",
            "CANCELLED",
        )  # asked at each poll, and a member of a class is slow to come by


StatusWord: TypeAlias = Literal["RUNNING", "WAITING", "COMPLETE", "ERROR", "CANCELLED"]
"""A status as authors write it."""


class Verdict(StrEnum):
    """How a gate ended."""

    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES = "changes-requested"
    TIMED_OUT = "timed-out"


class Part(Struct, frozen=True, omit_defaults=True):
    """The base of every part of a program.

    A part's annotations say how it is written: bounds and descriptions by msgspec's `Meta`, spellings by `Spelt`. Of
    several that may stand at one place the tag is the key that only this one has. `lab.language.shape` reads and writes
    them so, and makes the JSON Schema; nothing is checked by making one.
    """

    further: ClassVar[str] = ""
    """The member that takes the keys which are none of its own; empty: there must be none."""
    without: ClassVar[str] = ""
    """What is said of one that is written without any key; empty: it may be."""

    def flaws(self) -> Iterator[str]:
        """What is wrong with it as a whole, each of its members being right."""
        return iter(())


class Form(Part, frozen=True, tag_field="form"):
    """One of several parts that may stand at a place; its tag is the key that tells it."""


class Spelt(Struct, frozen=True, eq=False):
    """How a value is written that is kept in another form."""

    read: Callable[[object], object]
    """ValueError says why something is none."""
    write: Callable[[Any], Json]
    schema: Mapping[str, Json]
    stand_in: object = None
    """What takes the place of one that can't be read, so that the rest can be looked at."""


class FormOf(Struct, frozen=True, eq=False):
    """How the forms of a value are told apart, where their keys alone don't say it."""

    mapping: str = ""
    """The form that a mapping means which has the key of none."""
    by: Callable[[object], str] | None = None
    """Tells the form of anything."""
    wanted: str = ""
    """What is said of a value that is none of the forms."""


class SaidOf(Struct, frozen=True, eq=False):
    """A mapping that holds those members of a part which were said, as `Switches`."""

    part: type[Part]


_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = re.compile("(?=[0-9])" + "".join(f"(?:[0-9]+{unit})?" for unit in ("d", "h", "m", "s", "ms")))
_PART = re.compile(r"([0-9]+)(d|h|ms|m|s)")
LONGEST: Millis = 10 * 366 * 86_400_000
"""The longest duration a scenario may name: ten years."""
_LONGEST_TEXT = 100
"""Characters of a duration."""
_WORDS = {
    "d": "d day days", "h": "h hr hrs hour hours", "m": "m min mins minute minutes",
    "s": "s sec secs second seconds", "ms": "ms msec millis millisecond milliseconds",
}  # fmt: skip
_UNIT_OF = {word: unit for unit, words in _WORDS.items() for word in words.split()}
"""Units as people write them, with those of the language."""


def duration(value: object) -> Millis:
    """`250ms 3s 15m 2h 3d 1h30m` in milliseconds; ValueError says why anything else is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a duration is text such as 250ms, 3s, 15m or 1h30m")
    if not isinstance(value, str):
        raise ValueError(f"a duration needs a unit: write {value}s or {value}ms")
    if len(value) > _LONGEST_TEXT:
        raise ValueError("a duration is at most ten years")
    if not _DURATION.fullmatch(value):
        bare = value.replace(".", "", 1).isdigit()
        hint = f"needs a unit: write {value}s or {value}ms" if bare else "is written 250ms, 3s, 15m, 2h, 3d or 1h30m"
        if re.fullmatch(f"(?:{_PART.pattern})+", value):
            hint = "has each unit once, the largest first"
        meant = _meant(value)
        raise ValueError(f"a duration {hint}; this is {value!r}{f', write {meant}' if meant else ''}")
    total = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    if total > LONGEST:
        raise ValueError("a duration is at most ten years")
    return total


def _meant(text: str) -> str:
    """What `15min` or `1 hour 30 minutes` is in the language; empty where it can't be told."""
    parts = re.findall(r"([0-9]+) *([a-z]+)", text.lower())
    meant = "".join(f"{number}{_UNIT_OF.get(word, '?')}" for number, word in parts)
    whole = re.fullmatch(r"(?:[0-9]+ *[a-z]+[ ,]*)+", text.lower())
    return meant if whole and _DURATION.fullmatch(meant) else ""


def duration_text(millis: Millis) -> str:
    """A duration as the language writes it: `1h30m`, `2s`, `250ms`."""
    text = ""
    for unit, size in _UNITS.items():
        count, millis = divmod(millis, size)
        text += f"{count}{unit}" if count else ""
    return text or "0ms"


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean …?` with the known word that is nearest, or nothing if none is near."""
    near = closest(word, sorted(known))
    return f"did you mean {near}?" if near else ""


def among(word: str, known: Iterable[str], label: str = "known here") -> str:
    """What to do about a word that is none of those known: the nearest, or all of them."""
    known = list(dict.fromkeys(filter(None, known)))  # the name of a stand-in is empty
    return nearest(word, known) or f"{label}: {', '.join(known) or 'none'}"


DURATION_PATTERN = rf"^{_DURATION.pattern}$"
"""How a duration is written, for editors; that it is at most ten years only the reader says."""
Duration: TypeAlias = Annotated[
    Millis, Spelt(duration, duration_text, {"type": "string", "pattern": DURATION_PATTERN}, 1)
]

MILLION = 1_000_000
"""What a `chance` is counted in: 5 % are 50 000 of them."""
_CHANCE = r"^([0-9]{1,3})(?:\.([0-9]{1,4}))?%$"


def _chance(value: object) -> int:
    found = re.fullmatch(_CHANCE, value) if isinstance(value, str) else None
    if found is None:
        meant = _meant_chance(value)
        raise ValueError(f"is written 5% or 0.5%{f'; this is {value}, write {meant}' if meant else ''}")
    parts = int(found[1]) * 10_000 + int((found[2] or "").ljust(4, "0"))
    if not 0 < parts <= MILLION:
        raise ValueError("must be more than 0% and at most 100%")
    return parts


def _meant_chance(value: object) -> str:
    """What `0.2`, `20` or `20 %` is in the language; empty where it can't be told."""
    text = str(value).strip() if isinstance(value, int | float | str) else ""
    digits = text.removesuffix("%").strip()
    if len(digits) > _LONGEST_TEXT or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", digits):
        return ""
    whole = MILLION if "%" not in text and float(digits) <= 1 else MILLION // 100
    parts = round(float(digits) * whole)
    return chance_text(parts) if 0 < parts <= MILLION else ""


def chance_text(parts: int) -> str:
    """A chance as the language writes it: `20%`, `0.5%`."""
    return f"{parts / 10_000:.4f}".rstrip("0").rstrip(".") + "%"


Chance: TypeAlias = Annotated[int, Spelt(_chance, chance_text, {"type": "string", "pattern": _CHANCE}, 0)]

ORIGIN = r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$"
NAME = r"^[^\s:\x00-\x1f\x7f]{1,200}$"
"""Ids and user names: a colon would end one in a Basic header."""
STEP_ID = r"^[a-z0-9][a-z0-9-]{0,79}$"
"""An id as authors write it; on the wire it is upper-cased, `-` as `_`."""
CODE = r"^[A-Za-z0-9_]{1,200}$"
ROLE = r"^[A-Za-z0-9_.:/ -]{1,200}$"
