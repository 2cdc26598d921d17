"""The same sequences over sockets, recorded to files by a lab that serves: each recording has to replay.

    python -m tests.recording.sequences_on_sockets [COUNT] [FIRST]

prints the sessions that don't, and a verdict; exit 1 if there is one. Beside the mistakes of `sequences` there are those
of a connection: what is no HTTP, a call that is given up in the middle of its body, or before its answer.
"""

import asyncio
import socket
import sys
from contextlib import chdir, suppress
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from lab.cli.console import Console
from lab.cli.setup import Setup
from lab.cli.tapes.tape_recorder import TapeRecorder
from lab.clocks import ScaledClock
from lab.core.errors import RecordingError
from lab.core.exchange import Request, Response
from lab.identity.clients import DEMO
from lab.recording.format.reader import read
from lab.recording.replay.replay import ReplayResult, replay
from lab.server.limits import ServerLimits
from lab.settings import MockSettings
from tests.recording.joined import scenario
from tests.recording.sequences import WORDS, Sequence
from tests.server.conftest import request, serving
from tests.wire_peer import OTHER

FACTOR = "500"
"""How much faster than the wall the lab's clock runs: a job of seconds ends within a session."""
_PATIENCE = 5.0
"""Real seconds for which an answer is waited for."""


class Wired(Sequence):
    """A peer that errs over a connection for each call."""

    calls: ClassVar[tuple[str, ...]] = (*Sequence.calls, "broken")
    port = 0

    def send(self, request_: Request) -> None:
        """Ask, and remember what was given; now and then give the call up."""
        target = request_.path + (f"?{request_.query}" if request_.query else "")
        headers = (*request_.headers, ("connection", "close"))
        data = request(request_.method, target, headers, request_.body)
        given_up = self.chance.random()
        self.say(data[: self.chance.randrange(len(data))] if given_up < 0.04 else data, listen=given_up < 0.92)

    def broken(self) -> None:
        """What is no HTTP, or not all of it."""
        raw = self.one(
            "", "\r\n\r\n", "GET", "GET / HTTP/9.9\r\n\r\n", "POST /oauth2/v1/token HTTP/1.1\r\nHost: h\r\n\r\n", *WORDS
        )
        self.say(
            raw.encode("utf-8", "surrogatepass") + self.chance.randbytes(self.chance.choice((0, 3, 300))), listen=True
        )

    def say(self, data: bytes, *, listen: bool) -> None:
        """Send these bytes, and read the answer unless nobody listens."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE) as peer, suppress(OSError):
            peer.sendall(data)
            if not listen:
                return
            peer.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: peer.recv(65_536), b""))
            head, _, body = answer.partition(b"\r\n\r\n")
            lines = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")[1:]]
            self.learn(Response(0, tuple((name.lower(), value) for name, _, value in lines), body))


async def recorded(number: int) -> bytes:
    """The recording of the session of that number, made in this folder."""
    sequence, clock = Wired(number), ScaledClock(FACTOR)
    sequence.service.observers.remove(sequence.tape)
    setup = Setup(MockSettings(), sequence.service.config, clock, ServerLimits())
    taping = TapeRecorder(setup, sequence.service, Console(StringIO(), StringIO()), outside=True)
    path = Path(taping.begin("day"))
    async with serving(sequence.service, clock) as stage:
        stage.server.labs.usual.recorder = taping
        sequence.port = stage.port
        await asyncio.to_thread(_play, sequence)
    taping.end()
    return path.read_bytes()  # noqa: ASYNC240 - nothing else runs any more


def _play(sequence: Wired) -> None:
    for _ in range(sequence.chance.randint(3, 14)):
        getattr(sequence, sequence.chance.choice(sequence.calls))()


def replayed(number: int) -> ReplayResult:
    """What a replay of that session finds."""
    with TemporaryDirectory() as folder, chdir(folder):
        data = asyncio.run(recorded(number))
    return replay(read(data), [scenario()], name=str(number), clients=(DEMO, OTHER))


def main(count: int = 2_000, first: int = 0) -> int:
    """Play and replay that many; 1 if one of them differs."""
    failed = 0
    for number in range(first, first + count):
        try:
            result = replayed(number)
            failed += not result.passed
            if not result.passed:
                sys.stdout.write(f"{result.text()}\n")
        except RecordingError as fault:
            if "none of its replies left a byte" in str(fault):  # its peer gave up each call
                continue
            failed += 1
            sys.stdout.write(f"{number}: {fault}\n")
    sys.stdout.write(f"{failed} of {count} sessions don't replay\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
