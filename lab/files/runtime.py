"""What belongs to a lab that is running, in the user's run-time folder: nobody else may read or replace it there.

The folder is `$XDG_RUNTIME_DIR/invoke-async-lab`, else one of the user's own beside temporary files, mode 0700. The
control plane's token lies in it under the plane's address (limits.md §6, row 2), so that `lab watch` finds it.
"""

import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from lab.files.opening import OVERWRITE, TooLong, read_regular, write_file

_FOLDER_NAME = "invoke-async-lab"
_LONGEST = 4_096


def publish_token(control_url: str, token: str, *, runtime: str | None = None) -> Path | None:
    """Keep the token of a control plane for the user's own programs, 0600; None where that can't be done safely.

    `runtime` is the folder that the system gives the user (`Settings.runtime`).
    """
    return publish(_name_of(control_url), f"{token}\n".encode(), runtime=runtime)


def withdraw_token(control_url: str, *, runtime: str | None = None) -> None:
    """Forget the token of a control plane that stopped."""
    withdraw(_name_of(control_url), runtime=runtime)


def token_for(control_url: str, *, runtime: str | None = None) -> str | None:
    """The token of the control plane at this address, if a lab of the same user published one."""
    folder = _folder(runtime)
    try:
        text = (read_regular(folder / _name_of(control_url), _LONGEST) or b"").strip() if _own(folder) else b""
    except (OSError, TooLong):
        return None
    return text.decode() if text and text.isascii() else None


def publish(name: str, data: bytes, *, runtime: str | None = None, mode: int = 0o600) -> Path | None:
    """Put a file into the run-time folder, whole or not at all; None if the folder isn't the user's alone."""
    folder = _folder(runtime)
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if not _own(folder):
            return None
        path = folder / name
        if path.is_symlink():
            path.unlink()
        write_file(path, data, mode, OVERWRITE)
    except OSError:
        return None
    return path


def withdraw(name: str, *, runtime: str | None = None) -> None:
    """Remove a file from the run-time folder, if it is there."""
    folder = _folder(runtime)
    if _own(folder):
        with suppress(OSError):
            (folder / name).unlink()


def _name_of(control_url: str) -> str:
    """A file's name for an origin; every spelling of 127.0.0.1 is one address."""
    try:
        parts = urlsplit(control_url if "//" in control_url else f"//{control_url}")
        host, port = (parts.hostname or "").lower(), parts.port or 80
    except ValueError:
        host, port = "", 0
    host = "127.0.0.1" if host in ("localhost", "::1") else host
    return f"control-{re.sub('[^a-z0-9.-]', '_', host)}-{port}.token"


def _folder(runtime: str | None) -> Path:
    if runtime is not None and Path(runtime).is_dir():
        return Path(runtime) / _FOLDER_NAME
    # on Windows temporary files are each user's own
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    return Path(tempfile.gettempdir()) / f"{_FOLDER_NAME}{user}"


def _own(folder: Path) -> bool:
    """Whether it is a folder of this user's that nobody else may enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    private = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
    return stat.S_ISDIR(found.st_mode) and private


def processes_with(mark: str) -> list[int]:
    """Those of this user whose environment was begun with `mark`, as `NAME=VALUE`; none where the system doesn't tell."""
    wanted, found = mark.encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:  # it has ended, or is somebody else's
            continue
        if wanted in environment.split(b"\0"):
            found.append(int(folder.name))
    return found
