"""Matchers of a recording, in a file beside it (recordings.md §7.1)."""

from pathlib import Path

from lab.core.errors import UsageError
from lab.files.opening import read_bounded
from lab.files.recordings import RECORDING_ENDING
from lab.language.parse.yaml_tree import LARGEST_FILE

MATCHERS_ENDING = ".match.yaml"


def read_matchers(recording: Path) -> tuple[Path, bytes] | None:
    """The matchers of a recording, and where they lie; None if there are none, UsageError if they can't be read."""
    path = beside(recording, MATCHERS_ENDING)
    return (path, read_bounded(path, LARGEST_FILE, UsageError)) if path.exists() or path.is_symlink() else None


def beside(file: Path, ending: str) -> Path:
    """The recording of the file's name, or its matchers: what has this ending."""
    return file.with_name(file.name.removesuffix(RECORDING_ENDING).removesuffix(MATCHERS_ENDING) + ending)
