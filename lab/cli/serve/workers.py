"""`lab serve --workers N`: several processes serve one lab at one port; this one starts them, and starts them again.

It serves nothing itself, so that little can end it: it takes the ports, draws the control token, makes the authority
of https, and waits: for a worker that dies, or whose heart stops, for one may hang as well. What a worker says on its
stdout is the lab's setup and what is announced, then that it serves, and all along that its heart beats.

Worker 1 has the control plane. Its listener is inherited from here and stays open when worker 1 dies: whoever calls
meanwhile waits in the kernel's queue until worker 1 is there again, a second or two. A control plane here would be a
replica more, which every commit of every worker keeps busy. Another worker that took the listener over would have to be
told so, and to lead it from then on; it would win that second.

A worker ends when its stdin does, whose other end is held here: so none outlives this process, however that ends.
"""

import asyncio
import os
import select
import signal
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack, suppress
from itertools import chain
from socket import socket, socketpair

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.installation import started_by_python
from lab.cli.loop import Stop, complete
from lab.cli.serve.ports import Ports, open_mock_ports, open_ports
from lab.cli.serve.settings import ServeSettings
from lab.cli.serve.surroundings import parent_gone, parent_of
from lab.clocks import SystemClock, real_millis
from lab.core.clock import Millis
from lab.core.errors import HostError
from lab.server.control.metrics import FIRST_WORKER, Meters
from lab.server.listener import Bound, bind, inherited, reserve, reuse_port
from lab.server.mock_server import MockServer
from lab.server.shared.worker_links import WorkerLinks, answer_first
from lab.server.tls import AuthorityKey
from lab.settings import MockSettings

BEAT, SERVES = ".", "\0"
"""What a worker says to let be known that it doesn't hang, and, behind all else, that it serves."""
_BEAT_EVERY: Millis = 250
MOST_DEATHS = 5
"""So many deaths end the lab, if they come within `DEATHS_WITHIN`."""
DEATHS_WITHIN: Millis = 60_000
_LONGEST = 16 * 1024 * 1024
"""Bytes that a worker may say before it serves."""
_MARGIN: Millis = 5_000
"""For so long a worker may take to end beyond the grace that the replies under way have."""


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
        host, numbers = settings.listen.host, iter((self.port, self.https_port))
        known = None if self.authority is None or self.ca_file is None else (self.authority, self.ca_file)

        def control() -> Bound | None:
            return None if self.control is None else inherited(self.control, host)

        def take(host: str, _: int) -> Bound:  # the API's first
            return bind(host, next(numbers), shared=True)

        return open_ports(settings.listen, settings.base, take, control=control, known=known)

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


def serve_with_workers(settings: ServeSettings, console: Console) -> int:
    """Serve until stopped: 0, or the exit code of a worker that couldn't begin; HostError (4) if they die too often."""
    reuse_port()
    console.serving, parent = True, parent_of(wanted=settings.with_parent)

    async def work(stop: Stop) -> int:
        with ExitStack() as stack:
            ports = open_mock_ports(settings.mock, reserve)
            stack.callback(ports.close)
            if ports.https is not None:
                stack.callback(ports.https.withdraw)
            workers = Workers(settings, ports, console, stop)
            try:
                return await workers.serve(parent_gone(parent))
            except asyncio.CancelledError:  # by a signal
                return 0
            finally:
                await workers.end()

    return complete(work)


class _NotServing(Exception):
    """A worker ended before it served, and has said why; with its exit code."""


