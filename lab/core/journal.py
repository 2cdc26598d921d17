"""The journal: facts, the fold that makes records of them, derived facts, the memory ledger.

*Input* facts say what the server accepted from outside; state is what folding them gives. *Derived*
facts follow from plan, inputs and instant: `derived` lists them, the ledger never holds them. *Shell*
facts tell of sockets and processes; they exist in recordings alone. Members and classes: recording.md §2.3.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, TypeAlias

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.gates import Decision, Origin
from lab.core.plan import Drawn, Plan
from lab.core.scenario import Verdict
from lab.core.timeline import KIND_STATUS, Ending, Span, leads, spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One entry: what happened at the instant `at`. A recording adds the exchange it belongs to."""

    type: ClassVar[str] = ""
    kind: ClassVar[str] = "input"
    at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGranted(Fact):
    """A bearer token was issued; good while `at <= now < until`."""

    type: ClassVar[str] = "token.granted"
    token: str
    client: str
    grant: str
    scope: str
    until: Millis
    refresh: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked(Fact):
    """A token is no longer good: `why` is revoked, rotated, reused, or control."""

    type: ClassVar[str] = "token.revoked"
    by: str
    token: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAccepted(Fact):
    """invokeAsync was accepted: the job is RUNNING from `at` on."""

    type: ClassVar[str] = "job.accepted"
    job: str
    client: str
    user: str | None = None
    conversation: str | None = None
    turn: int
    team: str
    scenario: str | None
    """None: no scenario of the team fits the message; the job ends ERROR."""
    ordinal: int
    input: Mapping[str, Json]
    """The known members of the request as accepted."""
    drawn: Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecided(Fact):
    """A decision was admitted; derived when a script decided."""

    type: ClassVar[str] = "gate.decided"
    job: str
    gate: str
    round: int = 0
    verdict: Verdict
    by: Origin
    name: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitEnded(Fact):
    """A wait was ended early through the API."""

    type: ClassVar[str] = "wait.ended"
    job: str
    step: str
    round: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAdvanced(Fact):
    """A manual clock was set from `origin` to `at`."""

    type: ClassVar[str] = "clock.advanced"
    by: str
    origin: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockScaled(Fact):
    """A scaled clock runs at another pace; factor is decimal text, `0` is paused."""

    type: ClassVar[str] = "clock.scaled"
    by: str
    factor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCleared(Fact):
    """Every record and number is gone."""

    type: ClassVar[str] = "ledger.cleared"
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus(Fact):
    """A span began, the first excepted."""

    type: ClassVar[str] = "job.status"
    kind: ClassVar[str] = "derived"
    job: str
    origin: str
    to: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """What happens to an opening if nobody acts: `by` is script for a script's vote."""

    at: Millis
    verdict: str
    by: str | None
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOpened(Fact):
    """A gate began to wait; patience ends at `until`."""

    type: ClassVar[str] = "gate.opened"
    kind: ClassVar[str] = "derived"
    job: str
    gate: str
    round: int = 0
    until: Millis
    otherwise: Otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class GateExpired(Fact):
    """Patience ended: the verdict is timed-out."""

    type: ClassVar[str] = "gate.expired"
    kind: ClassVar[str] = "derived"
    job: str
    gate: str
    round: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOpened(Fact):
    """A peer connected."""

    type: ClassVar[str] = "connection.opened"
    kind: ClassVar[str] = "shell"
    c: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionClosed(Fact):
    """A connection ended: how is client, server, reset, idle, deadline, shutdown, or fault."""

    type: ClassVar[str] = "connection.closed"
    kind: ClassVar[str] = "shell"
    c: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMalformed(Fact):
    """The HTTP parser refused what came; `bytes` counts them, they are never shown."""

    type: ClassVar[str] = "request.malformed"
    kind: ClassVar[str] = "shell"
    c: int
    what: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioMissed(Fact):
    """No scenario of the team fits the message; `near` names those tried."""

    type: ClassVar[str] = "scenario.missed"
    kind: ClassVar[str] = "shell"
    near: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeNoted(Fact):
    """Anything a reader should see."""

    type: ClassVar[str] = "tape.noted"
    kind: ClassVar[str] = "shell"
    text: str


