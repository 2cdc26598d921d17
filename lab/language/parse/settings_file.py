"""The settings file: read as strictly as a scenario, all complaints at once, each with its place."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.exchange import Json
from lab.language.complaints import Complaints
from lab.language.parse.yaml_tree import DocumentKind, read_yaml
from lab.language.shape import read_part
from lab.program.settings_file import Accounts, Server
from lab.program.words import among, duration

LimitKind: TypeAlias = Literal["bytes", "disk", "time", "count"]
"""`disk`: bytes of a file."""
_SIZES = {"KiB": 1024, "MiB": 1024 * 1024, "GiB": 1024 * 1024 * 1024, "B": 1}
_USUAL = 1, 2**53
DISK = 64 * 1024, 16 * 1024**3
"""What a recording may need at least, and what a reader still takes."""
_SETTINGS = DocumentKind(
    "settings are a mapping of names", "as in hints: off", "one settings file", "write a switch, as hints: off"
)


class ParsedSettings(Struct, frozen=True):
    """A settings file that was read; whoever looks at more of it complains to the same list, then checks that."""

    server: Server
    limits: dict[str, int]
    """Bytes and counts as they are, times in milliseconds."""
    complaints: Complaints


def parse_settings(text: str | bytes, file: str, limits: Mapping[str, LimitKind]) -> ParsedSettings:
    """The settings in `text`; `limits` are those that the server has. ScenarioError if it is no document at all."""
    tree = read_yaml(text, file, _SETTINGS)
    server = read_part(Server, tree.value, tree.complaints)
    if tree.complaints.listed:  # what accounts say of each other is looked at once all can be read
        server = replace(server, accounts=Accounts())
    found: dict[str, int] = {}
    for name, value in server.limits.items():
        if name not in limits:
            tree.complaints.add(("limits", name), f"unknown key {name}", among(name, limits), at_key=True)
            continue
        try:
            found[name] = limit_number(value, limits[name])
        except ValueError as error:
            tree.complaints.add(("limits", name), str(error))
    return ParsedSettings(server, found, tree.complaints)


def limit_number(value: Json, kind: LimitKind) -> int:
    """A limit as a whole number; ValueError says why it is none."""
    if kind == "time":
        millis = duration(value)
        if not millis:
            raise ValueError("a time is more than 0ms")
        return millis
    if kind in ("bytes", "disk") and isinstance(value, str):
        unit = next((unit for unit in _SIZES if value.endswith(unit)), "")
        digits = value.removesuffix(unit).strip()
        if not unit or not digits.isdecimal() or len(digits) > 15:
            raise ValueError("a size is a number of bytes, or written 64KiB, 1MiB")
        value = int(digits) * _SIZES[unit]
    if type(value) is not int:
        raise ValueError("takes a whole number" if kind == "count" else "takes a whole number, or a size such as 64KiB")
    least, largest = DISK if kind == "disk" else _USUAL
    if not least <= value <= largest:
        raise ValueError("is from 64KiB to 16GiB" if kind == "disk" else f"is from {least} to {largest}")
    return value
