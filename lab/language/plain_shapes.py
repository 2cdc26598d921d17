"""Shapes of values that hold no others: text, numbers, flags, words, what is kept in another form than it is written."""

import re
from typing import Any, cast

from msgspec import Meta

from lab.core.exchange import Json
from lab.language.complaints import Complaints
from lab.language.slips import EXPLAINED, meant_by
from lab.program.words import KeyPath, Spelt, nearest

Schema = dict[str, Json]


class Shape:
    """One shape; the subclasses say which."""

    name = "value"
    stand_in: object = None
    meta = Meta()

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        """The value as the program has it; a stand-in, and a complaint, where it is none."""
        return value

    def write(self, value: Any) -> Json:
        """The value as an author writes it."""
        return cast("Json", value)

    def schema(self, parts: dict[str, Json]) -> Schema:
        """Its JSON Schema; those of parts stand in `parts`, by name."""
        return self.described({})

    def wrong(self, path: KeyPath, to: Complaints, value: object, what: str, hint: str = "") -> object:
        """Complain of a value; the stand-in."""
        if not hint:
            hint = meant_by(path, value, self.meta.pattern)
        to.add(path, what, hint)
        to.spoilt.add(path)
        return self.stand_in

    def bounded(self, value: Any, path: KeyPath, to: Complaints) -> object:
        """A number or a length within its bounds."""
        meta = self.meta
        if meta.gt is not None and not value > meta.gt:
            return self.wrong(path, to, value, f"must be more than {meta.gt}")
        if meta.ge is not None and not value >= meta.ge:
            return self.wrong(path, to, value, f"must be at least {meta.ge}")
        if meta.le is not None and not value <= meta.le:
            return self.wrong(path, to, value, f"must be at most {meta.le}")
        return value

    def described(self, schema: Schema) -> Schema:
        """The schema with what the annotation adds."""
        names = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "pattern": "pattern"}
        found = {name: getattr(self.meta, of) for name, of in names.items()}
        size = {"string": "Length", "array": "Items", "object": "Properties"}.get(str(schema.get("type")), "")
        found |= {f"min{size}": self.meta.min_length, f"max{size}": self.meta.max_length} if size else {}
        return {**schema, **{name: value for name, value in found.items() if value is not None}}


class TextShape(Shape):
    name, stand_in = "text", ""

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not isinstance(value, str):
            hint = "there is nothing here" if value is None else ""
            hint = "put it in quotes" if isinstance(value, int | float) else hint
            return self.wrong(path, to, value, "takes text", hint)
        meta = self.meta
        if meta.min_length is not None and len(value) < meta.min_length:
            return self.wrong(path, to, value, "must not be empty")
        if meta.max_length is not None and len(value) > meta.max_length:
            return self.wrong(path, to, value, f"takes at most {meta.max_length} characters")
        if meta.pattern is not None and not re.search(meta.pattern, value):
            return self.wrong(path, to, value, EXPLAINED.get(meta.pattern) or f"must match {meta.pattern}")
        return value

    def schema(self, parts: dict[str, Json]) -> Schema:
        return self.described({"type": "string"})


_PLAIN = {
    int: ("integer", "takes a whole number", 1),
    float: ("number", "takes a number", 1),
    bool: ("boolean", "takes true or false", False),
}


class PlainShape(Shape):
    """A whole number, any number, or true and false."""

    def __init__(self, kind: type[int | float | bool]) -> None:
        self.kinds = (int, float) if kind is float else (kind,)
        self.name, self.wanted, self.stand_in = _PLAIN[kind]

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if type(value) in self.kinds:
            return self.bounded(value, path, to)
        hint = ""
        if isinstance(value, str):
            number = re.fullmatch(r"-?[0-9.]+", value) and self.name != "boolean"
            hint = "write it without quotes" if number else f"{value} is text here" if self.name == "boolean" else ""
        return self.wrong(path, to, value, self.wanted, hint)

    def schema(self, parts: dict[str, Json]) -> Schema:
        return self.described({"type": self.name})


class WordsShape(Shape):
    """One of some words, or numbers."""

    name = "text"

    def __init__(self, words: tuple[str | int, ...]) -> None:
        self.words = words
        self.stand_in = words[0]
        self.wanted = ""

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not any(value == word and type(value) is type(word) for word in self.words):
            *others, last = map(str, self.words)
            listed = f"takes {', '.join(others)} or {last}" if others else f"takes {last}"
            near = nearest(value, list(map(str, self.words))) if isinstance(value, str) else ""
            return self.wrong(path, to, value, self.wanted or listed, near)
        return value

    def schema(self, parts: dict[str, Json]) -> Schema:
        kind = {"type": "string" if isinstance(self.words[0], str) else "integer"}
        return self.described(
            {**kind, **({"enum": [*self.words]} if len(self.words) > 1 else {"const": self.words[0]})}
        )


class SpeltShape(Shape):
    """A value that is kept in another form than it is written."""

    def __init__(self, spelt: Spelt) -> None:
        self.spelt = spelt
        self.stand_in = spelt.stand_in

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        try:
            found = self.spelt.read(value)
        except ValueError as error:
            return self.wrong(path, to, value, str(error))
        return self.bounded(found, path, to)

    def write(self, value: Any) -> Json:
        return self.spelt.write(value)

    def schema(self, parts: dict[str, Json]) -> Schema:
        return {**self.spelt.schema}
