"""Answers to polls, remembered as long as they hold: within a span a body is constant. A memo, never state.

An answer follows from the request line, the bearer, the job's record, the faults that are armed, and the instant. So one
is remembered by its path, with what else it was made of; who asks is found out each time. Where a fault may strike, or a
request has more to it than its path and its bearer, only the body is taken from here.
"""

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.journal.fact import Key, Record
from lab.core.journal.ledger import Ledger
from lab.core.reply import Reply
from lab.core.seeds import Seed
from lab.faults.facts import ARMED_KEY
from lab.identity.bearer import bearer_of
from lab.identity.records import TokenRecord
from lab.jobs.facts import JobRecord
from lab.jobs.program import Program
from lab.mock.latencies import planned_latency
from lab.program.switches import Switches

MOST_REMEMBERED = 131_072
"""Jobs under way whose last answer is remembered."""
MOST_ENDED = 1_024
"""The same of jobs that have ended, for which hardly anybody asks again."""


class Poll(Struct, frozen=True, gc=False):
    """The answer to `GET` of one path, and what it was made of."""

    key: Key
    """Where the job's record lies."""
    record: JobRecord
    since: Millis
    until: Millis | None
    reply: Reply
    """Not withheld."""
    team_switches: Switches
    """By which the bearer is read."""
    service: str
    armed: Record | None
    """The faults that were armed, of which none is for polls."""
    spared: bool
    """Whether no fault may strike it."""
    program: Program
    """Whose latencies hold."""
    routes: tuple[str, ...]
    shown: str
    """The id by which it was asked for, of which its latency is drawn."""

    def holds(self, ledger: Ledger, now: Millis) -> bool:
        """Whether the body is still the same."""
        # the same record means the same decisions, for each makes a new one; `since`, for a clock may have been set back
        if ledger.get(self.key) is not self.record or now < self.since:
            return False
        return self.until is None or now < self.until


class Polls:
    """By the paths on which was asked."""

    def __init__(self, seed: Seed) -> None:
        self._seed = seed
        self._under_way: dict[str, Poll] = {}
        self._ended: dict[str, Poll] = {}

    def reply(self, ledger: Ledger, request: Request, now: Millis) -> Reply | None:
        """The whole reply, if it is remembered and holds; None: the mock is to make it."""
        known = self._under_way.get(request.path) or self._ended.get(request.path)
        if known is None or not known.spared or request.query or request.method != "GET":
            return None
        if not known.holds(ledger, now) or ledger.get(ARMED_KEY) is not known.armed:
            return None
        bearer, flags = bearer_of(known.team_switches, ledger, request, now, service=known.service)
        if flags or not isinstance(bearer, TokenRecord) or bearer.owner != known.record.owner:
            return None
        if known.program.scenario.latency:
            latency = planned_latency(self._seed, known.program, known.routes, known.shown, now)
            return replace(known.reply, latency=latency) if latency else known.reply
        return known.reply

    def body(self, ledger: Ledger, path: str, now: Millis) -> Response | None:
        """The response alone, to whoever may have it."""
        known = self._under_way.get(path) or self._ended.get(path)
        return known.reply.response if known is not None and known.holds(ledger, now) else None

    def keep(self, path: str, poll: Poll, *, ended: bool) -> None:
        """Remember one; `ended`: the job has."""
        answers, most = (self._ended, MOST_ENDED) if ended else (self._under_way, MOST_REMEMBERED)
        self._under_way.pop(path, None)
        # the oldest goes: a job that is still polled is soon remembered again
        if len(answers) >= most:
            del answers[next(iter(answers))]
        answers[path] = poll

    def clear(self) -> None:
        """Forget all."""
        self._under_way.clear()
        self._ended.clear()
