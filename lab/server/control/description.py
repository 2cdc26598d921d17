"""The control plane as an OpenAPI 3.1 document: the rows of `routes.py`, and what `openapi.yaml` says goes in and out."""

import re
from importlib.resources import files
from typing import cast

import yaml
from msgspec import Struct
from msgspec.json import schema_components

from lab.core.exchange import Json
from lab.dialects.openapi import JsonObject
from lab.plugin import ControlRoute, plugins
from lab.server.control.commands import asked_of
from lab.server.control.routes import CONTROL_ROOT, CONTROL_ROUTES


def description(version: str, origin: str) -> JsonObject:
    """The document, of a plane that listens at `origin`."""
    parts: JsonObject = {}
    for plugin in plugins():
        if plugin.operations:
            text = files(plugin.operations).joinpath("openapi.yaml").read_text("utf-8")
            part = _object(yaml.load(text.replace("{version}", version).replace("{origin}", origin), yaml.CSafeLoader))
            for name, members in part.items():
                parts[name] = {**_object(parts.get(name, {})), **_object(members)}
    document, names = _object(parts["document"]), _object(parts["schemas"])
    operations, paths = _object(parts["operations"]), _object(document["paths"])
    for row in CONTROL_ROUTES:
        operation = _operation(row, _object(operations.get(row.name, {})), names)
        if (kind := asked_of(row)) is not None:
            _add_asked(operation, row, kind)
        _object(paths.setdefault(CONTROL_ROOT + row.path, {}))[row.method.lower()] = operation
    _object(document["components"])["schemas"] = {name: _whole(schema, names) for name, schema in names.items()}
    return document


def _operation(row: ControlRoute, said: JsonObject, names: JsonObject) -> JsonObject:
    in_path: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", row.path)
    ]
    content = said.get("answers") or {"application/json": {"schema": _whole(said.get("answer"), names)}}
    operation: JsonObject = {
        "operationId": row.name,
        "summary": row.does,
        "parameters": in_path,
        "responses": {
            "200": {"description": row.does, "content": content},
            "default": {"$ref": "#/components/responses/Refused"},
        },
    }
    if "unavailable" in said:
        content = {"application/json": {"schema": _whole(said["unavailable"], names)}}
        _object(operation["responses"])["503"] = {"description": "not now", "content": content}
    if "security" in said:
        operation["security"] = said["security"]
    if "body" in said:
        schema = _whole(said["body"], names)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _add_asked(operation: JsonObject, row: ControlRoute, kind: type[Struct]) -> None:
    """What it takes, in the query or in a body."""
    schema = schema_components((kind,))[1][kind.__name__]
    if row.body is None:
        in_query: list[Json] = [
            {"name": name, "in": "query", "schema": each}
            for name, each in _object(schema["properties"]).items()
            if f"{{{name}}}" not in row.path
        ]
        operation["parameters"] = cast("list[Json]", operation["parameters"]) + in_query
    else:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}


def _whole(schema: Json, names: JsonObject) -> Json:
    """A schema as OpenAPI has it: names of schemas become references, shapes become objects."""
    match schema:
        case str() if schema in names:
            return {"$ref": f"#/components/schemas/{schema}"}
        case dict() if "shape" in schema:
            shape, maybe = _object(schema["shape"]), cast("list[Json]", schema.get("maybe", []))
            rest = {name: value for name, value in schema.items() if name not in ("shape", "maybe")}
            return {
                "type": "object",
                **rest,
                "properties": {name: _whole(value, names) for name, value in shape.items()},
                "required": [name for name in shape if name not in maybe],
                "additionalProperties": False,
            }
        case dict():
            return {name: value if name == "enum" else _whole(value, names) for name, value in schema.items()}
        case list():
            return [_whole(each, names) for each in schema]
        case _:
            return schema


def _object(value: Json) -> JsonObject:
    return cast(JsonObject, value)
