"""The screen, for as long as a command shows it; what was seen as an asciicast beside."""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lab.cli.console import SIGNALS, Console, Interrupted
from lab.cli.loop import Stop
from lab.cli.transcript import outcome_document
from lab.core.clock import Millis
from lab.files.recordings import TapeFile, cast_path
from lab.tui.app import LabApp
from lab.tui.cast import Cast
from lab.tui.sources.protocol import ScreenSource


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


@contextmanager
def filming(
    path: str | None, now: Callable[[], Millis], title: str, console: Console, *, force: bool
) -> Iterator[Cast | None]:
    """The cast that is written to that path, or None; a dead one is told of once the screen is gone."""
    if path is None:
        yield None
        return
    file = TapeFile(cast_path(path), force=force)
    film = Cast(file.write, now, title)
    try:
        yield film
    finally:
        file.close()
        console.err(f"lab: {film.dead}" if film.dead is not None else f"cast {file.path}")
