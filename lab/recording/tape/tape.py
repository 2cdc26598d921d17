"""The tape: an observer that writes what it is told as lines (recordings.md §1, §2, §4).

It has to be cheap: the redacted and encoded tail of a line is remembered (`line_cache`), and a job's derived facts are
asked for only when one may be due.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Protocol

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import LONG_BODY
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.shell import TapeNoted
from lab.core.observe import Noted, Observation, Replied, Requested, Touched
from lab.faults.facts import FaultStruck
from lab.identity.routes import IDENTITY_NAMES
from lab.jobs.facts import Derived, GateDecided, JobAccepted, WaitEnded
from lab.mock.config import Config
from lab.recording.format.codec import fact_members, footer, line_text, nested
from lab.recording.format.lines import FactLine, Header, Members, Res
from lab.recording.format.text import dumps, encoded
from lab.recording.redaction.redactor import redactor_of
from lab.recording.tape.line_cache import LineCache, Tail, varying_members

_AT_ONCE = -1
_NEVER = 1 << 62


class Source(Protocol):
    """Who knows the users and the derived facts of jobs: the service."""

    @property
    def config(self) -> Config:
        """What the mock was made with."""

    def derived(self, job: str, now: Millis) -> Derived | None:
        """The derived facts up to now, and when the next is due."""


class _Written(Struct):
    """Of one job: how many derived facts stand on the tape, and until when there is nothing to add."""

    count: int = 0
    until: Millis = _AT_ONCE


class _Pending(Struct):
    """A request that isn't written yet, for it may bring facts."""

    at: Millis
    x: int
    head: str
    tail: Tail
    facts: list[Members] = field(default_factory=list)
    followed: list[Fact] = field(default_factory=list)
    """What follows from its facts, and so stands behind it."""


