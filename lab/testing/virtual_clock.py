"""The lab's clock in the client's process: who lives by it, and how it is moved (lab/docs/control-plane.md §4.3).

Time is integer milliseconds of the lab. The real clock is kept here under its own names: whatever else is replaced, this
module and its connection go on in real time.
"""

from __future__ import annotations

import _socket
import json
import math
import threading
import time
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

_real_monotonic_ns = time.monotonic_ns
_LONGEST_ANSWER = 60
"""Real seconds until the lab has answered: it waits for calls under way, never for a clock."""
_MILLI = 1_000_000
"""Nanoseconds in a millisecond."""
MOST_READS = 1_000_000
"""Times that a client may ask what time it is while the clock stands: who asks more often waits for it to move."""
_BUSY = (
    "The client waits for a time to come, or for bytes, without sleeping: in virtual time that never ends. Let it sleep, or"
    " test it with clock='scaled:60'."
)
_SECOND_THREAD = (
    "Two threads of the client sleep or call: virtual time knows one at a time. Test it with clock='scaled:60', or in one"
    " thread."
)


class VirtualTimeRefused(BaseException):
    """The client waits in a way that virtual time can't follow; the message says which, and what to do.

    It is no Exception, so that a client that goes on after every failure doesn't go on after this.
    """


class NothingToCome(Exception):
    """The client waits for ever: it has no time-out, and the lab withholds nothing."""


class ClockDriver:
    """The connection by which this process moves the lab's clock; while it is open, the lab withholds replies."""

    def __init__(self, control_url: str, token: str) -> None:
        parts = urlsplit(control_url)
        self.host = str(parts.hostname)
        """Where the lab is."""
        found = _socket.getaddrinfo(parts.hostname, parts.port, 0, _socket.SOCK_STREAM)[0]
        # not socket.socket, whose methods are replaced
        self._socket = _socket.socket(*found[:3])
        self._socket.settimeout(_LONGEST_ANSWER)
        self._socket.connect(found[4])
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._head = (
            f"POST /_lab/virtual-time HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )

    def ask(self, **command: Any) -> dict[str, Any]:
        """The clock, once the lab has nothing to do and the clock has moved as far as it may."""
        body = json.dumps(command)
        self._socket.sendall(f"{self._head}{len(body)}\r\n\r\n{body}".encode())
        status, answer = self._answer()
        if status == 408:
            raise NothingToCome(answer["error"])
        if status != 200:
            raise VirtualTimeRefused(f"{answer.get('error')} {answer.get('hint')}".strip())
        return answer

    def _answer(self) -> tuple[int, dict[str, Any]]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").lower().split("\r\n")
        (length,) = (int(each.partition(":")[2]) for each in fields if each.startswith("content-length:"))
        while len(body) < length:
            body += self._more()
        return int(line.split(" ")[1]), json.loads(body)

    def _more(self) -> bytes:
        data = self._socket.recv(65_536)
        if not data:
            raise VirtualTimeRefused("The lab has ended, and its clock with it.")
        return data

    def close(self) -> None:
        """Let the clock stand; what the lab withheld leaves at once."""
        with suppress(OSError):  # it may have ended before
            self._socket.shutdown(_socket.SHUT_WR)
            while self._socket.recv(65_536):  # until the lab has noticed: another may drive the clock then
                pass
        self._socket.close()


class VirtualClock:
    """The lab's clock as this process has it."""

    def __init__(self, driver: ClockDriver) -> None:
        self._driver = driver
        self._hosts = {"127.0.0.1", "::1", driver.host}
        self._ports: set[int | None] = set()
        """At which the lab listens for clients."""
        self._outsiders = {each for each in threading.enumerate() if each is not threading.current_thread()}
        self._thread: threading.Thread | None = None
        """The one that sleeps and calls."""
        self._ident = 0
        self._over = False
        self.elsewhere = 0
        """Work that a loop has given to other threads, during which the clock stands."""
        self.refused: VirtualTimeRefused | None = None
        """Why the client can't go on in virtual time."""
        self.now = 0
        """The lab's instant."""
        self._reads = 0
        """How often the time was asked since the lab was."""
        self._epoch = 0
        self._origin = 0
        self.refresh()
        # whole seconds, for some round their time-outs up to the next one (aiohttp)
        self._origin = (_real_monotonic_ns() // _MILLI - self.now) // 1000 * 1000 + 1000

    # What it shows

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        self._read()
        return (self._epoch * 1000 + self.now) * _MILLI

    def time(self) -> float:
        """Seconds since 1970."""
        self._read()
        return self._epoch + self.now / 1000

    def monotonic_ns(self) -> int:
        """Nanoseconds from an arbitrary start; never less than before."""
        self._read()
        return (self._origin + self.now) * _MILLI

    def monotonic(self) -> float:
        """The same in seconds."""
        self._read()
        return (self._origin + self.now) / 1000

    def _read(self) -> None:
        self._reads += 1
        if self._reads > MOST_READS and self.lives_here():
            self.refuse(_BUSY)

    def after(self, seconds: float) -> int:
        """The instant that comes after so many seconds: a millisecond at least, for a wait that isn't over must move on."""
        # a microsecond less: what floats add to a sum of times is no wait
        return self.now + max(1, math.ceil(seconds * 1000 - 0.001))

    # Who lives by it

    def lives_here(self) -> bool:
        """Whether the present thread isn't one of those that ran before, whose time is real; nor is it over."""
        return not self._over and (
            threading.get_ident() == self._ident or threading.current_thread() not in self._outsiders
        )

    def claim(self) -> None:
        """The present thread sleeps or calls: VirtualTimeRefused if another one does that, too."""
        if self.refused is not None:
            raise self.refused
        if threading.get_ident() != self._ident:
            if self._thread is not None and self._thread.is_alive():
                self.refuse(_SECOND_THREAD)
            self._thread, self._ident = threading.current_thread(), threading.get_ident()

    def others(self) -> bool:
        """Whether the client has another thread, which may wake this one."""
        known = {*self._outsiders, threading.current_thread()}
        return any(each.is_alive() and each not in known for each in threading.enumerate())

    def refuse(self, sentence: str) -> NoReturn:
        """The client does what virtual time can't follow."""
        self.refused = self.refused or VirtualTimeRefused(sentence)
        raise self.refused

    def at_lab(self, peer: object) -> bool:
        """Whether that address, as sockets have it, is one of the lab's listeners."""
        return isinstance(peer, tuple) and peer[1] in self._ports and peer[0].replace("::ffff:", "", 1) in self._hosts

    # How it moves

    def wait(self, until: int | None, *, reads: bool) -> None:
        """Move on to `until` (None: for ever); if the client `reads`, only as far as bytes may have come.

        NothingToCome if it would wait for ever.
        """
        self.claim()
        self._take(self._driver.ask(until=until, reads=reads))

    def refresh(self) -> None:
        """Somebody else may have moved the lab's clock."""
        self._take(self._driver.ask())

    def _take(self, shown: dict[str, Any]) -> None:
        now, self._reads = shown["now"], 0
        if now < self.now:  # the lab was reset; the client's time never runs back
            self._origin += self.now - now
        self.now, self._epoch = now, shown["epoch"]
        self._ports = {urlsplit(origin).port for origin in shown["origins"]}

    def close(self) -> None:
        """Drive it no more; who still has one of its functions waits in real time."""
        self._over = True
        self._driver.close()
