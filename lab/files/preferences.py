"""The file in which the screen keeps what a person prefers: `screen.yaml` in the user's configuration folder."""

from pathlib import Path

from lab.core.errors import UsageError
from lab.files.opening import OVERWRITE, read_bounded, write_file, writing

_LONGEST = 64 * 1024


class PreferencesFile:
    """The file, whether it is there or not."""

    def __init__(self, folder: str | None = None) -> None:
        """`folder`: the one that the environment names in the place of the user's own."""
        from platformdirs import user_config_path  # lines need none

        self.path = (Path(folder) if folder else user_config_path("invoke-async-lab")) / "screen.yaml"

    def read(self) -> bytes | None:
        """What it says; None if there is none, UsageError if it can't be read."""
        if not self.path.exists() and not self.path.is_symlink():
            return None
        return read_bounded(self.path, _LONGEST, UsageError)

    def write(self, text: str) -> None:
        """Put this in its place, for the user alone; where a link leads to it there. HostError if it can't be written."""
        path = self.path.resolve()
        with writing(self.path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_file(path, text.encode(), 0o600, OVERWRITE)
