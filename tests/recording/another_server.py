"""Another server for client replays, in the same process: no socket, no waiting, a clock that is a number."""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.observe import Replied
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.client_replay.plan import client_plan
from lab.recording.client_replay.polls import ClientTerms
from lab.recording.client_replay.replay import ClientReplay, Outgoing
from lab.recording.client_replay.values import Credentials, wanted
from lab.recording.divergences import Divergences
from lab.recording.format.codec import write
from lab.recording.format.lines import Entry, Recording, Req
from lab.recording.format.reader import read
from lab.recording.matchers import Matcher
from lab.recording.redaction.stand_ins import stand_in

Answer = Callable[[Request, Millis], Response | str | None]
"""What a test answers in the server's place; a text: the answer is lost so; None: the server answers."""


class AnotherServer:
    """A lab that is asked what a recording asks."""

    def __init__(self, setup: Config, instead: Answer = lambda request, now: None, *, late: Millis = 0) -> None:
        """`late`: by so much its clock is ahead, and each answer comes later."""
        self.service = Service(replace(setup, epoch=setup.epoch + 86_400))
        self.sent: list[Request] = []
        self.instants: list[Millis] = []
        self.instead, self.late = instead, late

    def answer(self, out: Outgoing, now: Millis) -> tuple[Millis, Response | None, str]:
        self.sent.append(out.request)
        self.instants.append(now)
        own = self.instead(out.request, now)
        if own is not None:
            return (now + 50, None, own) if isinstance(own, str) else (now + 50, own, "")
        reply = self.service.serve(out.request, now)
        arrived = reply.deliver(now, out.until)
        self.service.tell(
            Replied(arrived.at, reply.x, arrived.response, reply.latency, cut=arrived.cut, sent=arrived.sent)
        )
        return arrived.at + self.late, None if arrived.loss else arrived.response, arrived.loss or ""

    def replay(
        self, recording: Recording, terms: ClientTerms | None = None,
        matchers: Sequence[Matcher] = (), secrets: Credentials | None = None,
    ) -> Divergences:  # fmt: skip
        """Send it all; AssertionError if nothing is due and it isn't over."""
        plan, config = client_plan(recording), self.service.config
        known = {stand_in("client", number): each.secret for number, each in enumerate(config.clients, 1)}
        known |= {stand_in("client name", number): each.id for number, each in enumerate(config.clients, 1)}
        known |= {stand_in("user", number): each.password for number, each in enumerate(config.accounts, 1)}
        needed = wanted(plan)
        given = secrets or Credentials({alias: known[alias] for alias in needed.values()})
        machine = ClientReplay(plan, given, ("http://127.0.0.1", "http://127.0.0.1"), terms or ClientTerms(), matchers)
        now, order, coming = 0, 0, list[tuple[Millis, int, Outgoing, Response | None, str]]()
        while not machine.over:
            for out in machine.ready(now):
                order += 1
                at, response, why = self.answer(out, now)
                heappush(coming, (at, order, out, response, why))
            due = machine.due(now)
            instants = [*(() if due is None else (due,)), *(each[0] for each in coming[:1])]
            assert instants or machine.over
            now = max(now, min(instants, default=now))
            while coming and coming[0][0] <= now:
                at, _, out, response, why = heappop(coming)
                machine.take(out, at, response, why)
        return machine.result()


def as_capture(recording: Recording) -> Recording:
    """The same as if a proxy before that server had recorded it: calls alone, and nothing of what was inside."""
    lines = [line for line in recording.lines if not isinstance(line, Entry)]
    header = replace(recording.header, source="capture", scenarios=None, seed=None, generators=None)
    alone = [
        replace(line, like=None, facts=()) if isinstance(line, Req) else replace(line, like=None) for line in lines
    ]
    numbered = [replace(line, n=number) for number, line in enumerate(alone, 1)]
    return read(write([header, *numbered], "closed", recording.until), recording.name)
