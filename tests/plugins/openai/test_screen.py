"""OpenAI's API on the screen: its calls, its statuses, and responses whose call is answered with events."""

import re

import pytest

from lab.program.words import Verdict
from lab.recording.format.lines import Res
from tests.conftest import each_row
from tests.plugins.openai.sessions import SESSIONS
from tests.recording.dialect_sessions import recorded
from tests.tui.test_sources_agree import DIFFERENT, Run, assert_one_screen
from tests.tui.test_streamed_jobs import assert_facts_tell, assert_shown_early, assert_told_by_events, timeline_in


def streamed() -> bytes:
    return recorded(SESSIONS["openai stream"])[0]


@pytest.mark.long
@pytest.mark.parametrize("answer", [None, Verdict.APPROVED, Verdict.REJECTED])
@pytest.mark.parametrize("name", DIFFERENT)
async def test_live_watched_and_played_back_give_one_screen(name: str, answer: Verdict | None) -> None:
    await assert_one_screen(name, answer, "openai")


def test_the_panes_show_its_calls_and_its_statuses() -> None:
    run = Run("item-comparison", None, "openai")
    screen = run.screen(run.seen_live(), 160, 44, wire=True)
    assert "/responses" in screen["job"] and "previous_resp" in screen["job"]
    assert "/responses/resp_" in screen["polling"] and "in_progress" in screen["polling"]
    assert re.search(r"✓ completed", screen["job"]) and "mcp_approval_request" in screen["band"]
    assert re.search(r"status 200 in_prog", screen["wire"])


@each_row("size", [(80, 24), (120, 36)])
def test_a_response_shows_before_its_first_answer_is_over(size: tuple[int, int]) -> None:
    assert_shown_early(timeline_in(streamed()), size)


def test_its_stretches_gate_and_end_are_those_that_its_events_told() -> None:
    assert_told_by_events(timeline_in(streamed()))


def test_what_a_stream_of_events_said_of_its_response_is_known_word_by_word() -> None:
    timeline = timeline_in(streamed())
    n = next(line.n for line in timeline._lines if isinstance(line, Res) and line.times)
    run = timeline.journal(next(at for at, line in enumerate(timeline._lines, 1) if line.n == n)).run()
    assert run.statuses == (("queued", 0), ("in_progress", 0), ("mcp_approval_request", 3_000))


def test_while_its_events_come_the_journals_facts_tell_how_it_goes() -> None:
    assert_facts_tell(timeline_in(streamed()), ("queued", "mcp_approval_request"))
