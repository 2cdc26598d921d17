"""What a worker of `lab serve --workers` is told by the process that starts it: a line on its stdin."""

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress

import msgspec
from msgspec import Struct

from lab.cli.serve.https import HttpsPort, certified_names
from lab.cli.serve.serve_extras import Ports
from lab.clocks import SystemClock
from lab.core.clock import Millis
from lab.core.errors import HostError
from lab.server.control.metrics import WorkerMeters
from lab.server.listener import bind_reserved, inherited
from lab.server.mock_server import MockServer
from lab.server.shared.worker_links import WorkerLinks, answer_first
from lab.server.tls import AuthorityKey, throwaway
from lab.settings import MockSettings

BEAT: Millis = 250
"""So often a worker lets be known that it doesn't hang, in real milliseconds."""


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
    heart: int = -1
    """The descriptor at which it lets be known that it doesn't hang."""
    control_token: str
    announces: bool = False
    """Whether it says what the lab is: of all starts the first."""
    agreed: str | None = None
    """The lab's setup as JSON, if it was served already and one of its workers died."""

    async def beat(self) -> None:
        """Let be known that the loop goes round, until cancelled."""
        os.set_blocking(self.heart, False)
        while True:
            with suppress(OSError):  # whoever listens hasn't for hours
                os.write(self.heart, b".")
            await SystemClock().hold(BEAT)

    def take_ports(self, settings: MockSettings) -> Ports:
        """Listen where all workers do."""
        listen, https, control = settings.listen, None, None
        with ExitStack() as taken:
            api = bind_reserved(listen.host, self.port)
            taken.callback(api.close)
            if listen.tls is not None:
                authority = throwaway(certified_names(listen, listen.tls, settings.base), self.authority)
                https = HttpsPort(bind_reserved(listen.host, self.https_port), authority, listen.runtime, self.ca_file)
                taken.callback(https.bound.close)
            if self.control is not None:
                control = inherited(self.control, listen.host)
                taken.callback(control.close)
            return Ports(api, https, control, taken.pop_all().close, self._link)

    def _link(self, server: MockServer) -> Callable[[], object]:
        """Let what is counted of each worker be known to who has the control plane, until what this gives is called."""
        if self.answering is not None:
            return asyncio.create_task(answer_first(self.answering, WorkerMeters(server).answer)).cancel
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
