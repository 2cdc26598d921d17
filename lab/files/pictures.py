"""Pictures of the screen: into the first folder that takes them, under the first free number."""

import os
from collections.abc import Sequence
from pathlib import Path

from lab.core.errors import HostError
from lab.files.opening import CREATE

MOST = 999
"""Pictures in one folder."""


def write_picture(svg: str, folders: Sequence[Path]) -> Path:
    """Where it lies now; HostError says why not, of the last folder."""
    why = "there is no folder for it"
    for folder in folders:
        try:
            return _written(svg.encode("utf-8", "replace"), folder)
        except OSError as fault:
            why = f"{folder} can't be written: {fault.strerror or fault}"
    raise HostError(f"The picture isn't saved: {why}.", hint="Start the lab in a folder that can be written.")


def _written(data: bytes, folder: Path) -> Path:
    for number in range(1, MOST + 1):
        path = folder / f"invoke-async-lab-{number}.svg"
        try:
            file = os.open(path, CREATE, 0o644)
        except FileExistsError:
            continue
        try:
            with open(file, "wb") as opened:
                opened.write(data)
        except OSError:
            # half a picture shows nothing
            path.unlink(missing_ok=True)
            raise
        return path
    raise OSError(f"it has {MOST} pictures already")
