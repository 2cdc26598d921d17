"""Opening files: the flags that this system has, a read within a bound, new files, and files that grow by whole lines."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from lab.core.errors import RecordingError, UsageError


def flags(*names: str) -> int:
    """The flags of `os.open` by name, those that this system has."""
    return sum(getattr(os, f"O_{name}", 0) for name in names)


READ = flags("RDONLY", "CLOEXEC", "NOFOLLOW", "NONBLOCK", "BINARY")
"""For a file that somebody else may have put there: no link, and no wait for a pipe."""
CREATE = flags("WRONLY", "CREAT", "EXCL", "CLOEXEC", "NOFOLLOW", "BINARY")
"""For a new file, in the place of nothing."""
OVERWRITE = flags("WRONLY", "CREAT", "TRUNC", "CLOEXEC", "NOFOLLOW", "BINARY")
APPEND = CREATE | flags("APPEND")


def read_bounded(path: Path, longest: int, error: type[UsageError] | type[RecordingError]) -> bytes:
    """The whole file; `error` if it can't be read, or is longer than `longest` bytes; UsageError if there is none."""
    try:
        with path.open("rb") as file:
            text = file.read(longest + 1)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except OSError as fault:
        raise error(f"{path} can't be read: {fault.strerror}.") from None
    if len(text) > longest:
        raise error(f"{path} is longer than {longest} bytes.")
    return text


def open_regular(path: Path) -> BinaryIO | None:
    """A file that somebody else may have put there, to be read; None if it isn't a regular one; OSError for a link."""
    file = os.open(path, READ)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return os.fdopen(file, "rb")
    os.close(file)
    return None


def write_file(path: Path, data: bytes, mode: int = 0o644, how: int = CREATE) -> None:
    """Write a file whole or not at all, a new one unless `how` says otherwise; OSError if it can't be done."""
    file = os.open(path, how, mode)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
    except OSError:
        path.unlink(missing_ok=True)
        raise


class GrowingFile:
    """A file that grows by whole lines: one `write` a line, and what a failed one left is cut off."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file
        self._length = 0
        """Bytes of the whole lines."""

    def write(self, line: bytes) -> None:
        """Append one line, whole or not at all; OSError if it can't be done. Survives the process, not the machine."""
        try:
            written = os.write(self._file, line)
            while written != len(line):  # a full disk takes part of a line before it refuses the rest
                written += os.write(self._file, line[written:])
        except OSError:
            with suppress(OSError):  # a reader cuts what is left of it
                os.ftruncate(self._file, self._length)
            raise
        self._length += len(line)

    def close(self) -> None:
        """Let the file go; a second time does nothing."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)
