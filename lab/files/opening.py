"""Opening files: the flags that this system has, and a read within a bound."""

import os
from pathlib import Path

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
