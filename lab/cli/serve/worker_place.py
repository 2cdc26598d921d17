"""What a worker of `lab serve --workers` is told by the process that starts it, a line on its stdin, and what it says."""

import asyncio
import os
import select
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.serve.ports import Ports, open_https_port
from lab.clocks import SystemClock
from lab.core.clock import Millis
from lab.core.errors import HostError
from lab.server.control.metrics import Meters
from lab.server.listener import bind, inherited
from lab.server.mock_server import MockServer
from lab.server.shared.worker_links import WorkerLinks, answer_first
from lab.server.tls import AuthorityKey
from lab.settings import MockSettings

BEAT, SERVES = ".", "\0"
"""What a worker says to let be known that it doesn't hang, and, behind all else, that it serves."""
_BEAT_EVERY: Millis = 250


class WorkerPlace(Struct, frozen=True, kw_only=True):
    """Which of the processes it is, and what all of them have in common beside the command line."""

    arguments: tuple[str, ...]
    """The command line of the lab."""
    port: int
    https_port: int = 0
    ca_file: str | None = None
    authority: AuthorityKey | None = None
    """Of https; None: there is none."""
    control: int | None = None
    """The descriptor of the control plane's listener; None: another worker has it."""
    others: dict[int, int] = {}
    """Of who has it: the descriptors by which it asks the other workers, by their numbers."""
    answering: int | None = None
    """The descriptor by which it is asked; None: it asks."""
    control_token: str
    announces: bool = False
    """Whether it says what the lab is: of all starts the first."""
    agreed: str | None = None
    """The lab's setup as JSON, if it was served already and one of its workers died."""

    async def beat(self) -> None:
        """Let be known on stdout that the loop goes round, until cancelled."""
        heart = os.dup(1)  # the console lets stdout go
        try:
            while True:
                if select.select((), (heart,), (), 0)[1]:  # else whoever listens hasn't for hours
                    with suppress(OSError):
                        os.write(heart, BEAT.encode())
                await SystemClock().hold(_BEAT_EVERY)
        finally:
            os.close(heart)

    def served(self, console: Console) -> None:
        """Say that it serves; nothing but the heart is heard on stdout after that."""
        os.write(1, SERVES.encode())
        console.abandon()

    def take_ports(self, settings: MockSettings) -> Ports:
        """Listen where all workers do."""
        listen, https, control = settings.listen, None, None
        with ExitStack() as taken:
            api = bind(listen.host, self.port, shared=True)
            taken.callback(api.close)
            if listen.tls is not None:
                tls = replace(listen.tls, port=self.https_port)
                take = partial(bind, shared=True)
                https = open_https_port(listen, tls, settings.base, take, self.authority, self.ca_file)
                taken.callback(https.bound.close)
            if self.control is not None:
                control = inherited(self.control, listen.host)
            taken.pop_all()
            return Ports(api, https, control)

    def link(self, server: MockServer) -> Callable[[], object]:
        """Let what is counted of each worker be known to who has the control plane, until what this gives is called."""
        if self.answering is not None:
            return asyncio.create_task(answer_first(self.answering, Meters(server).answer)).cancel
        server.workers = WorkerLinks(self.others)
        return server.workers.close


def read_place() -> WorkerPlace:
    """What this worker was told. Nothing follows the line, but the end of stdin once the other process is gone."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65_536)
        if not piece:
            raise HostError("Whoever started this worker is gone.")
        line += piece
    return msgspec.json.decode(line, type=WorkerPlace)
