"""A journal on disk: one process at a time, appended to, never shortened but by a torn tail."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from lab.core.errors import HostError, UsageError
from lab.files.opening import flags

_OPEN = flags("RDWR", "CREAT", "APPEND", "CLOEXEC", "NOFOLLOW", "NONBLOCK", "BINARY")
"""Without NONBLOCK a named pipe would be waited for."""
_PART = 1 << 24


class JournalFile:
    """The file, held by this process alone. It holds tokens as they are, so nobody else may read it: mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._length = 0
        try:
            self._file = os.open(path, _OPEN, 0o600)
        except OSError as fault:
            if fault.errno == errno.ELOOP:
                raise UsageError(f"{path} is a link, and no journal is written through one.") from None
            if isinstance(fault, FileNotFoundError | IsADirectoryError | PermissionError):
                raise UsageError(f"{path} can't be opened: {fault.strerror}.") from None
            raise HostError(f"{path} can't be opened: {fault.strerror}.") from None
        try:
            self._claim()
        except BaseException:
            self.close()
            raise

    def _claim(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise UsageError(f"{self.path} is no regular file.")
        try:
            _lock(self._file)
        except OSError:
            raise HostError(
                f"{self.path} is in use by another lab.", hint="End that one first, or name another file."
            ) from None
        if os.name == "posix":
            os.fchmod(self._file, 0o600)

    def read(self) -> bytes:
        """All of it."""
        os.lseek(self._file, 0, os.SEEK_SET)
        parts = [*iter(lambda: os.read(self._file, _PART), b"")]
        self._length = sum(map(len, parts))
        return b"".join(parts)

    def cut(self, length: int) -> None:
        """Keep these many bytes; OSError if it can't be done."""
        os.ftruncate(self._file, length)
        self._length = length

    def append(self, line: bytes) -> None:
        """Write one line, whole or not at all; OSError if it can't be done. Survives the process, not the machine."""
        try:
            written = os.write(self._file, line)
            while written != len(line):  # a full disk takes part of a line before it refuses the rest
                written += os.write(self._file, line[written:])
        except OSError:
            with suppress(OSError):  # a reader cuts what is left of it
                self.cut(self._length)
            raise
        self._length += len(line)

    def close(self) -> None:
        """Let the file go; a second time does nothing."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)


def _lock(file: int) -> None:
    """Hold the file until it is closed, or the process dies; OSError if another process does."""
    if os.name == "posix":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
