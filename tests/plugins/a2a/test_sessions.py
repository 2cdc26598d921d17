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
from tests.plugins.a2a.sessions import SESSIONS
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

PARAMS: dict[str, Json] = {"message": {"role": "user", "parts": [{"kind": "text", "text": "Share it"}]}}
STATES = {"submitted": "RUNNING", "working": "RUNNING", "input-required": "WAITING", "completed": "COMPLETE"}


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


@given(gaps=GAPS)
@examples(12, thorough=500)
def test_whenever_a_client_looks_it_sees_the_history_in_order_and_never_early(gaps: list[int]) -> None:
    client = Other(SESSIONS["a2a"])
    client.rpc(0, "message/send", {"message": 1}, 0)
    task = client.rpc(0, "message/send", PARAMS, 0)["result"]["id"]

    def status_at(now: Millis) -> str:
        return STATES[client.rpc(now, "tasks/get", {"id": task}, now)["result"]["status"]["state"]]

    assert_seen_in_order(gaps, status_at)


def test_an_answer_over_json_rpc_has_the_id_of_this_call_and_a_task_that_of_its_client() -> None:
    client, params = Other(SESSIONS["a2a"]), PARAMS
    assert client.rpc(0, "message/send", {"message": 1}, "wrong")["error"]["code"] == -32602
    begun = client.rpc(10, "message/send", params, "mine")
    task = begun["result"]["id"]
    polls = [client.rpc(10 + at, "tasks/get", {"id": task}, at) for at in (1, 2_999, 3_000, 9_000)]
    states = [(each["id"], each["result"]["status"]["state"]) for each in polls]
    assert states == [(1, "working"), (2_999, "working"), (3_000, "input-required"), (9_000, "completed")]
    cancelled = client.rpc(9_500, "tasks/cancel", {"id": task}, "c")
    assert (begun["id"], cancelled["id"], cancelled["error"]["code"]) == ("mine", "c", -32002)
    own = Other(SESSIONS["a2a stream"]).rpc(0, "tasks/send", {"id": "T", **params}, 1)
    assert (own["id"], own["result"]["id"]) == (1, "T")


def test_a_task_that_a_stream_began_is_looked_at_as_its_updates_told() -> None:
    client = Other(SESSIONS["a2a stream"])
    asked_for = {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": PARAMS}
    parts = client.ask(700, "POST", ROUTER.path("a2a", code=TEAM), asked_for).pieces() or ()
    task = next(event for _, part in parts for event in events_in(part))["result"]["id"]  # type: ignore[index,call-overload]
    looks = [client.rpc(700 + at, "tasks/get", {"id": task}, at) for at in (1, 2_999, 3_000)]
    assert [each["result"]["status"]["state"] for each in looks] == ["working", "working", "input-required"]
    assert [each["result"]["kind"] for each in looks] == ["task"] * 3


def test_a_transcript_shows_of_each_event_what_is_new() -> None:
    text = "\n".join(transcript_lines(recording_of(SESSIONS["a2a stream"])))
    for news in ('{"status":{"state":"working"', '"final":true}', '{"artifact":{"artifactId":'):
        assert news in text, news
    assert "status-update" not in text


def test_a_call_is_known_to_be_answered_with_updates_by_what_it_asks() -> None:
    assert calls_that_begin_or_decide(recording_of(SESSIONS["a2a stream"])) == {
        (CallKind.INVOKE, "a2a", True), (CallKind.DECIDE, "a2a-stream", True), (CallKind.INVOKE, "a2a", False),
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
    assert "3 events · input-required · May it be shared?" in page and ">completed · Shared.<" in page
    assert page.count('class="event"') == 3
