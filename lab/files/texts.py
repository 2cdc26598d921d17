"""Texts written to a folder: drills, and the files that they name."""

import os
from collections.abc import Mapping
from pathlib import Path

from lab.core.errors import HostError, UsageError
from lab.files.opening import CREATE, OVERWRITE


def write_texts(folder: str, texts: Mapping[str, str], *, force: bool) -> None:
    """Write each text under its name; an existing file is kept, and refused, unless `force`."""
    root = Path(folder)
    there = [name for name in texts if (root / name).exists()]
    if there and not force:
        raise UsageError(f"{root / there[0]} exists.", hint="Name another folder, or overwrite with --force.")
    try:
        for name, text in texts.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, OVERWRITE if force else CREATE, 0o644)
            with open(file, "wb") as opened:
                opened.write(text.encode())
    except OSError as fault:
        raise HostError(f"{root} can't be written: {fault.strerror or fault}.", hint="Name another folder.") from None
