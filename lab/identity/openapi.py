"""The OAuth server in the OpenAPI document: `openapi.yaml` tells of its operations, the route table where they are."""

from importlib.resources import files
from typing import cast

import yaml

from lab.core.exchange import Json
from lab.identity.routes import IDENTITY_ROUTES


def identity_openapi() -> tuple[dict[str, Json], dict[str, Json]]:
    """The path items by path, and the schemas to which they refer by name."""
    text = files("lab.identity").joinpath("openapi.yaml").read_text("utf-8")
    document = cast("dict[str, dict[str, dict[str, Json]]]", yaml.safe_load(text))
    paths: dict[str, Json] = {}
    for row in IDENTITY_ROUTES:
        operation = document["operations"][row.operation]
        responses = cast("dict[str, Json]", operation["responses"])
        referred: dict[str, Json] = {
            code: {"$ref": f"#/components/responses/{response}"} if isinstance(response, str) else response
            for code, response in responses.items()
        }
        item = cast("dict[str, Json]", paths.setdefault(row.path, {}))
        item[row.method.lower()] = {"operationId": row.operation, **operation, "responses": referred}
    return paths, cast("dict[str, Json]", document["schemas"])