FACTS: dict[str, type[Fact]] = {
    fact.type: fact
    for fact in (
        TokenGranted, TokenRevoked, JobAccepted, GateDecided, WaitEnded, ClockAdvanced, ClockScaled, LedgerCleared,
        JobStatus, GateOpened, GateExpired, ConnectionOpened, ConnectionClosed, RequestMalformed, ScenarioMissed,
        TapeNoted,
    )
}  # fmt: skip
"""Every fact type by its name on disk."""


# Records: what folding gives. Slots and shared texts keep a parked job small (performance.md).


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A granted token; `user` None: it stands for the client itself."""

    client: str
    user: str | None
    scope: str
    since: Millis
    until: Millis
    revoked: bool = False

    @property
    def owner(self) -> str:
        """The token's `sub`: whose jobs it sees."""
        return self.user or self.client


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job: what came from outside and what a generator made. Plan, view and body are recomputed."""

    client: str
    user: str | None
    conversation: str | None
    turn: int
    team: str
    scenario: str | None
    ordinal: int
    at: Millis
    input: str
    """The accepted members of the request as JSON text."""
    data: str
    """The generated values as JSON text, keys as in `drawn`."""
    decisions: tuple[Decision, ...] = ()

    @property
    def owner(self) -> str:
        """Whose job it is."""
        return self.user or self.client


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A conversation: its team, its owner, and its jobs in order of turns."""

    team: str
    owner: str
    jobs: tuple[str, ...]


Record: TypeAlias = TokenRecord | JobRecord | ConversationRecord
Key: TypeAlias = bytes
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _key(prefix: bytes, text: str) -> Key:
    if _UUID.fullmatch(text):
        return prefix + bytes.fromhex(text.replace("-", ""))
    return prefix + b"/" + text.encode("utf-8", "surrogatepass")


def job_key(job: str) -> Key:
    """Where a job's record lies; a UUID takes 16 bytes."""
    return _key(b"j", job)


def conversation_key(conversation: str) -> Key:
    """Where a conversation's record lies."""
    return _key(b"c", conversation)


def token_key(token: str) -> Key:
    """Where a token's record lies."""
    return b"t" + token.encode("utf-8", "surrogatepass")


class Ledger(Protocol):
    """What `handle` sees of the state: folded records, and numbers."""

    def get(self, key: Key) -> Record | None:
        """The record, or None."""

    def take(self, counter: str) -> int:
        """The next number of a counter, from 1. A number once taken is never given again."""


class Shelf(Ledger, Protocol):
    """A ledger that facts can be committed to."""

    def commit(self, facts: tuple[Fact, ...]) -> None:
        """Fold the facts, all or none."""


class MemoryLedger:
    """Folded records and numbers in memory: never misses, never conflicts."""

    def __init__(self) -> None:
        self._records: dict[Key, Record] = {}
        self._numbers: dict[str, int] = {}

    def get(self, key: Key) -> Record | None:
        """The record, or None."""
        return self._records.get(key)

    def take(self, counter: str) -> int:
        """The next number of a counter, from 1."""
        number = self._numbers.get(counter, 0) + 1
        self._numbers[counter] = number
        return number

    def commit(self, facts: tuple[Fact, ...]) -> None:
        """Fold the facts."""
        for fact in facts:
            if isinstance(fact, LedgerCleared):
                self._records.clear()
                self._numbers.clear()
                continue
            for key, record in fold(fact, self.get):
                self._records[key] = record

    def jobs(self) -> Iterator[str]:
        """The ids of all jobs, oldest first."""
        for key in self._records:
            if key[:1] == b"j":
                yield _job_id(key)

    def tokens(self) -> Iterator[tuple[str, TokenRecord]]:
        """All tokens granted, oldest first."""
        for key, record in self._records.items():
            if isinstance(record, TokenRecord):
                yield key[1:].decode("utf-8", "surrogatepass"), record


