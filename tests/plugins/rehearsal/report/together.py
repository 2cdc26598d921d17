"""A mock with a tape, and clients of it in one process: each a generator that sends and waits, in virtual time."""

from collections.abc import Callable, Generator
from functools import lru_cache, partial
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias, assert_never

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH, Millis, http_date
from lab.core.exchange import Request, Response
from lab.core.journal.fact import Fact
from lab.core.journal.shell import ConnectionClosed, ConnectionOpened, RequestMalformed
from lab.core.observe import DECOY, Noted, Replied, Requested
from lab.core.reply import Delivery, Reply
from lab.identity.clients import DEMO, Client
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import ClientReport, report_on
from lab.recording.format.lines import Recording
from lab.recording.format.reader import read
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.shapes import switched


class Send(Struct, frozen=True):
    """Send a request; the answer is what of it reached the client by `until`."""

    request: Request
    until: Millis | None = None
    c: int = 1
    """The client's own name for the connection; where that isn't open, a new one is opened."""
    awaited: bool = True
    """Whether the client goes on only once the answer has come."""
    elsewhere: bool = False
    """Whether it goes to another origin, where nothing is."""


class SendBroken(Struct, frozen=True):
    """Send what no HTTP parser takes; the server answers 400, and closes the connection."""

    c: int = 1
    what: str = "BadHttpMessage"


class Wait(Struct, frozen=True):
    """Wait until an instant."""

    until: Millis


class Hangup(Struct, frozen=True):
    """Close a connection."""

    c: int = 1


class Came(Struct, frozen=True):
    """When an effect was over, and what came of it; status 0: nothing."""

    at: Millis
    response: Response = Response(0)
    whole: bool = False


Effect: TypeAlias = Send | SendBroken | Wait | Hangup
Story: TypeAlias = Generator[Effect, Came, object]


@lru_cache(64)
def compiled_of(text: str) -> Program:
    """A scenario; many clients meet the same."""
    return program_of(parse_scenario(text, "quick.yaml"))


class Together:
    """The mock, and whoever calls it; instants only move forward.

    `idle` is how long the server keeps a connection without a request; `pace` how many times as fast as its clients'
    the lab's clock runs, where it is another.
    """

    def __init__(
        self,
        *scenarios: str,
        client: Client = DEMO,
        seed: int = 1,
        idle: Millis | None = None,
        pace: int | None = None,
        **switches: object,
    ) -> None:
        program = tuple(map(compiled_of, scenarios))
        spoken = switched(switches)
        self.config = Config(program, spoken, seed, INSTANT_EPOCH, clients=(client,))
        self.lines: list[bytes] = []
        self.service = Service(self.config)
        header = recording_header(self.config, lab="0.1.0")
        wall = None if pace is None else lambda: self.now // pace
        self.tape = Tape(self.service, self.lines.append, header, wall=wall)
        self.service.observers.append(self.tape)
        self.now: Millis = 0
        self._idle = idle
        self._due: list[tuple[Millis, int, Callable[[], None]]] = []
        self._order = count()
        self._ordinals = count(1)
        self._open: dict[int, int] = {}
        """The ordinals of open connections, by their clients' names for them."""
        self._used: dict[int, Millis] = {}
        """By its ordinal, when a connection was last used."""

    def play(self, *stories: Story, rest: Millis = 0) -> Recording:
        """Play all of them to their ends, and let the tape run on for `rest`."""
        for story in stories:
            self._perform(story, next(story))
        while self._due:
            at, _, action = heappop(self._due)
            self.now = max(self.now, at)
            action()
        for c in tuple(self._open):
            self._close(c, "client")
        self.now += rest
        self.tape.close(self.now)
        return read(b"".join(self.lines))

    def is_open(self, c: int) -> bool:
        """Whether a client's connection is open."""
        return c in self._open

    def _perform(self, story: Story, effect: Effect) -> None:
        match effect:
            case Wait(until):
                self._go_on(story, Came(max(until, self.now)))
            case Hangup(c):
                self._close(c, "client")
                self._go_on(story, Came(self.now))
            case SendBroken(c, what):
                ordinal = self._connected(c)
                self._tell(RequestMalformed(at=self.now, c=ordinal, what=what, bytes=40))
                self._close(c, "server")
                self._go_on(story, Came(self.now, Response(400), whole=True))
            case Send():
                self._send(story, effect)
            case _:
                assert_never(effect)

    def _send(self, story: Story, effect: Send) -> None:
        ordinal = self._connected(effect.c)
        if effect.elsewhere:
            x = self.service.next_exchange()
            self.service.tell(Requested(self.now, x, "unknown", effect.request, ordinal, listener=DECOY))
            self.service.tell(Replied(self.now, x, Response(404), by="shell"))
            self._go_on(story, Came(self.now, Response(404), whole=True))
            return
        reply = self.service.serve(effect.request, self.now, c=ordinal)
        arrived = reply.deliver(self.now, effect.until)
        wish = effect.request.header("connection")
        self._at(arrived.at, partial(self._arrive, (effect.c, ordinal), wish, reply, arrived))
        if effect.awaited:
            whole = arrived.loss is None and arrived.response.status > 0
            dated = (
                (("date", http_date(self.config.epoch, arrived.at)),) if arrived.response.status else ()
            )  # as on a socket
            response = replace(arrived.response, headers=(*arrived.response.headers, *dated))
            self._go_on(story, Came(arrived.at, response, whole=whole))
        else:
            self._go_on(story, Came(self.now))

    def _arrive(self, over: tuple[int, int], wish: str | None, reply: Reply, arrived: Delivery) -> None:
        """The last byte has left, or the answer was cut; some faults end the connection, and who wished it so."""
        self.service.tell(
            Replied(self.now, reply.x, arrived.response, reply.latency, cut=arrived.cut, sent=arrived.sent)
        )
        if over not in self._open.items():
            return
        c, ordinal = over
        if arrived.cut == "client_gone":
            self._close(c, "client")
        elif arrived.cut is not None or (reply.strike is not None and reply.strike.how == "close"):
            self._close(c, "fault")
        elif wish == "close":
            self._close(c, "server")
        elif self._idle is not None:
            self._used[ordinal] = self.now
            self._at(self.now + self._idle, partial(self._retire, c, ordinal))

    def _go_on(self, story: Story, came: Came) -> None:
        def resume() -> None:
            try:
                effect = story.send(came)
            except StopIteration:
                return
            self._perform(story, effect)

        self._at(came.at, resume)

    def _at(self, instant: Millis, action: Callable[[], None]) -> None:
        heappush(self._due, (instant, next(self._order), action))

    # Connections

    def _connected(self, c: int) -> int:
        if c not in self._open:
            self._open[c] = next(self._ordinals)
            self._tell(ConnectionOpened(at=self.now, c=self._open[c]))
        self._used[self._open[c]] = self.now
        return self._open[c]

    def _retire(self, c: int, ordinal: int) -> None:
        """Close a connection that has been idle for too long."""
        assert self._idle is not None
        if self._open.get(c) == ordinal and self.now >= self._used[ordinal] + self._idle:
            self._close(c, "idle")

    def _close(self, c: int, how: str) -> None:
        ordinal = self._open.pop(c, None)
        if ordinal is not None:
            self._tell(ConnectionClosed(at=self.now, c=ordinal, how=how))

    def _tell(self, fact: Fact) -> None:
        self.service.tell(Noted(self.now, fact))


def judged(recording: Recording) -> ClientReport:
    """What the rules say of the clients, which are known to have ended."""
    return report_on({"day": histories_of(recording, over=True)})
