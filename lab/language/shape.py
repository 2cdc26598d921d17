"""Shapes: how a value is written that a part of a program is made of.

The annotations of `lab.program` say it once. A shape made of one reads a value of YAML or JSON (with a complaint for each
thing that is wrong, at its place), writes it again as its author would, and gives its JSON Schema.

    reading     always gives a value. One that can't be read has a stand-in, and its place is *spoilt*: whoever looks at
                the whole afterwards complains of what is sound alone
    writing     members that say what is usual are left out; what is written reads as the same value
    schema      draft 7, which editors' servers know best. It says what the shape is; that names lead somewhere, that the
                shorter duration comes first and the like only the reader says
"""

import ast
import re
import sys
from collections.abc import Mapping
from functools import cache
from inspect import getsource
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, UNSET, Meta, UnsetType
from msgspec.structs import fields

from lab.core.exchange import Json
from lab.language.complaints import Complaints
from lab.language.slips import EXPLAINED, meant_by, none_of_forms, unknown_key
from lab.program.draws import Constant
from lab.program.words import Form, FormOf, KeyPath, Part, SaidOf, Spelt, among, nearest

_P = TypeVar("_P", bound=Part)
Schema = dict[str, Json]

# Values that hold no others: text, numbers, flags, words, what is kept in another form than it is written


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

    def unfit(self, length: int, of: str) -> str:
        """What is wrong with so many values, or characters; empty: nothing."""
        least, most = self.meta.min_length, self.meta.max_length
        if least is not None and length < least:
            return f"takes at least {least} {of}" if least > 1 else "must not be empty"
        return f"takes at most {most} {of}" if most is not None and length > most else ""

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


class _Text(Shape):
    name, stand_in = "text", ""

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not isinstance(value, str):
            hint = "there is nothing here" if value is None else ""
            hint = "put it in quotes" if isinstance(value, int | float) else hint
            return self.wrong(path, to, value, "takes text", hint)
        if unfit := self.unfit(len(value), "characters"):
            return self.wrong(path, to, value, unfit)
        pattern = self.meta.pattern
        if pattern is not None and not re.search(pattern, value):
            return self.wrong(path, to, value, EXPLAINED.get(pattern) or f"must match {pattern}")
        return value

    def schema(self, parts: dict[str, Json]) -> Schema:
        return self.described({"type": "string"})


_PLAIN = {
    int: ("integer", "takes a whole number", 1),
    float: ("number", "takes a number", 1),
    bool: ("boolean", "takes true or false", False),
}


class _Plain(Shape):
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


MOST_LISTED = 15
"""Words that are all listed where another stands that one of them is near to."""


class _Words(Shape):
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
            if near and len(others) > MOST_LISTED:
                listed = "takes none of that name"
            return self.wrong(path, to, value, self.wanted or listed, near)
        return value

    def schema(self, parts: dict[str, Json]) -> Schema:
        kind = {"type": "string" if isinstance(self.words[0], str) else "integer"}
        return self.described(
            {**kind, **({"enum": [*self.words]} if len(self.words) > 1 else {"const": self.words[0]})}
        )


class _Spelt(Shape):
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


# Values that hold others


class _List(Shape):
    """A list, or the two values of a pair."""

    name = "list"
    stand_in: object = ()

    def __init__(self, of: Shape, *, pair: bool) -> None:
        self.of = of
        self.pair = pair
        if pair:
            self.meta, self.stand_in = Meta(min_length=2, max_length=2), (of.stand_in, of.stand_in)

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not isinstance(value, list | tuple):
            usual = "write [ ] around them" if self.pair else "write - in front of each value, or [ ] around them"
            return self.wrong(path, to, value, "takes a list", meant_by(path, value, None) or usual)
        read = self.of.read
        found = tuple([read(each, (*path, place), to) for place, each in enumerate(value)])
        if self.pair and len(value) != 2:
            return self.wrong(path, to, value, "takes two values", "smallest and largest, as [2s, 4s]")
        if unfit := self.unfit(len(value), "values"):
            return self.wrong(path, to, value, unfit)
        return found if not self.pair or all(to.sound((*path, place)) for place in range(2)) else self.stand_in

    def write(self, value: Any) -> Json:
        return [self.of.write(each) for each in value]

    def schema(self, parts: dict[str, Json]) -> Schema:
        return self.described({"type": "array", "items": self.of.schema(parts)})


