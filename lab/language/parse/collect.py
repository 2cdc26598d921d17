"""Complaints as they come in, each with its place."""

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from lab.core.errors import Complaint
from lab.language.parse.text import one_line
from lab.language.parse.tree import Mark, Path, Tree

_OUTSIDE = re.compile(r"^[/~]|^[A-Za-z]:|\\|(?:^|/)\.\.(?:/|$)|\0")
"""Names that lead out of a folder on some system."""


def path_text(path: Sequence[str | int]) -> str:
    """A path as authors read it: `steps[2].takes`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


Reader: TypeAlias = Callable[[str], str]
"""Gives the text of a file in the scenario's folder; BadFile says why there is none."""


class BadFile(Exception):
    """A file that an output names can't be used: what is wrong, and a hint."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class Collector:
    """The complaints about one document. Without a reader, files that outputs name are not looked at."""

    def __init__(self, tree: Tree, file: str, reader: Reader | None = None) -> None:
        self.file = file
        self._reader = reader
        self.places = tree.places
        self.complaints = list(tree.complaints)
        self._spoilt = tree.spoilt

    def add(self, path: Path, what: str, hint: str = "", *, at_key: bool = False, mark: Mark | None = None) -> None:
        """Complain about the value at `path` (or its key, or another place), unless it is spoilt already."""
        if any(path[:length] in self._spoilt for length in range(len(path) + 1)):
            return
        place = mark or (self.places.key(path) if at_key else self.places.value(path))
        head = path_text(path[:-1] if at_key else path)
        said = one_line(f"{head}: {what}" if head else what)
        self.complaints.append(Complaint(self.file, place.line, place.column, said, one_line(hint)))

    def named(self, path: Path, name: str) -> None:
        """Complain about a file that an output names, if it can't be used."""
        if _OUTSIDE.search(name):
            self.add(path, f"{name} is outside the scenario's folder", "name a file beside the scenario, or below it")
        elif self._reader is not None:
            try:
                self._reader(name)
            except BadFile as bad:
                self.add(path, str(bad), bad.hint)
