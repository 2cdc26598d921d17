"""MCP on the screen: its calls, its statuses, and gates as its client sees them."""

import pytest

from lab.core.observe import Replied
from lab.program.words import Verdict
from tests.tui import play
from tests.tui.test_sources_agree import DIFFERENT, Run, assert_one_screen


@pytest.mark.long
@pytest.mark.parametrize("answer", [None, Verdict.APPROVED, Verdict.REJECTED])
@pytest.mark.parametrize("name", DIFFERENT)
async def test_live_watched_and_played_back_give_one_screen(name: str, answer: Verdict | None) -> None:
    await assert_one_screen(name, answer, "mcp")


def test_over_mcp_the_panes_show_its_calls_and_its_statuses() -> None:
    run = Run("item-comparison", None, "mcp")
    screen = run.screen(run.seen_live(), 160, 44, wire=True)
    assert "tools/call" in screen["job"] and "conversation" in screen["job"] and "jobId" not in screen["job"]
    assert "tasks/get" in screen["polling"] and "working" in screen["polling"]
    assert "✓ completed" in screen["job"] and "input_required" in screen["band"]


def test_an_answer_that_was_acknowledged_is_a_decision_before_any_poll_shows_what_came_of_it() -> None:
    run = Run("item-comparison", Verdict.APPROVED, "mcp")
    replies = ((n, each.response.body) for n, each in enumerate(run.live, 1) if isinstance(each, Replied))
    taken = next(n for n, body in replies if body.endswith(b'{"resultType":"complete"}}'))
    screen = run.screen(play.folded(run.live[:taken]).run(), 120, 36, wire=False)
    assert "APPROVED by you" in screen["approval"] and "approved by you  200" in screen["polling"]
    assert "the app's next poll tells" in screen["output"]
    assert not any("refused" in text for text in run.screen(run.seen_live(), 160, 44, wire=True).values())
