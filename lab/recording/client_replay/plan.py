"""What of a recording is sent to another server, in which order, and what that is to answer (recordings.md §6.3).

Two kinds of things are sent: *calls*, each once, and *polls*, as many as it takes. A call waits for all that had been
answered before it in the recording: replies to other calls, and what polls had shown by then. So causes stay before
their effects, whatever times the other server takes.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json, Response
from lab.dialects import client_of
from lab.dialects.sse import events_in
from lab.program.words import Status
from lab.recording.exchange import RecordedExchange
from lab.recording.format.lines import Body, Recording, Req, Res

BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Statuses by which a server fails for the moment: of another day, or another server, they can't be demanded."""


UNHURRIED: Millis = 30_000
"""How long a status lasts that was the only one."""


class Shown(Struct, frozen=True):
    """What the answers about a job say for a while: a status, or a refusal."""

    word: str
    """The status as the wire has it, or `HTTP 404`."""
    status: Status | None
    at: Millis
    """When the first such answer came, and how late the last other one had come before."""
    after: Millis
    response: Response
    body: Body = Body()
    """Of a recorded answer, as it is written."""
    n: int = 0
    """The line of the first such answer."""
    route: str = ""
    polled: bool = True
    """Whether a poll brought it, and no other call."""

    @property
    def lasting(self) -> bool:
        """Whether answers say the same until something else is shown: a question, an end, a refusal."""
        return self.status is not Status.RUNNING

    @property
    def final(self) -> bool:
        return self.status is not None and self.status.final


class PlannedPoll(Struct, frozen=True):
    """A recorded poll: its request, and when it was sent, counted from the answer that began the job."""

    req: Req
    after: Millis
    route: str


class PlannedJob(Struct, eq=False):
    """A recorded job, which is polled until it has ended."""

    id: str
    begun: int
    """The exchange that began it."""
    at: Millis
    """When that was answered."""
    n: int
    generated: bool
    """Whether texts in its answers may be made of generated data."""
    shown: tuple[Shown, ...] = ()
    polls: tuple[PlannedPoll, ...] = ()
    unseen: Mapping[int, frozenset[Status]] | None = None
    """By places in `shown` what the job was before it, between two polls; None: nobody knows, it is another server's."""
    shortest: Millis = UNHURRIED
    """For how long it showed the same at least, before its end: polls that come less often would miss it."""

    @property
    def final(self) -> bool:
        """Whether the recording goes on until it has ended."""
        return bool(self.shown) and self.shown[-1].final

    @property
    def lasted(self) -> Millis:
        """From its beginning to the last thing that is known of it."""
        return self.shown[-1].at - self.at if self.shown else 0


class PlannedCall(Struct, eq=False):
    """A recorded call that is sent once."""

    req: Req
    res: Res
    call: RecordedExchange
    after: int
    """So many of the plan's events had come before it."""
    pause: Millis
    """Since the last of them; since the beginning if there was none."""
    compared: bool
    """Whether its answer can be demanded."""
    job: str | None = None
    """The recorded job that it begins or is about."""
    begins: bool = False

    @property
    def took(self) -> Millis:
        """From the request to the last byte of the answer."""
        return max(self.call.latency, self.call.answered_at - self.call.at)


class PlannedEvent(Struct, frozen=True):
    """Something that calls may wait for: an answer, or that a job shows its n-th status."""

    n: int
    """The line of the recording in which it came."""
    at: Millis
    x: int = 0
    job: str = ""
    place: int = 0


class LeftOut(Struct, frozen=True):
    """How many recorded calls aren't sent, by why."""

    repeated: int
    """They failed for the moment, and were asked again."""
    of_sockets: int
    """Only a socket can make them: cut, to another origin, or malformed."""
    astray: int
    """What they ask for is no path, so behind an origin it could name another server."""


class ClientPlan(Struct, frozen=True):
    """All of it."""

    recording: Recording
    calls: tuple[PlannedCall, ...]
    jobs: Mapping[str, PlannedJob]
    events: tuple[PlannedEvent, ...]
    """In the order in which they came."""
    start: Millis
    unheard: int
    """Calls that are sent, and whose answers aren't compared: in the recording they failed for the moment."""
    left_out: LeftOut

    @property
    def sent(self) -> Iterator[Req]:
        """The recorded requests of which others are made."""
        yield from (call.req for call in self.calls)
        yield from (poll.req for job in self.jobs.values() for poll in job.polls)


def lasting_bodies(route: str, response: Response) -> list[Json]:
    """Of what a stream's events come to, what first shows a question or the end: it stays so."""
    client, word = client_of(route), ""
    found: list[Json] = []
    for body in client.bodies_in(events_in(response.body)) if client is not None else ():
        seen = client.job_in(body) if client is not None else None
        if seen is not None and seen.word != word:
            word = seen.word
            if seen.status is not Status.RUNNING:
                found.append(body)
    return found


def last_members(response: Response) -> dict[str, Json]:
    """What a stream's events said last, member by member: of chat none shows the whole job."""
    return {name: value for event in events_in(response.body) for name, value in event.items()}


def bearer_in(request: Req | object) -> str:
    """The alias of its bearer, or whatever it has in its place."""
    headers = request.headers if isinstance(request, Req) else getattr(request, "headers", ())
    return next((value for name, value in headers if name == "authorization"), "")
