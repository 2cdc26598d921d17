"""Sessions over A2A, recorded over a real socket: they replay, are shown in every form, and are played back."""

import json
from typing import Any, ClassVar

import pytest
from hypothesis import given

from lab.core.clock import Millis
from lab.core.exchange import Json, Response
from lab.core.observe import Replied, Requested
from lab.dialects import client_named
from lab.dialects.base import Invoke
from lab.dialects.router import ROUTER
from lab.dialects.sse import events_in
from lab.recording.exchange import CallKind, ExchangeReader
from lab.recording.show.readable import news_of
from lab.recording.show.timeline_page import timeline_page
from lab.recording.show.transcript import transcript_lines
from tests.conftest import examples
from tests.plugins.a2a.sessions import AT_ONCE, SESSIONS, rpc, said, said_before
from tests.recording import test_dialect_sessions as sessions
from tests.recording.test_client_calls import calls_that_begin_or_decide
from tests.recording.test_dialect_sessions import (
    GAPS,
    EverySession,
    assert_asked_again,
    assert_seen_in_order,
    recording_of,
)
from tests.recording.test_timeline_page import Reader
from tests.server.conftest import TEAM

PARAMS: dict[str, Json] = said("Share it") | AT_ONCE
STATES = {f"TASK_STATE_{word}": status for word, status in (
    ("SUBMITTED", "RUNNING"), ("WORKING", "RUNNING"), ("INPUT_REQUIRED", "WAITING"), ("COMPLETED", "COMPLETE"),
)}  # fmt: skip


@pytest.mark.parametrize("name", SESSIONS)
class TestEverySession(EverySession):
    sessions: ClassVar = SESSIONS
    unfinished: ClassVar = {"a2a stream": 1}


def test_another_server_is_asked_the_same_and_must_show_the_same_question_and_end() -> None:
    assert_asked_again(recording_of(SESSIONS["a2a stream"]))


class Other(sessions.Other):
    """A client of a playback that does otherwise than the recorded one."""

    def rpc(self, at: Millis, method: str, params: Json, number: Json) -> Any:
        sent: Json = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        return json.loads(self.ask(at, "POST", ROUTER.path("a2a", code=TEAM), sent).response.body)

    def __init__(self, session: sessions.Session, *more: Any) -> None:
        super().__init__(session, *more)
        self._head = (*self._head, ("a2a-version", "1.0"))


@given(gaps=GAPS)
@examples(12, thorough=500)
def test_whenever_a_client_looks_it_sees_the_history_in_order_and_never_early(gaps: list[int]) -> None:
    client = Other(SESSIONS["a2a"])
    client.rpc(0, "SendMessage", {"message": 1}, 0)
    task = client.rpc(0, "SendMessage", PARAMS, 0)["result"]["task"]["id"]

    def status_at(now: Millis) -> str:
        return STATES[client.rpc(now, "GetTask", {"id": task}, now)["result"]["status"]["state"]]

    assert_seen_in_order(gaps, status_at)


def test_an_answer_over_json_rpc_has_the_id_of_this_call_and_a_task_that_of_its_client() -> None:
    client, params = Other(SESSIONS["a2a"]), PARAMS
    assert client.rpc(0, "SendMessage", {"message": 1}, "wrong")["error"]["code"] == -32602
    begun = client.rpc(10, "SendMessage", params, "mine")
    task = begun["result"]["task"]["id"]
    polls = [client.rpc(10 + at, "GetTask", {"id": task}, at) for at in (1, 2_999, 3_000, 9_000)]
    states = [(each["id"], STATES[each["result"]["status"]["state"]]) for each in polls]
    assert states == [(1, "RUNNING"), (2_999, "RUNNING"), (3_000, "WAITING"), (9_000, "COMPLETE")]
    cancelled = client.rpc(9_500, "CancelTask", {"id": task}, "c")
    assert (begun["id"], cancelled["id"], cancelled["error"]["code"]) == ("mine", "c", -32002)


