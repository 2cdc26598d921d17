"""Files that a scenario's outputs name: text, within the scenario's folder only (limits.md §4, row 90)."""

import errno
from pathlib import Path

from lab.files.opening import TooLong, read_regular
from lab.language.complaints import BadFile
from lab.program.steps import LARGEST_OUTPUT


class OutputFiles:
    """Reads the files that outputs name: regular ones within the scenario's folder; `found` keeps their texts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.found: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """The text of a file; BadFile if it is outside, no regular file, too large, or no UTF-8."""
        if name not in self.found:
            self.found[name] = self._text(name)
        return self.found[name]

    def _text(self, name: str) -> str:
        path = self._folder / name
        try:
            if not path.parent.resolve().is_relative_to(self._folder.resolve()):
                raise BadFile(f"{name} is outside the scenario's folder", "a link leads out of it")
            raw = read_regular(path, LARGEST_OUTPUT)
        except TooLong:
            raise BadFile(f"{name} is larger than {LARGEST_OUTPUT >> 20} MiB") from None
        except FileNotFoundError:
            raise BadFile(f"there is no file {name}", f"it is looked for in {self._folder}") from None
        except (OSError, ValueError) as fault:
            linked = getattr(fault, "errno", None) in (errno.ELOOP, errno.EMLINK)
            why = "is a link" if linked else f"can't be read: {getattr(fault, 'strerror', fault)}"
            raise BadFile(f"{name} {why}", "put the file itself there" if linked else "") from None
        if raw is None:
            raise BadFile(f"{name} is not a regular file")
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BadFile(f"{name} is not UTF-8", "save it as UTF-8") from None
