"""The lab's clock in the client's process: who lives by it, and how it is moved (lab/docs/control-plane.md §4.3).

Time is integer milliseconds of the lab.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from socket import SHUT_WR
from typing import Any, NoReturn
from urllib.parse import urlsplit

from .control import ControlPlaneClient

_MILLI = 1_000_000
"""Nanoseconds in a millisecond."""
MOST_READS = 1_000_000
"""Times that a client may ask what time it is while the clock stands: who asks more often waits for it to move."""


class VirtualTimeRefused(BaseException):
    """The client does what virtual time can't follow; the message says what, and what to do.

    It is no Exception, so that a client that goes on after every failure doesn't go on after this.
    """


def refusal(what: str) -> VirtualTimeRefused:
    """The client does that: the one refusal of all that can't be followed."""
    return VirtualTimeRefused(
        f"The client {what}: virtual time is for one thread at a time that sleeps and calls, or one loop of asyncio's own,"
        " which calls the lab alone. Let it do without, or test it with clock='scaled:60'."
    )


class VirtualClock:
    """The lab's clock as this process has it. While its connection is open, the lab withholds replies."""

    def __init__(self, control: ControlPlaneClient) -> None:
        self._control, self._connection = control, control.connect()
        self._hosts = {"127.0.0.1", "::1", self._connection.host}
        self._ports: set[int | None] = set()
        """At which the lab listens for clients."""
        self._outsiders = {each for each in threading.enumerate() if each is not threading.current_thread()}
        self._thread: threading.Thread | None = None
        """The one that sleeps and calls."""
        self._ident = 0
        self._over = False
        self.elsewhere: set[object] = set()
        """Work that a loop has given to other threads, during which the clock stands."""
        self.refused: VirtualTimeRefused | None = None
        """Why the client can't go on in virtual time."""
        self.now = self._reads = self._epoch = self._origin = 0
        try:
            self._connection.connect()
            self._connection.auto_open = 0  # another one would drive another clock
            self.refresh()
        except BaseException:
            self.close()
            raise
        # whole seconds, for some round their time-outs up to the next one (aiohttp)
        self._origin = (time.monotonic_ns() // _MILLI - self.now) // 1000 * 1000 + 1000

    # What it shows

    def time_ns(self) -> int:
        return (self._epoch * 1000 + self._read()) * _MILLI

    def time(self) -> float:
        return self._epoch + self._read() / 1000

    def monotonic_ns(self) -> int:
        return (self._origin + self._read()) * _MILLI

    def monotonic(self) -> float:
        return (self._origin + self._read()) / 1000

    def _read(self) -> int:
        self._reads += 1
        if self._reads > MOST_READS and self.lives_here():
            self.refuse("waits for a time to come, or for bytes, without sleeping")
        return self.now

    # Who lives by it

    def lives_here(self) -> bool:
        """Whether the present thread isn't one of those that ran before, whose time is real; nor is it over."""
        return not self._over and (
            threading.get_ident() == self._ident or threading.current_thread() not in self._outsiders
        )

    def _claim(self) -> None:
        """The present thread sleeps or calls: VirtualTimeRefused if another one does that, too."""
        if self.refused is not None:
            raise self.refused
        if threading.get_ident() != self._ident:
            if self._thread is not None and self._thread.is_alive():
                self.refuse("sleeps or calls in two threads")
            self._thread, self._ident = threading.current_thread(), threading.get_ident()

    def others(self) -> bool:
        """Whether the client has another thread, which may wake this one."""
        known = {*self._outsiders, threading.current_thread()}
        return any(each.is_alive() and each not in known for each in threading.enumerate())

    def refuse(self, what: str) -> NoReturn:
        self.refused = self.refused or refusal(what)
        raise self.refused

    def at_lab(self, peer: Any) -> bool:
        """Whether that address, as sockets have it, is one of the lab's listeners."""
        return isinstance(peer, tuple) and peer[1] in self._ports and peer[0].replace("::ffff:", "", 1) in self._hosts

    # How it moves

    def sleep(self, seconds: float) -> None:
        """Move on by so much."""
        self._claim()
        self._ask(until=self._after(seconds), reads=False)

    def until(self, look: Callable[[], Any], timeout: float | None) -> Any:
        """What `look` finds in the end: the clock moves on until that is something, or so many seconds have passed.

        Without a time-out it finds nothing if the lab has nothing to send either: it would wait for ever.
        """
        self._claim()
        deadline = None if timeout is None else self._after(timeout)
        while not (found := look()) and (deadline is None or self.now < deadline):
            if not self._ask(until=deadline, reads=True):
                break
        return found

    def _after(self, seconds: float) -> int:
        """The instant that comes after so many seconds: a millisecond at least, for a wait that isn't over must move on."""
        # a microsecond less: what floats add to a sum of times is no wait
        return self.now + max(1, math.ceil(seconds * 1000 - 0.001))

    def refresh(self) -> None:
        """Somebody else may have moved the lab's clock."""
        self._ask()

    def _ask(self, **command: Any) -> bool:
        """Take the clock as it is once the lab has nothing to do and has moved it as far as it may; False: nothing is due."""
        try:
            status, data = self._control.ask(self._connection, "POST", "virtual-time", body=command)
        except (OSError, HTTPException) as error:
            raise VirtualTimeRefused(f"The lab's clock can't be asked any more: {error!r}") from None
        shown = json.loads(data)
        if status == 408:
            return False
        if status != 200:
            raise VirtualTimeRefused(f"{shown.get('error')} {shown.get('hint')}".strip())
        now, self._reads = shown["now"], 0
        if now < self.now:  # the lab was reset; the client's time never runs back
            self._origin += self.now - now
        self.now, self._epoch = now, shown["epoch"]
        self._ports = {urlsplit(origin).port for origin in shown["origins"]}
        return True

    def close(self) -> None:
        """Let it stand, and what the lab withheld leave at once; who still has one of its functions waits in real time."""
        self._over = True
        with suppress(OSError, AttributeError):  # the lab may have ended before, or was never reached
            self._connection.sock.shutdown(SHUT_WR)
            while self._connection.sock.recv(65_536):  # until the lab has noticed: another may drive the clock then
                pass
        self._connection.close()
