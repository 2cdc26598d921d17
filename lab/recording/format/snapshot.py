"""The live input facts told again, for a tape that begins after the lab did (recordings.md §1).

Every file can then be folded by itself: each fact has its `at`, none has an `x`. What is over and forgotten isn't told,
so the numbers that it used are: the next job, token or code gets the same one as without the tape.
"""

import json
from collections import deque
from collections.abc import Iterator
from itertools import chain

from lab.core.clock import Millis
from lab.core.journal.fact import Fact, named_by
from lab.core.journal.ledger import Ledger, MemoryLedger, known_record
from lab.core.journal.numbers import CallCount, CallCounted, Counter, NumberUsed
from lab.faults.facts import FaultArmed, armed_faults
from lab.identity.facts import CodeGranted, DeviceApproved, DeviceGranted, KeyRotated, TokenGranted, TokenRevoked
from lab.identity.records import (
    CodeRecord,
    DeviceRecord,
    FamilyRecord,
    KeyRecord,
    RefreshRecord,
    TokenRecord,
    UserCodeRecord,
    family_key,
    family_revoked,
    grants_in,
)
from lab.jobs.callbacks import AnswersRecord, CallbackEnded, CallbackRegistered, ReceiversRecord
from lab.jobs.facts import (
    AliasRecord,
    GateDecided,
    JobAccepted,
    JobCancelled,
    JobRecord,
    RepeatRecord,
    WaitEnded,
    id_of,
    repeat_of,
)
from lab.jobs.gates import Decision
from lab.mock.service import Service


def snapshot(service: Service, now: Millis) -> list[Fact]:
    """The facts that fold to what `now` may be asked about, and to the numbers that are used up."""
    ledger = service.ledger
    facts = sorted(
        (*_grants(ledger, now), *_jobs(service), *_faults(ledger, now), *_callbacks(ledger)), key=lambda fact: fact.at
    )
    folded = MemoryLedger()
    folded.commit(facts)
    for key, _ in ledger.of(Counter):
        counter = known_record(ledger, key, Counter, now)
        if counter is not None and folded.get(key) != counter:
            facts.append(NumberUsed(at=now, counter=named_by(key), value=counter.value, until=counter.until))
    return facts


# Jobs and faults


def _jobs(service: Service) -> Iterator[Fact]:
    aliases = {(record.job, record.decision): id_of(key) for key, record in service.ledger.of(AliasRecord)}
    repeats = {record.job: repeat_of(key) for key, record in service.ledger.of(RepeatRecord)}
    for key, record in service.ledger.of(JobRecord):
        job = id_of(key)
        yield _accepted(job, record, repeats.get(job))
        for number, decision in enumerate(record.decisions):
            yield _decided(job, decision, aliases.get((job, number)))


def _accepted(job: str, record: JobRecord, key: str | None) -> JobAccepted:
    return JobAccepted(
        at=record.at, job=job, client=record.client, user=record.user, conversation=record.conversation,
        turn=record.turn, team=record.team, scenario=record.scenario, ordinal=record.ordinal,
        input=json.loads(record.input), drawn=record.drawn, idempotency=key,
    )  # fmt: skip


def _decided(job: str, decision: Decision, alias: str | None) -> Fact:
    if decision.cancels:
        return JobCancelled(at=decision.at, job=job, by=decision.by)
    if decision.verdict is None:
        return WaitEnded(at=decision.at, job=job, step=decision.step, round=decision.visit, alias=alias)
    return GateDecided(
        at=decision.at, job=job, gate=decision.step, round=decision.visit, verdict=decision.verdict, by=decision.by,
        name=decision.name, comment=decision.comment, alias=alias,
    )  # fmt: skip


def _faults(ledger: Ledger, now: Millis) -> Iterator[Fact]:
    for _, known in ledger.of(CallCount):
        yield CallCounted(at=now, counter=known.counter, job=known.job, client=known.client, value=known.value)
    for each in armed_faults(ledger.get).armed:
        yield FaultArmed(at=each.at, by="control", fault=each.name, where=each.where)


