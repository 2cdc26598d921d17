"""A sample of the sessions over sockets, and what they have shown of tape and redaction."""

import json

import pytest

from lab.core.exchange import Request
from lab.core.journal.shell import ConnectionClosed
from lab.core.observe import Noted, Replied
from lab.recording.format.lines import Req
from lab.recording.redaction.redactor import Redactor
from lab.recording.redaction.stand_ins import KnownSecrets
from lab.recording.replay.replay import replay
from tests.conftest import each_row
from tests.recording.joined import Joined, config, scenario
from tests.recording.sequences_on_sockets import replayed
from tests.wire_peer import token_request

DIGITS = "0." + "3" * 130
"""More than any reader of JSON keeps, for which a body is refused."""


@pytest.mark.parametrize("number", [0, 7, 284, 351, 759, 931, 1186])
def test_sessions_over_sockets_replay(number: int) -> None:
    result = replayed(number)
    assert result.passed, result.text()


@each_row("sent", [token_request("client_credentials"), Request("GET", "/nowhere")])
def test_what_others_do_while_a_call_is_answered_leaves_its_instant_as_it_is(sent: Request) -> None:
    joined = Joined(config())
    joined.now = 5_000
    reply = joined.service.serve(sent, joined.now)
    joined.service.tell(Noted(5_400, ConnectionClosed(at=5_400, c=9, how="client")))
    joined.service.tell(Replied(6_000, reply.x, reply.response, reply.latency))
    recording = joined.closed()
    assert [line.t for line in recording.of(Req)] == [5_000]
    assert [fact.t for fact in recording.facts("connection.closed")] == [5_400]
    assert replay(recording, [scenario()]).passed


@each_row("text", [f'{{"token":{DIGITS}}}', f'{{"token":{{"value":"x","n":[{DIGITS}]}},"sum":1.50}}'])
def test_a_number_in_a_texts_json_keeps_its_length_where_it_is_hidden_and_else_its_digits(text: str) -> None:
    hidden = Redactor(KnownSecrets()).text(text)
    assert DIGITS not in hidden and "1.1111" in hidden and max(map(len, hidden.split("1."))) >= 130
    assert ("1.50" in text) == ("1.50" in hidden)
    assert json.loads(hidden)


def test_what_a_redirect_repeats_of_a_query_is_hidden_as_there_and_written_as_it_is_written() -> None:
    redactor = Redactor(KnownSecrets(lambda: "password"))  # one of the lab's own words is looked for nowhere
    hidden = redactor.written("state=http%3A%2F%2Fu%3Apassword%40h%2F&x=a+b", oauth=True)
    assert hidden == "state=http%3A%2F%2Fu%3Alab-S1-s%40h%2F&x=a+b"
    came = "http://h/cb?code=c&state=http%3A%2F%2Fu%3Apassword%40h%2F&x=a+b"
    assert redactor.header("location", came) == f"http://h/cb?code=c&{hidden}"
    assert redactor.header("location", "http://h/cb?state=http%3A//u%3Apassword%40h/") == (
        "http://h/cb?state=http%3A//u%3Alab-S1-s%40h/"
    )
