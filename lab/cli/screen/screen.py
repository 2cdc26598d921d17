"""The screen, for as long as a command shows it."""

import logging

from lab.cli.bug_report import bug_sentence
from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.tui.app import LabApp
from lab.tui.screens.host import PanelSource
from lab.tui.state.preferences import ScreenStart
from lab.tui.state.source import ScreenSource


async def show_screen(
    source: ScreenSource,
    stop: Stop,
    console: Console,
    start: ScreenStart,
    panel: PanelSource | None = None,
) -> None:
    """Show the source until the person quits or a signal comes; then a run's outcome goes to stdout."""
    app = LabApp(source, start, panel=panel)
    # What libraries log would be written across the screen.
    logging.getLogger().addHandler(logging.NullHandler())

    # cancelling would leave the terminal as the screen had it
    stop.leave = lambda: app.exit(None)
    outcome = await app.run_async()
    if app.crash is not None:
        raise app.crash
    if app.bug is not None:
        console.err(bug_sentence(app.bug))
    if app.failure is not None:
        raise app.failure
    stop.obeyed()
    if outcome is not None and not app.is_web:
        from lab.cli.run.transcript import outcome_document  # lines are none of the screen's

        console.json(outcome_document(outcome))
