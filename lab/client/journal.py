"""Lines of a journal that is followed -> observations: the same shape that an observer in the process is told."""

from lab.app.observe import Observation
from lab.recording.lines import Header
from lab.recording.observed import observation_of as told_by
from lab.recording.reader import line_of

LONGEST = 64 * 1024 * 1024
"""Bytes of a line that a follower takes: bodies stand in their lines, where a file would have a blob."""


def read(line: str | bytes) -> Header | Observation | None:
    """The header, or what a line tells; None for the footer, and whatever this lab doesn't know."""
    found = line_of(line.encode() if isinstance(line, str) else line, LONGEST)
    return found if found is None or isinstance(found, Header) else told_by(found)


def observation_of(line: str | bytes) -> Observation | None:
    """What a line tells; None for the header too."""
    found = read(line)
    return None if isinstance(found, Header) else found
