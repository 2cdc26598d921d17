"""The OAuth server in the OpenAPI document: `openapi.yaml` tells of its operations, the route table where they are."""

from importlib.resources import files
from typing import TypeAlias, cast

import yaml

from lab.core.exchange import Json
from lab.identity.routes import IDENTITY_ROUTES

Members: TypeAlias = dict[str, Json]


def identity_openapi() -> tuple[Members, Members, Members]:
    """Path items by path, and by name the schemas and the responses to which they refer."""
    text = files("lab.identity").joinpath("openapi.yaml").read_text("utf-8")
    document = cast("dict[str, dict[str, Json]]", yaml.safe_load(text))
    paths: Members = {}
    for row in IDENTITY_ROUTES:
        operation = cast("Members", document["operations"][row.operation])
        responses: Json = {
            code: {"$ref": f"#/components/responses/{response}"} if isinstance(response, str) else response
            for code, response in cast("Members", operation["responses"]).items()
        }
        item = cast("Members", paths.setdefault(row.path, {}))
        item[row.method.lower()] = {"operationId": row.operation, **operation, "responses": responses}
    return paths, document["schemas"], document["responses"]
