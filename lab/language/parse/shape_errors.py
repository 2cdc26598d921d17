"""What pydantic finds wrong with the shape of a document, in our own sentences."""

import re
from collections.abc import Iterator
from functools import cache
from typing import TypeVar, get_args

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from lab.core.exchange import Json
from lab.language import document as doc
from lab.language.document.base import NAME, ORIGIN
from lab.language.parse.complaints import Complaints, KeyPath
from lab.language.parse.steps import misspelt_kinds
from lab.language.parse.yaml_tree import Tree, mapping_of


def _parts(part: object, name: str) -> Iterator[tuple[str, type[doc.Model]]]:
    """The models within a type, each by the tag of its branch of a union, else by the key that leads to it."""
    if isinstance(part, type) and issubclass(part, doc.Model):
        yield name, part
    tags = [each.tag for each in getattr(part, "__metadata__", ()) if isinstance(each, Tag)]
    for inner in get_args(part):
        yield from _parts(inner, *tags or (name,))


@cache
def models_within(root: type[BaseModel]) -> dict[str, type[doc.Model]]:
    """The part of the document that a key, or the tag of a union, leads to: of a scenario, else of `root`."""
    found: dict[str, type[doc.Model]] = {}
    ahead: list[type[BaseModel]] = [doc.Scenario, root]
    while ahead:
        for key, field in ahead.pop().model_fields.items():
            for name, part in _parts(field.annotation, field.alias or key):
                if name not in found:
                    found[name] = part
                    ahead.append(part)
    return found


_ID = r"^[a-z0-9][a-z0-9-]{0,79}$"
_CODE = r"^[A-Za-z0-9_]{1,200}$"
_BETWEEN = "what is drawn is written {between: [2s, 4s]}"
_AS_JSON = "write output: {json: …} for a value"
_PATTERNS = {
    ORIGIN: "is an origin, as https://host or http://host:port",
    NAME: "is without blanks and colons, at most 200 characters",
    r"^[a-z0-9-]{1,63}$": "is of small letters, digits and -, at most 63",
    _CODE: "is of letters, digits and _, at most 200",
    _ID: "is of small letters, digits and -, at most 80",
    r"^[a-z]{2,3}(_[A-Z]{2})?$": "is written de_DE",
    r"^[A-Za-z0-9_.:/ -]{1,200}$": "is the name of a role",
}
_WORDS = {
    "string_type": "takes text",
    "int_type": "takes a whole number",
    "int_from_float": "takes a whole number",
    "float_type": "takes a number",
    "bool_type": "takes true or false",
    "tuple_type": "takes a list",
    "dict_type": "takes keys and values",
    "model_type": "takes keys and values",
    "union_tag_not_found": f"a step begins with one of {', '.join(doc.STEPS)}",
    "literal_error": "takes {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "too_long": "takes at most {max_length} values",
    "string_pattern_mismatch": "must match {pattern}",
}
"""By pydantic's name of an error, with what its context gives; others are worded where they are raised."""


_FIRST_KEYS = {
    "agent": "code",
    "token": "lifetime",
    "limits": "concurrent",
    "expect": "status",
    "latency": "status",
}
"""Of what people write as one word: the key that they mean."""

_M = TypeVar("_M", bound=doc.Model)


def validated(model: type[_M], tree: Tree) -> _M | None:
    """The document as a `model`; None if its shape is wrong, and a complaint for each thing that is."""
    try:
        return model.model_validate(tree.value)
    except ValidationError as error:
        complain_of_shape(error, tree, model)
        return None


def complain_of_shape(error: ValidationError, tree: Tree, root: type[BaseModel] = doc.Scenario) -> None:
    """Complain about everything that `error` lists; `root` is the model of the whole document."""
    details = error.errors(include_url=False)
    typos = dict(_typos(details, tree))
    for detail in details:
        path = _path(detail["loc"], tree)
        match detail["type"]:
            case "missing":
                if path not in typos.values():
                    _missing(path, tree.complaints)
            case "extra_forbidden":
                _unknown(path, _model(detail["loc"], root) or root, typos, tree.complaints)
            case _:
                _wrong(path, detail, tree)