class _Map(Shape):
    name = "map"

    def __init__(self, key: Shape, of: Shape) -> None:
        self.key = key
        self.of = of
        self.stand_in = {}

    def member(self, name: str) -> Shape | None:
        """The shape of what stands under a name; None: there is no such name."""
        return None if isinstance(self.key, _Words) and name not in self.key.words else self.of

    def unknown(self, name: str) -> tuple[str, str]:
        assert isinstance(self.key, _Words)
        return f"unknown key {name}", among(name, map(str, self.key.words))

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not isinstance(value, dict):
            return self.wrong(path, to, value, "takes keys and values")
        if unfit := self.unfit(len(value), "entries"):
            return self.wrong(path, to, value, unfit)
        found: dict[str, object] = {}
        for name, each in value.items():
            if (shape := self.member(name)) is not None:
                found[name] = shape.read(each, (*path, name), to)
            else:
                to.add((*path, name), *self.unknown(name), at_key=True)
        return found

    def write(self, value: Any) -> Json:
        return {name: (self.member(name) or self.of).write(each) for name, each in value.items()}

    def schema(self, parts: dict[str, Json]) -> Schema:
        of = self.of.schema(parts)
        schema: Schema = {"type": "object", "additionalProperties": of or True}
        if isinstance(self.key, _Words):
            schema["propertyNames"] = {"enum": [*self.key.words]}
        elif self.key.meta.pattern is not None:
            schema["propertyNames"] = {"pattern": self.key.meta.pattern}
        return self.described(schema)


class _Said(_Map):
    """A mapping of those members of a part which were said."""

    of: "PartShape"

    def __init__(self, of: "PartShape") -> None:
        super().__init__(_Text(), of)

    def member(self, name: str) -> Shape | None:
        return self.of.shapes.get(name)

    def unknown(self, name: str) -> tuple[str, str]:
        return unknown_key(self.of.part, name, "", self.of.shapes)

    def schema(self, parts: dict[str, Json]) -> Schema:
        return self.of.schema(parts)


