"""The way back through a run against the lab's own mock: what was decided there can be decided otherwise."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab.cli.commands.demo import LiveDemo
from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.cli.setup import make_setup
from lab.client.control import ControlClient
from lab.control import DecideGate
from lab.settings import ClockSettings, MockSettings
from lab.tui.app import LabApp
from lab.tui.panes.message import OWN_MESSAGE
from lab.tui.screens.main import MainScreen
from lab.tui.state.narrate import UNANSWERED
from tests.conftest import ROOT
from tests.tui.pilots import LabPilot, main_screen, piloted, text, until


@asynccontextmanager
async def shown() -> AsyncIterator[tuple[LabPilot, MainScreen, LiveDemo]]:
    """The screen over a run of item-comparison, before it begins."""
    settings = MockSettings(
        scenarios=str(ROOT / "scenarios"), targets=("item-comparison",), clock=ClockSettings("scaled", "60")
    )
    async with LiveDemo(make_setup(settings, reviewer="person"), Console(), Stop()) as demo:
        app = LabApp(demo.source())
        async with piloted(app) as pilot:
            yield pilot, main_screen(app), demo
            assert app.bug is None


async def go_to_gate(pilot: LabPilot, main: MainScreen) -> None:
    """By the palette; there it stands, at the instant at which the gate showed."""
    await pilot.press("ctrl+p", *"go to gate", "enter")
    await until(pilot, lambda: main.state.run.gate is not None and main.state.ui.paused)


async def test_a_gate_that_was_decided_at_its_very_instant_is_open_again_whenever_it_is_gone_back_to() -> None:
    async with shown() as (pilot, main, _):
        await go_to_gate(pilot, main)
        for key, verdict in (("r", "rejected"), ("a", "approved"), ("r", "rejected")):
            await pilot.press(key, "space")
            await until(pilot, lambda: main.state.run.outcome is not None)
            decisions = [each.decision for each in main.state.run.milestones if each.decision is not None]
            assert [each.verdict for each in decisions] == [verdict]
            await go_to_gate(pilot, main)
            assert main.state.run.decision is None


async def test_a_decision_in_the_pause_at_a_gate_that_was_gone_back_to_shows_as_sent_at_once() -> None:
    async with shown() as (pilot, main, _):
        await go_to_gate(pilot, main)
        await pilot.press("r", "space")
        await until(pilot, lambda: main.state.run.outcome is not None)
        await go_to_gate(pilot, main)
        await pilot.press("r")
        await until(pilot, lambda: "◇ Reject sent" in text(main.app))
        assert main.state.ui.paused
        await pilot.press("a")
        assert "The answer was sent; the clock stands: space lets its reply come." in text(main.app)


async def test_a_first_message_without_an_answer_has_a_way_out() -> None:
    async with shown() as (pilot, main, _):
        own = main.state.source.message
        await pilot.press("m", "ctrl+u", *"What?", "enter", "space")
        await until(pilot, lambda: UNANSWERED in text(main.app))
        assert "No answer is defined for this message." in text(main.app)
        await pilot.press("0")
        await until(pilot, lambda: main.state.poster and main.state.source.message == "What?")
        await pilot.press("m", "ctrl+u")
        await until(pilot, lambda: OWN_MESSAGE in text(main.app))
        await pilot.press("enter")
        await until(pilot, lambda: main.state.source.message == own)


async def test_what_others_decided_at_that_very_instant_is_undone_too() -> None:
    async with shown() as (pilot, main, demo):
        await go_to_gate(pilot, main)
        gate = main.state.run.gate
        assert demo.mock is not None and gate is not None
        control = ControlClient(demo.mock.control_url, demo.mock.control_token)
        for _ in range(2):
            answer = await control.ask(DecideGate(job=gate.job, gate=gate.gate, verdict="rejected"))
            assert answer.refused is None
            await until(pilot, lambda: main.state.run.decision is not None)
            decision = main.state.run.decision
            assert decision is not None and decision.at == demo.setup.clock.now() and decision.verdict == "rejected"
            await go_to_gate(pilot, main)
            await until(pilot, lambda: main.state.run.decision is None)
            assert demo.setup.clock.now() == decision.at
        await pilot.press("a", "space")
        await until(pilot, lambda: main.state.run.outcome is not None)
        decisions = [each.decision for each in main.state.run.milestones if each.decision is not None]
        assert [each.verdict for each in decisions] == ["approved"]
        await control.close()