def _path(loc: tuple[str | int, ...], tree: Tree) -> KeyPath:
    """The place that pydantic means, without the names of unions' branches."""
    path: KeyPath = ()
    for position, part in enumerate(loc):
        if (*path, part) in tree.complaints.locations:
            path = (*path, part)
        elif part == "[key]" or (isinstance(part, str) and ":" in part) or part in ("int", "float"):
            continue
        elif position == len(loc) - 1:
            path = (*path, part)  # a key that is missing
    return path


def _model(loc: tuple[str | int, ...], root: type[BaseModel]) -> type[doc.Model] | None:
    models = models_within(root)
    for part in reversed(loc[:-1]):
        if isinstance(part, str) and part in models:
            return models[part]
    return None


def _typos(details: list[ErrorDetails], tree: Tree) -> Iterator[tuple[KeyPath, KeyPath]]:
    """Each unknown key that is nearly a missing one, with the missing one."""
    missing = {_path(detail["loc"], tree) for detail in details if detail["type"] == "missing"}
    for detail in details:
        if detail["type"] == "extra_forbidden":
            path = _path(detail["loc"], tree)
            for other in missing:
                if other[:-1] == path[:-1] and doc.nearest(str(path[-1]), [str(other[-1])]):
                    yield path, other


def _missing(path: KeyPath, complaints: Complaints) -> None:
    name = path[-1]
    if isinstance(name, int):
        complaints.add(path[:-1], "takes two values", "smallest and largest, as [2s, 4s]")
    else:
        complaints.add(path[:-1], f"{name} is missing")


def _unknown(path: KeyPath, model: type[BaseModel], typos: dict[KeyPath, KeyPath], complaints: Complaints) -> None:
    key = str(path[-1])
    for forms, what, hint in (
        (doc.STEPS, "a step is of one kind", "make two steps of it"),
        (doc.OUTPUT_FORMS, "an output is of one form", "leave one out"),
    ):
        mine = [form for form, each in forms.items() if each is model]
        if key in forms and mine:
            complaints.add(path, f"{what}; this is {mine[0]} and {key}", hint, at_key=True)
            return
    if key == "next" and model in (doc.Complete, doc.Failure):
        complaints.add(
            path, "nothing follows an ending", "leave next out; what should follow comes before", at_key=True
        )
        return
    if key == "job" and model is doc.Fault:
        hint = "arm the fault while the lab runs (lab docs control-plane, §6.2)"
        complaints.add(path, "a fault of a file can't name a job", hint, at_key=True)
        return
    fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    inside = {
        at for at, kind in fields.items() for name, part in _parts(kind, at) if name == at and key in part.model_fields
    }
    if path in typos:
        hint = f"did you mean {typos[path][-1]}?"
    else:
        hint = f"write {inside.pop()}: {{{key}: …}}" if len(inside) == 1 else doc.nearest(key, fields)
    if model is doc.LogNormal and key in ("min", "max", "from", "to"):
        hint = _BETWEEN
    if model is doc.Branch and key in ("else", "then", "if"):
        hint = "branches are written {when: …, to: STEP}, the last one {to: STEP}"
    complaints.add(path, f"unknown key {key}", hint or f"known here: {', '.join(fields)}", at_key=True)


