"""A journal on disk: one process at a time, appended to, never shortened but by a torn tail."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from lab.core.errors import HostError, UsageError
from lab.files.opening import GrowingFile, flags, lock, make_private, open_file

_OPEN = flags("RDWR", "CREAT", "APPEND", "CLOEXEC", "NONBLOCK", "BINARY")
"""Without NONBLOCK a named pipe would be waited for."""
_PART = 1 << 24


class JournalFile(GrowingFile):
    """The file, held by this process alone. It holds tokens as they are, so nobody else may read it: mode 0600."""

    def __init__(self, path: Path) -> None:
        try:
            super().__init__(path, open_file(path, _OPEN, 0o600))
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
            lock(self._file)
        except OSError:
            raise HostError(
                f"{self.path} is in use by another lab.", hint="End that one first, or name another file."
            ) from None
        make_private(self._file)

    def read(self) -> bytes:
        """All of it."""
        os.lseek(self._file, 0, os.SEEK_SET)
        parts = [*iter(lambda: os.read(self._file, _PART), b"")]
        self._length = sum(map(len, parts))
        return b"".join(parts)

    def remove(self) -> None:
        """Let nothing lie at its path, if it lies there still; what is open stays."""
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._file), self.path.lstat()):
                self.path.unlink()

    def cut(self, length: int) -> None:
        """Keep these many bytes."""
        try:
            os.ftruncate(self._file, length)
        except OSError as fault:
            raise HostError(f"{self.path} can't be cut: {fault.strerror}.") from None
        self._length = length
