"""Sessions over OpenAI's API, recorded over a real socket: they replay, are shown in every form, and are played back."""

from typing import Any, ClassVar

import pytest

from lab.recording.exchange import CallKind
from lab.recording.replay.replay import replay
from lab.recording.show.transcript import transcript_lines
from tests.plugins.openai.sessions import PATH, SESSIONS
from tests.recording.dialect_sessions import program
from tests.recording.test_client_calls import calls_that_begin_or_decide
from tests.recording.test_dialect_sessions import (
    EverySession,
    Other,
    asked_too_early,
    assert_asked_again,
    playing,
    recording_of,
)
from tests.server.conftest import TEAM


@pytest.mark.parametrize("name", [name for name in SESSIONS if name != "openai blocking"])
class TestEverySession(EverySession):
    sessions: ClassVar = SESSIONS
    unfinished: ClassVar[dict[str, Any]] = {}


def test_what_waited_for_its_job_replays_and_waits_as_long_in_playback() -> None:
    recording = recording_of(SESSIONS["openai blocking"])
    assert replay(recording, (program(),)).passed and asked_too_early(recording) == []
    service = playing(recording)
    client = Other(SESSIONS["openai blocking"], service)
    first = client.ask(0, "POST", PATH, {"model": TEAM, "input": "Share it"})
    assert first.latency == 3_000 and b"mcp_approval_request" in first.response.body


@pytest.mark.parametrize("name", SESSIONS)
def test_another_server_is_asked_the_same_and_must_show_the_same_question_and_end(name: str) -> None:
    assert_asked_again(recording_of(SESSIONS[name]))


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