def _job_id(key: Key) -> str:
    if key[1:2] == b"/" and len(key) != 17:
        return key[2:].decode("utf-8", "surrogatepass")
    text = key[1:].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def text_of(value: object) -> str:
    """Compact JSON text, member order kept, only what must be escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def fold(fact: Fact, get: Callable[[Key], Record | None]) -> tuple[tuple[Key, Record], ...]:
    """The records that a fact makes or changes; derived and shell facts change none."""
    match fact:
        case TokenGranted():
            record = TokenRecord(fact.client, fact.user, fact.scope, fact.at, fact.until)
            return ((token_key(fact.token), record),)
        case TokenRevoked():
            token = get(token_key(fact.token))
            return ((token_key(fact.token), replace(token, revoked=True)),) if isinstance(token, TokenRecord) else ()
        case JobAccepted():
            return _fold_job(fact, get)
        case GateDecided() if fact.by is not Origin.SCRIPT:
            return _fold_decision(fact.job, decision_of(fact), get)
        case WaitEnded():
            return _fold_decision(fact.job, Decision(fact.at, fact.step, fact.round, None, Origin.API), get)
        case _:
            return ()


def _fold_job(fact: JobAccepted, get: Callable[[Key], Record | None]) -> tuple[tuple[Key, Record], ...]:
    data = {name: value for name, value in fact.drawn.items() if name.startswith("data/")}
    record = JobRecord(
        fact.client, fact.user, fact.conversation, fact.turn, fact.team, fact.scenario, fact.ordinal, fact.at,
        text_of(fact.input), text_of(data) if data else "{}",
    )  # fmt: skip
    made: tuple[tuple[Key, Record], ...] = ((job_key(fact.job), record),)
    if fact.conversation is None:
        return made
    key = conversation_key(fact.conversation)
    known = get(key)
    jobs = known.jobs if isinstance(known, ConversationRecord) else ()
    return (*made, (key, ConversationRecord(fact.team, record.owner, (*jobs, fact.job))))


def _fold_decision(job: str, decision: Decision, get: Callable[[Key], Record | None]) -> tuple[tuple[Key, Record], ...]:
    record = get(job_key(job))
    if not isinstance(record, JobRecord):
        return ()
    return ((job_key(job), replace(record, decisions=(*record.decisions, decision))),)


def decision_of(fact: GateDecided) -> Decision:
    """The decision that a fact tells of."""
    return Decision(fact.at, fact.gate, fact.round, fact.verdict, fact.by, fact.name, fact.comment)


# Derived facts


@dataclass(frozen=True, slots=True)
class Derived:
    """The derived facts of a job up to an instant, and when the next one is due (None: never)."""

    facts: tuple[Fact, ...]
    until: Millis | None


def derived(plan: Plan, decisions: tuple[Decision, ...], now: Millis) -> Derived:
    """What follows of a job up to and including `now`; later calls only add at the end."""
    known = tuple(decision for decision in decisions if decision.at <= now)
    facts: list[Fact] = []
    before: Span | None = None
    for span in spans(plan, known):
        if span.since > now:
            return Derived(tuple(facts), span.since)
        if before is not None:
            facts.extend(_ended(plan, before, span))
        if span.opening is not None:
            facts.append(_opened(plan, span))
        before = span
    return Derived(tuple(facts), None)


def _ended(plan: Plan, before: Span, span: Span) -> Iterator[Fact]:
    job = plan.invocation.job
    if before.opening is not None:
        end = span.settled[-1]
        if end.verdict is Verdict.TIMED_OUT:
            yield GateExpired(at=span.since, job=job, gate=before.id, round=before.visit)
        elif end.by is Origin.SCRIPT and end.verdict is not None:
            yield GateDecided(
                at=span.since, job=job, gate=before.id, round=before.visit, verdict=end.verdict,
                by=Origin.SCRIPT, name=end.name, comment=end.comment,
            )  # fmt: skip
    yield JobStatus(at=span.since, job=job, origin=before.status, to=span.status, step=span.id)


def _opened(plan: Plan, span: Span) -> GateOpened:
    opening = span.opening
    assert opening is not None
    end = opening.script or Decision(opening.deadline, span.id, span.visit, Verdict.TIMED_OUT)
    target = leads(plan, opening.gate, end, opening.rounds_used)
    to = target.status if isinstance(target, Ending) else KIND_STATUS[type(target)]
    assert end.verdict is not None
    return GateOpened(
        at=span.since, job=plan.invocation.job, gate=span.id, round=span.visit, until=opening.deadline,
        otherwise=Otherwise(
            at=end.at, verdict=end.verdict, by=Origin.SCRIPT if opening.script else None, to=to
        ),
    )  # fmt: skip
