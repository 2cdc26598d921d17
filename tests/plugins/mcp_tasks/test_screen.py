"""MCP on the screen: its calls, its statuses, and gates as its client sees them."""

import pytest

from lab.program.words import Verdict
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
