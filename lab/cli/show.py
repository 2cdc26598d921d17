"""`lab show`: a recording as a transcript; git's textconv too."""

from pathlib import Path

from lab.cli.console import Console
from lab.files import read_recording, recording_path
from lab.recording.exports import transcript
from lab.recording.reader import read
from lab.settings import Settings


def execute(asked: Settings, console: Console) -> int:
    """Print it, open and torn ones up to their last whole line."""
    (target,) = asked.targets
    path = located(target)
    console.out(transcript(read(read_recording(path), str(path))).rstrip("\n"))
    return 0


def located(target: str) -> Path:
    """The file of that path, else the recording of that name."""
    path = Path(target)
    return path if path.exists() or path.parent != Path() else recording_path(target)