def test_a_task_under_its_clients_own_id_is_its_clients_in_playback_too() -> None:
    client = sessions.Other(SESSIONS["a2a 0.3"])
    sent = rpc("tasks/send", {"id": "T", **said_before("Share it")})
    own = json.loads(client.ask(0, "POST", ROUTER.path("a2a", code=TEAM), sent).response.body)
    assert (own["id"], own["result"]["id"]) == (1, "T")


def test_a_call_that_was_refused_is_refused_for_its_own_reason_whatever_else_is_left_out() -> None:
    client, path = Other(SESSIONS["a2a over HTTP"]), ROUTER.path("a2a", code=TEAM)
    sent = said("Share it") | AT_ONCE
    begun = [json.loads(client.ask(at, "POST", f"{path}/message:send", sent).response.body) for at in (0, 3_500)]
    task = begun[-1]["task"]["id"]
    refused = json.loads(client.ask(9_000, "GET", f"{path}/tasks/{task}/pushNotificationConfigs/none").response.body)
    assert refused["error"]["details"][0]["reason"] == "TASK_NOT_FOUND" and "config" in refused["error"]["message"]


def test_a_task_that_a_stream_began_is_looked_at_as_its_updates_told() -> None:
    client = Other(SESSIONS["a2a stream"])
    asked_for = rpc("SendStreamingMessage", said("Share it"))
    parts = client.ask(700, "POST", ROUTER.path("a2a", code=TEAM), asked_for).parts
    found: Any = next(event for _, part in parts() for event in events_in(part)) if parts is not None else {}
    task = found["result"]["task"]["id"]
    looks = [client.rpc(700 + at, "GetTask", {"id": task}, at) for at in (1, 2_999, 3_000)]
    assert [STATES[each["result"]["status"]["state"]] for each in looks] == ["RUNNING", "RUNNING", "WAITING"]


def test_a_transcript_shows_of_each_event_what_is_new() -> None:
    text = "\n".join(transcript_lines(recording_of(SESSIONS["a2a stream"])))
    for news in ('{"status":{"state":"TASK_STATE_WORKING"', '{"artifact":{"artifactId":'):
        assert news in text, news
    assert "statusUpdate" not in text
    text = "\n".join(transcript_lines(recording_of(SESSIONS["a2a 0.3"])))
    assert '"final":false}' in text and "status-update" not in text


def test_a_call_is_known_to_be_answered_with_updates_by_what_it_asks() -> None:
    assert calls_that_begin_or_decide(recording_of(SESSIONS["a2a stream"])) == {
        (CallKind.INVOKE, "a2a", True), (CallKind.DECIDE, "a2a", True), (CallKind.INVOKE, "a2a", False),
    }  # fmt: skip
    assert calls_that_begin_or_decide(recording_of(SESSIONS["a2a 0.3"])) == {
        (CallKind.INVOKE, "a2a", True), (CallKind.DECIDE, "a2a-stream", False), (CallKind.INVOKE, "a2a", False),
    }  # fmt: skip
    assert calls_that_begin_or_decide(recording_of(SESSIONS["a2a over HTTP"])) == {
        (CallKind.INVOKE, "a2a-http", False), (CallKind.DECIDE, "a2a-http", False),
    }  # fmt: skip


def test_a_message_that_is_refused_with_200_says_nothing_of_how_things_are() -> None:
    client, reader = client_named("a2a"), ExchangeReader()
    call = reader.begin(Requested(0, 1, *client.ask(Invoke(team="T", message="Go"), "n")))
    error = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "Not now."}}).encode()
    found = reader.complete(call, Replied(9, 1, Response(200, (("content-type", "application/json"),), error)))
    assert found.good and not found.tells and "Not now." in news_of(found)


def test_a_stream_is_told_event_by_event_and_a_task_by_its_state() -> None:
    page = timeline_page(recording_of(SESSIONS["a2a stream"]))
    found = Reader(page)
    (first, *_) = [text for text in found.texts if text.startswith("+00:00.000  data: ")]
    assert [line.partition("  data: ")[0] for line in first.splitlines()] == ["+00:00.000"] * 2 + ["+00:03.000"]
    assert "3 events · INPUT_REQUIRED · May it be shared?" in page and ">COMPLETED · Shared.<" in page
    assert page.count('class="event"') == 3
