"""The signals that end a command, and what they mean wherever it is at that moment (commands.md §5).

The first one asks: what is open is closed, and a tape gets its footer. A second one gives that a moment, a third none.

It asks by an exception, which may strike where exceptions are discarded: in a weak reference's callback, in a destructor,
in a comparison that C makes. Then nobody has heard of it. So it is raised again and again until it is on its way, or the
command is over: whether it is, the exception says that is being handled wherever the next one would strike.
"""

import os
import signal
import sys
from _thread import allocate_lock, interrupt_main, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Timer, current_thread, main_thread
from types import FrameType

INTERRUPTED = 130
"""The exit code of a command that was stopped before its work was done."""
MOMENT = 1.0
"""Real seconds that closing may take once a second signal has come."""
AGAIN = 0.05
"""Real seconds after which one that may have been discarded is raised again."""


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


def on_its_way() -> bool:
    """Whether Interrupted is being handled here, or what came of it: what is open is being closed."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error is not None


def block_ctrl_c() -> None:
    """Let no SIGINT through until the process ends, whatever handlers asyncio and Textual set and take away meanwhile.

    To be called before there are other threads: each inherits it from the one that starts it.
    """
    if hasattr(signal, "pthread_sigmask"):  # Windows has none
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _nothing() -> None:
    """What a second signal shortens where nothing can be shortened."""


class _Reminder:
    """Has a signal's handler called once more, a little later. A handler may strike anywhere, so it starts no thread."""

    def __init__(self) -> None:
        self._wanted, self._pause = allocate_lock(), allocate_lock()
        self._sending = allocate_lock()
        """Held while the signal is sent: afterwards it may be that nobody is there who obeys it."""
        self._wanted.acquire()
        self._pause.acquire()
        self._number = signal.SIGTERM
        self._whom: object = None
        self._calling: object = None
        start_new_thread(self._work, ())

    def remind(self, number: signal.Signals, whom: object) -> None:
        """Call the handler of that signal again."""
        self._number, self._whom = number, whom
        if self._wanted.locked():
            self._wanted.release()

    def forget(self, whom: object) -> None:
        """Remind this one no more."""
        with self._sending:
            self._whom = None if self._whom is whom else self._whom

    def calls(self) -> object:
        """Who is reminded, if this called the handler, and no signal; else None."""
        whom, self._calling = self._calling, None
        return whom

    def _work(self) -> None:
        while self._wanted.acquire():
            self._pause.acquire(timeout=AGAIN)
            with self._sending:
                if (whom := self._whom) is None:
                    continue
                self._calling = whom
                if hasattr(signal, "pthread_kill"):  # it wakes what waits in the system, too
                    signal.pthread_kill(main_thread().ident or 0, self._number)
                else:
                    interrupt_main(self._number)


@cache
def _reminder(process: int) -> _Reminder:
    """That of a process: a thread doesn't go along when it forks."""
    return _Reminder()


_ACTIVE: list[object] = []
"""Those that last, from without to within."""


@contextmanager
def ending(first: Callable[[str], None] = interrupt, again: Callable[[], None] = _nothing) -> Iterator[None]:
    """While it lasts, the first signal calls `first` with its reason, in the main thread, between any two of its steps.

    If that raises, it is called again unless the exception is on its way. A second signal calls `again`, and ends the
    process a moment later whatever it is doing; a third one does so at once.
    """
    if current_thread() is not main_thread():  # only the main thread may set what a signal does
        yield
        return
    count, reasons, here = 0, ending_signals(), object()
    reminder = _reminder(os.getpid())
    last = Timer(MOMENT, lambda: os._exit(INTERRUPTED))
    last.daemon = True

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal count
        reminded = reminder.calls()
        if reminded is not None:
            if any(each is reminded for each in _ACTIVE):  # one without has discarded it: this one obeys it
                count = max(count, 1)
                strike(number)
        else:
            count += 1
            if count == 1:
                strike(number)
            elif count == 2:
                last.start()
                again()
            else:
                os._exit(INTERRUPTED)

    def strike(number: int) -> None:
        reminder.remind(signal.Signals(number), here)
        if not on_its_way():
            first(reasons[signal.Signals(number)])
            reminder.remind(signal.Signals(number), None)  # it didn't raise: whoever was told acts upon it

    # nohup has SIGHUP ignored, and means it
    numbers = [each for each in reasons if each.name != "SIGHUP" or signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, handle) for each in numbers}
    _ACTIVE.append(here)
    try:
        yield
    finally:
        _ACTIVE.remove(here)
        reminder.forget(here)
        for each, old in before.items():
            signal.signal(each, old)
        last.cancel()