class Tape:
    """Writes header, lines and footer through `write`, which takes one line and raises OSError when it fails.

    A tape that failed is dead: it says why in `dead`, writes nothing more, and never raises into the server.
    """

    def __init__(
        self,
        service: Source,
        write: Callable[[bytes], None],
        header: Header,
        *,
        sync: Callable[[], None] | None = None,
        wall: Callable[[], Millis | None] | None = None,
        tails: LineCache | None = None,
    ) -> None:
        """`tails` redacts; None: by the mock's secrets."""
        self.dead: str | None = None
        self._over = False
        self._after = 0
        self._tails = tails or LineCache(redactor_of(service.config))
        self.redactor = self._tails.redactor
        self._service = service
        self._write, self._sync = write, sync or (lambda: None)
        self._wall = wall or (lambda: None)
        self.traced = False
        """Whether requests tell their trace id, which a recording doesn't need."""
        self.limit = _NEVER
        """Bytes: a tape that is longer ends by itself after an exchange."""
        self._n = 0
        self._t: Millis = header.t
        self._bytes = 0
        self._digest = sha256()
        self._jobs: dict[str, _Written] = {}
        self._oauth: set[int] = set()
        self.repeats = True
        """Whether a line may name an earlier one that says the same."""
        self.hold = 1
        """So many lines are written at once, or what there is at `flush`."""
        self._unwritten: list[str] = []
        """Lines that aren't written yet."""
        self._sync_due = False
        self._pending: _Pending | None = None
        self._unanswered: dict[int, None] = {}
        """Exchanges whose reply isn't written, oldest first."""
        self._put(line_text(header))
        self._write_held()
        self._synced()

    def __call__(self, observation: Observation) -> None:
        """Write what was observed."""
        if self._over:
            return
        # a poll is these three: each is told apart by its type alone, which is sooner done than to match it
        kind = type(observation)
        if kind is Requested:
            self._requested(observation)  # type: ignore[arg-type]
        elif kind is Replied:
            self._end_request()
            self._replied(observation)  # type: ignore[arg-type]
            if self._bytes > self.limit:
                self._bound()
        elif isinstance(observation, Touched):
            written = self._jobs.get(observation.job)
            if observation.whole is not None or written is None or observation.at >= written.until:
                self._touched(observation.job, observation.at, observation.whole)
        elif isinstance(observation, Noted):
            self._noted(observation)
            if observation.x is None:
                self._bound()

    def close(self, now: Millis, reason: str = "closed") -> None:
        """Write the derived facts that are due, of all jobs, what became of replies under way, and the footer."""
        if self._over:
            return
        self.flush()
        due = [fact for job in self._jobs for fact in self._due(job, now)]
        for fact in sorted(due, key=attrgetter("at")):
            self._fact(fact, now, None)
        for x in self._unanswered:
            cut = Res(n=self._n, t=self._at(now), x=x, status=0, cut="shutdown", sent=0)
            self._put(line_text(cut))
        self._write_held()
        try:
            if not self._over:
                self._write(footer(self._n, self._at(now), reason, self._digest))
        except OSError as fault:
            self._die(f"The recording can't be closed: {fault.strerror or fault}.")
        self._synced()
        self._over = True

    def _bound(self) -> None:
        # not in the midst of an exchange or an opening: what is written has to say all of it
        if self._bytes > self.limit:
            self.close(self._t, "limit")
            self._die(f"The recording reached its limit of {self.limit} bytes.")

    def restate(self, facts: Iterable[Fact], now: Millis, after: int = 0) -> None:
        """Begin with what lives; derived facts follow when a job is next touched.

        Exchanges up to the ordinal `after` are under way: their replies aren't written.
        """
        self._after = after
        for fact in facts:
            self._noted(Noted(now, fact))

    def note(self, text: str, now: Millis) -> None:
        """Write something that a reader should see."""
        self(Noted(now, TapeNoted(at=now, text=text)))

    # Lines

    def _put(self, line: str) -> None:
        self._n += 1
        self._unwritten.append(line)
        if len(self._unwritten) >= self.hold:
            self._write_held()

    def _put_long(self, line: bytes) -> None:
        # at once: together with others it would be a long while to everybody
        self._write_held()
        self._n += 1
        self._write_lines(line)

    def _write_held(self) -> None:
        lines = "".join(self._unwritten).encode()
        self._unwritten.clear()
        self._write_lines(lines)
        if self._sync_due:
            self._sync_due = False
            self._synced()

    def _write_lines(self, lines: bytes) -> None:
        self._bytes += len(lines)
        try:
            if lines and not self._over:
                self._write(lines)
        except OSError as fault:
            self._die(f"The recording can't be written: {fault.strerror or fault}.")
        else:
            self._digest.update(lines)

    @property
    def waiting(self) -> bool:
        """Whether something was told that isn't written."""
        return self._pending is not None or bool(self._unwritten)

    def flush(self) -> None:
        """Write what was told."""
        self._end_request()
        self._write_held()

    def fail(self, why: str) -> None:
        """Be dead: somebody has found out that what was written is no longer there."""
        if not self._over:
            self._die(why)

    def _die(self, why: str) -> None:
        self.dead = self.dead or why
        self._over, self._sync = True, lambda: None
        self._unwritten.clear()

    def _synced(self) -> None:
        try:
            self._sync()
        except OSError as fault:
            self._die(f"The recording can't be synced: {fault.strerror or fault}.")

    def _at(self, t: Millis) -> Millis:
        # t never decreases, even when observers are told late
        if t < self._t:
            return self._t
        self._t = t
        return t

    # Exchanges

    def _requested(self, observation: Requested) -> None:
        self._end_request()
        x = observation.x
        self._unanswered[x] = None
        if observation.route in IDENTITY_NAMES:
            self._oauth.add(x)
        tail = self._tails.request(observation)
        at = observation.at if observation.at > self._t else self._t
        wall = "" if (w := self._wall()) is None else f'"w":{w},'
        more = "" if observation.listener is None else f'"l":{dumps(observation.listener)},'
        if self.traced:
            more += f'"trace":{dumps(self.redactor.text(self._service.config.trace_of(observation)))},'
        if observation.flags:
            more += f'"flags":{dumps(observation.flags)},'
        if observation.took:
            more += f'"in":{observation.took},'
        if observation.judged:
            more += f'"judged":{dumps(self.redactor.json(list(observation.judged)))},'
        self._pending = _Pending(at, x, f'{wall}"x":{x},"c":{observation.c},{more}', tail)

    def _end_request(self) -> None:
        """Put the request that was told last, with the facts that it brought."""
        pending = self._pending
        if pending is None:
            return
        self._pending = None
        self._put_message("req", pending.at, pending.head, pending.tail, pending.facts)
        for fact in pending.followed:
            self._fact(fact, pending.at, None)

    def is_of_identity(self, x: int) -> bool:
        """Whether the identity domain was asked in an exchange that isn't answered yet."""
        return x in self._oauth

    def _replied(self, observation: Replied) -> None:
        x, response = observation.x, observation.response
        if x <= self._after:
            return
        self._unanswered.pop(x, None)
        oauth = x in self._oauth
        if oauth:
            self._oauth.discard(x)
        tail = self._tails.reply(response, oauth=oauth, cut=observation.cut is not None)
        wall = "" if (w := self._wall()) is None else f'"w":{w},'
        head = f'{wall}"x":{x},"s":{response.status},{varying_members(observation)}'
        self._put_message("res", observation.at, head, tail)

    def _put_message(self, kind: str, at: Millis, head: str, tail: Tail, facts: Sequence[Members] = ()) -> None:
        t = self._at(at)
        begin = f'{{"k":"{kind}","n":{self._n},"t":{t},{head}'
        repeated = tail.n if tail.written and self.repeats else 0
        if not repeated:
            tail.n = self._n
        if len(tail.written) > LONG_BODY:  # then a fact may repeat what it says
            said = f'"as":{repeated}'.encode() if repeated else tail.written
            end = (b',"facts":', encoded(facts, long=True)) if facts else ()
            self._put_long(b"".join((begin.encode(), said, *end, b"}\n")))
            return
        end_text = f',"facts":{dumps(facts)}' if facts else ""
        if repeated:
            self._put(f'{begin}"as":{repeated}{end_text}}}\n')
        else:
            # nothing may be left to say: then the comma before it goes
            self._put(f"{begin if tail.written else begin[:-1]}{tail.written.decode()}{end_text}}}\n")

    # Facts

    def _noted(self, observation: Noted) -> None:
        fact = observation.fact
        for name, kind in fact.secrets.items():
            if (value := getattr(fact, name)) is not None:
                self.redactor.secrets.given(value, kind)
        if isinstance(fact, GateDecided | WaitEnded) and fact.alias is not None:
            self.redactor.secrets.learn_id(fact.alias)
        if isinstance(fact, JobAccepted):
            self._jobs[fact.job] = _Written()
            self.redactor.secrets.learn_id(fact.job)
            self.redactor.secrets.learn_id(fact.conversation or fact.job)
        elif isinstance(fact, LedgerCleared):
            self._jobs.clear()
        elif fact.kind == "input" and (written := self._jobs.get(getattr(fact, "job", ""))) is not None:
            written.until = _AT_ONCE
        derived = fact.kind == "derived" and not isinstance(fact, FaultStruck)
        if derived or (isinstance(fact, GateDecided) and fact.by == "script"):
            return
        self._fact(fact, observation.at, observation.x)
        if isinstance(fact, GateDecided):
            self._sync_due = True

    def due(self, job: str) -> Millis | None:
        """When a derived fact of a job may be due that isn't written; None: never, or nothing was told of the job."""
        written = self._jobs.get(job)
        return None if written is None or written.until == _NEVER else written.until

    def _touched(self, job: str, now: Millis, whole: tuple[Fact, ...] | None) -> None:
        for fact in self._due(job, now) if whole is None else self._rest(job, whole):
            self._fact(fact, now, None)

    def _rest(self, job: str, whole: tuple[Fact, ...]) -> tuple[Fact, ...]:
        written = self._jobs.pop(job, None)  # nobody looks at the job any more
        return () if written is None else whole[written.count :]

    def _due(self, job: str, now: Millis) -> Iterator[Fact]:
        written = self._jobs.setdefault(job, _Written())
        derived = self._service.derived(job, now) if now >= written.until else None
        if derived is None:
            return iter(())
        due = derived.facts[written.count :]
        written.count = len(derived.facts)
        written.until = _NEVER if derived.until is None else derived.until
        return iter(due)

    def _fact(self, fact: Fact, now: Millis, x: int | None) -> None:
        pending = self._pending
        if pending is not None and (x != pending.x if x is not None else now > pending.at):
            # it is served: what others do meanwhile must not make its instant a later one, nor lose whose it is
            self._end_request()
            pending = None
        if pending is not None and x == pending.x:
            pending.facts.append(nested(fact, self._members(fact), pending.at))
            return
        if pending is not None and pending.facts:
            pending.followed.append(fact)
            return
        t = self._at(now)
        self._put(line_text(FactLine(n=self._n, t=t, x=x, fact=nested(fact, self._members(fact), t))))

    def _members(self, fact: Fact) -> Members:
        members = fact_members(fact)
        clean = self.redactor.members({name: value for name, value in members.items() if name not in _PLAIN})
        return {name: clean.get(name, value) for name, value in members.items()}


_PLAIN = frozenset(
    "alias gate round approvals verdict by from to step until otherwise c how turn ordinal grant why fault call".split()
)
"""Members that hold the lab's own words and ids, never a peer's; a job's id may be a task's, which its client made."""
