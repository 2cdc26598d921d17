"""A2A on the screen: its calls, its states, and tasks whose call is answered with updates."""

import re

import pytest

from lab.program.words import Verdict
from lab.recording.format.lines import Res
from tests.conftest import each_row
from tests.plugins.a2a.sessions import SESSIONS
from tests.recording.dialect_sessions import recorded
from tests.tui.test_sources_agree import DIFFERENT, Run, assert_one_screen
from tests.tui.test_streamed_jobs import assert_facts_tell, assert_shown_early, assert_told_by_events, timeline_in


def streamed() -> bytes:
    return recorded(SESSIONS["a2a stream"])[0]


@pytest.mark.long
@pytest.mark.parametrize("answer", [None, Verdict.APPROVED, Verdict.REJECTED])
@pytest.mark.parametrize("name", DIFFERENT)
async def test_live_watched_and_played_back_give_one_screen(name: str, answer: Verdict | None) -> None:
    await assert_one_screen(name, answer, "a2a")


def test_over_a2a_the_panes_show_its_calls_and_its_states() -> None:
    run = Run("item-comparison", None, "a2a")
    screen = run.screen(run.seen_live(), 160, 44, wire=True)
    assert "SendMessage" in screen["job"] and "contextId" in screen["job"] and "jobId" not in screen["job"]
    assert "GetTask" in screen["polling"] and "WORKING" in screen["polling"]
    assert re.search(r"✓ COMPLETED", screen["job"]) and "INPUT_REQUIRED" in screen["band"]
    assert re.search(r"status 200 WORKING", screen["wire"])


@each_row("size", [(80, 24), (120, 36)])
def test_a_task_shows_before_its_first_answer_is_over(size: tuple[int, int]) -> None:
    assert_shown_early(timeline_in(streamed()), size)


def test_its_stretches_gate_and_end_are_those_that_its_updates_told() -> None:
    assert_told_by_events(timeline_in(streamed()))


def test_what_a_stream_of_updates_said_of_its_task_is_known_word_by_word() -> None:
    timeline = timeline_in(streamed())
    n = next(line.n for line in timeline._lines if isinstance(line, Res) and line.times)
    run = timeline.journal(next(at for at, line in enumerate(timeline._lines, 1) if line.n == n)).run()
    assert run.statuses == (
        ("SUBMITTED", 0), ("WORKING", 0), ("INPUT_REQUIRED", 3_000),
    )  # fmt: skip


def test_while_its_updates_come_the_journals_facts_tell_how_it_goes() -> None:
    assert_facts_tell(timeline_in(streamed()), ("SUBMITTED", "INPUT_REQUIRED"))
