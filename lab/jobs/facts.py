"""Facts of jobs: accepted and decided from outside, what follows of them, and scenarios that were missed or edited.

Two kinds stand here side by side, and a tape shows both in one order of instants:

    from outside    job.accepted, gate.decided, wait.ended, … are appended to the journal and folded into `records`
    derived         job.status, gate.opened, gate.expired, … follow of the former (`derived`), and are never stored

A verdict may be either: a person's is accepted from outside, a script's follows from the plan. Both are `gate.decided`,
told apart by `by`.
"""

from collections.abc import Mapping
from sys import intern
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, text_of
from lab.core.journal.fact import Changed, Fact, Get
from lab.core.journal.numbers import raised, used
from lab.jobs.gates import Decision, Origin
from lab.jobs.plan import Drawn
from lab.jobs.program import NO_SCENARIO
from lab.jobs.records import (
    AliasRecord,
    ConversationRecord,
    JobRecord,
    RepeatRecord,
    conversation_key,
    job_key,
    one_object,
    repeat_key,
)
from lab.program.words import Verdict

_ACCEPTED = "accepted"
"""The counter of all jobs."""


def jobs_of(client: str, scenario: str | None) -> str:
    return f"job/{client}/{scenario or NO_SCENARIO}"


def jobs_accepted(get: Get) -> int:
    return used(get, _ACCEPTED)


# Accepted from outside


class JobAccepted(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """invokeAsync was accepted: the job is RUNNING from `at` on."""

    type: ClassVar[str] = "job.accepted"
    job: str
    client: str
    user: str | None = None
    conversation: str | None = None
    turn: int
    entry: int | None = None
    """Which of the scenario's `turns` answers, from 1, where they may come in any order; 0: its own steps."""
    team: str
    scenario: str | None = None
    """None: no scenario of the team fits the message; the job ends ERROR."""
    ordinal: int
    input: Mapping[str, Json]
    """The known members of the request as accepted."""
    drawn: Drawn
    idempotency: str | None = None
    """The key under which the same request gets this job again."""

    @property
    def part(self) -> int:
        """The part of the scenario that the job plays, as `Program.of_turn` counts them."""
        return self.turn if self.entry is None else self.entry + 1

    def fold(self, get: Get) -> Changed:
        names = tuple(name for name in self.drawn if name.startswith("data/"))
        values = text_of([self.drawn[name] for name in names]) if names else "[]"  # one for all jobs without any
        key = job_key(self.job)
        thread = None if self.conversation is None else conversation_key(self.conversation)
        record = JobRecord(
            intern(self.client), self.user, thread, self.turn, intern(self.team), self.scenario and intern(self.scenario), self.ordinal,
            self.at, one_object(_fast_text(self.input)), one_object(names), values, part=self.part,
        )  # fmt: skip
        yield key, record
        yield raised(get, jobs_of(self.client, self.scenario), self.ordinal)
        yield raised(get, _ACCEPTED)
        if self.idempotency is not None:
            yield repeat_key(record.owner, self.idempotency), RepeatRecord(self.job)
        if thread is not None:
            known = get(thread)
            turns = (*known.jobs, key) if isinstance(known, ConversationRecord) else key
            yield thread, ConversationRecord(record.team, record.owner, turns)


def _fast_text(value: Mapping[str, Json]) -> str:
    """JSON text for ourselves: a fact is folded twice, and of 20,000 values that takes everybody's time."""
    try:
        return msgspec.json.encode(value).decode()
    except (ValueError, OverflowError):  # half a surrogate pair; an integer of more than 64 bits
        return text_of(value)


class GateDecided(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A decision was admitted; derived when a script decided."""

    type: ClassVar[str] = "gate.decided"
    job: str
    gate: str
    round: int = 0
    verdict: Verdict
    by: Origin
    name: str | None = None
    comment: str | None = None
    alias: str | None = None
    """A further id of the job, from now on."""

    def fold(self, get: Get) -> Changed:
        """One more decision of the job; a script's follows from the plan, and is never kept."""
        if self.by is Origin.SCRIPT:
            return ()
        decision = Decision(self.at, self.gate, self.round, self.verdict, self.by, self.name, self.comment)
        return _decided(get, self.job, decision, self.alias)


class WaitEnded(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A wait was ended early through the API."""

    type: ClassVar[str] = "wait.ended"
    job: str
    step: str
    round: int = 0
    alias: str | None = None

    def fold(self, get: Get) -> Changed:
        return _decided(get, self.job, Decision(self.at, self.step, self.round, None, Origin.API), self.alias)


def _decided(get: Get, job: str, decision: Decision, alias: str | None) -> Changed:
    key = job_key(job)
    record = get(key)
    if not isinstance(record, JobRecord):
        return
    yield key, replace(record, decisions=(*record.decisions, decision))
    if alias is not None:
        yield job_key(alias), AliasRecord(job, len(record.decisions))


# Derived: what follows of a job


class JobStatus(Fact, frozen=True, kw_only=True):
    """A span began, the first excepted."""

    type: ClassVar[str] = "job.status"
    kind: ClassVar[str] = "derived"
    job: str
    origin: str = msgspec.field(name="from")
    to: str
    step: str


class Otherwise(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happens to an opening if nobody acts: `by` is script for a script's vote."""

    at: Millis
    verdict: str
    by: str | None = None
    to: str


class GateOpened(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A gate began to wait; patience ends at `until`."""

    type: ClassVar[str] = "gate.opened"
    kind: ClassVar[str] = "derived"
    job: str
    gate: str
    round: int = 0
    approvals: int = 1
    until: Millis
    otherwise: Otherwise


class GateExpired(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Patience ended: the verdict is timed-out."""

    type: ClassVar[str] = "gate.expired"
    kind: ClassVar[str] = "derived"
    job: str
    gate: str
    round: int = 0


class JobForgotten(Fact, frozen=True, kw_only=True):
    """Retention ended: the job can no longer be asked for."""

    type: ClassVar[str] = "job.forgotten"
    kind: ClassVar[str] = "derived"
    job: str


# Shell: what happened to scenarios


class ScenarioMissed(Fact, frozen=True, kw_only=True):
    """No scenario of the team fits the message; `near` names those tried."""

    type: ClassVar[str] = "scenario.missed"
    kind: ClassVar[str] = "shell"
    near: tuple[str, ...]


class ScenarioLoaded(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """An edited file was taken up, or a new one; jobs that run keep what they began with."""

    type: ClassVar[str] = "scenario.loaded"
    kind: ClassVar[str] = "shell"
    untaped: ClassVar[frozenset[str]] = frozenset({"source", "files"})
    scenario: str
    sha256: str
    source: str | None = None
    """Its text, so that a lab which takes the journal up can play it."""
    files: Mapping[str, str] = {}
