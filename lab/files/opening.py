"""Opening files: the flags that this system has, a read within a bound, new files, and files that grow by whole lines."""

import errno
import os
import stat
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import BinaryIO

from lab.core.errors import RecordingError, UsageError


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
_LOCKED_AT = 2**31 - 2
"""Where a byte is locked that nobody reads: on Windows what is locked can't be read."""


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


def read_bounded(
    path: Path, longest: int, error: type[UsageError] | type[RecordingError], *, links: bool = True
) -> bytes:
    """The whole file that somebody named, through links too unless they aren't followed; UsageError if there is none.

    `error` if it can't be read, is no regular file (a folder, a pipe, a device), or is longer than `longest` bytes.
    """
    try:
        file = open_regular(path, links=links)
        if file is None:
            what = "a folder" if path.is_dir() else "a pipe, a device or a socket"
            raise error(f"{path} is {what}, no file.", hint="Name a regular file.")
        with file:
            longer = os.fstat(file.fileno()).st_size > longest
            text = b"" if longer else read_at_most(file, longest + 1)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except OSError as fault:
        raise error(f"{path} can't be read: {fault.strerror}.") from None
    if longer or len(text) > longest:
        raise error(f"{path} is longer than {longest} bytes.")
    return text


def long_line(file: BinaryIO, longest: int) -> int | None:
    """Which line of the file, from 1, is the first with this many bytes or more; None: none is. A part is read at a time."""
    number, length = 1, 0
    while part := file.read(_PART):
        end = part.find(b"\n")
        if length + (len(part) if end < 0 else end) >= longest:
            return number
        number += part.count(b"\n")
        length = length + len(part) if end < 0 else len(part) - part.rfind(b"\n") - 1
    return None


def read_at_most(file: BinaryIO, length: int) -> bytes:
    """The file's bytes, these many at most; asked for is what the file has, and not what it might have."""
    parts: list[bytes] = []
    expected = os.fstat(file.fileno()).st_size
    while length > 0 and (part := file.read(min(length, expected or _PART))):
        parts.append(part)
        length, expected = length - len(part), _PART
    return b"".join(parts)  # of one part no copy is made


def open_regular(path: Path, *, links: bool = False) -> BinaryIO | None:
    """A file to be read, which somebody else may have put there; None if it isn't a regular one.

    OSError for a link, unless they are followed.
    """
    file = os.open(path, READ) if links else open_file(path, READ)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return os.fdopen(file, "rb")
    os.close(file)
    return None


def write_file(path: Path, data: bytes, mode: int = 0o644, how: int = CREATE) -> None:
    """Write a file whole or not at all, a new one unless `how` says otherwise; OSError if it can't be done."""
    if how != OVERWRITE or path.is_symlink() or (path.exists() and not path.is_file()):
        _write(path, data, mode, how)  # nothing takes the place of a pipe; a link is refused
        return
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    _write(new, data, mode, CREATE)
    new.replace(path)


def _write(path: Path, data: bytes, mode: int, how: int) -> None:
    file = open_file(path, how, mode)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
    except OSError:
        if how == CREATE:  # what was there before, a device or a pipe, stays there
            path.unlink(missing_ok=True)
        raise


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


def lock(file: int) -> None:
    """Hold a file that is appended to until it is closed, or the process dies; OSError if another process does."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        os.lseek(file, _LOCKED_AT, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_OTHERWISE = "somebody else has shortened it, or written into it"


class FileChanged(OSError):
    """The file that grows is not alone any more."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EIO, why)


class GrowingFile:
    """A file that grows by whole lines: one `write` a line, and what a failed one left is cut off."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file
        self._length = 0
        """Bytes of the whole lines."""
        self._torn = False
        """Whether more may lie behind them, which couldn't be cut off."""

    def write(self, line: bytes) -> None:
        """Append one line, whole or not at all; OSError if it can't be done. Survives the process, not the machine."""
        end = self._appended(line)
        self._length += len(line)
        if end != self._length:
            raise FileChanged(_OTHERWISE)

    def reserve(self, length: int) -> None:
        """OSError unless so many bytes could be appended now; none of them stays."""
        self._appended(b" " * length)  # without an end of line: whatever ends the lab now, a reader cuts it
        self._torn = True
        self._mend()

    def _appended(self, data: bytes) -> int:
        """Where the file ends once the data was appended behind its whole lines."""
        self._mend()
        try:
            written = os.write(self._file, data)
            while written != len(data):  # a full disk takes part of a line before it refuses the rest
                written += os.write(self._file, data[written:])
            return os.lseek(self._file, 0, os.SEEK_CUR)
        except OSError:
            self._torn = True
            with suppress(OSError):  # else before anything else is written
                self._mend()
            raise

    def _mend(self) -> None:
        if self._torn:
            os.ftruncate(self._file, self._length)
            self._torn = False

    def check(self) -> None:
        """FileChanged if it is no longer what was written: somebody else has removed, replaced or shortened it."""
        self._mend()
        ours = os.fstat(self._file)
        try:
            there = self.path.lstat()
        except FileNotFoundError:
            raise FileChanged("somebody has removed it") from None
        if not os.path.samestat(ours, there):
            raise FileChanged("another file lies in its place")
        if ours.st_size != self._length:
            raise FileChanged(_OTHERWISE)

    def close(self) -> None:
        """Let the file go; a second time does nothing."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)
