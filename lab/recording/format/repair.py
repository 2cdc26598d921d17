"""An open or torn recording made whole again: the torn tail is cut, a footer appended (recordings.md §3)."""

from hashlib import sha256

from lab.recording.format.codec import footer
from lab.recording.format.lines import FileState
from lab.recording.format.reader import read


def repair(data: bytes, name: str = "recording") -> tuple[bytes, int]:
    """The whole recording, and how many bytes of a torn line went; a closed one comes back as it is.

    RecordingError if the lines themselves can't be read.
    """
    found = read(data, name)
    if found.state is FileState.CLOSED:
        return data, 0
    whole = data[: len(data) - found.torn]
    return whole + footer(found.count, found.until, "repaired", sha256(whole)), found.torn
