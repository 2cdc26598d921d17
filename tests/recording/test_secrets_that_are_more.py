"""Secrets that are something else as well: a part of a trace id, an id, two ids, a word of a later message."""

import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from lab.core.exchange import Request
from lab.identity.clients import DEMO
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from tests.recording.joined import Joined, config
from tests.wire_peer import basic, form_post, invoke, status, token_request
from tests.wire_peer import read as answer


class Session:
    """A mock with a tape, and a client that is logged in."""

    def __init__(self) -> None:
        self.lab = Joined(config())
        self.bearer = str(answer(self.lab.ask(token_request("client_credentials")))["access_token"])

    def invoke(self, **body: object) -> dict[str, object]:
        return answer(self.lab.ask(invoke(self.bearer, {"message": "Taxi", **body})))

    def closed(self) -> str:
        """What stands on the tape; it replays."""
        self.lab.tape.close(self.lab.now)
        result = replay(read(self.lab.data), self.lab.service.config.scenarios)
        assert result.passed, result.text()
        return self.lab.data.decode()


def ids_in(text: str) -> list[str]:
    """Those of conversations that requests name, in order."""
    lines = map(json.loads, text.splitlines())
    return [
        line["body"]["conversationId"]
        for line in lines
        if line["k"] == "req" and "conversationId" in line.get("body", "")
    ]


@pytest.mark.parametrize("token", ["00000000", "00000000-0000", "11111111", "aaaaaaaa", "2026-01-01"])
def test_a_word_with_no_entropy_spoils_no_id_and_no_instant(token: str) -> None:
    session = Session()
    session.invoke(parameters={"nextLoginToken": token})
    said = session.invoke()
    trace = "00-4bf92f3577b34da600000000a3ce929d-00f067aa00000000-01"
    headers = (("authorization", f"Bearer {session.bearer}"), ("traceparent", trace))
    session.lab.ask(Request("GET", "/x/00000000-0000-4000-8000-aaaaaaaa11111111", "", headers))
    text = session.closed()
    assert str(said["jobId"]) in text and trace in text and "aaaaaaaa11111111" in text
    assert f'"nextLoginToken":"{token}"' not in text


def test_an_id_that_is_sent_as_a_secret_stays_an_id() -> None:
    session = Session()
    job = str(session.invoke()["jobId"])
    session.lab.ask(form_post("/oauth2/v1/revoke", token=job))
    session.lab.ask(Request("GET", "/x", "", (("x-api-key", job),)))
    session.lab.ask(status(session.bearer, job))
    text = session.closed()
    assert f"/status/{job}" in text and f'["x-api-key","{job}"]' not in text


def test_a_secret_that_is_later_an_id_is_one_id() -> None:
    session = Session()
    own = "my-own-conversation-47"
    session.lab.ask(Request("GET", "/x", "", (("x-api-key", own),)))
    for _ in range(2):
        session.invoke(conversationId=own)
    text = session.closed()
    assert own not in text and len(set(ids_in(text))) == 1


def test_one_secret_as_two_ids_stays_two() -> None:
    session = Session()
    secret = "läb-canary/Se+cr%t:x"
    session.lab.ask(Request("GET", "/x", "", (("x-api-key", secret),)))
    sent = set()
    for known in (secret, DEMO.secret):
        written = (known, quote(known, safe=""), b64encode(known.encode()).decode(), f"a-{known}", f"b-{known}")
        for _ in range(2):
            for each in dict.fromkeys(written):
                session.invoke(conversationId=each)
                sent.add(each)
    text = session.closed()
    assert len(set(ids_in(text))) == len(sent) and secret not in text and DEMO.secret not in text


@pytest.mark.parametrize("quoted", ['"{}"', '"{}', '{}"'])
def test_a_token_that_came_in_quotes_is_the_token_where_it_comes_without_them(quoted: str) -> None:
    session = Session()
    wrong = invoke(quoted.format(session.bearer), {"message": "Taxi"})
    assert session.lab.ask(wrong).status == 401
    introspection = form_post("/oauth2/v1/introspect", token=session.bearer, authorization=basic(DEMO.id, DEMO.secret))
    assert answer(session.lab.ask(introspection))["active"]
    assert session.lab.ask(wrong).status == 401
    assert session.bearer not in session.closed()


def test_a_wrong_password_is_found_again_in_base64_and_as_a_pair() -> None:
    session = Session()
    password = "a password/of nobody's+"
    session.lab.ask(
        form_post("/oauth2/v1/token", grant_type="client_credentials", authorization=basic("demo", password))
    )
    request = token_request("client_credentials")
    headers = tuple(
        (name, value if name != "authorization" else basic("demo", password)) for name, value in request.headers
    )
    assert session.lab.ask(Request(request.method, request.path, request.query, headers, request.body)).status == 401
    packed = [b64encode(each.encode()).decode() for each in (password, f"demo:{password}")]
    session.invoke(message=f"Pack {packed[0]} and {packed[1]}, or {packed[0].rstrip('=')}.")
    text = session.closed()
    assert [each for each in packed if each.rstrip("=") in text] == []
