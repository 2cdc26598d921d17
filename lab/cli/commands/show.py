"""`lab show`: a recording as a transcript (git's textconv too), or filmed as an asciicast."""

import asyncio
from functools import partial
from pathlib import Path

from lab.cli.console import Console
from lab.files import read_blob, read_recording, recording_path
from lab.recording.exports import transcript
from lab.recording.lines import Recording
from lab.recording.reader import read
from lab.settings import Settings


def execute(asked: Settings, console: Console) -> int:
    """Print it, open and torn ones up to their last whole line."""
    (target,) = asked.targets
    path = located(target)
    recording = read(read_recording(path), str(path))
    if asked.kind == "cast":
        filmed(recording, path, asked, console)
    else:
        console.out(transcript(recording).rstrip("\n"))
    return 0


def filmed(recording: Recording, path: Path, asked: Settings, console: Console) -> None:
    """The cast on stdout, a line an event."""
    from lab.cli.commands.play import reel_of, scenarios_of, title_of
    from lab.tui.film import FilmedPlayback, FrozenClock, film

    header = recording.header
    known = scenarios_of(header, asked)
    reel = reel_of(recording, path, partial(read_blob, path))
    source = FilmedPlayback(reel, title=title_of(header, known), seed=header.seed, known=known, make=FrozenClock)

    # printed afterwards: while an app runs, Textual holds stdout
    lines: list[bytes] = []
    asyncio.run(film(source, lines.append, asked.size, light=asked.light))
    for line in lines:
        console.out(line.decode().rstrip("\n"))


def located(target: str) -> Path:
    """The file of that path, else the recording of that name."""
    path = Path(target)
    return path if path.exists() or path.parent != Path() else recording_path(target)
