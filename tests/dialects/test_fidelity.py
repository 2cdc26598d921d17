"""The table of what is known: complete, and the source of the OpenAPI document."""

import json
from io import StringIO

from lab.cli.console import Console
from lab.cli.main import run_command
from lab.core.exchange import Response
from lab.dialects import wires
from lab.dialects.fidelity import CLAIMS, LOCAL_CLAIMS, ROUTE_CLAIMS
from lab.dialects.fusion.fidelity import BODY, GRANT, NODE, REQUEST
from lab.dialects.fusion.requests import KNOWN
from lab.dialects.fusion.routes import API
from lab.dialects.openapi import openapi
from lab.dialects.router import ROUTER
from lab.identity.fidelity import IDENTITY_CLAIMS
from lab.identity.routes import IDENTITY_NAMES
from lab.program.switches import Switches
from tests.conftest import each_row
from tests.wire_peer import invoke, read, service, status, token


def body_at(now: int) -> dict[str, object]:
    mock = service()
    bearer = token(mock)
    job = read(mock.serve(invoke(bearer, {"message": "Taxi 42"}), 0).response)["jobId"]
    return read(mock.serve(status(bearer, str(job)), now).response)


def test_every_field_of_the_wire_has_a_mark_in_its_order():
    waiting = body_at(2_000)
    assert [row.name for row in BODY] == list(waiting)
    assert [row.name for row in NODE] == list(waiting["waitingNodeDetails"])
    assert {row.name for row in REQUEST} == set(KNOWN)
    assert [row.name for row in GRANT] == ["access_token", "token_type", "expires_in"]


def test_every_claim_is_marked_and_names_a_switch_that_exists():
    for row in CLAIMS:
        assert row.marks and row.says and row.word in ("documented", "observed", "assumed")
        assert not row.switch or row.switch in Switches.__struct_fields__, row


CLI, REPORT = "oracle-samples/fusion-ai-studio", "field report 60122775768"
WORKFLOWS = "GET /api/boss/data/objects/ora/commonFusionAI/agents/v1"
SOURCES = {
    f"{WORKFLOWS}/$en/workflows": ("observed", CLI),
    f"{WORKFLOWS}:{{release}}/$en/workflows": ("observed", REPORT),
    "GET /fscmRestApi/tokenrelay": ("observed", REPORT),
    "nodes output": ("observed", REPORT),
    "waitingNodeDetails waitTimeInMinutes": ("observed", CLI),
    "workflow workflowCode": ("observed", CLI),
    "workflow status": ("observed", CLI),
    "one token for invokeAsync and A2A": ("documented", "docs.oracle.com, fusion-ai/26d"),
    "Oracle Integration's adapter": ("documented", "docs.oracle.com, application-integration"),
    "Fusion as A2A client": ("documented", "docs.oracle.com, fusion-ai/26d"),
    "Fusion Service polling v1 by requestId": ("observed", "thread 58692330306"),
}


def test_a_mark_that_rests_on_one_place_names_it_on_the_line_and_in_json():
    out = StringIO()
    assert run_command(["fidelity"], Console(out, StringIO())) == 0
    lines, out = out.getvalue().splitlines(), StringIO()
    assert run_command(["fidelity", "--json"], Console(out, StringIO())) == 0
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    for name, (word, source) in SOURCES.items():
        (row,) = (row for row in rows if name in (row["name"], f"{row['place']} {row['name']}"))
        assert (row["mark"], row["source"][: len(source)]) == (word, source), name
        assert any(row["name"] in line and line.endswith(f"  [{row['source']}]") for line in lines), name
    assert sum(line.endswith("]") for line in lines) == sum(bool(row["source"]) for row in rows) < len(rows)


def test_bodies_have_the_types_that_the_table_says():
    kinds = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object", type(None): "null"}
    for now in (0, 2_000, 70_000):
        for row in BODY:
            assert kinds[type(body_at(now)[row.name])] in row.json.split("|"), row
    node = body_at(2_000)["waitingNodeDetails"]
    for row in NODE:
        assert kinds[type(node[row.name])] in row.json.split("|"), row


def test_the_document_declares_what_it_refers_to_and_is_json():
    document = openapi("0.1.0")
    text = json.dumps(document)
    for part in text.split('"$ref": "#/')[1:]:
        place = document
        for name in part.split('"')[0].split("/"):
            place = place[name]
    assert document["openapi"] == "3.1.0"
    ids = [each["operationId"] for path in openapi("0", local=True)["paths"].values() for each in path.values()]
    assert len(set(ids)) == len(ids)


@each_row("local", [False, True])
def test_the_document_and_the_table_name_the_same_routes(local):
    rows = (*ROUTE_CLAIMS, *LOCAL_CLAIMS) if local else ROUTE_CLAIMS
    declared = {f"{method} {path}" for path, method in operations(local)}
    assert declared == {row.name.replace("{api}", API) for row in rows}


def operations(local):
    paths = openapi("0", local=local)["paths"]
    return [(path, method.upper()) for path, each in paths.items() for method in each]


def filled(path):
    return (
        path.replace("{code}", "EXPENSES").replace("{jobId}", "x").replace("{release}", "3054").replace("{config}", "c")
    )


@each_row("local", [False, True])
def test_what_is_declared_is_served_and_nothing_else(local):
    declared = operations(local)
    found = {ROUTER.find(method, filled(path), local=local).name for path, method in declared}
    served = {*(row.name for wire in wires() for row in wire.routes), *IDENTITY_NAMES}
    assert found == (served if local else served - {"multiplex"})
    for path, _ in declared:
        other = ROUTER.find("PATCH", filled(path), local=local)
        allowed = [method for each, method in declared if each == path]
        assert (other.status, dict(other.headers)["allow"]) == (405, ", ".join(sorted(allowed)))


def test_every_answer_of_the_mock_is_declared():
    mock = service()
    bearer = token(mock)
    document = openapi("0.1.0")
    path = "/api/fusion-ai/orchestrator/agent/v2/{code}/invokeAsync"
    declared = document["paths"][path]["post"]["responses"]
    answers: list[Response] = [
        mock.serve(invoke(bearer, body), 0).response
        for body in ({"message": "Taxi 42"}, {}, {"message": "x", "version": 9}, b"{")
    ]
    assert {str(answer.status) for answer in answers} <= set(declared)


def test_what_is_said_of_assertions_and_clients_names_its_source():
    """A page, a file of the vendor's, or threads: none is said on nobody's word."""
    for claim in IDENTITY_CLAIMS:
        assert claim.source.startswith(("docs.oracle.com, ", "oracle-samples/fusion-ai-studio, ", "threads ")), claim
    assert {claim.name for claim in IDENTITY_CLAIMS if claim.place == "assertion"} == {"exp", "iat", "aud", "jti"}
    (authorize,) = (claim for claim in ROUTE_CLAIMS if claim.name == "GET /oauth2/v1/authorize")
    assert authorize.source == next(claim.source for claim in IDENTITY_CLAIMS if claim.name == "redirect_uri")


def test_a_switch_is_for_a_row_of_the_table_or_says_why_it_is_there():
    reasons = {"hints": "refusals with the lab's own advice, or as they are", "pod": "whose scope a client asks for"}
    assert set(Switches.__struct_fields__) - {claim.switch for claim in CLAIMS} == set(reasons)
