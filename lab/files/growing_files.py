"""Files that grow by whole lines: a recording that is being written, and the journal of what a lab has accepted."""

import errno
import os
import stat
from contextlib import ExitStack, closing, suppress
from itertools import count
from pathlib import Path

from lab.core.errors import HostError, UsageError
from lab.files.opening import APPEND, flags, make_private, open_file, sync_folder

_AGAIN = flags("WRONLY", "APPEND", "CLOEXEC", "NONBLOCK", "BINARY")
_JOURNAL = flags("RDWR", "CREAT", "APPEND", "CLOEXEC", "NONBLOCK", "BINARY")
"""Without NONBLOCK a named pipe would be waited for."""
_LOCKED_AT = 2**31 - 2
"""Where a byte is locked that nobody reads: on Windows what is locked can't be read."""


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


class TapeFile(GrowingFile):
    """A recording being written: created, never overwritten. `write` and `sync` raise OSError."""

    def __init__(self, path: Path, *, force: bool = False) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if force:
                _set_aside(path)
            super().__init__(path, _new(path))
            sync_folder(path.parent)
        except OSError as fault:
            if isinstance(fault, FileExistsError) and fault.filename == str(path):
                hint = "Choose another name, or --force to set it aside."
                raise UsageError(f"{path} exists already.", hint=hint) from None
            raise HostError(f"{path} can't be created: {fault.strerror}.") from None

    def sync(self) -> None:
        """Return once the machine may die without losing a line."""
        getattr(os, "fdatasync", os.fsync)(self._file)


def replace_recording(path: Path, data: bytes, *, aside: bool = True) -> None:
    """Put another recording in its place, once that is on disk whole; else HostError, and it stays.

    The old one is set `aside` under another name, or given up.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with closing(TapeFile(new)) as file:
            file.write(data)
            file.sync()
        if aside:
            _set_aside(path)
        new.replace(path)
        sync_folder(path.parent)
    except OSError as fault:
        raise HostError(f"{path} can't be replaced: {fault.strerror or fault}.", hint="It is left as it was.") from None
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _new(path: Path) -> int:
    """A new file, or one that is empty because the lab that made it was killed; it is held against a third. OSError."""
    try:
        file = open_file(path, APPEND, 0o600)
    except FileExistsError:
        left = _left_empty(path)
        if left is None:
            raise
        return left
    with suppress(OSError):  # some file systems have no locks
        lock(file)
    return file


def _left_empty(path: Path) -> int | None:
    """The empty file that nobody writes; None if it is anything else."""
    try:
        file = open_file(path, _AGAIN)
    except OSError:
        return None
    try:
        found = os.fstat(file)
        lock(file)
        if stat.S_ISREG(found.st_mode) and not os.fstat(file).st_size:
            make_private(file)
            return file
    except OSError:
        pass
    os.close(file)
    return None


def _set_aside(path: Path) -> None:
    """Rename an existing recording to the first free `NAME.old`, `NAME.old-2`, …"""
    if path.exists():
        names = (f"{path.name}.old{'' if number == 1 else f'-{number}'}" for number in count(1))
        path.rename(next(aside for name in names if not (aside := path.with_name(name)).exists()))


class JournalFile(GrowingFile):
    """The file, held by this process alone. It holds tokens as they are, so nobody else may read it: mode 0600."""

    def __init__(self, path: Path) -> None:
        try:
            super().__init__(path, open_file(path, _JOURNAL, 0o600))
        except OSError as fault:
            if fault.errno == errno.ELOOP:
                raise UsageError(f"{path} is a link, and no journal is written through one.") from None
            if isinstance(fault, FileNotFoundError | IsADirectoryError | PermissionError):
                raise UsageError(f"{path} can't be opened: {fault.strerror}.") from None
            raise HostError(f"{path} can't be opened: {fault.strerror}.") from None
        with ExitStack() as claim:
            claim.callback(self.close)
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise UsageError(f"{path} is no regular file.")
            try:
                lock(self._file)
            except OSError:
                hint = "End that one first, or name another file."
                raise HostError(f"{path} is in use by another lab.", hint=hint) from None
            make_private(self._file)
            claim.pop_all()

    def read(self) -> bytes:
        """All of it."""
        with os.fdopen(self._file, "rb", closefd=False) as file:
            file.seek(0)
            text = file.read()
        self._length = len(text)
        return text

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
