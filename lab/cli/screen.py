"""The screen, for as long as a command shows it; what was seen as an asciicast beside."""

import asyncio
import logging
import signal

from lab.cli.console import SIGNALS, Console, Interrupted
from lab.cli.loop import Stop
from lab.cli.transcript import outcome_document
from lab.files.recordings import TapeFile, cast_path
from lab.tui.app import LabApp
from lab.tui.cast import Cast
from lab.tui.sources.protocol import ScreenSource


async def film_screen(
    source: ScreenSource, stop: Stop, console: Console, path: str | None, title: str, *, force: bool
) -> None:
    """Show the source, and write what is seen to that path, if there is one; a dead cast is told of afterwards."""
    if path is None:
        return await show_screen(source, stop, console)
    file = TapeFile(cast_path(path), force=force)
    film = Cast(file.write, source.clock.now, title)
    try:
        await show_screen(source, stop, console, film)
    finally:
        file.close()
        console.err(f"lab: {film.dead}" if film.dead is not None else f"cast {file.path}")


async def show_screen(source: ScreenSource, stop: Stop, console: Console, film: Cast | None = None) -> None:
    """Show the source until the person quits or a signal comes; then a run's outcome goes to stdout."""
    app = LabApp(source, cast=film)
    # What libraries log would be written across the screen.
    logging.getLogger().addHandler(logging.NullHandler())

    def leave(reason: str) -> None:
        # Cancelling would leave the terminal as the screen had it.
        stop.reason = reason
        app.exit(None)

    loop = asyncio.get_running_loop()
    # A terminal that is gone ends the lab as SIGTERM would: the tape gets its footer.
    for number, reason in {**SIGNALS, signal.SIGHUP: "sigterm"}.items():
        loop.add_signal_handler(number, leave, reason)
    outcome = await app.run_async()
    if app.failure is not None:
        raise app.failure
    if stop.reason is not None:
        raise Interrupted(stop.reason)
    if outcome is not None and not app.is_web:
        console.json(outcome_document(outcome))
