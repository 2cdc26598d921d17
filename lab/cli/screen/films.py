"""Recordings filmed: the screen of their playback, without a terminal."""

from lab.cli.loop import Stop, complete
from lab.cli.recordings import load_playable
from lab.tui.film import FilmedPlayback, film

Size = tuple[int, int]
"""Columns and rows."""


def filmed_recording(target: str, scenarios: str | None = None) -> FilmedPlayback:
    """A recording by path or name, ready for one film; `scenarios` as in `load_playable`."""
    playable = load_playable(target, scenarios)
    return FilmedPlayback(
        playable.timeline,
        title=playable.title,
        seed=playable.recording.header.seed,
        known=playable.scenarios,
    )


def cast_lines(source: FilmedPlayback, size: Size, *, light: bool = False, stage: int | None = None) -> list[bytes]:
    """The film, a line an event; `stage` as in `film`. It is printed afterwards: while an app runs, Textual holds stdout."""
    lines: list[bytes] = []

    async def work(stop: Stop) -> list[bytes]:
        # cancelling would have the film's own tasks wait for one another
        stop.leave = lambda: None
        await film(source, lines.append, size, light=light, stage=stage, ended=lambda: stop.reason is not None)
        stop.obeyed()
        return lines

    return complete(work)
