"""What `lab learn` reads: recordings, and documents in which other tools keep calls (recordings.md §17, limits.md §2)."""

from contextlib import suppress
from pathlib import Path

from lab.core.errors import RecordingError
from lab.files.opening import open_regular, read_at_most, read_bounded
from lab.files.recordings import read_recording

LONGEST_JSON = 64 * 1024**2
LONGEST_YAML = 16 * 1024**2
"""Bytes of a document, which is read at once: small values of YAML cost some sixty times their text."""


def read_calls(path: Path | str) -> bytes:
    """The bytes of a recording, or of a HAR file or a cassette: of these the file is bounded, not the line.

    RecordingError if it can't be read or is too long, UsageError if there is none.
    """
    from lab.recording.format.codec import is_recording  # no start waits for what learning needs

    path, start = Path(path), b""
    with suppress(OSError):  # which the read tells
        if (file := open_regular(path, links=True)) is not None:
            with file:
                start = read_at_most(file, 4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if is_recording(start):
        return read_recording(path)
    return read_bounded(path, LONGEST_JSON if start.startswith(b"{") else LONGEST_YAML, RecordingError)
