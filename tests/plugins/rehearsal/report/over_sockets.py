"""A client of the zoo as a process of its own, which calls over real sockets.

    lab rehearse b4-late.yaml --virtual -- python -m tests.plugins.rehearsal.report.over_sockets

The agent's code in the scenario is the name of the rehearsal whose client calls.
"""

import http.client
import os
import re
import socket
import struct
import sys
import time
from types import SimpleNamespace
from typing import Any, assert_never
from urllib.parse import urlsplit

from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.identity.clients import DEMO
from lab.program.switches import Switches
from tests.plugins.rehearsal.report.good import Plain
from tests.plugins.rehearsal.report.together import Came, Effect, Hangup, Send, SendBroken, Wait
from tests.plugins.rehearsal.report.zoo_all import ZOO
from tests.plugins.rehearsal.report.zoo_given_up import GIVEN_UP

_NO_LINGER = struct.pack("ii", 1, 0)


class OverSockets:
    """The lab as a client's process has it; in the place of `Together` for the clients of the zoo."""

    def __init__(self, base_url: str, code: str) -> None:
        agent = SimpleNamespace(scenario=SimpleNamespace(agent=SimpleNamespace(code=code)))
        self.config: Any = SimpleNamespace(scenarios=(agent,), switches=Switches(), clients=(DEMO,))
        self._place = urlsplit(base_url).netloc
        self._resets = False
        self._open: dict[int, http.client.HTTPConnection] = {}
        self._start = time.monotonic_ns()

    def now(self) -> Millis:
        return (time.monotonic_ns() - self._start) // 1_000_000

    def is_open(self, c: int) -> bool:
        """Whether a client's connection is open."""
        connection = self._open.get(c)
        if connection is None or connection.sock is None:
            return False
        connection.sock.setblocking(False)
        try:
            return connection.sock.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        finally:
            connection.sock.setblocking(True)

    def play(self, client: Plain) -> None:
        """Its story, to the end."""
        self._resets, story = client.resets, client.story()
        effect = next(story)
        while True:
            came = self._perform(effect)
            try:
                effect = story.send(came)
            except StopIteration:
                break
        for each in self._open.values():
            each.close()

    def _perform(self, effect: Effect) -> Came:
        match effect:
            case Wait(until):
                time.sleep(max(0, until - self.now()) / 1_000)
                return Came(self.now())
            case Hangup(c):
                self._open.pop(c).close()
                return Came(self.now())
            case Send(request, until, c, awaited):
                return self._send(request, c, None if until is None else until - self.now(), awaited=awaited)
            case SendBroken(c):
                return self._send_broken(c)
            case _:
                assert_never(effect)

    def _connected(self, c: int) -> http.client.HTTPConnection:
        if not self.is_open(c):
            self._open[c] = http.client.HTTPConnection(self._place)
            self._open[c].connect()
        return self._open[c]

    def _send_broken(self, c: int) -> Came:
        sock = self._connected(c).sock
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while sock.recv(4_096):
            pass
        self._open.pop(c).close()
        return Came(self.now(), Response(400), whole=True)

    def _send(self, request: Request, c: int, within: Millis | None, *, awaited: bool) -> Came:
        connection = self._connected(c)
        connection.sock.settimeout(None if within is None else max(1, within) / 1_000)
        answer, body = None, b""
        try:
            connection.request(request.method, request.target, request.body or None, dict(request.headers))
            if not awaited:
                return Came(self.now())
            answer = connection.getresponse()
            body = answer.read()
            return Came(self.now(), _response(answer, body), whole=True)
        except (OSError, http.client.HTTPException) as fault:
            body = fault.partial if isinstance(fault, http.client.IncompleteRead) else body
            if self._resets and connection.sock is not None:
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        if answer is not None:
            answer.close()
        connection.close()
        del self._open[c]
        return Came(self.now(), Response(0) if answer is None else _response(answer, body))


def _response(answer: http.client.HTTPResponse, body: bytes) -> Response:
    return Response(answer.status, tuple((name.lower(), value) for name, value in answer.getheaders()), body)


def code_of(name: str) -> str:
    """The agent's code in the scenario of the rehearsal of that name."""
    return re.sub(r"\W", "_", name).upper()


def main(who: str = "") -> int:
    """Be the client of a rehearsal: exit code 1 if it saw no end."""
    code = os.environ["LAB_AGENT_CODE"]
    rehearsal = next(each for name, each in {**ZOO, **GIVEN_UP}.items() if code_of(name) == code)
    lab: Any = OverSockets(os.environ["LAB_BASE_URL"], code)
    client = (rehearsal.good if who == "good" else rehearsal.breaks)(lab)
    lab.play(client)
    return 0 if client.seen is not None and client.seen.final else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
