"""The parameters of a conversation: those of its first turn stay in force (contract.md §3.1)."""

import json

from lab.mock.service import Service
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, invoke, read, service, status, token

SEEN = DOCUMENT | {
    "agent": {"code": "EXPENSES"}, "match": None, "steps": [{"complete": "end", "output": "{{ parameters }}"}],
}  # fmt: skip
FIRST: dict[str, object] = {"org": "NORTH", "unit": {"value": 7}, "deep": {"a": 1}}


class Talk:
    """A client that sends messages with parameters."""

    def __init__(self, mock: Service | None = None) -> None:
        self.mock = mock or service(SEEN)
        self.bearer = token(self.mock)

    def say(self, parameters: object, **more: object) -> dict[str, object]:
        document = {"message": "go", "conversational": True, "conversationId": "talk", "parameters": parameters, **more}
        return read(self.mock.serve(invoke(self.bearer, document), 0).response)


def output(body: dict[str, object]) -> object:
    return json.loads(str(body["output"]))


def echo(body: dict[str, object]) -> object:
    return json.loads(str(body["input"]))["parameters"]


@each_row(
    ("sent", "seen"),
    [
        (None, {"deep": {"a": 1}, "org": "NORTH", "unit": 7}),
        ({}, {"deep": {"a": 1}, "org": "NORTH", "unit": 7}),
        ({"org": "SOUTH"}, {"deep": {"a": 1}, "org": "SOUTH", "unit": 7}),
        ({"org": None, "deep": {}}, {"deep": {}, "org": None, "unit": 7}),
        ({"unit": {"value": {"b": 2}}, "more": 1}, {"deep": {"a": 1}, "more": 1, "org": "NORTH", "unit": {"b": 2}}),
    ],
)  # fmt: skip
def test_a_later_turn_sees_what_it_does_not_send_anew(sent: object, seen: object) -> None:
    talk = Talk()
    assert output(talk.say(FIRST)) == {"deep": {"a": 1}, "org": "NORTH", "unit": 7}
    body = talk.say(sent)
    assert output(body) == seen
    assert echo(body) == (sent or {}), "what is echoed is what was sent"
    assert output(read(talk.mock.serve(status(talk.bearer, str(body["jobId"])), 1).response)) == seen


def test_only_the_first_turn_is_kept() -> None:
    talk = Talk()
    talk.say({"org": "NORTH"})
    talk.say({"org": "SOUTH", "unit": 1})
    assert output(talk.say({})) == {"org": "NORTH"}


def test_nothing_is_kept_outside_the_conversation() -> None:
    talk = Talk()
    talk.say({"org": "NORTH"})
    for elsewhere in ({"conversationId": "other"}, {"conversational": False}, {"conversationId": None}):
        assert output(talk.say({}, **elsewhere)) == {}


def test_the_earlier_turns_stand_as_they_were() -> None:
    steps = [
        {
            "complete": "end",
            "output": "{{ parameters.org }}<{{ conversation.turns | map(attribute='output') | join(',') }}",
        }
    ]
    talk = Talk(service(SEEN | {"steps": steps}))
    assert [talk.say(sent)["output"] for sent in ({"org": "N"}, {"org": "S"}, {})] == ["N<", "S<N<", "N<N<,S<N<"]