class Workers:
    """The processes that serve one lab."""

    def __init__(self, settings: ServeSettings, ports: Ports, console: Console, stop: Stop) -> None:
        """The ports are those at which they will listen."""
        self._settings, self._control, self._console, self._stop = settings.ledger, ports.control, console, stop
        self._place = WorkerPlace(
            arguments=settings.arguments,
            port=ports.api.port,
            control_token=settings.control.token or control_token(),
        )
        """What all of them are told."""
        if (https := ports.https) is not None:
            key = AuthorityKey(https.authority.certificate, https.authority.key)
            self._place = replace(self._place, https_port=https.bound.port, ca_file=https.publish(), authority=key)
        self._pairs: dict[int, tuple[socket, socket]] = {}
        """Of each worker but the first, that by which it is asked for its counts, and that by which it answers."""
        self._processes: dict[int, Process] = {}
        self._deaths: deque[Millis] = deque(maxlen=MOST_DEATHS)
        self._grace: Millis = 0
        self._agreed: str | None = None
        """The lab's setup, once it is served."""

    async def serve(self, over: Awaitable[None]) -> int:
        """Have as many serve as were asked for, until it is `over`; 0, or the exit code of one that couldn't begin."""
        count = self._settings.workers or 1
        ends = [asyncio.ensure_future(over)]
        self._pairs = {number: socketpair() for number in range(2, count + 1)}
        try:
            # the first one begins the lab, and says what is wrong with the command line
            announced = await self._begin(FIRST_WORKER)
            await asyncio.gather(*(self._begin(number) for number in range(2, count + 1)))
            self._console.out(announced)
            ends += (asyncio.create_task(self._keep(number)) for number in self._processes)
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        except _NotServing as fault:
            return int(fault.args[0])
        finally:
            for each in ends:
                each.cancel()
            for sock in chain.from_iterable(self._pairs.values()):
                sock.close()
        return 0

    async def _begin(self, number: int) -> str:
        """What the worker says once it accepts requests."""
        process = await self._start(number, replace(self._place, announces=number == FIRST_WORKER))
        try:
            said = await _stdout(process).readuntil(SERVES.encode())
        except asyncio.IncompleteReadError:
            code = await process.wait()
            if code > 0:
                raise _NotServing(code) from None
            raise HostError(f"Worker {number} {_how_it_ended(code)} before it served.") from None
        first, _, announced = said.decode().lstrip(BEAT).removesuffix(f"\n{SERVES}").partition("\n")
        grace, _, self._agreed = first.partition(" ")
        self._grace = int(grace)
        return announced

    async def _start(self, number: int, place: WorkerPlace) -> Process:
        if number == FIRST_WORKER:
            assert self._control is not None
            others = {other: asking.fileno() for other, (asking, _) in self._pairs.items()}
            place = replace(place, control=self._control.sock.fileno(), others=others)
        else:
            place = replace(place, answering=self._pairs[number][1].fileno())
        process = self._processes[number] = await asyncio.create_subprocess_exec(
            *started_by_python("lab.cli.main:run_worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[each for each in (place.control, place.answering, *place.others.values()) if each is not None],
            start_new_session=True,  # ctrl+c is for us alone: they are told
            limit=_LONGEST,
        )
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(place) + b"\n")
        return process

    async def _keep(self, number: int) -> None:
        """Start it again whenever it dies; HostError if that comes too often."""
        serves = True
        while True:
            process = self._processes[number]
            how = f"worker {number} (process {process.pid}) {await self._ended(process, serves=serves)}"
            self._deaths.append(real_millis())
            if len(self._deaths) == MOST_DEATHS and self._deaths[-1] - self._deaths[0] < DEATHS_WITHIN:
                hint = "What they wrote before may say why; their store has all that they acknowledged."
                raise HostError(f"Workers died {MOST_DEATHS} times within a minute; at last {how}.", hint=hint)
            again = await self._start(number, replace(self._place, agreed=self._agreed))
            self._console.err(f"lab: {how}: started again as process {again.pid}.")
            serves = False

    async def _ended(self, process: Process, *, serves: bool) -> str:
        """How it ended; one whose heart is silent, once it `serves` or has begun to beat, is ended here."""
        within, missed = self._settings.worker_timeout / 2_000 if serves else None, 0
        # half of the time twice: if this process stood still as well, it hears the heart before the second half is over
        while missed < 2:
            try:
                async with asyncio.timeout(within):
                    heard = await _stdout(process).read(4_096)
            except TimeoutError:
                missed += 1
                continue
            if not heard:
                return _how_it_ended(await process.wait())
            within, missed = self._settings.worker_timeout / 2_000, 0
        process.kill()
        await process.wait()
        return f"hung for {self._settings.worker_timeout / 1_000:g} s, and was ended"

    async def end(self) -> None:
        """Let them end as a signal ends a lab, at once if `stop` is in a hurry, and kill what doesn't."""
        processes = tuple(self._processes.values())
        over = asyncio.gather(*(each.wait() for each in processes))
        hurry = asyncio.ensure_future(self._stop.hurry.wait())
        _send(signal.SIGTERM, processes)
        within = (self._grace + _MARGIN) / 1_000
        await asyncio.wait((over, hurry), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if hurry.done():
            _send(signal.SIGTERM, processes)
            await asyncio.wait((over,), timeout=_MARGIN / 1_000)
        hurry.cancel()
        _send(signal.SIGKILL, processes)
        await over


def _stdout(process: Process) -> asyncio.StreamReader:
    assert process.stdout is not None
    return process.stdout


def _send(number: signal.Signals, processes: Iterable[Process]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def _how_it_ended(code: int) -> str:
    return f"ended with exit {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
