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
from collections.abc import Mapping
from inspect import getsource
from itertools import pairwise
from textwrap import dedent
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, UNSET, Meta, UnsetType
from msgspec.structs import fields

from lab.core.exchange import Json
from lab.language.complaints import Complaints
from lab.language.plain_shapes import (
    PlainShape,
    Schema,
    Shape,
    SpeltShape,
    TextShape,
    WordsShape,
)
from lab.language.slips import meant_by, none_of_forms, unknown_key
from lab.program.draws import Constant
from lab.program.words import Form, FormOf, KeyPath, Part, SaidOf, Spelt, among, nearest

_P = TypeVar("_P", bound=Part)


class _List(Shape):
    name = "list"
    stand_in: object = ()

    def __init__(self, of: Shape) -> None:
        self.of = of

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not isinstance(value, list | tuple):
            usual = "write - in front of each value, or [ ] around them"
            return self.wrong(path, to, value, "takes a list", meant_by(path, value, None) or usual)
        meta, read = self.meta, self.of.read
        found = tuple([read(each, (*path, place), to) for place, each in enumerate(value)])
        if meta.min_length is not None and len(value) < meta.min_length:
            least = f"takes at least {meta.min_length} values" if meta.min_length > 1 else "must not be empty"
            return self.wrong(path, to, value, least)
        if meta.max_length is not None and len(value) > meta.max_length:
            return self.wrong(path, to, value, f"takes at most {meta.max_length} values")
        return found

    def write(self, value: Any) -> Json:
        return [self.of.write(each) for each in value]

    def schema(self, parts: dict[str, Json]) -> Schema:
        return self.described({"type": "array", "items": self.of.schema(parts)})


class _Pair(_List):
    """Smallest and largest."""

    def __init__(self, of: Shape) -> None:
        super().__init__(of)
        self.stand_in = (of.stand_in, of.stand_in)

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not isinstance(value, list | tuple):
            return self.wrong(path, to, value, "takes a list", "write [ ] around them")
        pair = tuple(self.of.read(each, (*path, place), to) for place, each in enumerate(value))
        if len(value) != 2:
            return self.wrong(path, to, value, "takes two values", "smallest and largest, as [2s, 4s]")
        if any((*path, place) in to.spoilt for place in range(2)):
            return self.stand_in
        return pair

    def schema(self, parts: dict[str, Json]) -> Schema:
        return {**super().schema(parts), "minItems": 2, "maxItems": 2}


class _Map(Shape):
    name = "map"

    def __init__(self, key: Shape, of: Shape) -> None:
        self.key = key
        self.of = of
        self.stand_in = {}

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not isinstance(value, dict):
            return self.wrong(path, to, value, "takes keys and values")
        if self.meta.min_length is not None and len(value) < self.meta.min_length:
            return self.wrong(path, to, value, "must not be empty")
        found: dict[str, object] = {}
        for name, each in value.items():
            if isinstance(self.key, WordsShape) and name not in self.key.words:
                to.add((*path, name), f"unknown key {name}", among(name, map(str, self.key.words)), at_key=True)
            else:
                found[name] = self.of.read(each, (*path, name), to)
        return found

    def write(self, value: Any) -> Json:
        return {name: self.of.write(each) for name, each in value.items()}

    def schema(self, parts: dict[str, Json]) -> Schema:
        of = self.of.schema(parts)
        schema: Schema = {"type": "object", "additionalProperties": of or True}
        if isinstance(self.key, WordsShape):
            schema["propertyNames"] = {"enum": [*self.key.words]}
        elif self.key.meta.pattern is not None:
            schema["propertyNames"] = {"pattern": self.key.meta.pattern}
        return self.described(schema)


class _Nullable(Shape):
    def __init__(self, of: Shape) -> None:
        self.of = of
        self.name = of.name

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        return None if value is None else self.of.read(value, path, to)

    def write(self, value: Any) -> Json:
        return None if value is None else self.of.write(value)

    def schema(self, parts: dict[str, Json]) -> Schema:
        of = self.of.schema(parts)
        return self.described({"anyOf": [of, {"type": "null"}]})


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


class _Said(Shape):
    """A mapping of those members of a part which were said."""

    name = "map"

    def __init__(self, of: PartShape) -> None:
        self.of = of
        self.stand_in = {}

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if not isinstance(value, dict):
            return self.wrong(path, to, value, "takes keys and values")
        found: dict[str, object] = {}
        for key, each in value.items():
            if (shape := self.of.shapes.get(key)) is not None:
                found[key] = shape.read(each, (*path, key), to)
            else:
                to.add((*path, key), *unknown_key(self.of.part, key, "", self.of.shapes), at_key=True)
        return found

    def write(self, value: Any) -> Json:
        return {key: self.of.shapes[key].write(each) for key, each in value.items()}

    def schema(self, parts: dict[str, Json]) -> Schema:
        return self.of.schema(parts)


class _Choice(Shape):
    """One of several shapes, told apart by the key of a form, or by what kind of value it is."""

    def __init__(self, members: list[Shape], telling: FormOf, *, null: bool) -> None:
        self.forms = {each.tag: each for each in members if isinstance(each, PartShape)}
        self.others = [each for each in members if not isinstance(each, PartShape)]
        self.telling = telling
        self.null = null
        for each in self.others:
            if isinstance(each, WordsShape):
                each.wanted = telling.wanted

    @property
    def stand_in(self) -> object:  # type: ignore[override]
        return None if self.null else [*self.others, *self.forms.values()][0].stand_in

    def read(self, value: object, path: KeyPath, to: Complaints) -> object:
        if value is None and self.null:
            return None
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


def _docstrings(part: type[Part]) -> dict[str, str]:
    """What is said of each member, in the text behind it."""
    found: dict[str, str] = {}
    for each in reversed(part.__mro__):
        if issubclass(each, Part):
            (tree,) = ast.parse(dedent(getsource(each))).body
            for node, behind in pairwise(cast("ast.ClassDef", tree).body):
                match node, behind:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = " ".join(text.split())
    return found


def _shape(annotation: object) -> Shape:
    """The shape that an annotation says."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return part_shape(annotation)
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
            return SpeltShape(meta)
        if isinstance(meta, SaidOf):
            return _Said(part_shape(meta.part))
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin in (Union, UnionType):
            return _union(arguments, metas)
        case origin if origin is Literal:
            return WordsShape(arguments)
        case origin if origin is tuple:
            of = _shape(arguments[0])
            return _List(of) if arguments[1] is Ellipsis else _Pair(of)
        case origin if origin in (dict, Mapping):
            return _Map(_shape(arguments[0]), _shape(arguments[1]))
        case _ if isinstance(annotation, type) and issubclass(annotation, Part):
            return part_shape(annotation)
        case _:
            if annotation in (int, float, bool):
                return PlainShape(annotation)
            return TextShape() if annotation is str else Shape()


def _union(arguments: tuple[object, ...], metas: list[object]) -> Shape:
    null = NoneType in arguments
    left = [each for each in arguments if each not in (NoneType, UnsetType)]
    if set(left) == {int, float}:
        return PlainShape(float)
    telling = next((meta for meta in metas if isinstance(meta, FormOf)), FormOf())
    members = [_shape(each) for each in left]
    return _Nullable(members[0]) if len(members) == 1 else _Choice(members, telling, null=null)


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
