"""Whether a store that answers refuses what is written, as one does that is full: since when, and whether it is over.

A store at its limit takes one commit and refuses the next. So it counts as over only where something was written, and
nothing was refused for a while before: who is told of each change is told of few.
"""

from collections.abc import Callable

from lab.clocks import real_millis
from lab.core.clock import Millis

SETTLED: Millis = 2_000
"""For so long, in real milliseconds, nothing may have been refused before it is over."""


class RefusedWrites:
    """What one process knows of it."""

    def __init__(self) -> None:
        self.why: str | None = None
        """What the store says; None: it takes what is written."""
        self.on_begin: Callable[[str], None] | None = None
        self.on_end: Callable[[str], None] | None = None
        """Both are called with the store's words."""
        self._last: Millis = 0

    @property
    def due(self) -> bool:
        """Whether it is to be tried if the store takes something again."""
        return self.why is not None and real_millis() - self._last >= SETTLED

    def refuse(self, why: str) -> None:
        """The store refused something."""
        self._last = real_millis()
        if self.why is None:
            self.why = why
            if self.on_begin is not None:
                self.on_begin(why)

    def take(self) -> None:
        """The store took something."""
        if self.due and (why := self.why) is not None:
            self.why = None
            if self.on_end is not None:
                self.on_end(why)
