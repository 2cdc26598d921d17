"""Sessions over OpenAI's API, recorded over a real socket: they replay, are shown in every form, and are played back."""

from typing import Any, ClassVar

import pytest

from lab.core.exchange import json_bytes
from lab.identity.clients import DEMO
from lab.recording.exchange import CallKind, exchanges_of
from lab.recording.show.transcript import transcript_lines
from tests.plugins.openai.sessions import SESSIONS
from tests.recording.dialect_sessions import recorded
from tests.recording.test_client_calls import calls_that_begin_or_decide
from tests.recording.test_dialect_sessions import (
    EverySession,
    assert_asked_again,
    recording_of,
)


@pytest.mark.parametrize("name", SESSIONS)
class TestEverySession(EverySession):
    sessions: ClassVar = SESSIONS
    unfinished: ClassVar[dict[str, Any]] = {}


@pytest.mark.parametrize("name", SESSIONS)
def test_another_server_is_asked_the_same_and_must_show_the_same_question_and_end(name: str) -> None:
    assert_asked_again(recording_of(SESSIONS[name]))


def test_a_key_is_on_no_tape_and_its_client_is_known() -> None:
    data = recorded(SESSIONS["openai key"])[0]
    assert DEMO.secret.encode() not in data and json_bytes(DEMO.secret)[1:-1] not in data
    assert {call.client for call in exchanges_of(recording_of(SESSIONS["openai key"]))} == {DEMO.id}


def test_a_transcript_shows_of_each_event_what_is_new() -> None:
    text = "\n".join(transcript_lines(recording_of(SESSIONS["openai stream"])))
    for news in ('{"status":"queued"}', '{"delta":"Shared."}', '"name":"consent"'):
        assert news in text, news


def test_a_call_begins_or_decides_by_what_it_asks() -> None:
    assert calls_that_begin_or_decide(recording_of(SESSIONS["openai stream"])) == {
        (CallKind.INVOKE, "openai", True), (CallKind.DECIDE, "openai", True),
    }  # fmt: skip
    assert calls_that_begin_or_decide(recording_of(SESSIONS["openai"])) == {
        (CallKind.INVOKE, "openai", False), (CallKind.DECIDE, "openai", False),
    }  # fmt: skip
