"""The settings file: read as strictly as a scenario, all complaints at once, each with its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import ValidationError

from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.language.document import Server, duration, nearest
from lab.language.parse.collect import Collector
from lab.language.parse.sentences import shape
from lab.language.parse.text import Unreadable
from lab.language.parse.tree import Document, read

Kind: TypeAlias = Literal["bytes", "time", "count"]
_SIZES = {"KiB": 1024, "MiB": 1024 * 1024, "GiB": 1024 * 1024 * 1024, "B": 1}
_LARGEST = 2**53
FILE = Document(
    "settings are a mapping of names", "as in hints: off", "one settings file", "write a switch, as hints: off"
)


@dataclass(slots=True)
class Given:
    """A settings file that was read: the document, its limits as numbers, and where to complain of what else is wrong."""

    server: Server
    limits: dict[str, int]
    """Bytes and counts as they are, times in milliseconds."""
    collector: Collector

    def sound(self) -> None:
        """Return if there are no complaints; ScenarioError with all of them."""
        if self.collector.complaints:
            raise ScenarioError(tuple(sorted(set(self.collector.complaints))))


def parse_server(text: str | bytes, file: str, limits: Mapping[str, Kind]) -> Given:
    """The settings in `text`; `limits` are those that the server has. ScenarioError if there are none to be had."""
    try:
        tree = read(text, file, FILE)
    except Unreadable as error:
        raise ScenarioError((error.complaint,)) from None
    collector = Collector(tree, file)
    server = Server()
    try:
        server = Server.model_validate(tree.value)
    except ValidationError as error:
        shape(error, tree, collector, Server)
    given = tree.value.get("limits") if isinstance(tree.value, dict) else None
    return Given(server, _limits(given, limits, collector) if isinstance(given, dict) else {}, collector)


def _limits(given: Mapping[str, Json], known: Mapping[str, Kind], collector: Collector) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in given.items():
        path = ("limits", name)
        if name not in known:
            hint = nearest(name, known) or f"known here: {', '.join(known)}"
            collector.add(path, f"unknown key {name}", hint, at_key=True)
            continue
        try:
            found[name] = number(value, known[name])
        except ValueError as error:
            collector.add(path, str(error))
    return found


def number(value: Json, kind: Kind) -> int:
    """A limit as a whole number; ValueError says why it is none."""
    if kind == "time":
        millis = duration(value)
        if not millis:
            raise ValueError("a time is more than 0ms")
        return millis
    if kind == "bytes" and isinstance(value, str):
        unit = next((unit for unit in _SIZES if value.endswith(unit)), "")
        digits = value.removesuffix(unit).strip()
        if not unit or not digits.isdecimal() or len(digits) > 15:
            raise ValueError("a size is a number of bytes, or written 64KiB, 1MiB")
        value = int(digits) * _SIZES[unit]
    if type(value) is not int:
        raise ValueError("takes a whole number, or a size such as 64KiB" if kind == "bytes" else "takes a whole number")
    if not 1 <= value <= _LARGEST:
        raise ValueError(f"is from 1 to {_LARGEST}")
    return value
