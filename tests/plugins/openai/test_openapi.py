"""What the OpenAPI document says of OpenAI's calls: what they take, and that their answers are as it has them."""

from typing import Any

from jsonschema import Draft202012Validator

from lab.dialects.openapi import openapi
from lab.plugins.openai.requests import _UNHEEDED, CreateBody
from tests.plugins.openai.peer import Peer, approval, error

DOCUMENT: Any = openapi("0")


def conforms(body: Any, schema: str) -> bool:
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    return Draft202012Validator(whole).is_valid(body)


def test_the_members_of_a_create_are_those_that_are_read() -> None:
    schema = DOCUMENT["components"]["schemas"]["CreateResponse"]
    assert schema["properties"].keys() == {*CreateBody.__struct_fields__, *_UNHEEDED} - {"conversation"}
    assert schema["required"] == ["model", "input"] and schema["additionalProperties"] is False


def test_answers_are_as_the_document_has_them() -> None:
    peer = Peer()
    first, question = peer.at_gate()
    second = peer.create(approval(question), 3_000, previous_response_id=first)
    for body in (peer.look(first, 2_000), second, peer.look(second["id"], 7_000)):
        assert conforms(body, "Response") and not conforms({**body, "status": "done"}, "Response")
    refused = peer.send("GET", "/v1/responses/resp_x")
    assert conforms({"error": error(refused)}, "OpenAIError") and not conforms({"error": {}}, "OpenAIError")
