"""What a client waits by, on the lab's clock: sleeps, blocking sockets, and the selectors of asyncio's loops."""

from __future__ import annotations

import _socket
import select
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .virtual_clock import NothingToCome, VirtualClock
from .virtual_names import Replacements, running_loop

if TYPE_CHECKING:
    import asyncio

_TIMED_WAIT = (
    "The client waits for another thread with a time-out (Event.wait, queue.get, Future.result): virtual time can't tell"
    " when that thread is done. Test it with clock='scaled:60', or wait without a time-out."
)
_FOREIGN = (
    "The client's loop is connected to {}, which isn't the lab: nobody can tell when bytes come from there. Virtual time"
    " is for a loop that calls the lab alone."
)
_FOR_EVER = "The client waits for ever: it has no time-out, and the lab has nothing to send."
_Method = Callable[..., Any]


def replace_waits(clock: VirtualClock, replacements: Replacements) -> None:
    """Let all that waits ask the lab."""
    for owner, name in (
        (socket.socket, "recv"),
        (socket.socket, "recv_into"),
        (ssl.SSLSocket, "read"),
        (ssl.SSLSocket, "do_handshake"),
    ):
        replacements.method(owner, name, lambda original: _blocking(clock, original))
    for name in ("SelectSelector", "PollSelector", "EpollSelector", "DevpollSelector", "KqueueSelector"):
        selector: Any = getattr(selectors, name, None)
        if selector is not None and "select" in vars(selector):
            replacements.method(selector, "select", lambda original: _selecting(clock, original))

    def replace_loops(module: ModuleType) -> None:
        loop = module.BaseEventLoop
        replacements.method(loop, "run_in_executor", lambda original: _elsewhere(clock, original))
        replacements.method(loop, "shutdown_default_executor", lambda original: _leaving(clock, original))

    replacements.loaded("asyncio.base_events", replace_loops)
    replacements.method(threading.Condition, "wait", lambda original: _unless_timed(clock, original))
    replacements.name(select.select, _select(clock, select.select))


def virtual_sleep(clock: VirtualClock, original: Callable[[float], None]) -> Callable[[float], None]:
    """`time.sleep`."""

    def sleep(seconds: float) -> None:
        if not seconds > 0 or not clock.lives_here():
            original(seconds)  # which refuses what is none, too
        else:
            clock.wait(clock.after(seconds), reads=False)

    return sleep


def _blocking(clock: VirtualClock, original: _Method) -> _Method:
    """A method of sockets that waits for bytes: it tries without waiting, and asks the lab in between."""

    @wraps(original)
    def method(self: socket.socket, *given: Any, **named: Any) -> Any:
        timeout = self.gettimeout()
        if timeout == 0 or not _calls_lab(clock, self) or not clock.lives_here():
            return original(self, *given, **named)
        clock.claim()
        deadline = None if timeout is None else clock.after(timeout)
        _socket.socket.settimeout(self, 0)
        try:
            while True:
                try:
                    return original(self, *given, **named)
                except (BlockingIOError, ssl.SSLWantReadError):
                    if deadline is not None and clock.now >= deadline:
                        raise socket.timeout("timed out") from None
                try:
                    clock.wait(deadline, reads=True)
                except NothingToCome:
                    clock.refuse(_FOR_EVER)
        finally:
            _socket.socket.settimeout(self, timeout)

    return method


def _calls_lab(clock: VirtualClock, sock: socket.socket) -> bool:
    try:
        return clock.at_lab(sock.getpeername())
    except OSError:
        return False


def _select(clock: VirtualClock, original: _Method) -> _Method:
    """`select.select`."""

    @wraps(original)
    def function(rlist: Any, wlist: Any, xlist: Any, timeout: float | None = None) -> Any:
        rlist, wlist, xlist = list(rlist), list(wlist), list(xlist)
        if not clock.lives_here() or not any(clock.at_lab(_peer_of(each)) for each in rlist):
            return original(rlist, wlist, xlist, timeout)
        try:
            return _until_ready(clock, lambda: original(rlist, wlist, xlist, 0), any, timeout)
        except NothingToCome:
            clock.refuse(_FOR_EVER)

    return function


def _selecting(clock: VirtualClock, original: _Method) -> _Method:
    """`select` of a selector: of a loop, or of somebody who awaits bytes of the lab."""

    @wraps(original)
    def method(self: selectors.BaseSelector, timeout: float | None = None) -> Any:
        if (timeout is not None and timeout <= 0) or not clock.lives_here():
            return original(self, timeout)
        loop = running_loop()
        of_loop = loop is not None and getattr(loop, "_selector", None) is self
        ready = original(self, 0)
        if ready:
            return ready
        peers = [peer for peer in map(_peer_of, self.get_map()) if peer]
        foreign = [peer for peer in peers if not clock.at_lab(peer)]
        if not of_loop and len(foreign) == len(peers):
            return original(self, timeout)
        if of_loop and clock.elsewhere:
            return original(self, None)  # which wakes the loop when it is done
        if foreign:
            clock.refuse(
                _FOREIGN.format(":".join(map(str, foreign[0][:2])) if isinstance(foreign[0], tuple) else foreign[0])
            )
        try:
            return _until_ready(clock, lambda: original(self, 0), bool, timeout)
        except NothingToCome:
            others = of_loop and clock.others()  # one of them may wake the loop, or has done so and is gone
            ready = original(self, 0)
            if not ready and not others:
                clock.refuse(_FOR_EVER)
            return ready or original(self, None)

    return method


def _until_ready(
    clock: VirtualClock, look: Callable[[], Any], ready: Callable[[Any], bool], timeout: float | None
) -> Any:
    found = look()
    if ready(found) or (timeout is not None and timeout <= 0):
        return found
    deadline = None if timeout is None else clock.after(timeout)
    while not ready(found) and (deadline is None or clock.now < deadline):
        clock.wait(deadline, reads=True)
        found = look()
    return found


def _peer_of(file: Any) -> object:
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


def _elsewhere(clock: VirtualClock, original: _Method) -> _Method:
    """`run_in_executor`: the clock stands until it is done."""

    @wraps(original)
    def method(self: asyncio.BaseEventLoop, *given: Any) -> Any:
        def done(_: object) -> None:
            clock.elsewhere -= 1

        future = original(self, *given)
        clock.elsewhere += 1
        future.add_done_callback(done)
        return future

    return method


def _leaving(clock: VirtualClock, original: _Method) -> _Method:
    """`shutdown_default_executor`: the clock stands until the threads are gone."""

    @wraps(original)
    async def method(self: asyncio.BaseEventLoop, *given: Any) -> None:
        clock.elsewhere += 1
        try:
            await original(self, *given)
        finally:
            clock.elsewhere -= 1

    return method


def _unless_timed(clock: VirtualClock, original: _Method) -> _Method:
    """`Condition.wait`, by which events, queues and futures wait for other threads."""

    @wraps(original)
    def method(self: threading.Condition, timeout: float | None = None) -> bool:
        if timeout is not None and timeout > 0 and clock.lives_here():
            clock.refuse(_TIMED_WAIT)
        return bool(original(self, timeout))

    return method
