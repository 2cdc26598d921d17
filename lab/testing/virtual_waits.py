"""What a client waits by, on the lab's clock: sleeps, blocking sockets, and the selectors of asyncio's loops."""

from __future__ import annotations

import _socket
import selectors
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .virtual_clock import VirtualClock

if TYPE_CHECKING:
    import asyncio

_FOR_EVER = "waits for ever, without a time-out, where the lab has nothing to send"
_Function = Callable[..., Any]


def waits(clock: VirtualClock) -> Iterator[tuple[type, str, Callable[[_Function], _Function]]]:
    """Each method that waits: its class and name, and what makes of it one that asks the lab."""
    for method in ("recv", "recv_into"):
        yield socket.socket, method, partial(_blocking, clock)
    for method in ("read", "do_handshake"):
        yield ssl.SSLSocket, method, partial(_blocking, clock)
    for name in ("SelectSelector", "PollSelector", "EpollSelector", "DevpollSelector", "KqueueSelector"):
        selector = getattr(selectors, name, None)
        if selector is not None and "select" in vars(selector):
            yield selector, "select", partial(_selecting, clock)
    yield threading.Condition, "wait", partial(_unless_timed, clock)


def loop_waits(clock: VirtualClock, module: ModuleType) -> Iterator[tuple[type, str, Callable[[_Function], _Function]]]:
    """The same of loops, in the module that makes them: it is loaded by who has one, for a start mustn't wait for it."""

    # while other threads work for a loop the clock stands
    def counted(work: asyncio.Future[Any]) -> asyncio.Future[Any]:
        clock.elsewhere.add(work)
        work.add_done_callback(clock.elsewhere.discard)
        return work

    loop = module.BaseEventLoop
    yield loop, "run_in_executor", lambda original: lambda self, *given: counted(original(self, *given))
    yield (
        loop,
        "shutdown_default_executor",
        lambda original: lambda self, *given, **named: counted(self.create_task(original(self, *given, **named))),
    )


def running_loop() -> Any:
    """The loop of asyncio that runs in the present thread, if one does."""
    events: Any = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def virtual_sleep(clock: VirtualClock, original: Callable[[float], None]) -> Callable[[float], None]:
    """`time.sleep`."""

    def sleep(seconds: float) -> None:
        if seconds > 0 and clock.lives_here():
            clock.sleep(seconds)
        else:
            original(seconds)  # which refuses what is none, too

    return sleep


def _blocking(clock: VirtualClock, original: _Function) -> _Function:
    """A method of sockets that waits for bytes: it tries without waiting, and asks the lab in between."""

    def method(self: socket.socket, *given: Any, **named: Any) -> Any:
        timeout = self.gettimeout()
        if timeout == 0 or not clock.at_lab(_peer_of(self)) or not clock.lives_here():
            return original(self, *given, **named)

        def look() -> tuple[Any] | None:
            try:
                return (original(self, *given, **named),)
            except (BlockingIOError, ssl.SSLWantReadError):
                return None

        _socket.socket.settimeout(self, 0)
        try:
            found = clock.until(look, timeout)
        finally:
            _socket.socket.settimeout(self, timeout)
        if found is not None:
            return found[0]
        if timeout is None:
            clock.refuse(_FOR_EVER)
        raise socket.timeout("timed out")

    return method


def _selecting(clock: VirtualClock, original: _Function) -> _Function:
    """`select` of a loop's selector."""

    def select(self: selectors.BaseSelector, timeout: float | None = None) -> Any:
        of_loop = getattr(running_loop(), "_selector", None) is self
        if not of_loop or (timeout is not None and timeout <= 0) or not clock.lives_here():
            return original(self, timeout)
        look = partial(original, self, 0)
        if ready := look():
            return ready
        if clock.elsewhere:
            return original(self, None)  # which wakes the loop when it is done
        for peer in filter(None, map(_peer_of, self.get_map())):
            if not clock.at_lab(peer):
                where = "{}:{}".format(*peer) if isinstance(peer, tuple) else peer
                clock.refuse(
                    f"is connected to {where}, which isn't the lab, so nobody can tell when bytes come from it"
                )
        if (ready := clock.until(look, timeout)) or timeout is not None:
            return ready
        others = clock.others()  # one of them may wake the loop, or has done so and is gone
        if not (ready := look()) and not others:
            clock.refuse(_FOR_EVER)
        return ready or original(self, None)

    return select


def _peer_of(file: Any) -> Any:
    """The peer of a connection; None if there is none."""
    try:
        sock = _socket.socket(fileno=file if isinstance(file, int) else file.fileno())
    except (OSError, ValueError):
        return None
    try:
        return sock.getpeername()
    except OSError:
        return None
    finally:
        sock.detach()


def _unless_timed(clock: VirtualClock, original: _Function) -> _Function:
    """`Condition.wait`, by which events, queues and futures wait for other threads."""

    def wait(self: threading.Condition, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0 and clock.lives_here():
            clock.refuse("waits for another thread with a time-out (Event.wait, queue.get, Future.result)")
        return original(self, timeout)

    return wait
