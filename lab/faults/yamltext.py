"""A document as YAML text that reads the same by the rules of YAML 1.2, whatever a reader of 1.1 would make of it."""

import re
from collections.abc import Mapping

import yaml

from lab.core.exchange import Json
from lab.core.logtext import no_command

_PLAIN = re.compile(r"[A-Za-z][\w.-]*(?: [\w.…?!'()/-]+)*|(?:[0-9]+(?:ms|[dhms]))+")
_WORDS = frozenset("true false null yes no on off y n".split())
_QUOTABLE = re.compile(r"[\x21-\x7e\xa1-\ud7ff](?:[\x20-\x26\x28-\x7e\xa1-\ud7ff]*[\x21-\x26\x28-\x7e\xa1-\ud7ff])?")
_LITERAL = re.compile(r"[\t\n\x20-\x7e\xa0-\ud7ff]*\n?")
_ODD = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Marks that turn text round, and other signs that nobody sees: they stand as escapes, in quotes."""


class _Writer(yaml.CSafeDumper):
    """Quotes what could be taken for something else; keeps texts of several lines as such."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent(writer: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style: str | None = '"'
    text = text.encode("utf-8", "replace").decode()  # no file holds half of a surrogate pair
    if _ODD.search(text) or no_command(text) != text:
        pass  # in quotes escapes are read
    elif _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        style = None
    elif "\n" in text and _LITERAL.fullmatch(text) and not text.startswith((" ", "\n", "\t")):
        style = "|"
    elif '"' in text or "\\" in text:
        style = "'" if _QUOTABLE.fullmatch(text) else style
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style)


_Writer.add_representer(str, _represent)


def yaml_text(document: dict[str, Json]) -> str:
    """The text, members in their order."""
    return _written(document, 110, flow=None)


def yaml_block(document: Mapping[str, Json]) -> str:
    """The same, each member on lines of its own."""
    return _written(dict(document), 110, flow=False)


def yaml_line(value: Json) -> str:
    """A mapping or a list on one line, in brackets."""
    return _written(value, 1 << 30, flow=True).rstrip("\n")


def _written(value: Json, width: int, *, flow: bool | None) -> str:
    text: str = yaml.dump(
        value, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=width, default_flow_style=flow
    )
    return _ODD.sub(lambda odd: f"\\u{ord(odd[0]):04x}", text)