def _callbacks(ledger: MemoryLedger) -> Iterator[Fact]:
    # in an order that holds at one instant too: an answer may end a receiver, and another one of its name begin
    for _, record in ledger.of(AnswersRecord):
        yield from record.answers
    for _, known in ledger.of(ReceiversRecord):
        for each in known.receivers:
            yield CallbackRegistered(
                at=each.since, receiver=each.name, wire=each.wire, url=each.url, token=each.token, owner=each.owner,
                job=each.job, members=each.members, **{"minted" if each.minted else "secret": each.secret},
            )  # fmt: skip
            if each.until is not None and not each.goes_on:
                yield CallbackEnded(at=each.until, receiver=each.name, wire=each.wire, job=each.job)
        if known.closed is not None:
            yield CallbackEnded(at=known.closed)


# What the identity domain granted and still honours


def _grants(ledger: Ledger, now: Millis) -> Iterator[Fact]:
    yield from _tokens(ledger, now)
    for _, keys in ledger.of(KeyRecord):
        yield KeyRotated(at=keys.since, by="control", key=keys.key, until=keys.until)
    for code, known in grants_in(ledger, CodeRecord, now):
        if not known.used:
            yield CodeGranted(
                at=now, code=code, client=known.client, scope=known.scope, until=known.until,
                challenge=known.challenge, redirect=known.redirect, family=known.family, nonce=known.nonce,
            )  # fmt: skip
    user_codes = {record.device: code for code, record in grants_in(ledger, UserCodeRecord, now)}
    for code, device in grants_in(ledger, DeviceRecord, now):
        if not device.used and code in user_codes:
            yield DeviceGranted(
                at=device.since, code=code, client=device.client, scope=device.scope, until=device.until,
                user_code=user_codes[code],
            )  # fmt: skip
            if device.verdict is not None:
                yield DeviceApproved(at=now, by="control", code=code, verdict=device.verdict)


def _tokens(ledger: Ledger, now: Millis) -> Iterator[Fact]:
    # a refresh token is told with an access token of its family and its instant, in the order in which they were granted
    refreshes: dict[tuple[str, Millis], deque[tuple[str, RefreshRecord]]] = {}
    for token, record in grants_in(ledger, RefreshRecord, now):
        if not family_revoked(ledger, record.family):
            refreshes.setdefault((record.family, record.since), deque()).append((token, record))
    for token, known in grants_in(ledger, TokenRecord, now):
        over = family_revoked(ledger, known.family)
        waiting = refreshes.get((known.family or "", known.since))
        refresh = waiting.popleft() if waiting else None
        yield TokenGranted(
            at=known.since, token=token, client=known.client, grant="client_credentials", scope=known.scope,
            until=known.until, refresh=refresh[0] if refresh is not None else None, user=known.user,
            family=None if over else known.family,
        )  # fmt: skip
        if known.revoked or over:
            yield TokenRevoked(at=now, by="control", token=token, why="revoked")
        if refresh is not None:
            yield from _ended(*refresh, now)
    for number, (refresh_token, record) in enumerate(chain.from_iterable(refreshes.values()), 1):
        yield from _refresh_alone(ledger, refresh_token, record, f"forgotten-access-token-{number}")
        yield from _ended(refresh_token, record, now)


def _ended(token: str, record: RefreshRecord, now: Millis) -> Iterator[Fact]:
    if record.ended is not None:
        yield TokenRevoked(at=now, by="control", token=token, why=record.ended)


def _refresh_alone(ledger: Ledger, token: str, record: RefreshRecord, forgotten: str) -> Iterator[Fact]:
    """A refresh token that outlived the access token which came with it: another text stands in that one's place."""
    family = ledger.get(family_key(record.family))
    if isinstance(family, FamilyRecord):
        yield TokenGranted(
            at=record.since,
            token=forgotten,
            client=record.client,
            grant="client_credentials",
            scope=family.scope,
            until=record.since,
            refresh=token,
            user=record.user,
            family=record.family,
        )
