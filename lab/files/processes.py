"""Processes that carry a mark in their environment, whatever became of their parents and their groups."""

from pathlib import Path

_PROCESSES = Path("/proc")


def processes_with(mark: str) -> list[int]:
    """Those of this user whose environment was begun with `mark`, as `NAME=VALUE`; none where the system doesn't tell."""
    wanted, found = mark.encode(), []
    for folder in _PROCESSES.glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:  # it has ended, or is somebody else's
            continue
        if wanted in environment.split(b"\0"):
            found.append(int(folder.name))
    return found
