"""A mock with a tape, and clients of it in one process: each a generator that sends and waits, in virtual time."""

from collections.abc import Generator
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.exchange import Request, Response
from lab.core.journal.shell import ConnectionClosed, ConnectionOpened
from lab.core.observe import Noted, Replied
from lab.core.reply import Delivery, Reply
from lab.identity.clients import DEMO, Client
from lab.jobs.plan import compile_scenario
from lab.language.document import Switches
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.header import recording_header
from lab.recording.lines import Recording
from lab.recording.reader import read
from lab.recording.tape import Tape
from lab.report.gather import histories_of
from lab.report.judge import ClientReport, report_on


class Send(Struct, frozen=True):
    """Send a request; the answer is what of it reached the client by `until`."""

    request: Request
    until: Millis | None = None
    c: int = 1
    """The connection."""
    awaited: bool = True
    """Whether the client goes on only once the answer has come."""


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


Effect: TypeAlias = Send | Wait | Hangup
Story: TypeAlias = Generator[Effect, Came, object]


class Together:
    """The mock, and whoever calls it; instants only move forward."""

    def __init__(self, *scenarios: str, client: Client = DEMO, seed: int = 1, **switches: object) -> None:
        compiled = tuple(compile_scenario(parse_scenario(text, "quick.yaml")) for text in scenarios)
        spoken = Switches.model_validate(switches)
        self.config = Config(compiled, spoken, seed, INSTANT_EPOCH, clients=(client,))
        self.lines: list[bytes] = []
        self.service = Service(self.config)
        self.tape = Tape(self.service, self.lines.append, recording_header(self.config, lab="0.1.0"))
        self.service.observers.append(self.tape)
        self.now: Millis = 0
        self._due: list[tuple[Millis, int, Story | None, Came, tuple[Reply, Delivery] | None]] = []
        self._order = count()
        self._open: set[int] = set()

    def play(self, *stories: Story, rest: Millis = 0) -> Recording:
        """Play all of them to their ends, and let the tape run on for `rest`."""
        for story in stories:
            self._perform(story, next(story))
        while self._due:
            at, _, story, came, reply = heappop(self._due)
            self.now = max(self.now, at)
            if reply is not None:
                answer, arrived = reply
                self.service.tell(
                    Replied(self.now, answer.x, arrived.response, answer.latency, cut=arrived.cut, sent=arrived.sent)
                )
            if story is not None:
                with suppress(StopIteration):
                    self._perform(story, story.send(came))
        for c in sorted(self._open):
            self._tell(ConnectionClosed(at=self.now, c=c, how="client"))
        self.now += rest
        self.tape.close(self.now)
        return read(b"".join(self.lines))

    def _perform(self, story: Story, effect: Effect) -> None:
        match effect:
            case Wait(until):
                self._later(story, Came(max(until, self.now)))
            case Hangup(c):
                self._open.discard(c)
                self._tell(ConnectionClosed(at=self.now, c=c, how="client"))
                self._later(story, Came(self.now))
            case Send(request, until, c, awaited):
                if c not in self._open:
                    self._open.add(c)
                    self._tell(ConnectionOpened(at=self.now, c=c))
                reply = self.service.serve(request, self.now, c=c)
                arrived = reply.deliver(self.now, until)
                whole = arrived.loss is None and arrived.response.status > 0
                came = Came(arrived.at, arrived.response, whole=whole)
                self._later(story if awaited else None, came, (reply, arrived))
                if not awaited:
                    self._later(story, Came(self.now))

    def _later(self, story: Story | None, came: Came, reply: tuple[Reply, Delivery] | None = None) -> None:
        heappush(self._due, (came.at, next(self._order), story, came, reply))

    def _tell(self, fact: ConnectionOpened | ConnectionClosed) -> None:
        self.service.tell(Noted(fact.at, fact))


def judged(recording: Recording) -> ClientReport:
    """What the rules say of the clients, which are known to have ended."""
    return report_on({"day": histories_of(recording, over=True)})
