"""What is noted of requests, taken and refused ones: rules for clients are judged by it (recordings.md §2.2)."""

from urllib.parse import quote_plus

from lab.identity.clients import DEMO
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, basic, form, invoke, service, token


@each_row(
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


@each_row(
    ("clients", "header", "flags"),
    [
        ("known", basic(DEMO.id, DEMO.secret), ("basic_raw",)),
        ("known", basic(DEMO.id, quote_plus(DEMO.secret)), ("basic_form",)),
        ("any", basic("somebody", "a+secret"), ()),
    ],
)
def test_how_a_secret_was_encoded_is_noted_where_one_alone_is_right(clients, header, flags):
    reply = service(clients=clients).serve(form(authorization=header), 0)
    assert (reply.response.status, reply.flags) == (200, flags)


@each_row(
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
