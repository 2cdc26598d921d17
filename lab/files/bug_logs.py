"""Logs of the lab's own bugs: in the user's folder for logs, else in the one for temporary files."""

import os
from pathlib import Path
from tempfile import gettempdir, mkstemp


def write_bug_log(name: str, text: str) -> Path | None:
    """Write a new log that only the user reads, for its words may be a client's; where it lies, None if nowhere."""
    from platformdirs import user_log_path  # only a bug needs it

    for folder in (user_log_path("invoke-async-lab"), Path(gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file, path = mkstemp(".log", f"{name}-", folder)
            with os.fdopen(file, "wb") as opened:
                opened.write(text.encode("utf-8", "backslashreplace"))
        except OSError:
            continue
        return Path(path)
    return None
