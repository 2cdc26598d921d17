"""The route table of the OAuth server is the truth: what is made of it leaves no row out, and adds none."""

from pathlib import Path

import yaml

from lab.core.exchange import Request
from lab.dialects.fidelity import ROUTE_CLAIMS
from lab.dialects.openapi import openapi
from lab.identity.routes import IDENTITY_ROUTES, PATHS
from tests.conftest import each_row
from tests.wire_peer import service

ROOT = Path(__file__).parents[2]


def test_every_row_has_an_operation_and_every_operation_a_row() -> None:
    paths = openapi("0")["paths"]
    described = {
        (method.upper(), path, each["operationId"]) for path, item in paths.items() for method, each in item.items()
    }
    rows = {(row.method, row.path, row.operation) for row in IDENTITY_ROUTES}
    assert {each for each in described if each[1] in PATHS.values()} == rows
    with (ROOT / "lab/identity/openapi.yaml").open(encoding="utf-8") as file:
        assert set(yaml.safe_load(file)["operations"]) == {row.operation for row in IDENTITY_ROUTES}


def test_every_row_has_its_mark() -> None:
    assert {f"{row.method} {row.path}" for row in IDENTITY_ROUTES} <= {
        claim.name for claim in ROUTE_CLAIMS if claim.marks
    }


@each_row("path", sorted(set(PATHS.values())))
def test_a_method_without_a_row_is_refused_with_those_that_have_one(path: str) -> None:
    response = service().serve(Request("DELETE", path), 0).response
    assert response.status == 405
    assert response.header("allow") == ", ".join(row.method for row in IDENTITY_ROUTES if row.path == path)
