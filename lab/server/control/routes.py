"""The routes of the control plane, as the kernel and its plugins declare them: listed, called, and described (control-plane.md)."""

from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.json import schema_components
from yarl import URL

from lab.core.exchange import Json
from lab.core.routes import CONTROL_ROOT
from lab.plugin import ControlRoute, plugins
from lab.server.control.reading import CommandRefused, asked_of, path_members

if TYPE_CHECKING:
    from lab.control import ControlRouteShown

CONTROL_ROUTES: tuple[ControlRoute, ...] = tuple(row for plugin in plugins() for row in plugin.routes)
_TOKEN: dict[str, Json] = {
    "type": "http",
    "scheme": "bearer",
    "description": "The control token: lab serve prints it at its start.",
}
_SAID = (
    "Steers a lab that is running; lab docs control-plane explains it. This document is GET /_lab/openapi.json; that of "
    "the mocked API, which clients call at another origin, is GET /_lab/openapi."
)


def routed(method: str, url: URL) -> tuple[ControlRoute, dict[str, str]]:
    """The row that a request line means, and the members that stand in its path; CommandRefused if there is none."""
    given, there = url.path_safe.split("/"), dict[str, tuple[ControlRoute, dict[str, str]]]()
    for row in CONTROL_ROUTES:
        words = (CONTROL_ROOT + row.path).split("/")
        pairs = [*zip(words, given, strict=True)] if len(words) == len(given) else []
        if pairs and all(part if word.startswith("{") else part == word for word, part in pairs):
            # yarl leaves these two encoded
            named = {
                word[1:-1]: part.replace("%2F", "/").replace("%25", "%") for word, part in pairs if word[:1] == "{"
            }
            there[row.method] = row, named
    if method in there:
        return there[method]
    if there:
        allow = ",".join(sorted(there))
        raise CommandRefused(405, "Method Not Allowed.", f"Use {allow}.", {"allow": allow})
    raise CommandRefused(404, "Not Found.", "GET /_lab/ lists the routes.")


def curl_line(row: ControlRoute) -> str:
    """A call of it that a shell takes as it stands: see control-plane.md §1 for the variables in it."""
    path = row.path.replace("{job}", "$job") if row.example is None else row.example
    delete = " -X DELETE" if row.method == "DELETE" else ""
    headers, data = ("", "") if row.body is None else (' -H "$json"', f" -d '{row.body}'")
    return f'curl -s{delete} -H "$auth"{headers} "$lab{CONTROL_ROOT}{path}"{data}'


def listed_routes(origin: str, root: str = CONTROL_ROOT, *, tenant: bool = False) -> "list[ControlRouteShown]":
    """The routes as `GET /_lab/` lists them, with calls to this origin; the token stays in its variable.

    `root` is what the paths begin with: for a `tenant`, which hasn't all of them, or one scenario that was chosen, another.
    """
    values = {
        f"$lab{CONTROL_ROOT}": origin + root,
        "$auth": "Authorization: Bearer $LAB_CONTROL_TOKEN",
        "$json": "Content-Type: application/json",
    }
    from lab.control import ControlRouteShown  # no start waits for what commands are made of

    listed: list[ControlRouteShown] = []
    for row in CONTROL_ROUTES:
        if not (tenant and row.of_the_lab):
            call = curl_line(row)
            for name, value in values.items():
                call = call.replace(name, value)
            listed.append(ControlRouteShown(row.method, root + row.path, row.does, call))
    return listed


# As an OpenAPI 3.1 document


def description(version: str, origin: str) -> dict[str, Json]:
    """The document, of a plane that listens at `origin`."""
    from lab.control import RefusalDocument  # as above

    kinds = [asked_of(row) for row in CONTROL_ROUTES]
    structs = [each for kind in kinds for each in (kind, kind.answers_with(), kind.unready) if is_struct(each)]
    _, schemas = schema_components((*structs, RefusalDocument), ref_template=_REFERENCE, schema_hook=any_json)
    paths: dict[str, dict[str, Json]] = {}
    for row in CONTROL_ROUTES:
        paths.setdefault(CONTROL_ROOT + row.path, {})[row.method.lower()] = _operation(row, schemas)
    command = {kind.__name__ for kind in kinds}
    shown = {name: schema for name, schema in schemas.items() if name not in command}
    refused = {"description": "What is wrong, and what to do", "content": _json(_reference("RefusalDocument"))}
    components = {"securitySchemes": {"token": _TOKEN}, "responses": {"Refused": refused}, "schemas": shown}
    return cast(dict[str, Json], {
        "openapi": "3.1.0",
        "info": {
            "title": "Invoke Async Lab: the control plane", "version": version, "description": _SAID,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": origin}], "security": [{"token": []}], "paths": paths, "components": components,
    })  # fmt: skip


_REFERENCE = "#/components/schemas/{name}"


def _operation(row: ControlRoute, schemas: dict[str, Any]) -> dict[str, Json]:
    kind = asked_of(row)
    command: dict[str, Any] = schemas[kind.__name__]
    in_path, properties = path_members(row), dict(command["properties"])
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": properties.pop(name)} for name in in_path
    ]
    answer = kind.answers_with()
    shown: dict[str, Json] = _reference(answer.__name__) if is_struct(answer) else {"type": "object"}
    if row.probe:
        status: dict[str, Json] = {
            "type": "object",
            "properties": {"status": {"type": "string"}},
            "required": ["status"],
        }
        shown = {"anyOf": [shown, {**status, "description": "without a token"}]}
    content = {each: {"schema": {"type": "string"}} for each in kind.media} or _json(shown)
    operation: dict[str, Any] = {
        "operationId": row.name, "summary": row.does, "parameters": parameters,
        "responses": {
            "200": {"description": row.does, "content": content},
            "default": {"$ref": "#/components/responses/Refused"},
        },
    }  # fmt: skip
    if kind.unready is not None:
        operation["responses"]["503"] = {"description": "not now", "content": _json(_reference(kind.unready.__name__))}
    if row.probe:
        operation["security"] = [{}, {"token": []}]
    if row.body is None:
        parameters += [{"name": name, "in": "query", "schema": each} for name, each in properties.items()]
    else:
        needed = [name for name in command.get("required", ()) if name not in in_path]
        schema = {**command, "properties": properties, "required": needed}
        operation["requestBody"] = {
            "required": True,
            "content": _json(properties[kind.whole] if kind.whole else schema),
        }
    return operation


def is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _reference(name: str) -> dict[str, Json]:
    return {"$ref": _REFERENCE.format(name=name)}


def _json(schema: Json) -> dict[str, Json]:
    return {"application/json": {"schema": schema}}


def any_json(kind: type) -> dict[str, Json]:
    """The schema of what may be any JSON."""
    if kind is not object:
        raise NotImplementedError(kind)
    return {"description": "any JSON"}
