"""Whether files can be written somewhere, without writing any."""

import os
from pathlib import Path


def can_write(folder: Path) -> bool:
    """Whether a file can be made in the folder, or the folder in the nearest one that there is."""
    there = next((each for each in (folder.absolute(), *folder.absolute().parents) if each.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)
