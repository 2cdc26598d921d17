"""The signals that end a command, and what they mean wherever it is at that moment (commands.md §5).

The first one asks: what is open is closed, and a tape gets its footer. A second one gives that a moment, a third none.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer, current_thread, main_thread
from types import FrameType

INTERRUPTED = 130
"""The exit code of a command that was stopped before its work was done."""
MOMENT = 1.0
"""Real seconds that closing may take once a second signal has come."""


def ending_signals() -> dict[signal.Signals, str]:
    """Those that end a command, by the reason that a recording's footer gives. A terminal that is gone sends SIGHUP."""
    reasons = {"SIGINT": "sigint", "SIGTERM": "sigterm", "SIGHUP": "sigterm"}
    return {getattr(signal, name): reason for name, reason in reasons.items() if hasattr(signal, name)}


class Interrupted(BaseException):
    """A signal ended the command; `reason` is sigint or sigterm, as a recording's footer has it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def interrupt(reason: str) -> None:
    """Raise Interrupted, so that whatever is open is closed on the way out."""
    raise Interrupted(reason)


def block_ctrl_c() -> None:
    """Let no SIGINT through until the process ends, whatever handlers asyncio and Textual set and take away meanwhile.

    To be called before there are other threads: each inherits it from the one that starts it.
    """
    if hasattr(signal, "pthread_sigmask"):  # Windows has none
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _nothing() -> None:
    """What a second signal shortens where nothing can be shortened."""


@contextmanager
def ending(first: Callable[[str], None] = interrupt, again: Callable[[], None] = _nothing) -> Iterator[None]:
    """While it lasts, the first signal calls `first` with its reason, in the main thread, between any two of its steps.

    A second one calls `again`, and ends the process a moment later whatever it is doing; a third one does so at once.
    """
    if current_thread() is not main_thread():  # only the main thread may set what a signal does
        yield
        return
    count, reasons = 0, ending_signals()
    last = Timer(MOMENT, lambda: os._exit(INTERRUPTED))
    last.daemon = True

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count == 1:
            first(reasons[signal.Signals(number)])
        elif count == 2:
            last.start()
            again()
        else:
            os._exit(INTERRUPTED)

    # nohup has SIGHUP ignored, and means it
    numbers = [each for each in reasons if each.name != "SIGHUP" or signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, handle) for each in numbers}
    try:
        yield
    finally:
        for each, old in before.items():
            signal.signal(each, old)
        last.cancel()
