"""Virtual time: the client lives by the lab's clock, which jumps to whatever is due next (lab/docs/testing.md §3.1)."""

from __future__ import annotations

import copyreg
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from .virtual_clock import ClockDriver, VirtualClock, VirtualTimeRefused
from .virtual_dates import virtual_dates
from .virtual_names import Replacements
from .virtual_refusals import check_surroundings, refuse_the_rest
from .virtual_waits import replace_waits, virtual_sleep

if TYPE_CHECKING:
    from types import TracebackType

_running: list[VirtualTime] = []


class VirtualTime:
    """For one process, from `start` to `stop`."""

    def __init__(self, control_url: str, token: str) -> None:
        self._lab = (control_url, token)
        self._replacements = Replacements()
        self._dates: list[type] = []

    def start(self) -> None:
        """Let all that waits and tells the time go by the lab's clock; VirtualTimeRefused says why it can't."""
        if _running:
            raise VirtualTimeRefused("There is one virtual time in a process, and it has begun already.")
        check_surroundings()
        driver = ClockDriver(*self._lab)
        try:
            self.clock = VirtualClock(driver)
        except BaseException:
            driver.close()
            raise
        _running.append(self)
        self._replace()

    def _replace(self) -> None:
        clock, replacements = self.clock, self._replacements
        replacements.name(time.sleep, virtual_sleep(clock, time.sleep))
        for name in ("time", "time_ns", "monotonic", "monotonic_ns"):
            replacements.name(getattr(time, name), getattr(clock, name))
        functions: tuple[Callable[..., Any], ...] = (time.gmtime, time.localtime, time.ctime)
        for function in functions:
            replacements.name(function, _of_present(function, 0, clock.time))
        localtime = time.localtime
        replacements.name(time.asctime, _of_present(time.asctime, 0, lambda: localtime(clock.time())))
        replacements.name(time.strftime, _of_present(time.strftime, 1, lambda: localtime(clock.time())))
        for real, stand_in in virtual_dates(clock.time):
            replacements.name(real, stand_in)
            # pickle looks for a class where its name says, and finds the stand-in there
            copyreg.pickle(real, partial(_reduced, stand_in))
            self._dates.append(real)
        refuse_the_rest(clock, replacements)
        replace_waits(clock, replacements)
        replacements.apply()

    def stop(self) -> None:
        """Let time be real again."""
        self._replacements.undo()
        for real in self._dates:
            copyreg.dispatch_table.pop(real, None)
        self.clock.close()
        _running.remove(self)

    def refresh(self) -> None:
        """Somebody else may have moved the lab's clock."""
        self.clock.refresh()

    def __enter__(self) -> VirtualTime:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        refused = self.clock.refused
        if refused is not None and error is not refused:
            raise refused


def _of_present(original: Callable[..., Any], place: int, present: Callable[[], object]) -> Callable[..., Any]:
    """A function whose argument of that place is the present, if it isn't given."""

    @wraps(original)
    def function(*given: Any) -> Any:
        return original(*given) if given[place:] not in ((), (None,)) else original(*given[:place], present())

    return function


def _reduced(stand_in: type, value: object) -> tuple[Any, ...]:
    """What pickle keeps of a date."""
    return stand_in, value.__reduce_ex__(4)[1]
