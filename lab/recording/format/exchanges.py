"""What a recording must hold across its lines: exchanges numbered without a gap, and one reply for each (recordings.md §3).

A reply that is missing would otherwise be one that nobody compares.
"""

from collections import Counter
from typing import assert_never

from msgspec import Struct

from lab.core.clock import Millis
from lab.recording.format.facts import FACTS, class_of
from lab.recording.format.lines import End, Entry, Line, Other, Req, Res


class _Open(Struct):
    """An exchange whose reply hasn't come."""

    n: int
    """The line of its request."""
    c: int
    cut: bool
    """Whether the request didn't come whole: the mock was never asked."""
    for_mock: bool
    facts: bool = False


class Exchanges:
    """Follows a recording line by line."""

    def __init__(self) -> None:
        self.by_shell: set[int] = set()
        """The exchanges that were answered without asking the mock."""
        self.unknown: Counter[str] = Counter()
        """Facts of types that this lab doesn't know."""
        self._last = 0
        self._open: dict[int, _Open] = {}
        self._busy: dict[int, int] = {}
        """The exchange under way on each connection."""
        self._passed: tuple[int, str] | None = None
        """The first request whose connection asked for more before its reply, and what is wrong with that."""
        self._ending = False
        """Whether replies are cut because the lab ends."""
        self._cause: Millis | None = None
        """The instant of the last line that looks at a job: a request, or an input fact from elsewhere."""
        self._due: tuple[int, Millis] | None = None
        """Of a derived fact that no such line came before: where it stands, and its instant."""

    def complaint(self, line: Line) -> str | None:
        """What is wrong with a line where it stands, or None."""
        match line:
            case Req():
                return self._late() or self._request(line)
            case Res():
                return self._reply(line)
            case Entry():
                return self._fact(line)
            case Other():
                return None
            case _:
                assert_never(line)

    def _late(self) -> str | None:
        return (
            "a reply before it was cut as the lab ended: nothing is asked or decided after that"
            if self._ending
            else None
        )

    def _caused(self, t: Millis) -> str | None:
        due, self._due, self._cause = self._due, None, t
        return (
            None if due is None or due[1] == t else f"nothing looked at a job at {due[1]}, as line {due[0] + 1} has it"
        )

    def _request(self, line: Req) -> str | None:
        if self._last and line.x != self._last + 1:
            return f"x is {line.x}, expected {self._last + 1}: an exchange is missing or moved"
        if line.x < 1:
            return f"x is {line.x}: exchanges count from 1"
        if self._passed is None and (busy := self._busy.get(line.c)):
            what = f"the exchange {busy} has no reply before its connection asks for more in line {line.n + 1}"
            self._passed = self._open[busy].n, what
        self._last = line.x
        exchange = _Open(line.n, line.c, line.cut is not None, line.cut is None and line.listener is None)
        self._open[line.x] = exchange
        if exchange.for_mock:
            self._busy[line.c] = line.x
        return self._caused(line.t)

    def _reply(self, line: Res) -> str | None:
        exchange = self._open.pop(line.x, None)
        if exchange is None:
            return f"the exchange {line.x} has a reply already, or no request"
        self._busy.pop(exchange.c, None)
        self._ending = self._ending or line.cut == "shutdown"
        if line.by is not None and (line.status < 400 or exchange.facts):
            return f"the exchange {line.x} can't have been answered by the {line.by}"
        if line.by is not None:
            self.by_shell.add(line.x)
        if exchange.cut and line.by is None:
            return f"nobody but the shell can have answered the exchange {line.x}, which was cut"
        return None

    def _fact(self, line: Entry) -> str | None:
        kind = FACTS.get(line.type)
        if kind is None:
            self.unknown[line.type] += 1
        if kind is None or (kind.kind == "shell" and line.x is None):
            return None
        if line.x is None:
            return self._of_no_exchange(line)
        exchange = self._open.get(line.x)
        if exchange is None:
            return f"{line.type} stands outside of its exchange {line.x}"
        if kind.kind != "shell":
            if not exchange.for_mock:
                return f"{line.type} can't have come of the exchange {line.x}: the mock wasn't asked"
            exchange.facts = True
        return None

    def _of_no_exchange(self, line: Entry) -> str | None:
        if class_of(line) == "input":
            return self._late() or self._caused(line.t)
        # a decision looks at its job first, and what was due then stands before it
        if line.t != self._cause:
            if self._due is not None and self._due[1] != line.t:
                return self._caused(line.t)
            self._due = line.n, line.t
        return None

    def unanswered(self, end: End) -> tuple[int, str] | None:
        """Where in a closed recording a reply is missing, and that it is; None if there is one wherever there must be.

        A lab that was killed had to leave out those that were under way.
        """
        if self._due is not None and self._due[1] != end.t:
            return self._due[0], f"nothing looked at a job at {self._due[1]}"
        if self._passed is not None:
            return self._passed
        if end.reason == "repaired":
            return None
        missing = ((exchange.n, x) for x, exchange in self._open.items() if exchange.for_mock)
        return next(((n, f"the exchange {x} has no reply") for n, x in missing), None)
