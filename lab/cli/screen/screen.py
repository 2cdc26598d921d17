"""The screen, for as long as a command shows it; what was seen as an asciicast beside."""

import logging

from msgspec import Struct

from lab.cli.bug_report import bug_sentence
from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.files.recordings import TapeFile, cast_path
from lab.tui.app import LabApp
from lab.tui.cast import Cast
from lab.tui.screens.host import PanelSource
from lab.tui.state.preferences import ScreenStart
from lab.tui.state.source import ScreenSource


class CastSettings(Struct, frozen=True):
    """Where what is seen is written, and what it is called."""

    path: str
    title: str
    force: bool
    """Whether a file that is there is renamed out of the way."""


async def film_screen(
    source: ScreenSource,
    stop: Stop,
    console: Console,
    start: ScreenStart,
    cast: CastSettings | None,
    panel: PanelSource | None = None,
) -> None:
    """Show the source, and write what is seen, if that is asked for; a dead cast is told of afterwards."""
    if cast is None:
        return await show_screen(source, stop, console, start, panel=panel)
    file = TapeFile(cast_path(cast.path), force=cast.force)
    film = Cast(file.write, source.clock.now, cast.title)
    try:
        await show_screen(source, stop, console, start, film, panel)
    finally:
        file.close()
        console.err(f"lab: {film.dead}" if film.dead is not None else f"cast {file.path}")


async def show_screen(
    source: ScreenSource,
    stop: Stop,
    console: Console,
    start: ScreenStart,
    film: Cast | None = None,
    panel: PanelSource | None = None,
) -> None:
    """Show the source until the person quits or a signal comes; then a run's outcome goes to stdout."""
    app = LabApp(source, start, cast=film, panel=panel)
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
