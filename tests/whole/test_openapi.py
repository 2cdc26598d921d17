"""The OpenAPI document is data: every row of a table has its operation, and the words that the code knows are the code's."""

from importlib.resources import files

import jsonschema
import yaml

from lab.core.routes import RouteMatch
from lab.dialects import wires
from lab.dialects.base import Unread
from lab.dialects.fidelity import CLAIMS
from lab.dialects.fusion.bodies import ACTIONS
from lab.dialects.fusion.documents import MOST_FILES
from lab.dialects.fusion.requests import LONGEST_ID, read_invoke
from lab.dialects.fusion.routes import AGENT_ROUTES
from lab.dialects.openapi import openapi
from lab.identity.routes import PATHS
from lab.identity.scopes import API_SERVICE, SERVICES
from lab.plugins.a2a.cards import MOST_FOUND
from lab.plugins.a2a.versions import VERSIONS
from lab.program.switches import Switches
from lab.program.words import Status
from tests.conftest import each_row

DOCUMENT = openapi("1.2.3", "http://lab.test", "the-scope/", local=True)
SCHEMAS = DOCUMENT["components"]["schemas"]

INVOKE = RouteMatch(next(row for row in AGENT_ROUTES if row.name == "invoke"), "EXPENSES")


def operation(name):
    return next(each for item in DOCUMENT["paths"].values() for each in item.values() if each["operationId"] == name)


def body_of(name):
    return operation(name)["requestBody"]["content"]["application/json"]["schema"]


@each_row("wire", [wire for wire in wires() if wire.routes], ids=lambda wire: wire.name)
def test_every_row_has_an_operation_and_every_operation_a_row(wire):
    text = files(wire.package).joinpath("openapi.yaml").read_text("utf-8")
    names = [row.operation or row.name.replace("-", "_") for row in wire.routes]
    assert sorted(yaml.safe_load(text)["operations"]) == sorted(names)
    for row, name in zip(wire.routes, names, strict=True):
        path = row.path.replace("{job}", "{jobId}")
        assert DOCUMENT["paths"][path][row.method.lower()]["operationId"] == name


def test_what_is_written_shorter_is_written_out():
    assert [
        name for name in ("claims", "refusals", '"all"', "{base}", "{scope}", "{version}") if name in str(DOCUMENT)
    ] == []
    assert DOCUMENT["info"]["version"] == "1.2.3" and DOCUMENT["servers"] == [{"url": "http://lab.test"}]
    flow = DOCUMENT["components"]["securitySchemes"]["bearer"]["flows"]["clientCredentials"]
    assert flow == {"tokenUrl": "http://lab.test" + PATHS["token"], "scopes": {"the-scope/": "the API"}}
    for item in DOCUMENT["paths"].values():
        for each in item.values():
            assert each["summary"] and each["security"] is not None and each["responses"]


def test_everyone_gets_a_document_of_their_own():
    first = openapi("1", "http://one", "one/")
    first["components"]["schemas"].clear()
    assert openapi("2", "http://two", "two/", local=True)["components"]["schemas"] == SCHEMAS


@each_row(
    ("schema", "place"),
    [("InvokeRequest", "invoke request"), ("Job", "job body"), ("WaitingNodeDetails", "waitingNodeDetails")],
)
def test_properties_are_the_claims(schema, place):
    claims = [claim for claim in CLAIMS if claim.place == place]
    properties = SCHEMAS[schema]["properties"]
    assert list(properties) == [claim.name for claim in claims]
    for claim in claims:
        if claim.name == "waitingNodeDetails":
            continue
        assert properties[claim.name]["description"] == f"{claim.says} ({claim.word})"
        kinds = properties[claim.name]["type"]
        assert (kinds if isinstance(kinds, list) else [kinds]) == claim.json.split("|")


def test_words_and_bounds_are_those_that_the_code_knows():
    invoke = SCHEMAS["InvokeRequest"]["properties"]
    assert invoke["resumeInput"]["properties"]["userResponse"]["enum"] == list(ACTIONS)
    assert invoke["conversationId"]["maxLength"] == LONGEST_ID
    assert SCHEMAS["Job"]["properties"]["status"]["enum"] == [
        str(status) for status in Status if status is not Status.CANCELLED
    ]
    assert SCHEMAS["Documents"]["properties"]["requests"]["maxItems"] == MOST_FILES
    assert SCHEMAS["AgentSearch"]["properties"]["top"]["maximum"] == MOST_FOUND
    assert SCHEMAS["Task"]["properties"]["status"]["properties"]["state"]["enum"] == [
        state for version in VERSIONS for state in version.states
    ]
    for route in ("a2a", "a2a_stream"):
        methods = [method for version in VERSIONS for method in version.methods]
        assert body_of(route)["properties"]["method"]["enum"] == methods
    [service, *_] = operation("relay_basic")["parameters"]
    assert service["schema"]["enum"] == [API_SERVICE, *SERVICES]


@each_row(
    ("body", "fits"),
    [
        ({"message": "Taxi 42"}, True),
        ({}, False),
        ({"message": " "}, False),
        ({"message": "", "parameters": {"a": 1}}, True),
        ({"triggerType": "rest"}, True),
        ({"triggerType": "chat"}, False),
        ({"resumeInput": {"messageInstanceId": "m", "userResponse": "APPROVE_ACTION"}}, False),
        ({"jobId": "j", "resumeInput": {"messageInstanceId": "m", "userResponse": "APPROVE_ACTION"}}, True),
        ({"jobId": "j", "resumeInput": {"messageInstanceId": "m", "userResponse": "RFI_ACTION"}}, False),
        ({"jobId": "j", "resumeInput": {"messageInstanceId": "m", "userResponse": "RFI_ACTION", "content": "x"}}, True),
        ({"message": "x", "conversationId": "c" * 201}, False),
    ],
)
def test_a_request_that_fits_its_schema_is_never_refused_for_its_shape(body, fits):
    try:
        jsonschema.validate(body, SCHEMAS["InvokeRequest"])
    except jsonschema.ValidationError:
        assert not fits
    else:
        assert fits
        assert not isinstance(read_invoke(body, INVOKE, Switches()), Unread)