class PartShape(Shape):
    """A part: its members by the keys that authors write."""

    name = "map"

    def __init__(self, part: type[Part]) -> None:
        self.part = part
        self.tag = str(part.__struct_config__.tag) if issubclass(part, Form) else ""
        self.shapes: dict[str, Shape] = {}
        self.names: dict[str, str] = {}
        """Members by key."""
        self.required: list[str] = []
        self._usual: dict[str, object] = {}
        self._further: Shape | None = None

    def prepare(self) -> None:
        """Make the shapes of its members: behind `shape_of`, for a part may hold itself."""
        hints = get_type_hints(self.part, include_extras=True)
        for field in fields(self.part):
            shape = _shape(hints[field.name])
            if field.name == self.part.further:
                self._further = shape
                continue
            self.shapes[field.encode_name], self.names[field.encode_name] = shape, field.name
            if field.default is NODEFAULT and field.default_factory is NODEFAULT:
                self.required.append(field.encode_name)
            else:
                self._usual[field.name] = field.default if field.default is not NODEFAULT else field.default_factory()

    @property
    def stand_in(self) -> object:  # type: ignore[override]
        return self.part(**{self.names[key]: self.shapes[key].stand_in for key in self.required})

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not isinstance(value, dict):
            return self.wrong(path, to, value, "takes keys and values")
        if self.part.without and not value:
            return self.wrong(path, to, value, self.part.without)
        before = len(to.listed)
        members: dict[str, object] = {}
        further: dict[str, object] = {}
        unknown: list[str] = []
        said = self._further.of.shapes if isinstance(self._further, _Said) else {}
        for key, each in value.items():
            shape = self.shapes.get(key)
            if shape is not None:
                members[self.names[key]] = shape.read(each, (*path, key), to)
            elif self._further is not None and (key in said or not said):
                further[key] = each
            else:
                unknown.append(key)
        missing = [key for key in self.required if key not in value]
        slips = {key: other for key in unknown for other in missing if nearest(key, [other])}
        for key in unknown:
            what, hint = unknown_key(self.part, key, slips.get(key, ""), {**said, **self.shapes})
            cut = to.locations.nearest((*path, key)).cut
            if cut in self.shapes and _takes(self.shapes[cut], f"{value[cut]}, {key}"):
                what = f"a comma ends the text of {cut}, and {key} follows"
                hint = f'put it in quotes: {cut}: "{value[cut]}, {key}"'
            to.add((*path, key), what, hint, at_key=True)
        for key in missing:
            if key not in slips.values():
                to.add(path, f"{key} is missing")
            to.spoilt.add((*path, key))
            members[self.names[key]] = self.shapes[key].stand_in
        if self._further is not None and (further or self.part.further):
            members[self.part.further] = self._further.read(further, path, to)
        part = self.part(**members)
        if len(to.listed) == before and (flaw := next(part.flaws(), None)) is not None:
            to.add(path, flaw)
        return part

    def write(self, value: Any) -> Json:
        members = {key: getattr(value, name) for key, name in self.names.items()}
        usual = {key: self._usual.get(name) for key, name in self.names.items()}
        found = {
            key: self.shapes[key].write(each)
            for key, each in members.items()
            if key in self.required or each != usual[key]
        }
        if self._further is not None:
            found |= cast("dict[str, Json]", self._further.write(getattr(value, self.part.further)))
        return cast("Json", found)

    def schema(self, parts: dict[str, Json]) -> Schema:
        name = self.part.__name__
        if name not in parts:
            parts[name] = {}  # it may hold itself
            properties, texts = dict[str, Json](), _docstrings(self.part)
            for key, shape in self.shapes.items():
                of, usual = shape.schema(parts), self._usual.get(self.names[key])
                more: Schema = {} if (text := texts.get(self.names[key])) is None else {"description": text}
                if usual not in (None, (), "", UNSET) and not isinstance(usual, Part | dict):
                    more["default"] = shape.write(usual)
                # draft 7 reads nothing beside a reference
                properties[key] = {**({"allOf": [of]} if "$ref" in of and more else of), **more}
            open_ended = False
            if isinstance(self._further, _Said):
                self._further.schema(parts)
                switches = cast("Schema", parts.pop(self._further.of.part.__name__))
                properties = {**cast("dict[str, Json]", switches["properties"]), **properties}
            elif self._further is not None:
                open_ended = True
            text = (self.part.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
            parts[name] = {
                "type": "object",
                "description": text,
                "properties": properties,
                "additionalProperties": open_ended,
                **({"required": [*self.required]} if self.required else {}),
                **({"minProperties": 1} if self.part.without else {}),
            }
        return {"$ref": f"#/definitions/{name}"}


def _takes(shape: Shape, value: object) -> bool:
    """Whether a value is one of that shape."""
    shape.read(value, (), complaints := Complaints(""))
    return not complaints.listed


class _Choice(Shape):
    """One of several shapes, told apart by the key of a form, or by what kind of value it is; or nothing, if it may be `null`."""

    def __init__(self, members: list[Shape], telling: FormOf, *, null: bool) -> None:
        self.of = members[0] if len(members) == 1 else self
        self.forms = {each.tag: each for each in members if isinstance(each, PartShape)}
        self.others = [each for each in members if not isinstance(each, PartShape)]
        self.telling = telling
        self.null = null
        for each in self.others:
            if isinstance(each, _Words):
                each.wanted = telling.wanted

    @property
    def stand_in(self) -> object:  # type: ignore[override]
        return None if self.null else [*self.others, *self.forms.values()][0].stand_in

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if value is None and self.null:
            return None
        if self.of is not self:
            return self.of.read(value, path, to)
        form = self._form(value)
        if form == "constant":
            return Constant(cast("Json", value))
        shape: Shape | None = self.forms.get(form) if isinstance(value, dict) else None
        shape = shape or next((each for each in self.others if each.name == form), None)
        if shape is None and isinstance(value, list | tuple):
            shape = next((each for each in self.others if each.name == "map"), None)
        if shape is None and self.telling.wanted and (isinstance(value, list | tuple | dict) or not self.others):
            return self._none_of(value, path, to)
        return (shape or self.others[0]).read(value, path, to)

    def _form(self, value: object) -> str:
        if self.telling.by is not None:
            return self.telling.by(value)
        if isinstance(value, dict):
            return next((key for key in self.forms if key in value), self.telling.mapping or "map")
        return "list" if isinstance(value, list | tuple) else "text" if isinstance(value, str) else ""

    def _none_of(self, value: object, path: KeyPath, to: Complaints) -> object:
        key, what, hint = none_of_forms(self.forms, path, value)
        if key and isinstance(value, dict):  # that others lead to it is no further mistake
            to.add((*path, key), what, f"did you mean {hint}?", at_key=True)
            return self.forms[hint].read({hint if each == key else each: of for each, of in value.items()}, path, to)
        return self.wrong(path, to, value, what or self.telling.wanted, hint)

    def write(self, value: Any) -> Json:
        if value is None:
            return None
        if self.of is not self:
            return self.of.write(value)
        if isinstance(value, Form):
            tag = str(value.__struct_config__.tag)
            return cast("Constant", value).value if tag == "constant" else self.forms[tag].write(value)
        kind = "list" if isinstance(value, tuple) else "map" if isinstance(value, dict) else ""
        fitting = (each for each in self.others if (each.name if each.name in ("list", "map") else "") == kind)
        return next(fitting).write(value)

    def schema(self, parts: dict[str, Json]) -> Schema:
        forms: list[Json] = [
            self._constant() if tag == "constant" else each.schema(parts) for tag, each in self.forms.items()
        ]
        branches = [*(each.schema(parts) for each in self.others), *forms]
        branches += [{"type": "null"}] if self.null else []
        return self.described({"anyOf": branches})

    def _constant(self) -> Json:
        """Any value but a mapping with the key of another form, or one that is made of others."""
        derived: Json = {"required": ["value"], "properties": {"value": {"type": "string", "pattern": r"\{[{%]"}}}
        keys: list[Json] = [{"required": [tag]} for tag in self.forms if tag not in ("constant", "value")]
        return {"description": "a constant", "not": {"type": "object", "anyOf": [*keys, derived]}}


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    tree = ast.parse(getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _docstrings(part: type[Part]) -> dict[str, str]:
    """What is said of each member, in the text behind it."""
    found: dict[str, str] = {}
    for each in reversed(part.__mro__[: part.__mro__.index(Part)]):
        for node, behind in pairwise(_classes(each.__module__)[each.__name__].body):
            match node, behind:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(text.split())
    return found


def _shape(annotation: object) -> Shape:
    """The shape that an annotation says."""
    metas: list[object] = []
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metas = [*more, *metas]
    shape = _bare(annotation, metas)
    for meta in metas:
        if isinstance(meta, Meta):
            shape.meta = _joined(shape.meta, meta)
    return shape


def _bare(annotation: object, metas: list[object]) -> Shape:
    for meta in metas:
        if isinstance(meta, Spelt):
            return _Spelt(meta)
        if isinstance(meta, SaidOf):
            return _Said(part_shape(meta.part))
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin in (Union, UnionType):
            return _union(arguments, metas)
        case origin if origin is Literal:
            return _Words(arguments)
        case origin if origin is tuple:
            of = _shape(arguments[0])
            return _List(of, pair=arguments[1] is not Ellipsis)
        case origin if origin in (dict, Mapping):
            return _Map(_shape(arguments[0]), _shape(arguments[1]))
        case _ if isinstance(annotation, type) and issubclass(annotation, Part):
            return part_shape(annotation)
        case _:
            if annotation in (int, float, bool):
                return _Plain(annotation)
            return _Text() if annotation is str else Shape()


def _union(arguments: tuple[object, ...], metas: list[object]) -> Shape:
    null = NoneType in arguments
    left = [each for each in arguments if each not in (NoneType, UnsetType)]
    if set(left) == {int, float}:
        return _Plain(float)
    telling = next((meta for meta in metas if isinstance(meta, FormOf)), FormOf())
    members = [_shape(each) for each in left]
    return _Choice(members, telling, null=null) if null or len(members) > 1 else members[0]


def _joined(inner: Meta, outer: Meta) -> Meta:
    names = ("gt", "ge", "le", "pattern", "min_length", "max_length")
    found = {name: getattr(outer, name) if getattr(outer, name) is not None else getattr(inner, name) for name in names}
    return Meta(**found)


_PARTS: dict[type[Part], PartShape] = {}


def part_shape(part: type[Part]) -> PartShape:
    """The shape of a part, made once."""
    if part not in _PARTS:
        shape = _PARTS[part] = PartShape(part)
        shape.prepare()  # behind its entry, for a part may hold itself
    return _PARTS[part]


def read_part(part: type[_P], value: Json, to: Complaints) -> _P:
    """The value as a part, with stand-ins for what `to` complains of."""
    return cast("_P", part_shape(part).read(value, (), to))


def parsed(part: type[_P], value: Json, file: str = "") -> _P:
    """The value as a part; ScenarioError, with every complaint, if it is none."""
    complaints = Complaints(file)
    found = read_part(part, value, complaints)
    complaints.check()
    return found


def write_part(part: Part) -> dict[str, Json]:
    """The part as its author would write it."""
    return cast("dict[str, Json]", part_shape(type(part)).write(part))


def member(part: type[Part], key: str, value: object) -> Json:
    """One member of a part, as the part has it; ValueError says why the value is none."""
    complaints = Complaints("")
    found = part_shape(part).shapes[key].read(value, (), complaints)
    for complaint in complaints.listed:
        raise ValueError(complaint.what)
    return cast("Json", found)


def spelt(part: type[Part], members: Mapping[str, object]) -> dict[str, Json]:
    """Members of a part as their author would write them."""
    shapes = part_shape(part).shapes
    return {key: shapes[key].write(value) for key, value in members.items()}


def json_schema(part: type[Part]) -> dict[str, Json]:
    """The schema of a document that is such a part."""
    parts: dict[str, Json] = {}
    head: Schema = {"$schema": "http://json-schema.org/draft-07/schema#", "$comment": "made by: lab schema"}
    part_shape(part).schema(parts)
    whole = cast("Schema", parts.pop(part.__name__))
    return {**head, **whole, "definitions": parts}
