"""A document as YAML that people read: comments in their place, what is short on one line."""

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import TypeAlias

from msgspec import Struct

from lab.core.exchange import Json
from lab.faults.yamltext import yaml_block, yaml_line
from lab.language.parse.complaints import one_line

_WIDTH = 100
_APART = frozenset(("seed", "steps", "turns", "faults", "expect"))
"""Keys of a scenario that begin a paragraph."""


class Commented(Struct, frozen=True):
    """A value, and what is said of it."""

    value: Json
    comment: str


class BlockList(Struct, frozen=True):
    """A list of mappings, each on lines of its own."""

    each: "tuple[YamlMembers, ...]"


class RowList(Struct, frozen=True):
    """A list of mappings, each on one line, with what is said of it."""

    each: tuple[tuple[dict[str, Json], str], ...]


class Nested(Struct, frozen=True):
    """A mapping on lines of its own, each member with what is said of it."""

    members: "YamlMembers"


Member: TypeAlias = "Json | Commented | BlockList | RowList | Nested"
YamlMembers: TypeAlias = "dict[str, Member]"


def scenario_text(head: Iterable[str], members: YamlMembers) -> str:
    """The file; `head` are its first comments."""
    lines = [line for sentence in head for line in _comment(sentence)]
    for name, member in members.items():
        lines += ["", *_member(name, member)] if name in _APART else _member(name, member)
    return "\n".join(lines) + "\n"


def _member(name: str, member: Member) -> Iterator[str]:
    match member:
        case BlockList(each):
            yield f"{name}:"
            for members in each:
                lines = [line for inner, part in members.items() for line in _member(inner, part)]
                # a comment above the first key must not take the dash
                dash = next(place for place, line in enumerate(lines) if not line.startswith("#"))
                for place, line in enumerate(lines):
                    yield f"  {'- ' if place == dash else '  '}{line}" if line else ""
        case RowList(each):
            yield f"{name}:"
            for row, comment in each:
                yield from (f"  {line}" for line in _beside([f"- {yaml_line(row)}"], comment))
        case Nested(members):
            yield f"{name}:"
            yield from (f"  {line}" for inner, part in members.items() for line in _member(inner, part))
        case Commented(value, comment):
            yield from _beside(_plain(name, value), comment)
        case _:
            yield from _plain(name, member)


def _plain(name: str, value: Json) -> list[str]:
    if isinstance(value, dict | list):
        line = f"{name}: {yaml_line(value)}"
        if len(line) < _WIDTH and "\n" not in line:
            return [line]
    return yaml_block({name: value}).splitlines()


def _beside(lines: list[str], comment: str) -> Iterator[str]:
    """A comment behind the line, where it fits, else above."""
    if comment and len(lines) == 1 and len(lines[0]) + len(comment) < _WIDTH:
        yield f"{lines[0]}  # {one_line(comment)}"
    else:
        yield from _comment(comment) if comment else ()
        yield from lines


def _comment(text: str) -> list[str]:
    if text.startswith("yaml-language-server"):
        return [f"# {text}"]
    return [f"# {line}" for line in wrap(one_line(text), _WIDTH - 2)]
