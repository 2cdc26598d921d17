"""The OpenAPI 3.1 document of the mocked surface, made of data: here is only what puts it together.

What an operation is stands in the `openapi.yaml` of its room, where it is in the route table, what a field means among
the claims (`lab fidelity`): so none of them can say what the others don't. `openapi.yaml` beside this file is the frame,
and tells what the parts may write shorter. A wire needs its `openapi.yaml` beside its module, and
nothing here. The files are read when a document is asked for, not at start.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import TypeAlias, cast

import yaml

from lab.core.exchange import Json
from lab.core.fidelity import Claim
from lab.core.routes import Route
from lab.dialects import wires
from lab.dialects.fidelity import CLAIMS
from lab.dialects.fusion.routes import documented_path
from lab.identity.routes import IDENTITY_ROUTES
from lab.identity.scopes import api_scope
from lab.program.switches import Switches

JsonObject: TypeAlias = dict[str, Json]


def openapi(
    version: str, base: str = "http://127.0.0.1:8080", scope: str = api_scope(Switches().pod), *, local: bool = False
) -> JsonObject:
    """The document; `base` is the server's origin, `scope` the one that opens the API.

    `local`: with the paths of a local orchestrator.
    """
    values = {"{version}": version, "{base}": base, "{scope}": scope}
    frame = _expanded(_part("lab.dialects"), values)
    identity = _expanded(_part("lab.identity"), values)
    dialects = [(_expanded(_part(wire.package), values), wire.routes) for wire in wires() if wire.routes]
    document = _object(frame["document"])
    components = _object(document["components"])
    for part in (identity, *(part for part, _ in dialects)):
        for kind in ("schemas", "responses"):
            _object(components[kind]).update(_object(part.get(kind, {})))
    rows = [row for part, table in dialects for row in _described(part, table, frame) if local or not row[0].only]
    # jobs are started and polled in any dialect: that stands after what it has beside, and a switch's paths at the end
    rows.sort(key=lambda row: 2 if row[0].only else row[0].kind in ("invoke", "look"))
    paths = _object(document["paths"])
    for route, operation in (*_described(identity, IDENTITY_ROUTES, frame), *rows):
        path = documented_path(route.path)
        _object(paths.setdefault(path, {}))[route.method.lower()] = operation
    return document


@cache
def _part(package: str) -> JsonObject:
    text = files(package).joinpath("openapi.yaml").read_text("utf-8")
    return _object(yaml.load(text, yaml.CSafeLoader))


def _object(value: Json) -> JsonObject:
    return cast(JsonObject, value)


def _expanded(part: JsonObject, values: Mapping[str, str]) -> JsonObject:
    """A copy with the values in their places, and each schema with its properties and what is required of them."""

    def expand(value: Json) -> Json:
        match value:
            case str():
                for name, text in values.items():
                    value = value.replace(name, text)
                return value
            case list():
                return [expand(each) for each in value]
            case dict():
                return _schema({str(expand(name)): expand(each) for name, each in value.items()})
            case _:
                return value

    return _object(expand(part))


def _schema(members: JsonObject) -> JsonObject:
    place = members.pop("claims", None)
    if place is not None:
        more = _object(members.pop("properties", {}))
        claims = [claim for claim in CLAIMS if claim.place == place]
        properties: JsonObject = {claim.name: _property(claim, _object(more.pop(claim.name, {}))) for claim in claims}
        members = {"type": "object", "properties": properties | more, **members}
    if members.get("required") == "all":
        members["required"] = list(_object(members["properties"]))
    return members


def _property(claim: Claim, more: JsonObject) -> JsonObject:
    if "anyOf" in more:
        return more
    kinds = claim.json.split("|")
    kind = cast(Json, kinds if len(kinds) > 1 else kinds[0])
    return {"type": kind, "description": f"{claim.says} ({claim.word})", **more}


def _described(part: JsonObject, routes: Iterable[Route], frame: JsonObject) -> Iterator[tuple[Route, JsonObject]]:
    """The rows in the order in which the part tells of their operations."""
    rows = {row.operation or row.name.replace("-", "_"): row for row in routes}
    for name, operation in _object(part["operations"]).items():
        whole = {"operationId": name, **_object(part.get("defaults", {})), **_object(operation)}
        yield rows[name], _operation(rows[name].path, whole, frame)


def _operation(path: str, operation: JsonObject, frame: JsonObject) -> JsonObject:
    refusals = cast("list[int]", operation.pop("refusals", []))
    shell = cast("list[int]", frame["shell"]) if refusals else []
    responses = _object(operation["responses"]) | {str(code): f"E{code}" for code in sorted({*refusals, *shell})}
    operation["responses"] = {
        code: {"$ref": f"#/components/responses/{response}"} if isinstance(response, str) else response
        for code, response in responses.items()
    }
    if "parameters" in operation:
        own = cast("list[JsonObject]", operation["parameters"])
        named = [_object(_object(frame["parameters"])[name]) for name in re.findall(r"\{(\w+)\}", path)]
        of_path = [each for each in named if each["name"] not in [mine["name"] for mine in own]]
        operation["parameters"] = [*of_path, *own]
    body = operation.get("requestBody")
    if isinstance(body, str):
        schema: Json = {"$ref": f"#/components/schemas/{body}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation
