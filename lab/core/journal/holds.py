"""Shell facts of exchanges that a hand holds on their way: which is held where, and what became of it (control-plane.md §10)."""

from typing import ClassVar, Literal, TypeAlias

from lab.core.clock import Millis
from lab.core.journal.fact import Fact

HeldSide: TypeAlias = Literal["request", "reply"]
"""Before the mock reads a request, or before a reply leaves."""


class ExchangeHeld(Fact, frozen=True, kw_only=True):
    """An exchange is held: that of this line, or, of a request, the next one of its connection, numbered once it is read."""

    type: ClassVar[str] = "exchange.held"
    kind: ClassVar[str] = "shell"
    hold: int
    """The number of the hold, from 1."""
    c: int
    """Its connection, over which nothing else is under way."""
    breakpoint: str
    side: HeldSide
    route: str


class ExchangeReleased(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """It is held no longer.

    What was edited stands in the line of the request, or of the reply; a replay puts it back into what the mock says again.
    """

    type: ClassVar[str] = "exchange.released"
    kind: ClassVar[str] = "shell"
    hold: int
    c: int
    how: Literal["go", "time", "edit", "drop", "reset", "client_gone", "shutdown"]
    """As it was, by a hand or as its time was over; edited; its connection closed or reset; its client gave up; the lab ended."""
    edited: tuple[str, ...] = ()
    """Of status, headers and body those that a hand has written."""
    was: int | None = None
    """The status that would have left, if that was edited."""
    delay: Millis = 0
    """For how much longer it was withheld after that."""
