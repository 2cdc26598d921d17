"""Complaints as they come in, each with its place."""

from collections.abc import Sequence

from lab.core.errors import Complaint
from lab.core.parse.text import one_line
from lab.core.parse.tree import Mark, Path, Tree


def path_text(path: Sequence[str | int]) -> str:
    """A path as authors read it: `steps[2].takes`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


class Collector:
    """The complaints about one document."""

    def __init__(self, tree: Tree, file: str) -> None:
        self.file = file
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
