"""The live input facts told again, for a tape that begins after the lab did (recording.md §1).

Every file can then be folded by itself: each fact has its `at`, none has an `x`.
"""

import json
from collections.abc import Iterator

from lab.app.observe import Noted
from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.core.journal.numbers import CallCount, CallCounted
from lab.faults.facts import FaultArmed
from lab.faults.records import armed_faults
from lab.jobs.facts import GateDecided, JobAccepted, WaitEnded
from lab.jobs.gates import Decision
from lab.jobs.plan import settle_draws
from lab.jobs.records import AliasRecord, JobRecord, RepeatRecord, id_of, job_key, repeat_of
from lab.mock.service import Service
from lab.recording.regrant import live_grants
from lab.recording.tape import Tape


def restate(service: Service, tape: Tape, now: Millis) -> None:
    """Tell a new tape what the ledger holds; derived facts follow when a job is next touched."""
    for fact in sorted(live_facts(service, now), key=lambda fact: fact.at):
        tape(Noted(now, fact))


def live_facts(service: Service, now: Millis) -> Iterator[Fact]:
    """The facts that fold to what is still granted, to every job with its decisions, and to what faults know."""
    yield from live_grants(service.ledger, now)
    aliases = {
        (record.job, record.decision): alias
        for key, record in service.ledger.of(AliasRecord)
        for alias in (id_of(key),)
    }
    keys = {record.job: key for raw, record in service.ledger.of(RepeatRecord) for key in (repeat_of(raw),)}
    for job in service.jobs():
        found = service.ledger.get(job_key(job))
        if isinstance(found, JobRecord):
            yield _accepted(service, job, found, keys.get(job))
            for number, decision in enumerate(found.decisions):
                yield _decided(job, decision, aliases.get((job, number)))
    for _, known in service.ledger.of(CallCount):
        yield CallCounted(
                at=now, counter=known.counter, job=known.job, client=known.client, value=known.value
            )  # fmt: skip
    for each in armed_faults(service.ledger.get).armed:
        yield FaultArmed(at=each.at, by="control", fault=each.rule.name, where=each.where)


def _accepted(service: Service, job: str, record: JobRecord, key: str | None) -> JobAccepted:
    made = next((each for each in service.config.scenarios if each.name == record.scenario), None)
    known = (service.config.recorded or {}).get((record.client, record.scenario or "", record.ordinal))
    drawn = known or (settle_draws(made, service.config.seed, record.ordinal) if made else {})
    return JobAccepted(
        at=record.at, job=job, client=record.client, user=record.user, conversation=record.conversation,
        turn=record.turn, team=record.team, scenario=record.scenario, ordinal=record.ordinal,
        input=json.loads(record.input), drawn=dict(sorted({**drawn, **record.drawn}.items())), idempotency=key,
    )  # fmt: skip


def _decided(job: str, decision: Decision, alias: str | None) -> Fact:
    if decision.verdict is None:
        return WaitEnded(at=decision.at, job=job, step=decision.step, round=decision.visit, alias=alias)
    return GateDecided(
        at=decision.at, job=job, gate=decision.step, round=decision.visit, verdict=decision.verdict, by=decision.by,
        name=decision.name, comment=decision.comment, alias=alias,
    )  # fmt: skip
