"""Opening files: the flags that this system has, a read within a bound, a write that is whole."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import BinaryIO

from lab.core.errors import HostError, RecordingError, UsageError


def flags(*names: str) -> int:
    """The flags of `os.open` by name, those that this system has."""
    return sum(getattr(os, f"O_{name}", 0) for name in names)


READ = flags("RDONLY", "CLOEXEC", "NONBLOCK", "BINARY")
"""Without NONBLOCK a named pipe would be waited for."""
CREATE = flags("WRONLY", "CREAT", "EXCL", "CLOEXEC", "BINARY")
"""For a new file, in the place of nothing."""
OVERWRITE = flags("WRONLY", "CREAT", "TRUNC", "CLOEXEC", "BINARY")
APPEND = CREATE | flags("APPEND")
_PART = 1 << 20
"""Bytes that are asked for where a file's length says nothing."""


def open_file(path: Path, how: int, mode: int = 0o777) -> int:
    """`os.open` for what lies there itself: OSError (ELOOP) for a link."""
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():  # Windows has no flag for it
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return os.open(str(path), how | flags("NOFOLLOW"), mode)


def make_private(file: int) -> None:
    """Let nobody else read an open file, on a system where its mode says who may."""
    if hasattr(os, "fchmod"):
        os.fchmod(file, 0o600)


def sync_folder(folder: Path) -> None:
    """Return once new names in the folder outlive the machine, on a system where a folder can be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def open_regular(path: Path, *, links: bool = False) -> BinaryIO | None:
    """A file to be read, which somebody else may have put there; None if it isn't a regular one.

    OSError for a link, unless they are followed.
    """
    file = os.open(path, READ) if links else open_file(path, READ)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return os.fdopen(file, "rb")
    os.close(file)
    return None


class TooLong(Exception):
    """A file has more bytes than are read."""


def read_regular(path: Path, longest: int, *, links: bool = False) -> bytes | None:
    """All of such a file; TooLong if it has more bytes. Asked for is what the file has, and not what it might have."""
    if (file := open_regular(path, links=links)) is None:
        return None
    parts: list[bytes] = []
    with file:
        expected, left = os.fstat(file.fileno()).st_size, longest + 1
        if expected > longest:
            raise TooLong
        while left > 0 and (part := file.read(min(left, expected or _PART))):
            parts.append(part)
            left, expected = left - len(part), _PART
    if left <= 0:
        raise TooLong
    return b"".join(parts)  # of one part no copy is made


def read_bounded(
    path: Path, longest: int, error: type[UsageError] | type[RecordingError], *, links: bool = True
) -> bytes:
    """The whole file that somebody named, through links too unless they aren't followed; UsageError if there is none.

    `error` if it can't be read, is no regular file (a folder, a pipe, a device), or is longer than `longest` bytes.
    """
    try:
        text = read_regular(path, longest, links=links)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except TooLong:
        raise error(f"{path} is longer than {longest} bytes.") from None
    except OSError as fault:
        raise error(f"{path} can't be read: {fault.strerror}.") from None
    if text is None:
        what = "a folder" if path.is_dir() else "a pipe, a device or a socket"
        raise error(f"{path} is {what}, no file.", hint="Name a regular file.")
    return text


def write_file(path: Path, data: bytes, mode: int = 0o644, how: int = CREATE) -> None:
    """Write a file whole or not at all, a new one unless `how` says otherwise; OSError if it can't be done."""
    new = path
    if how == OVERWRITE and not path.is_symlink() and (path.is_file() or not path.exists()):
        new, how = path.with_name(f".{path.name}.new"), CREATE
        new.unlink(missing_ok=True)
    file = open_file(new, how, mode)  # nothing takes the place of a pipe; a link is refused
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
    except OSError:
        if how == CREATE:  # what was there before, a device or a pipe, stays there
            new.unlink(missing_ok=True)
        raise
    if new != path:
        new.replace(path)


@contextmanager
def writing(path: Path, hint: str = "") -> Iterator[None]:
    """HostError where what somebody named can't be written."""
    try:
        yield
    except OSError as fault:
        raise HostError(f"{path} can't be written: {fault.strerror or fault}.", hint=hint) from None


def can_write(folder: Path) -> bool:
    """Whether a file can be made in the folder, or the folder in the nearest one that there is."""
    there = next((each for each in (folder.absolute(), *folder.absolute().parents) if each.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def descriptors() -> float:
    """How many files and sockets this process may have open; infinite where that isn't limited."""
    try:
        import resource
    except ImportError:  # Windows has neither the module nor the limit
        return inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return inf if soft == resource.RLIM_INFINITY else soft
