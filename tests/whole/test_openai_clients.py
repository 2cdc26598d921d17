"""Clients of OpenAI's API that go wrong get the finding that they deserve, and those that do right get none."""

from collections.abc import Iterator
from typing import Any

from lab.core.clock import Millis
from lab.core.exchange import JSON_HEADERS, Request, Response, json_bytes
from lab.core.observe import Replied
from lab.plugins.learn.story import own_story
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import RULE_OF
from lab.recording.exchange import exchanges_of
from tests.conftest import each_row
from tests.plugins.openai.peer import approval
from tests.recording.drift_session import Session
from tests.wire_peer import read, token_request

LOST = Response(504, JSON_HEADERS, b"{}")


class OpenAISession:
    """A client of a gate that opens after ten seconds, on tape."""

    def __init__(self) -> None:
        self.session = Session()
        self.bearer = str(read(self.session.ask(token_request("client_credentials")))["access_token"])
        self.headers = (("authorization", f"Bearer {self.bearer}"), ("content-type", "application/json"))

    def create(self, value: Any = "Go", instead: Response | None = None, **more: Any) -> Any:
        """The response; `instead`: what comes in the place of the answer."""
        body = json_bytes({"model": "GATED", "background": True, "input": value, **more})
        request = Request("POST", "/v1/responses", "", self.headers, body)
        if instead is None:
            return read(self.session.ask(request))
        self.session.now += 1_000
        reply = self.session.service.serve(request, self.session.now)
        self.session.service.tell(Replied(self.session.now, reply.x, instead, 0))
        return None

    def look(self, response: Any, pause: Millis = 1_000) -> Any:
        return read(self.session.ask(Request("GET", f"/v1/responses/{response['id']}", "", self.headers), pause))

    def answer(self, seen: Any) -> Any:
        return self.create(approval(seen["output"][0]["id"]), previous_response_id=seen["id"])

    def verdicts(self, rule: str) -> Iterator[bool]:
        """Of each occasion for the rule whether it was kept; the client ended and was content."""
        for history in histories_of(self.session.recording, over=True, code=0):
            for occasion in RULE_OF[rule].occasions(history):
                yield occasion.kept


@each_row(("old", "kept"), [(True, [False]), (False, [True])])
def test_who_polls_the_old_id_waits_in_vain(old: bool, kept: list[bool]) -> None:
    client = OpenAISession()
    seen = client.look(client.create(), 10_000)
    second = client.answer(seen)
    for _ in range(3):
        client.look(seen if old else second, 60_000)
    assert list(client.verdicts("F3")) == kept


@each_row(("looks", "kept"), [(0, [False]), (1, [False]), (10, [True])])
def test_the_response_to_an_approval_is_not_yet_the_answer(looks: int, kept: list[bool]) -> None:
    client = OpenAISession()
    second = client.answer(client.look(client.create(), 10_000))
    assert second["status"] == "queued"
    for _ in range(looks):
        client.look(second, 10_000)
    assert list(client.verdicts("C3")) == kept


@each_row(("again", "kept"), [(True, [False]), (False, [True])])
def test_a_message_that_may_have_been_taken_is_not_sent_again(again: bool, kept: list[bool]) -> None:
    client = OpenAISession()
    client.create(instead=LOST)
    if again:
        client.create()
    assert list(client.verdicts("B4")) == kept


def test_an_approval_that_was_taken_is_not_sent_again() -> None:
    client = OpenAISession()
    seen = client.look(client.create(), 10_000)
    client.answer(seen)
    assert client.answer(seen)["error"]["code"] == "conflict"
    assert list(client.verdicts("F2")) == [True, False]


def test_who_does_right_is_told_of_nothing() -> None:
    client = OpenAISession()
    seen = client.create()
    for pause in (1_000, 1_300, 1_700, 2_200, 2_900, 3_000):
        seen = client.look(seen, pause)
    assert seen["output"][0]["type"] == "mcp_approval_request"
    seen = client.answer(seen)
    while seen["status"] != "completed":
        seen = client.look(seen, 60_000)
    assert {rule for rule in RULE_OF if not all(client.verdicts(rule))} == {"A8"}, "the session's own login is raw"


def test_what_follows_by_another_id_is_learnt_as_the_next_turn() -> None:
    client = OpenAISession()
    seen = client.answer(client.look(client.create(), 10_000))
    while seen["status"] != "completed":
        seen = client.look(seen, 60_000)
    client.look(client.create("And then?", previous_response_id=seen["id"]))
    client.look(client.create("Another"))
    recording = client.session.recording
    story = own_story(exchanges_of(recording), recording.facts())
    assert story is not None and [turn.message for turn in story.turns] == ["Go", "And then?"]