def _wrong(path: KeyPath, detail: ErrorDetails, tree: Tree) -> None:
    complain = tree.complaints.add
    value = _value(tree.value, path)
    context = {name: str(each).replace("True", "true") for name, each in detail.get("ctx", {}).items()}
    kind = detail["type"]
    if kind == "too_short" and isinstance(value, list | dict) and len(value) >= int(context["min_length"]):
        return  # pydantic counts only the elements that are right, and has complained of the others
    if detail["loc"][-1] in ("int", "float"):
        kind = "float_type"  # a number of either kind is wanted
    if detail["loc"][-1] == "[key]":
        known = context["expected"]
        near = doc.nearest(str(path[-1]), re.findall(r"'([^']*)'", known))
        complain(path, f"unknown key {path[-1]}", near or f"known here: {known}".replace("'", ""), at_key=True)
    elif kind == "union_tag_not_found" and path[-1] == "output":
        keys = value if isinstance(value, dict) else ()
        hint = next((near for key in keys if (near := doc.nearest(key, doc.OUTPUT_FORMS))), "")
        complain(path, f"takes text, null, or one of {', '.join(doc.OUTPUT_FORMS)}", hint or _AS_JSON)
    elif (
        kind == "union_tag_not_found" and path[-2:-1] == ("of",) and not doc.STEPS.keys().isdisjoint(mapping_of(value))
    ):
        complain(path, "side by side are work and delegate steps", "let a step of another kind come before or behind")
    elif kind == "union_tag_not_found" and (slips := dict(misspelt_kinds(mapping_of(value)))):
        key, meant = next(iter(slips.items()))
        complain((*path, key), f"unknown kind of step {key}", f"did you mean {meant}?", at_key=True)
    elif kind == "too_short" and context["min_length"] != "1":
        complain(path, f"takes at least {context['min_length']} values")
    elif kind == "literal_error" and path[-1] == "reviewer":
        complain(path, "takes nobody, or {after, verdict}, or {script}", doc.nearest(str(value), ["nobody"]))
    else:
        what = _PATTERNS.get(context.get("pattern", "")) or _WORDS.get(kind, "").format(**context).replace("'", "")
        what = what or detail["msg"].removeprefix("Value error, ")
        hint = _hint(kind, value, context.get("expected", "")) or _rewritten(path[-1:], context.get("pattern"), value)
        if "latency:fixed" in detail["loc"] and (isinstance(value, list) or re.search(r"\d.*-.*\d", str(value))):
            hint = _BETWEEN
        complain(path, what[:1].lower() + what[1:], hint)


def _rewritten(key: KeyPath, pattern: str | None, value: Json) -> str:
    """What a value of the wrong form is in the right one; empty where it can't be told."""
    match value:
        case str() if pattern in (_ID, _CODE):
            gap = "-" if pattern == _ID else "_"
            right = re.sub(r"[^A-Za-z0-9]+", gap, value.lower() if pattern == _ID else value).strip(gap)[:80]
            return f"write {right}" if right else ""
        case str() | int() if key and (first := _FIRST_KEYS.get(str(key[0]))):
            return f"write {key[0]}: {{{first}: {value}}}"
        case list() if key == ("output",):
            return _AS_JSON
        case str() if key == ("for",):
            return f"write for: {{roles: [{value}]}}, or users, or clients"
        case str() if key == ("again",):
            return f"write again: {{to: {value}, rounds: 3}}"
        case {"code": str(code)} if key == ("agent",):
            return f"write agent: {code}"
        case _:
            return ""


def _hint(kind: str, value: Json, expected: str) -> str:
    match kind:
        case "string_type" if isinstance(value, bool | int | float):
            return "put it in quotes"
        case "string_type" if value is None:
            return "there is nothing here"
        case "int_type" | "float_type" if isinstance(value, str) and re.fullmatch(r"-?[0-9.]+", value):
            return "write it without quotes"
        case "bool_type" if isinstance(value, str):
            return f"{value} is text here"
        case "tuple_type":
            return "write - in front of each value, or [ ] around them"
        case "literal_error" if isinstance(value, str):
            return doc.nearest(value, re.findall(r"'([^']*)'", expected))
        case _:
            return ""


def _value(value: Json, path: KeyPath) -> Json:
    for part in path:
        match value, part:
            case dict(), str():
                value = value.get(part)
            case list(), int() if part < len(value):
                value = value[part]
            case _:
                return None
    return value
