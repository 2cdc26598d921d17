"""What is noted of requests, taken and refused ones: rules for clients are judged by it (recordings.md §2.2)."""

from urllib.parse import quote_plus

import pytest

from lab.identity.clients import Client
from lab.jobs.plan import compile_scenario
from lab.language.document import Scenario, Switches
from lab.mock.config import Config
from lab.mock.service import Service
from tests.wire_peer import DOCUMENT, EPOCH, basic, form, invoke, service, token


@pytest.mark.parametrize(
    ("switches", "more", "flags"),
    [
        ({"types": "strict"}, {"version": "3"}, ("wrong_type",)),
        ({}, {"progressMessage": 1}, ("wrong_type",)),
        ({}, {"version": True}, ("wrong_type",)),
        ({}, {"version": 0}, ()),
        ({}, {"novel": 1, "version": True}, ("unknown_field", "wrong_type")),
        ({"unknown_fields": "refuse"}, {"novel": 1}, ("unknown_field",)),
    ],
)
def test_flags_note_what_was_refused(switches, more, flags):
    mock = service(**switches)
    reply = mock.serve(invoke(token(mock), {"message": "Taxi 42", **more}), 0)
    assert (reply.response.status, reply.flags) == (400, flags)


@pytest.mark.parametrize(
    ("client", "flags"),
    [
        (Client("a", "lab-secret+a"), ("basic_raw",)),
        (Client("a", "lab-secret:a"), ()),
        (Client("a", quote_plus("lab-secret+a")), ("basic_raw",)),
    ],
)
def test_how_a_secret_was_encoded_is_noted_where_it_can_be_told(client, flags):
    compiled = compile_scenario(Scenario.model_validate(DOCUMENT))
    mock = Service(Config((compiled,), Switches(), 42, EPOCH, (client,)))
    assert mock.serve(form(authorization=basic(client.id, client.secret)), 0).flags == flags
    encoded = form(authorization=basic(client.id, quote_plus(client.secret)))
    assert mock.serve(encoded, 0).flags == ("basic_form",)


@pytest.mark.parametrize(
    ("sent", "noted"),
    [
        ({"message": "ship it"}, True),
        ({"message": "ship it", "conversational": True, "conversationId": "made-up"}, True),
        ({"message": "ship it", "conversational": True, "conversationId": "first"}, False),
        ({"message": "Taxi 42"}, False),
        ({"message": "something else"}, False),
    ],
)
def test_what_only_a_later_turn_asks_is_noted_outside_of_its_conversation(sent, noted):
    later = {"ask": "ship it", "match": "ship", "steps": [{"complete": "done", "output": "Done."}]}
    mock = service(
        DOCUMENT | {"turns": [later, {"ask": "and then?", "steps": [{"complete": "done", "output": "Done."}]}]}
    )
    bearer = token(mock)
    mock.serve(invoke(bearer, {"message": "Taxi 42", "conversational": True, "conversationId": "first"}), 0)
    assert ("outside_conversation" in mock.serve(invoke(bearer, sent), 1_000).flags) == noted
