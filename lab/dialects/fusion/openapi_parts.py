"""What the parts of the OpenAPI document share: references, bodies, operations."""

from collections.abc import Iterable, Mapping

from lab.core.exchange import Json

CODE: Json = {
    "name": "code", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Z0-9_]{1,200}$"},
}  # fmt: skip
"""The parameter of paths that name an agent team."""
BEARER = (400, 401, 403, 405)
"""What any route behind a bearer can come to."""


def text(**more: Json) -> Json:
    """A string's schema."""
    return {"type": "string", **more}


def some(**more: Json) -> Json:
    """A string's schema that is not empty."""
    return text(minLength=1, **more)


def ref(schema: str) -> Json:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{schema}"}


def shape(properties: Mapping[str, Json], *required: str) -> dict[str, Json]:
    """An object's schema; without names all of its members are required."""
    return {"type": "object", "properties": dict(properties), "required": list(required or properties)}


def told(description: str, schema: Json, *kinds: str) -> Json:
    """A response with a body; JSON unless kinds are named."""
    return {
        "description": description,
        "content": {kind: {"schema": schema} for kind in kinds or ("application/json",)},
    }


def query(name: str, schema: Json, *, required: bool = False, place: str = "query") -> Json:
    """A parameter beside the path."""
    return {"name": name, "in": place, "required": required, "schema": schema}


def operation(
    name: str, summary: str, good: Json, codes: Iterable[int],
    *, parameters: tuple[Json, ...] = (), body: Json = None, security: str = "bearer",
) -> dict[str, Json]:  # fmt: skip
    """An operation: `good` is its 200, `codes` are the refusals that can come."""
    made: dict[str, Json] = {
        "operationId": name, "summary": summary, "security": [{security: []}] if security else [],
        "parameters": list(parameters),
        "responses": {
            "200": good, **{str(code): {"$ref": f"#/components/responses/E{code}"} for code in sorted(set(codes))}
        },
    }  # fmt: skip
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return made
