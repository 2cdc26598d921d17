"""What a recording must hold across its lines: exchanges numbered without a gap, and one reply for each (recordings.md §3).

A reply that is missing would otherwise be one that nobody compares.
"""

from collections import Counter

from lab.recording.format.facts import FACTS
from lab.recording.format.lines import End, Entry, Line, Req, Res


class Exchanges:
    """Follows a recording line by line."""

    def __init__(self) -> None:
        self.by_shell: set[int] = set()
        """The exchanges that were answered without asking the mock."""
        self.unknown: Counter[str] = Counter()
        """Facts of types that this lab doesn't know."""
        self._last = 0
        self._open: dict[int, Req] = {}

    def complaint(self, line: Line) -> str | None:
        """What is wrong with a line where it stands, or None."""
        if isinstance(line, Req):
            return self._request(line)
        if isinstance(line, Res):
            return self._reply(line)
        if isinstance(line, Entry) and line.type not in FACTS:
            self.unknown[line.type] += 1
        return None

    def _request(self, line: Req) -> str | None:
        if self._last and line.x != self._last + 1:
            return f"x is {line.x}, expected {self._last + 1}: an exchange is missing or moved"
        if line.x < 1:
            return f"x is {line.x}: exchanges count from 1"
        self._last = line.x
        self._open[line.x] = line
        return None

    def _reply(self, line: Res) -> str | None:
        if self._open.pop(line.x, None) is None:
            return f"the exchange {line.x} has a reply already, or no request"
        if line.by is not None:
            self.by_shell.add(line.x)
        return None

    def unanswered(self, end: End) -> tuple[int, str] | None:
        """Where in a closed recording a reply is missing, and that it is; None if there is one wherever there must be.

        A lab that was killed had to leave out those that were under way, and what was cut never reached the mock.
        """
        if end.reason == "repaired":
            return None
        missing = (line for line in self._open.values() if line.cut is None and line.listener is None)
        return next(((line.n, f"the exchange {line.x} has no reply") for line in missing), None)
