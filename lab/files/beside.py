"""What is written about a recording, in files beside it: matchers, and the report that is expected (recordings.md §6.3, §7.1)."""

from pathlib import Path

from lab.core.errors import UsageError
from lab.files.opening import read_bounded
from lab.files.recordings import RECORDING_ENDING
from lab.language.parse.decoding import LARGEST_FILE

MATCHERS_ENDING = ".match.yaml"
REPORT_ENDING = ".report.json"
BESIDE = (MATCHERS_ENDING, REPORT_ENDING)
"""The endings of what is written about a recording."""


def read_beside(recording: Path, ending: str) -> tuple[Path, bytes] | None:
    """What is written about a recording, and where it lies; None if nothing is, UsageError if it can't be read."""
    path = beside(recording, ending)
    return (path, read_bounded(path, LARGEST_FILE, UsageError)) if path.exists() or path.is_symlink() else None


def beside(recording: Path, ending: str) -> Path:
    """The file of a recording's name, or of one beside it, with another ending."""
    slug = recording.name
    for each in (RECORDING_ENDING, *BESIDE):
        slug = slug.removesuffix(each)
    return recording.with_name(slug + ending)
