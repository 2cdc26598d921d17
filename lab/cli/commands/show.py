"""`lab show`: a recording as a transcript (git's textconv too), or filmed as an asciicast."""

import asyncio

from lab.cli.console import Console
from lab.cli.recordings import load_playable, load_recording
from lab.recording.exports import EXPORTS
from lab.settings import Flags, Settings


class ShowSettings(Settings, frozen=True):
    """What `lab show` was asked."""

    target: str
    """The recording, by path or bare name."""
    scenarios: str | None = None
    kind: str = "text"
    """As what it is shown."""
    size: tuple[int, int] = (120, 36)
    """Columns and rows of the cast's screen."""
    light: bool = False


def execute(flags: Flags, console: Console) -> int:
    """Print it, open and torn ones up to their last whole line."""
    settings = flags.into(ShowSettings)
    if settings.kind == "cast":
        for line in cast_lines(settings):
            console.out(line.decode().rstrip("\n"))
    else:
        _, recording = load_recording(settings.target)
        console.out(EXPORTS[settings.kind](recording).rstrip("\n"))
    return 0


def cast_lines(settings: ShowSettings) -> list[bytes]:
    """The film, a line an event. It is printed afterwards: while an app runs, Textual holds stdout."""
    from lab.tui.film import FilmedPlayback, FrozenClock, film

    playable = load_playable(settings.target, settings.scenarios)
    source = FilmedPlayback(
        playable.reel,
        title=playable.title,
        seed=playable.recording.header.seed,
        known=playable.scenarios,
        make=FrozenClock,
    )
    lines: list[bytes] = []
    asyncio.run(film(source, lines.append, settings.size, light=settings.light))
    return lines
