"""`lab show`: a recording as a transcript (git's textconv too), or filmed as an asciicast."""

import asyncio

from lab.cli.console import Console
from lab.cli.recordings import load_playable, load_recording
from lab.recording.exports import transcript
from lab.settings import Settings


def execute(asked: Settings, console: Console) -> int:
    """Print it, open and torn ones up to their last whole line."""
    (target,) = asked.targets
    if asked.kind == "cast":
        for line in cast_lines(target, asked):
            console.out(line.decode().rstrip("\n"))
    else:
        _, recording = load_recording(target)
        console.out(transcript(recording).rstrip("\n"))
    return 0


def cast_lines(target: str, asked: Settings) -> list[bytes]:
    """The film, a line an event. It is printed afterwards: while an app runs, Textual holds stdout."""
    from lab.tui.film import FilmedPlayback, FrozenClock, film

    playable = load_playable(target, asked.scenarios)
    source = FilmedPlayback(
        playable.reel,
        title=playable.title,
        seed=playable.recording.header.seed,
        known=playable.scenarios,
        make=FrozenClock,
    )
    lines: list[bytes] = []
    asyncio.run(film(source, lines.append, asked.size, light=asked.light))
    return lines
