"""How a call reaches the ledger: at once where one process has it, else in a batch that a store must take."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from msgspec import Struct

from lab.clocks import AnyClock, ManualClock, ScaledClock
from lab.core.clock import Millis
from lab.core.journal.fact import ClockAdvanced, ClockScaled, Fact

if TYPE_CHECKING:
    from lab.mock.fact_file import FactFile
    from lab.server.shared.exchanges import LabRelay

CallResult = TypeVar("CallResult")


class LedgerCounts(Struct):
    """What came of the store's answers to one process, for onlookers."""

    commits: int = 0
    """Batches of calls whose facts the store took."""
    conflicts: int = 0
    """Batches that were run again, because another process had committed before."""
    errors: int = 0
    """Times that the store couldn't be asked, or didn't answer."""


class LedgerCalls:
    """What runs calls on one service. StoreLost (503) where the ledger is shared, and can't be reached."""

    shared: ClassVar[bool] = False
    """Whether other processes serve this lab too."""
    counts: LedgerCounts | None = None
    """What came of it so far at this process, if the ledger is shared and this isn't a tenant's part of it."""
    set_back: Millis | None = None
    """When it was last noticed that the store has lost what it had acknowledged; None: it has lost nothing."""
    relay: "LabRelay | None" = None
    """What tells of the exchanges of the others, if there are any."""

    @property
    def trouble(self) -> str | None:
        """Why calls are refused, all or those that write: a store is gone, or takes nothing; None: none are."""
        raise NotImplementedError

    async def start(self) -> None:
        """Take calls from now on."""

    async def run(self, call: Callable[[Millis], CallResult]) -> CallResult:
        """Call it at the instant of now; what it gives."""
        raise NotImplementedError

    async def fresh(self) -> None:
        """Return once all that any process had committed before is here."""

    async def look(self) -> None:
        """The same, and the exchanges of all processes are there to be looked at."""

    async def advance(self, clock: ManualClock, target: Callable[[Millis], Millis]) -> None:
        """Advance the lab's clock from where it stands to what `target` makes of that; UsageError if it lies in the past.

        Whoever else moves the clock does so before or after. What `target` raises is raised, and the clock stands.
        """
        raise NotImplementedError

    async def scale(self, clock: ScaledClock, factor: str) -> None:
        """Let the lab's clock run at another pace; UsageError if that is none."""
        raise NotImplementedError


class LocalCalls(LedgerCalls):
    """Calls on a ledger that this process has to itself."""

    def __init__(
        self, clock: AnyClock, note: Callable[[Fact], None], files: "Callable[[], Iterable[FactFile]]"
    ) -> None:
        """`note` tells all that live by the clock what became of it; `files` are where these keep what they accept."""
        self._clock = clock
        self._note = note
        self._files = files
        self._advancing = asyncio.Lock()

    @property
    def trouble(self) -> str | None:
        """Why a journal takes nothing, if there is one."""
        return next((each.trouble for each in self._files() if each.trouble), None)

    async def run(self, call: Callable[[Millis], CallResult]) -> CallResult:
        """Call it now."""
        return call(self._clock.now())

    async def advance(self, clock: ManualClock, target: Callable[[Millis], Millis]) -> None:
        """Stop at every due timer on the way."""
        async with self._advancing:
            self._reserve()
            origin = clock.now()
            await clock.advance_to(target(origin))
            self._note(ClockAdvanced(at=clock.now(), by="control", origin=origin))

    async def scale(self, clock: ScaledClock, factor: str) -> None:
        """From now on."""
        self._reserve()
        clock.scale(factor)
        self._note(ClockScaled(at=clock.now(), by="control", factor=factor))

    def _reserve(self) -> None:
        for each in self._files():
            each.reserve()


def tell_bug(bug: Exception) -> None:
    """Tell of a bug that nobody who called is answered with: by the exception handler of the loop."""
    context = {"message": "A bug of the lab beside its calls.", "exception": bug}
    asyncio.get_running_loop().call_exception_handler(context)
